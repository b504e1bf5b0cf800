import numpy as np
import pytest

from evaluate.items import item
from lineament.data.occlusion.natural import hull_mask
from lineament.evaluate.items import LFM_FACE, FaceRegion, TrueSurface
from lineament.evaluate.scores.surfaces import FACE_VERTICES
from lineament.evaluate.sets.face_regions import PackedRegion, truth_behind
from lineament.geometry.rotation import matrix_from_angles

SIZE = (190, 200)


def turned(lfm, yaw_deg, *, surface=False):
    """An item of LFM's mean face, 0.8 px a mm."""
    rotation = matrix_from_angles(np.radians(yaw_deg), 0.0, 0.0)

    def in_picture(points):
        return (points.astype(float) @ rotation.T * (1, -1, -1)) * 0.8 + (100, 95, 0)

    points = in_picture(lfm.landmark_points("300w-lp").neutral_model)
    true = TrueSurface(
        vertices_image=in_picture(lfm.neutral_model[:FACE_VERTICES]),
        triangles=lfm.triangles[slice(*lfm.parts["face"])],
        topology=LFM_FACE,
        landmarks_image=points,
        nose_image=points[30],
    )
    return item(0, landmarks={"original": points}, surface=(lambda: true) if surface else None), points


def nothing():
    return np.zeros(SIZE, bool)


@pytest.mark.parametrize("surface", [False, True])
def test_a_frontal_head_shows_all_landmarks_and_a_profile_half_of_them(lfm, surface):
    visible, _ = truth_behind(turned(lfm, 0, surface=surface)[0], nothing())
    assert visible[17:].all()
    for yaw_deg, near, far in ((80, slice(36, 42), slice(42, 48)), (-80, slice(42, 48), slice(36, 42))):
        visible, _ = truth_behind(turned(lfm, yaw_deg, surface=surface)[0], nothing())
        assert visible[near].mean() > 0.8
        assert not visible[far].any()


def test_the_mean_head_lies_where_the_true_one_does_if_it_is_one(lfm):
    mean, exact = (truth_behind(turned(lfm, 30, surface=known)[0], nothing())[1] for known in (False, True))
    assert not (mean.face & ~exact.face).any()
    assert mean.counted.sum() < exact.face.sum() < exact.counted.sum()


@pytest.mark.parametrize("surface", [False, True])
def test_what_something_hides_is_face_and_not_shown(lfm, surface):
    one, points = turned(lfm, -20, surface=surface)
    hand = nothing()
    hand[:, :100] = True
    _, region = truth_behind(one, hand)
    np.testing.assert_array_equal(region.shown, region.face & ~hand)
    assert 0.2 < region.shown.sum() / region.face.sum() < 0.8
    assert not (region.face & ~region.counted).any()
    if surface:
        assert region.counted[0, 0]
    else:
        assert not (region.counted & ~hull_mask(SIZE, points[:, :2])).any()


def test_eyes_do_not_count(lfm):
    one, points = turned(lfm, 0)
    _, region = truth_behind(one, nothing())
    column, row = np.floor(points[36:42, :2].mean(axis=0)).astype(int)
    assert not region.counted[row, column]
    column, row = np.floor(points[30, :2]).astype(int)
    assert region.shown[row, column]


def test_packed_regions_are_the_same_again():
    rng = np.random.default_rng(0)
    counted = np.zeros((40, 51), bool)
    counted[7:31, 12:50] = rng.random((24, 38)) < 0.5
    face = counted & (rng.random(counted.shape) < 0.5)
    region = FaceRegion(face, face & (rng.random(counted.shape) < 0.5), counted)
    again = PackedRegion.of(region).open()
    for name in ("face", "shown", "counted"):
        np.testing.assert_array_equal(getattr(again, name), getattr(region, name))
    nowhere = PackedRegion.of(FaceRegion(*(np.zeros((5, 6), bool) for _ in range(3)))).open()
    assert nowhere.counted.shape == (5, 6)
    assert not nowhere.counted.any()
