import numpy as np
import pytest

from lineament.data.formats.celeba import iterate_celeba
from lineament.errors import DataError


@pytest.fixture
def root(tmp_path, write_photo):
    """Three photographs; the lists as they are published, blanks and all."""
    (tmp_path / "Anno").mkdir()
    (tmp_path / "Eval").mkdir()
    (tmp_path / "Anno" / "list_landmarks_celeba.txt").write_text(
        "3\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x "
        "rightmouth_y \n000001.jpg  165  184  244  176  196  249  194  271  266  260\n"
        "000002.jpg  140  204  220  204  168  254  146  289  226  289\n"
        "000003.jpg  244  104  264  105  263  121  235  134  251  140\n"
    )
    (tmp_path / "Anno" / "list_bbox_celeba.txt").write_text(
        "3\nimage_id x_1 y_1 width height\n000001.jpg    95  71 226 313\n000002.jpg    72  94 221 306\n"
        "000003.jpg   216  59  91 126\n"
    )
    (tmp_path / "Anno" / "identity_CelebA.txt").write_text("000001.jpg 2880\n000002.jpg 2937\n")
    (tmp_path / "Eval" / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 2\n000003.jpg 1\n")
    write_photo(tmp_path / "img_celeba" / "000001.jpg")
    return tmp_path


def test_points_box_and_person_are_read(root):
    first, second, third = iterate_celeba(root, root / "img_celeba")
    assert (first.name, first.scheme, first.subject) == ("000001", "celeba-5", "2880")
    np.testing.assert_array_equal(first.landmarks[:2], [[164.5, 183.5], [243.5, 175.5]])
    np.testing.assert_array_equal(first.box_xyxy, [94, 70, 94 + 226, 70 + 313])
    assert first.photo.read().shape == (40, 60, 3)
    assert (second.subject, third.subject) == ("2937", "")


def test_a_part_is_as_the_partition_has_it(root):
    names = {
        part: [item.name for item in iterate_celeba(root, root, part=part)]
        for part in ("train", "validation", "test")
    }
    assert names == {"train": ["000001"], "validation": ["000003"], "test": ["000002"]}


def test_bad_lines_are_noted_and_the_rest_is_read(root):
    path = root / "Anno" / "list_landmarks_celeba.txt"
    path.write_text(path.read_text().replace("140  204", "140  x"))
    boxes = root / "Anno" / "list_bbox_celeba.txt"
    boxes.write_text(boxes.read_text().replace("000003.jpg   216  59  91 126\n", ""))
    errors = []
    assert [item.name for item in iterate_celeba(root, root, errors=errors)] == ["000001"]
    assert "000002.jpg in list_landmarks" in str(errors[0])
    assert "000003.jpg in list_bbox" in str(errors[1])


def test_a_missing_list_is_named(root):
    (root / "Anno" / "list_bbox_celeba.txt").unlink()
    with pytest.raises(DataError, match=r"list_bbox_celeba\.txt"):
        next(iterate_celeba(root, root))
