import numpy as np
import pytest

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.paper_units import sadrnet_attention
from lineament.data.labels.targets import image_maps, posed
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.alignment import align_points
from lineament.methods.sadrnet_tables import MODEL_TO_MAP, POSITION_UNIT, landmark_weights
from lineament.train.sadrnet.chart import SadrChart
from lineament.train.sadrnet.targets import SadrTargets, attention_target
from samples import annotated_sample, make_sample

SIZE = 128


@pytest.fixture(scope="module")
def maker(lfm):
    return SadrTargets(SIZE).open(lfm)


@pytest.fixture(scope="module")
def chart(lfm):
    return SadrChart.of(lfm, size=SIZE)


def test_the_chart_weighs_landmarks_features_and_skin_16_12_3_and_no_neck(chart, lfm):
    assert set(np.unique(chart.weights)) == {0, 3, 12, 16}
    assert (chart.weights.ravel()[chart.texels] == 16).all()
    assert len(np.unique(chart.texels)) == 68
    assert (chart.weights[~chart.surface.mask] == 0).all()
    on_neck = chart.surface.mask & (chart.weights == 0)
    assert 0.03 < on_neck.mean() < 0.1
    assert np.nonzero(on_neck)[0].min() > SIZE / 2  # below the jaw
    with_neck = SadrChart.of(lfm, size=SIZE, neck=1.0).weights
    assert (with_neck[on_neck] == 1).all()
    assert (with_neck > 0).sum() == chart.surface.mask.sum()


def test_the_chart_is_symmetric(chart):
    # The seam of the mouth's and the lids' membranes has no mirror image to the texel.
    assert (chart.weights == chart.weights[:, ::-1]).mean() > 0.98
    np.testing.assert_allclose(chart.mean_map, chart.mean_map[:, :, ::-1] * [[[-1]], [[1]], [[1]]], atol=0.03)


def test_aligning_the_true_maps_gives_the_true_pose(maker, chart):
    sample = make_sample(yaw=0.5, pitch=-0.3, roll=0.4, size=SIZE)
    made = maker.make(sample.labels, SIZE)
    face, offset = (made[name].reshape(3, -1) for name in ("face_map", "offset_map"))
    shape = (chart.mean_map.reshape(3, -1) + offset).T * MODEL_TO_MAP
    found = align_points(shape[chart.texels], face.T[chart.texels])
    flip = np.diag(MODEL_TO_MAP)
    np.testing.assert_allclose(flip @ found.rotation @ flip, sample.camera.rotation, atol=1e-5)
    mask = chart.surface.mask.ravel()
    np.testing.assert_allclose(found.apply(shape)[mask], face.T[mask], atol=1e-5)


def test_positions_are_where_the_mesh_is_in_the_crop(maker, chart, lfm):
    sample = make_sample(yaw=0.2, size=SIZE)
    face = posed(sample.labels, lfm, size_hw=(SIZE, SIZE))
    made = maker.make(sample.labels, SIZE)["face_map"].reshape(3, -1)[:, chart.texels].T
    wanted = face.landmarks_image("lfm-68")
    np.testing.assert_allclose(made[:, :2] * POSITION_UNIT * SIZE, wanted[:, :2], atol=1.5)
    assert made[30, 2] > made[0, 2]  # the tip of the nose is nearer than the ear


def test_at_256_px_the_attention_is_the_paper_s(lfm):
    sample = make_sample(yaw=0.3, size=256)
    maps = image_maps(posed(sample.labels, lfm, size_hw=(256, 256)), LabelSurface.of(lfm, size=64))
    np.testing.assert_array_equal(attention_target(maps), sadrnet_attention(maps))


def test_what_hides_the_face_is_not_in_the_attention(maker):
    hidden, free = (
        maker.make(make_sample(size=SIZE, occluded=occluded).labels, SIZE) for occluded in (True, False)
    )
    covered = slice(SIZE // 4 // 8, SIZE // 2 // 8), slice(SIZE // 2 // 8, SIZE * 3 // 4 // 8)
    assert (hidden["attention"][covered] == 0).all()
    assert (free["attention"][covered] > 0.9).all()
    hidden["attention"][covered] = free["attention"][covered]
    np.testing.assert_array_equal(hidden["attention"], free["attention"])
    np.testing.assert_array_equal(hidden["face_map"], free["face_map"])


@pytest.mark.parametrize("yaw_deg", [-105, -95, 95, 105])
def test_heads_may_be_turned_beyond_their_profile(yaw_deg, maker, chart):
    made = maker.make(make_sample(yaw=np.radians(yaw_deg), occluded=False, size=SIZE).labels, SIZE)
    assert all(np.isfinite(values).all() for values in made.values())
    assert 0.05 < made["attention"].mean() < 0.5
    weights = landmark_weights(made["face_map"], None, chart.tables("align", "paper"))
    far, near = (slice(45, 46), slice(36, 37)) if yaw_deg > 0 else (slice(36, 37), slice(45, 46))
    assert (weights[far] < 0.2).all() or (weights[near] < 0.2).all()


def test_a_mirrored_face_has_mirrored_targets(maker, lfm, chart):
    sample = make_sample(yaw=0.4, roll=0.2, size=SIZE)
    mirrored = maker.make(sample.labels.mirrored(lfm, width=SIZE), SIZE)
    made = maker.make(sample.labels, SIZE)
    np.testing.assert_allclose(mirrored["attention"], made["attention"][:, ::-1], atol=0.05)
    flipped = made["face_map"][:, :, ::-1].copy()
    flipped[0] = 1 / POSITION_UNIT - flipped[0]
    # The strips across the openings are cut otherwise on the other side.
    skin = chart.weights > 0
    difference = np.abs(mirrored["face_map"] - flipped).max(axis=0)[skin]
    assert np.quantile(difference, 0.99) < 2e-3
    offsets = mirrored["offset_map"] - made["offset_map"][:, :, ::-1] * [[[-1]], [[1]], [[1]]]
    assert np.quantile(np.abs(offsets).max(axis=0)[skin], 0.99) < 2e-3


def test_a_frontal_face_shows_its_inner_landmarks_and_a_turned_one_its_near_side(maker, chart):
    tables = chart.tables("align", "paper")
    frontal = landmark_weights(maker.make(make_sample(size=SIZE).labels, SIZE)["face_map"], None, tables)
    assert (frontal[17:] > 1).mean() > 0.9
    rotated = landmark_weights(
        maker.make(make_sample(yaw=np.radians(70), size=SIZE).labels, SIZE)["face_map"], None, tables
    )
    left, right = rotated[[0, 1, 2, 3, 36, 41]], rotated[[16, 15, 14, 13, 45, 46]]
    assert abs(left.mean() - right.mean()) > 0.5


def test_labels_without_coefficients_have_zeros_of_the_same_shapes(maker):
    made = maker.make(make_sample(size=SIZE).labels, SIZE)
    nothing = maker.make(annotated_sample(size=SIZE).labels, SIZE)
    assert isinstance(annotated_sample().labels, FaceLabels)
    for name, values in made.items():
        assert nothing[name].shape == values.shape
        assert nothing[name].dtype == values.dtype
        assert not nothing[name].any()
