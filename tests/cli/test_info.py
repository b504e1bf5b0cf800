from typer.testing import CliRunner

from lineament import __version__
from lineament.cli.main import app
from lineament.errors import WeightsError
from lineament.weights import WeightsEntry


def entry(**changes):
    values = {
        "name": "tiny-regressor",
        "file": "no-such-file.onnx",
        "size_bytes": 1_500_000,
        "sha256": "0" * 64,
        "sha256_ends": "0" * 64,
        "method": "morphable-regressor",
        "licence": "Apache-2.0",
        "trained_on": "drawn discs",
    }
    return WeightsEntry(**(values | changes))


def test_info_tells_versions_licences_and_what_networks_were_trained_on(monkeypatch):
    monkeypatch.setattr("lineament.weights.catalogue", lambda: {"tiny-regressor": entry()})
    done = CliRunner().invoke(app, ["info"])
    assert done.exit_code == 0
    assert f"lineament {__version__}, Apache-2.0" in done.stdout
    assert "ICT-FaceKit (MIT" in done.stdout
    assert "weights tiny-regressor: morphable-regressor, NOT INSTALLED, Apache-2.0" in done.stdout
    assert "trained on drawn discs" in done.stdout


def test_a_damaged_catalogue_is_one_line_and_status_1(monkeypatch):
    def catalogue():
        raise WeightsError("The list of weights is damaged.")

    monkeypatch.setattr("lineament.weights.catalogue", catalogue)
    done = CliRunner().invoke(app, ["info"])
    assert done.exit_code == 1
    assert done.stderr == "error: The list of weights is damaged.\n"
