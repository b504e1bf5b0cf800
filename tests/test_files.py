import pytest

from lineament.files import whole_file


def test_after_an_error_what_was_there_is_kept(tmp_path):
    path = tmp_path / "a.obj"
    path.write_text("old")

    def break_off():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
