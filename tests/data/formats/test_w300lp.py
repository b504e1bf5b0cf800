from pathlib import PurePosixPath

import numpy as np
import pytest
from scipy.io import savemat

from lineament.data.formats.w300lp import iterate_w300lp, original_photo
from lineament.errors import DataError


@pytest.fixture
def root(tmp_path, write_fit):
    """A photograph, a turned copy with fitted landmarks, its mirror image without, and the kit's programs."""
    for folder, name in (("AFW", "AFW_1_1_0"), ("AFW", "AFW_1_1_3"), ("AFW_Flip", "AFW_1_1_3")):
        write_fit(tmp_path / folder / name, pt2d=np.tile([[8.0], [9.0]], 68))
    labels = tmp_path / "landmarks" / "AFW"
    labels.mkdir(parents=True)
    points = np.tile([12.0, 13.0], (68, 1))
    savemat(labels / "AFW_1_1_3_pts.mat", {"pts_2d": points + 1, "pts_3d": points})
    (tmp_path / "Code").mkdir()
    (tmp_path / "Code" / "Model.mat").write_bytes(b"")
    return tmp_path


def test_fitted_landmarks_are_taken_where_they_are_and_the_scheme_says_so(root):
    items = {item.name: item for item in iterate_w300lp(root)}
    assert list(items) == ["AFW/AFW_1_1_0", "AFW/AFW_1_1_3", "AFW_Flip/AFW_1_1_3"]
    rotated = items["AFW/AFW_1_1_3"]
    assert rotated.scheme == "300w-lp"
    np.testing.assert_array_equal(rotated.landmarks[0], [11.5, 12.5])
    np.testing.assert_array_equal(rotated.landmarks_annotated[0], [7.5, 8.5])
    np.testing.assert_allclose(rotated.camera.translation, [29.5, 20.5, -5])


def test_a_mirror_image_never_takes_the_landmarks_of_the_photograph_of_its_name(root):
    items = {item.name: item for item in iterate_w300lp(root)}
    mirrored = items["AFW_Flip/AFW_1_1_3"]
    assert mirrored.scheme == "68-outline"
    np.testing.assert_array_equal(mirrored.landmarks, mirrored.landmarks_annotated)


def test_copies_of_one_photograph_are_one_subject(root):
    assert {item.subject for item in iterate_w300lp(root)} == {"AFW/AFW_1_1"}
    assert original_photo(PurePosixPath("HELEN_Flip/HELEN_99_2_14")) == "HELEN/HELEN_99_2"


def test_a_bad_face_is_named(root):
    (root / "AFW" / "AFW_1_1_0.mat").write_bytes(b"")
    errors = []
    assert len(list(iterate_w300lp(root, errors=errors))) == 2
    assert "AFW_1_1_0.mat" in str(errors[0])
    with pytest.raises(DataError, match="AFW_1_1_0"):
        list(iterate_w300lp(root))
