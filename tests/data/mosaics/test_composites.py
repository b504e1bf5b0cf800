import numpy as np
import pytest

from lineament.data.crops.camera_effects import EffectConfig
from lineament.data.mosaics.composites import (
    FACE,
    IGNORED,
    LABEL_COLUMNS,
    MAX_FACES,
    Composer,
    CompositeConfig,
)
from lineament.data.photographs.face_sets import FaceSet

SILENT = EffectConfig(tone=0, grey=0, dark=0, light=0, blur=0, shrink=0, noise=0, jpeg=0)
RED = np.array([255, 0, 0])


@pytest.fixture(scope="module")
def red_faces():
    """Grey photographs of 100 px with a red face of 40 px in the middle, landmarks all over it."""
    pictures = np.full((3, 100, 100, 3), 90, np.uint8)
    pictures[:, 30:70, 30:70] = RED
    grid = np.stack(np.meshgrid(np.linspace(30.5, 69.5, 17), np.linspace(30.5, 69.5, 4)), axis=-1)
    landmarks = np.repeat(grid.reshape(1, 68, 2), 3, axis=0)
    return FaceSet(("a_0", "b_0", "c_0"), pictures, landmarks, np.tile([0.0, -1.0], (3, 1)))


@pytest.fixture(scope="module")
def backgrounds():
    return [np.full((120, 160, 3), shade, np.uint8) for shade in (30, 140)]


def mosaics(faces, backgrounds, count=24, **changes):
    composer = Composer([(faces, 1.0)], backgrounds, CompositeConfig(effects=SILENT, **changes))
    rng = np.random.default_rng(0)
    return [composer.compose(rng) for _ in range(count)]


def test_labels_have_their_shape_and_kinds(red_faces, backgrounds):
    for composite in mosaics(red_faces, backgrounds, 10):
        assert composite.canvas.shape == (320, 320, 3)
        assert composite.labels.shape == (MAX_FACES, len(LABEL_COLUMNS))
        assert set(np.unique(composite.labels[:, 7])) <= {0.0, FACE, IGNORED}


def test_a_labelled_face_is_where_its_box_says(red_faces, backgrounds):
    checked = 0
    for composite in mosaics(red_faces, backgrounds, occluded=0.0):
        for row in composite.labels[composite.labels[:, 7] == FACE]:
            x, y = ((row[:2] + row[2:4]) / 2).astype(int)
            if row[6] < 0.99 or not (0 <= x < 320 and 0 <= y < 320):
                continue
            np.testing.assert_allclose(composite.canvas[y, x], RED, atol=2)
            checked += 1
    assert checked > 10


def test_directions_to_the_top_of_the_head_are_unit_vectors_all_around(red_faces, backgrounds):
    rows = np.concatenate([c.labels[c.labels[:, 7] == FACE] for c in mosaics(red_faces, backgrounds)])
    np.testing.assert_allclose(np.linalg.norm(rows[:, 4:6], axis=1), 1, atol=1e-5)
    assert (rows[:, 5] > 0.3).any()  # some are upside down
    assert (rows[:, 5] < -0.9).sum() > len(rows) / 3


def test_faces_come_from_tiny_to_larger_than_the_mosaic(red_faces, backgrounds):
    large = {"single": 1.0, "mosaic": 0.0, "crowd": 0.0, "occluded": 0.0}
    small = {"single": 0.0, "mosaic": 0.0, "crowd": 1.0, "occluded": 0.0}
    made = mosaics(red_faces, backgrounds, 60, **large) + mosaics(red_faces, backgrounds, 15, **small)
    rows = np.concatenate([c.labels[c.labels[:, 7] == FACE] for c in made])
    sides = (rows[:, 2:4] - rows[:, :2]).max(axis=1)
    assert sides.min() < 24
    assert sides.max() > 320
    assert sides.min() >= CompositeConfig().smallest


def test_faces_hidden_behind_others_are_not_asked_for(red_faces, backgrounds):
    config = {"single": 0.0, "mosaic": 0.0, "crowd": 1.0}
    rows = np.concatenate([c.labels for c in mosaics(red_faces, backgrounds, **config)])
    assert rows[rows[:, 7] == FACE, 6].min() >= CompositeConfig().visible
    assert rows[rows[:, 7] == IGNORED, 6].min() >= CompositeConfig().hidden


def test_mosaics_without_faces_show_none(red_faces, backgrounds):
    config = {"single": 0.0, "mosaic": 0.0, "crowd": 0.0}
    assert not any(c.labels.any() for c in mosaics(red_faces, backgrounds, 10, **config))


def test_the_same_seed_gives_the_same_mosaic(red_faces, backgrounds):
    first, second = (mosaics(red_faces, backgrounds, 3) for _ in range(2))
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one.canvas, other.canvas)
