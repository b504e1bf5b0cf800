import sys

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from lineament.data.formats.cofw import iterate_cofw, iterate_cofw68
from lineament.errors import DataError

COLOUR = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
GREY = np.arange(8, dtype=np.uint8).reshape(2, 4)


@pytest.fixture
def write_cofw(tmp_path):
    """write_cofw(ending) -> a file as Matlab 7.3 writes it: all axes reversed, cells as references."""

    def write(ending="T", **replaced):
        path = tmp_path / "COFW_test_color.mat"
        phi = np.concatenate([np.arange(1.0, 30), np.arange(51.0, 80), np.tile([0, 0, 1], 10)[:29]])
        arrays = {
            "phis": np.stack([phi, phi + 0]),
            "bboxes": np.array([[1.0, 1, 4, 2], [11, 21, 30, 40]]),
            **replaced,
        }
        with h5py.File(path, "w") as file:
            cells = file.create_dataset(f"Is{ending}", (1, 2), dtype=h5py.ref_dtype)
            for index, picture in enumerate((COLOUR, GREY)):
                cells[0, index] = file.create_dataset(f"#refs#/{index}", data=picture.T).ref
            for name, array in arrays.items():
                file[name + ending] = array.T
        return path

    return write


@pytest.mark.parametrize("ending", ["T", "Tr"])
def test_points_flags_boxes_and_photographs_are_read(write_cofw, ending):
    first, second = iterate_cofw(write_cofw(ending))
    assert first.scheme == "cofw-29"
    np.testing.assert_array_equal(first.landmarks[[0, 28]], [[0.5, 50.5], [28.5, 78.5]])
    np.testing.assert_array_equal(first.visible[:4], [True, True, False, True])
    np.testing.assert_array_equal(first.box_xyxy, [0, 0, 4, 2])
    np.testing.assert_array_equal(second.box_xyxy, [10, 20, 40, 60])
    np.testing.assert_array_equal(first.photo.read(), COLOUR)
    np.testing.assert_array_equal(second.photo.read(), np.repeat(GREY[..., None], 3, axis=2))
    assert first.name != second.name


def test_a_bad_face_is_noted_and_the_rest_is_read(write_cofw):
    phis = np.ones((2, 87))
    phis[0, 5] = np.nan
    errors = []
    (item,) = iterate_cofw(write_cofw(phis=phis), errors=errors)
    assert item.name.endswith("/2")
    assert "Face 1" in str(errors[0])


def test_other_files_are_refused_by_name(write_cofw, tmp_path):
    with pytest.raises(DataError, match="87"):
        next(iterate_cofw(write_cofw(phis=np.ones((2, 58)))))
    (tmp_path / "x.mat").write_bytes(b"x")
    with pytest.raises(DataError, match=r"x\.mat"):
        next(iterate_cofw(tmp_path / "x.mat"))
    with h5py.File(tmp_path / "y.mat", "w") as file:
        file["z"] = [1]
    with pytest.raises(DataError, match=r"no phisT or phisTr; it holds z"):
        next(iterate_cofw(tmp_path / "y.mat"))


def test_without_h5py_the_extra_is_named(write_cofw, monkeypatch):
    path = write_cofw()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match=r"lineament\[data\]"):
        next(iterate_cofw(path))


def test_the_68_points_annotated_later_belong_to_the_same_photographs(write_cofw, tmp_path):
    labels = tmp_path / "COFW68_Data"
    (labels / "test_annotations").mkdir(parents=True)
    savemat(labels / "cofw68_test_bboxes.mat", {"bboxes": np.array([[1.0, 1, 4, 2], [2, 2, 4, 2]])})
    occluded = np.zeros((68, 1), np.uint8)
    occluded[3] = 1
    points = {"Points": np.tile([5.0, 6.0], (68, 1)), "Occ": occluded}
    savemat(labels / "test_annotations" / "2_points.mat", points)
    errors = []
    (item,) = iterate_cofw68(write_cofw(), labels, errors=errors)
    assert item.scheme == "68-outline"
    np.testing.assert_array_equal(item.landmarks[0], [4.5, 5.5])
    np.testing.assert_array_equal(np.flatnonzero(~item.visible), [3])
    np.testing.assert_array_equal(item.box_xyxy, [1, 1, 5, 3])
    assert item.photo.read().shape == (2, 4, 3)
    assert "1_points.mat" in str(errors[0])
