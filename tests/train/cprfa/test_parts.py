"""Targets, losses, choice of vertices, corruption: each against what can be checked by head."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.data.labels.label_surface import LabelSurface, closing_membranes
from lineament.errors import DataError
from lineament.methods.cprfa_points import Observed
from lineament.methods.cprfa_pose import UnitFrame
from lineament.train.batches.labels import LabelBatch
from lineament.train.cprfa.corruption import NOTHING, CorruptionConfig, Face, corrupted
from lineament.train.cprfa.detections import detection_figures
from lineament.train.cprfa.loss import MapLoss, MapLossConfig, UpdateLoss, UpdateLossConfig, coarser
from lineament.train.cprfa.observations import SeenFace
from lineament.train.cprfa.selection import DetectionCounts, choose_vertices
from lineament.train.cprfa.targets import CprfaTargets, coded_triangles
from lineament.train.networks.cprfa.config import tiny
from lineament.train.networks.cprfa.hsunet import Maps
from lineament.train.networks.cprfa.network import CprfaNet, Updated
from lineament.train.networks.cprfa.rounds import projected
from samples import annotated_sample, make_sample, posed_sample

SIZE = 96


@pytest.fixture(scope="module")
def network(lfm):
    return CprfaNet(tiny(), lfm)


@pytest.fixture(scope="module")
def made(lfm):
    sample = make_sample(yaw=0.3, size=SIZE, seed=4)
    face = posed_sample(sample, lfm)
    return face, sample.labels, CprfaTargets(depth=True).open(lfm).make(sample.labels, SIZE)


def test_a_pixel_that_shows_a_vertex_has_its_code_and_depth(made, lfm):
    face, _, targets = made
    surface = LabelSurface.of(lfm, size=32)
    seen = face.visible_vertices()[:8683] > 0.9
    places = face.vertices_image[:8683][seen]
    column, row = places[:, :2].astype(int).T
    there = targets["face_mask"][row, column]
    assert there.mean() > 0.95
    away = np.abs(targets["code"][:, row, column].T - surface.ncc[:8683][seen])[there]
    assert np.median(away) < 0.01
    middle = face.camera.image_from_model(UnitFrame.of(lfm.mesh, 1.5).center_mm)[2]
    depth = (middle - places[:, 2]) / SIZE
    assert np.median(np.abs(targets["depth"][row, column] - depth)[there]) < 0.01


def test_what_hides_the_face_and_the_open_mouth_have_no_code(made, lfm):
    _, labels, targets = made
    assert not targets["face_mask"][labels.occlusion].any()
    surface = LabelSurface.of(lfm, size=32)
    coded = coded_triangles(surface, "full")
    without = closing_membranes(surface.triangles[: surface.skin_count], surface.uv)
    missing = np.flatnonzero(~coded[: len(surface.triangles)])
    assert len(missing) == max(len(each) for each in without if surface.uv[each, 1].mean() > 0.5)
    lips = lfm.landmark_points("lfm-68").neutral_model[60:68]
    corners = lfm.neutral_model[surface.triangles[missing]].reshape(-1, 3)
    assert np.linalg.norm(corners[:, None] - lips, axis=2).min(axis=1).max() < 15
    assert not coded[len(surface.triangles) :].any()


def test_without_the_neck_fewer_pixels_have_codes(lfm):
    labels = make_sample(size=SIZE, occluded=False).labels
    masks = [CprfaTargets(region=r).open(lfm).make(labels, SIZE)["face_mask"] for r in ("full", "face")]
    assert 0.4 < masks[1].sum() / masks[0].sum() < 0.97
    assert not (masks[1] & ~masks[0]).any()


def test_faces_without_coefficients_have_empty_targets(lfm):
    found = CprfaTargets(depth=True).open(lfm).make(annotated_sample(size=SIZE).labels, SIZE)
    assert {name: values.shape for name, values in found.items()} == {
        "code": (3, SIZE, SIZE),
        "face_mask": (SIZE, SIZE),
        "depth": (SIZE, SIZE),
    }
    assert not any(values.any() for values in found.values())


def label_batch(targets):
    rows = len(next(iter(targets.values())))
    nothing, fitted = torch.zeros(rows), torch.ones(rows, dtype=torch.bool)
    return LabelBatch(*[nothing] * 5, fitted, *[nothing] * 3, fitted, ~fitted, targets=targets)


def test_a_cell_has_the_mean_code_of_the_part_of_it_that_shows_the_face():
    code, mask = torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, 0, :2] = True
    code[0, :, 0, 0], code[0, :, 0, 1], code[0, :, 1] = 0.2, 0.4, 9.0
    share, mean = coarser(code, mask, 2)
    np.testing.assert_allclose(share[0], [[0.5, 0], [0, 0]])
    np.testing.assert_allclose(mean[0, :, 0, 0], 0.3)


def test_true_maps_cost_nothing_at_any_scale_and_wrong_codes_cost_their_error():
    code, mask = torch.rand(2, 3, 16, 16), torch.rand(2, 16, 16) < 2
    batch = label_batch({"code": code, "face_mask": mask})
    found = []
    for side in (4, 8, 16):
        share, mean = coarser(code, mask, side)
        found.append(Maps(mean.clone(), torch.where(share > 0.5, 50.0, -50.0), None))
    terms = MapLoss(MapLossConfig())(found, batch)
    assert float(terms["loss"]) < 1e-4
    found[1].code.add_(0.1)
    terms = MapLoss(MapLossConfig(code=10))(found, batch)
    assert float(terms["code_8"]) == pytest.approx(1.0, rel=1e-3)
    assert float(terms["code_4"]) < 1e-4


def test_true_parameters_cost_nothing_and_whole_turns_are_none(network):
    pose = torch.tensor([[0.2, -0.4, 3.1, 1.1, 0.05, 0.02]])
    alpha = torch.randn(1, len(network.weights))
    batch = {"pose": pose, "alpha": alpha, "box_size": torch.tensor([0.6])}
    loss = UpdateLoss(UpdateLossConfig(), network)
    turned = pose + torch.tensor([[0, 0, 2 * np.pi, 0, 0, 0]])
    assert float(loss(Updated([[turned] * 3], [[alpha] * 3]), batch)["loss"]) < 2e-2
    off = pose + torch.tensor([[0, 0, 0, 0, 0.06, 0]])
    terms = loss(Updated([[off]], [[alpha]]), batch)
    assert float(terms["vertices"]) == pytest.approx(10 * 0.06 / 0.6, rel=0.01)
    earlier = loss(Updated([[off, pose]], [[alpha] * 2]), batch)
    assert float(earlier["vertices"]) == pytest.approx(5 * 0.06 / 0.6, rel=0.01)


def test_vertices_are_chosen_by_score_apart_and_of_both_sides():
    rng = np.random.default_rng(0)
    places = rng.uniform(-60, 60, (3000, 3)) * [1, 1, 0]
    score = 1 - np.linalg.norm(places, axis=1) / 100
    chosen = choose_vertices(score, places, 64, spacing_mm=3.0)
    assert len(set(chosen.tolist())) == 128
    assert (places[chosen[:64], 0] < 0).all()
    assert (places[chosen[64:], 0] >= 0).all()
    for side in (chosen[:64], chosen[64:]):
        apart = np.linalg.norm(places[side][:, None] - places[side], axis=2)
        assert apart[apart > 0].min() >= 3.0
        best = np.flatnonzero((places[:, 0] < 0) == (places[side[0], 0] < 0))
        assert best[score[best].argmax()] in side
        assert (np.diff(score[side]) > 0).any()  # shuffled, not ranked
    np.testing.assert_array_equal(chosen, choose_vertices(score, places, 64, spacing_mm=3.0))
    crowded = choose_vertices(score, places, 64, spacing_mm=60.0)
    assert len(set(crowded.tolist())) == 128


def test_too_few_vertices_are_an_error(network):
    with pytest.raises(DataError, match=r"network\.cpr\.side"):
        choose_vertices(np.ones(10), np.ones((10, 3)), 8, spacing_mm=1.0)


def test_the_score_of_a_vertex_is_how_often_it_is_found_well():
    counts = DetectionCounts(3)
    truth = np.zeros((3, 2))
    counts.add(np.array([[0.5, 0], [5, 0], [np.nan, np.nan]]), truth, 100.0)
    counts.add(np.array([[1.0, 0], [1, 0], [0, 0]]), truth, 100.0)
    np.testing.assert_allclose(counts.score, [1.0, 0.5, 0.5])
    np.testing.assert_array_equal(counts.detected, [2, 2, 1])


def seen_face(error, detected, *, size=100.0):
    truth = np.zeros((10, 2))
    points = np.where(np.arange(10)[:, None] < detected, [[error, 0.0]], np.nan)
    distance = np.where(np.arange(10) < detected, 0.0, np.inf)
    return SeenFace(Observed(points, distance), truth, np.arange(10) < 5, size)


def test_the_detection_table_counts_errors_of_the_detected_and_rates_of_all():
    figures = detection_figures([seen_face(2.0, 4), seen_face(4.0, 2), seen_face(1.0, 0)], np.arange(10))
    assert figures["detected_nme_all"] == pytest.approx(3.0)
    assert figures["detected_adr_all"] == pytest.approx(20.0)
    assert figures["detected_adr_visible_chosen"] == pytest.approx(40.0)
    assert figures["detected_failed"] == pytest.approx(100 / 3)
    assert detection_figures([seen_face(11.0, 9)], np.arange(10))["detected_failed"] == 100
    nothing = detection_figures([seen_face(1.0, 0)], np.arange(10))
    assert nothing["detected_adr_all"] == 0
    assert "detected_nme_all" not in nothing
    with pytest.raises(DataError):
        detection_figures([], np.arange(10))


def posed_face(network, *, seed=0):
    rng = np.random.default_rng(seed)
    pose = np.array([0.2, -0.4, 0.3, 1.1, 0.05, 0.02])
    alpha = torch.as_tensor(rng.normal(size=(1, len(network.weights)))).float()
    places = torch.arange(len(network.codes))
    found = projected(network.skin(alpha, places), torch.as_tensor(pose)[None].float())[0].numpy()
    landmarks = projected(network.table()(alpha).landmarks, torch.as_tensor(pose)[None].float())[0].numpy()
    return Face(found, landmarks[:, :2], pose, 0.6), alpha


def test_a_face_that_is_moved_in_the_plane_moves_with_its_labels(network):
    face, alpha = posed_face(network)
    moved = face.moved(0.4, 1.2, np.array([0.1, -0.05]))
    pose = torch.as_tensor(moved.pose)[None].float()
    expected = projected(network.skin(alpha, torch.arange(len(network.codes))), pose)[0].numpy()
    np.testing.assert_allclose(moved.points, expected, atol=1e-5)
    expected = projected(network.table()(alpha).landmarks, pose)[0, :, :2].numpy()
    np.testing.assert_allclose(moved.landmarks, expected, atol=1e-5)
    assert moved.box_size == pytest.approx(0.72)


def test_without_corruption_observations_are_as_they_are(network):
    face, _ = posed_face(network)
    found = corrupted(face, NOTHING, np.random.default_rng(0))
    np.testing.assert_allclose(found.points, face.points, atol=1e-12)
    np.testing.assert_allclose(found.landmarks, face.landmarks, atol=1e-12)
    np.testing.assert_allclose(found.pose, face.pose)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"dropout": 0.7}, lambda lost, moved: 0.25 < lost < 0.45 and moved == 0),
        (
            {"occlusion": 1.0, "occlusion_side": (0.3, 0.5)},
            lambda lost, moved: 0.1 < lost < 0.7,
        ),
        ({"jitter_px": 1.5}, lambda lost, moved: lost == 0 and abs(moved - 1.5 * 1.2533) < 0.1),
        ({"wrong": 0.1}, lambda lost, moved: lost == 0 and moved > 3),
    ],
)
def test_each_corruption_does_what_it_says(network, changes, check):
    face, _ = posed_face(network)
    lost, moved = [], []
    for seed in range(40):
        found = corrupted(face, replace(NOTHING, **changes), np.random.default_rng(seed))
        away = 256 * np.linalg.norm(found.points[:, :2] - face.points[:, :2], axis=1)
        lost.append(np.isnan(away).mean())
        moved.append(np.nanmean(away))
    assert check(np.mean(lost), np.mean(moved)), (np.mean(lost), np.mean(moved))


def test_landmarks_are_noisy_wrong_or_missing(network):
    face, _ = posed_face(network)
    config = replace(NOTHING, landmark_noise=0.02, landmark_wrong=0.1, no_landmarks=0.2)
    found = [corrupted(face, config, np.random.default_rng(seed)).landmarks for seed in range(120)]
    missing = np.array([np.isnan(each).all() for each in found])
    assert 0.1 < missing.mean() < 0.3
    away = np.concatenate(
        [np.linalg.norm(each - face.landmarks, axis=1) for each in found if np.isfinite(each).all()]
    )
    assert 0.8 < np.median(away) / (0.02 * face.box_size * 1.1774) < 1.3
    assert 0.02 < (away > 0.1 * face.box_size).mean() < 0.08


def test_a_face_of_which_nothing_is_seen_stays_so(network):
    face, _ = posed_face(network)
    empty = replace(face, points=np.full_like(face.points, np.nan))
    assert np.isnan(corrupted(empty, CorruptionConfig(), np.random.default_rng(0)).points).all()
