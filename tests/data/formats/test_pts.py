import numpy as np
import pytest

from lineament.data.formats.pts import iterate_pts, parse_pts
from lineament.errors import DataError

TEXT = b"version: 1\nn_points:  3\n{\n1 1\n446.000 91.5\n-3.25 1e1\n}\n"


@pytest.mark.parametrize("content", [TEXT, TEXT.replace(b"\n", b"\r\n"), TEXT.rstrip(), TEXT.upper().lower()])
def test_points_are_counted_from_one(content):
    np.testing.assert_array_equal(parse_pts(content, name="a.pts"), [[0.5, 0.5], [445.5, 91], [-3.75, 9.5]])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no .pts file"),
        (TEXT.replace(b"}", b""), "no .pts file"),
        (TEXT.replace(b"3\n{", b"4\n{"), "4 points"),
        (TEXT.replace(b"91.5", b"x"), "not two numbers"),
        (TEXT.replace(b"91.5", b""), "not two numbers"),
        (TEXT.replace(b"91.5", b"nan"), "3 points"),
    ],
)
def test_a_bad_file_is_named(content, says):
    with pytest.raises(DataError, match=rf"a\.pts.*{says}"):
        parse_pts(content, name="a.pts")


def test_photographs_with_points_beside_them_are_found_at_any_depth(tmp_path, write_photo):
    write_photo(tmp_path / "ibug" / "image_1.jpg")
    (tmp_path / "ibug" / "image_1.pts").write_bytes(TEXT)
    lines = "\n".join(f"{number} 5" for number in range(1, 69))
    write_photo(tmp_path / "b.png")
    (tmp_path / "b.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    (tmp_path / "lost.pts").write_bytes(TEXT)
    errors = []
    first, second = iterate_pts(tmp_path, errors=errors)
    assert (first.name, first.scheme, second.name, second.scheme) == (
        "b",
        "68-outline",
        "ibug/image_1",
        "pts-3",
    )
    np.testing.assert_array_equal(first.box_xyxy, [0.5, 4.5, 67.5, 4.5])
    assert first.photo.read().shape == (40, 60, 3)
    assert "lost" in str(errors[0])
