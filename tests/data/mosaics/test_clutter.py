import numpy as np
import pytest

from lineament.data.mosaics.clutter import OCCLUDER, cut_nothing, fill_background, occlude
from lineament.data.photographs.face_sets import FaceSet


@pytest.fixture(scope="module")
def backgrounds():
    return [np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)]


@pytest.fixture(scope="module")
def faces():
    """Grey photographs with a red face in the middle."""
    pictures = np.full((1, 100, 120, 3), 90, np.uint8)
    pictures[:, 40:70, 40:70] = (255, 0, 0)
    landmarks = np.random.default_rng(0).uniform(40, 70, (1, 68, 2))
    return FaceSet(("a_0",), pictures, landmarks, np.array([[0.0, -1.0]]))


@pytest.mark.parametrize("seed", range(8))
def test_a_background_covers_the_whole_mosaic(backgrounds, seed):
    canvas, owner = np.full((64, 64, 3), 255, np.uint8), np.ones((64, 64), np.int16)
    before = canvas.copy()
    fill_background(np.random.default_rng(seed), canvas, owner, backgrounds)
    assert np.mean(np.any(canvas != before, axis=-1)) > 0.9


def test_cuttings_show_little_of_a_face(faces, backgrounds):
    rng = np.random.default_rng(0)
    for _ in range(60):
        cutting = cut_nothing(rng, faces, backgrounds, size=40.0)
        low = np.clip(cutting.center_xy - cutting.half_xy, 0, None).astype(int)
        high = np.ceil(cutting.center_xy + cutting.half_xy).astype(int)
        shown = cutting.picture[low[1] : high[1], low[0] : high[0]].astype(int)
        red = (shown[..., 0] - shown[..., 1] > 200).sum()
        if cutting.picture.shape[:2] == (100, 120):
            assert red < 0.5 * 30 * 30


@pytest.mark.parametrize("seed", range(12))
def test_things_in_front_of_a_face_own_what_they_cover(backgrounds, seed):
    canvas, owner = np.full((128, 128, 3), 90, np.uint8), np.ones((128, 128), np.int16)
    before = canvas.copy()
    landmarks = np.random.default_rng(1).uniform(40, 90, (68, 2))
    occlude(np.random.default_rng(seed), canvas, owner, landmarks, backgrounds)
    assert (owner == OCCLUDER).any()
    untouched = np.all(canvas == before, axis=-1)
    assert np.all(owner[untouched & (owner == 1)] == 1)
