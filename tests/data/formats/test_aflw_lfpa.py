import numpy as np
import pytest
from scipy.io import savemat

from lineament.data.formats.aflw_lfpa import iterate_aflw_lfpa
from lineament.errors import DataError


@pytest.fixture
def root(tmp_path, write_photo):
    phi = np.concatenate([np.arange(1.0, 35), np.arange(101.0, 135), np.tile([1.0, 0], 17)])
    phi[[2, 36]] = -1
    savemat(tmp_path / "Landmark.mat", {"phisT": np.stack([phi, phi]), "phisTr": phi[None]})
    boxes = np.array([[1.0, 1, 20, 30]])
    savemat(tmp_path / "BoundingBox.mat", {"bboxesT": np.tile(boxes, (2, 1)), "bboxesTr": boxes})
    write_photo(tmp_path / "TestImages" / "2.jpg")
    write_photo(tmp_path / "TrainImages" / "1.jpg", (30, 20))
    return tmp_path


def test_points_flags_and_boxes_are_read(root):
    errors = []
    (item,) = iterate_aflw_lfpa(root, errors=errors)
    assert item.name == "TestImages/2"
    assert item.scheme == "aflw-34"
    np.testing.assert_array_equal(item.landmarks[[0, 33]], [[0.5, 100.5], [33.5, 133.5]])
    assert np.isnan(item.landmarks[2]).all()
    np.testing.assert_array_equal(item.visible[:6], [True, False, False, False, True, False])
    np.testing.assert_array_equal(item.box_xyxy, [0, 0, 20, 30])
    assert "TestImages/1" in str(errors[0])


def test_the_training_part_has_its_own_photographs(root):
    (item,) = iterate_aflw_lfpa(root, part="train")
    assert item.photo.read().shape == (20, 30, 3)


def test_labels_that_do_not_fit_together_are_refused(root):
    savemat(root / "BoundingBox.mat", {"bboxesT": np.ones((3, 4))})
    with pytest.raises(DataError, match="2 faces but boxes of 3"):
        next(iterate_aflw_lfpa(root))
