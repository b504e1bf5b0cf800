import numpy as np
import pytest

from lineament.data.photographs.face_packs import about_face_pack, read_face_pack, write_face_pack
from lineament.data.photographs.face_sets import FaceSet
from lineament.errors import DataError

ABOUT = {"about": "grey squares", "licence": "none"}


@pytest.fixture
def faces():
    """Three pictures of 100 x 80 px, each of its own grey, their landmarks in a box from 20 to 60."""
    pictures = np.stack([np.full((100, 80, 3), shade, np.uint8) for shade in (20, 120, 220)])
    landmarks = np.random.default_rng(0).uniform(20, 60, (3, 68, 2)).astype(np.float32)
    up = np.array([[0, -1], [1, 0], [0, 1]], np.float32)
    return FaceSet(("a_0", "b_0", "c_0"), pictures, landmarks, up)


def test_a_pack_gives_back_what_was_packed(faces, tmp_path):
    path = tmp_path / "faces.npz"
    assert write_face_pack(faces, path, **ABOUT, budget=2**20) == 3
    packed = read_face_pack(path)
    for number, name in enumerate(packed.names):
        before = faces.names.index(name)
        np.testing.assert_allclose(
            packed.landmarks_image[number], faces.landmarks_image[before], atol=1 / 64 + 1e-5
        )
        np.testing.assert_array_equal(packed.up_xy[number], faces.up_xy[before])
        picture, factor = packed.picture(number, scale=1.0)
        assert factor == 1
        np.testing.assert_allclose(picture, faces.pictures[before], atol=4)
    assert about_face_pack(path) == ABOUT


def test_landmarks_shrink_with_their_pictures(faces, tmp_path):
    path = tmp_path / "faces.npz"
    write_face_pack(faces, path, **ABOUT, budget=2**20, side=50)
    packed = read_face_pack(path)
    assert packed.picture(0, scale=1.0)[0].shape == (50, 40, 3)
    before = faces.names.index(packed.names[0])
    np.testing.assert_allclose(packed.landmarks_image[0], faces.landmarks_image[before] / 2, atol=0.02)


def test_a_budget_is_kept(faces, tmp_path):
    assert write_face_pack(faces, tmp_path / "faces.npz", **ABOUT, budget=2500) == 2


def test_what_is_no_pack_is_refused(tmp_path):
    with pytest.raises(DataError, match="no pack of faces"):
        read_face_pack(tmp_path / "nothing.npz")
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(DataError, match="tools/pack_detector_faces"):
        read_face_pack(tmp_path / "other.npz")
    with pytest.raises(DataError, match="does not say"):
        about_face_pack(tmp_path / "other.npz")
