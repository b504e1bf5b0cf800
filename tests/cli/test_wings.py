import pytest
import typer

from lineament.cli import wings
from lineament.cli.wings import data_wing


def test_a_missing_extra_becomes_advice(monkeypatch, capsys):
    monkeypatch.setattr(wings, "find_spec", lambda name: None)
    with pytest.raises(typer.Exit) as stopped, data_wing():
        raise ModuleNotFoundError("No module named 'numba'", name="numba")
    assert stopped.value.exit_code == 1
    assert "needs numba: pip install 'lineament[data]'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["numba.core.types.old_scalars", "something_else"])
def test_a_part_that_an_installed_package_lacks_is_no_missing_extra(name):
    with pytest.raises(ModuleNotFoundError, match=name), data_wing():
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)
