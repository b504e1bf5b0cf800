import pytest

from lineament.errors import ExportError
from lineament.export.files import write_bytes


def test_a_name_as_long_as_names_may_be_is_written(tmp_path):
    path = tmp_path / ("x" * 251 + ".obj")
    write_bytes(path, b"content")
    assert path.read_bytes() == b"content"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["file/inside.obj", "x" * 300, "", "missing/a.obj"])
def test_what_cannot_be_written_is_an_export_error_and_leaves_nothing(tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ExportError, match="Cannot write"):
        write_bytes(tmp_path / name, b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
