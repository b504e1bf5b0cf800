from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.topology import GAP_PAIRS_68
from lineament.train.batches.labels import LabelBatch
from lineament.train.networks.regressor import RegressorOutput
from lineament.train.regressor.losses import FaceLoss, FaceLossConfig

COUNT, CROP = 5, 112
TERMS = ("landmarks", "vertices", "lids", "lips", "shape", "coefficients", "rotation", "points")
SOFT = 1.1e-3  # the root of distances is softened by a thousandth, so that it has a slope at zero


@pytest.fixture(scope="module")
def loss(tiny_model):
    stds = np.full(4, 0.5, np.float32), np.full(3, 0.25, np.float32)
    return FaceLoss(tiny_model, CROP, *stds, FaceLossConfig(vertex_count=20))


@pytest.fixture
def truth():
    rng = np.random.default_rng(0)
    face = RegressorOutput(
        rotation=torch.tensor(matrix_from_angles(*rng.uniform(-1, 1, (3, COUNT)))),
        scale=torch.tensor(rng.uniform(0.4, 0.7, COUNT)),
        translation=torch.tensor(rng.uniform(40, 70, (COUNT, 2))),
        identity=torch.tensor(rng.normal(size=(COUNT, 4))),
        expression=torch.tensor(rng.uniform(0, 1, (COUNT, 3))),
    )
    return RegressorOutput(*(getattr(face, field.name).float() for field in fields(face)))


def fully(face):
    """Labels of fitted faces, without annotated points."""
    count = len(face.scale)
    known = torch.ones(count, dtype=torch.bool), torch.zeros(count, 68, 3), torch.zeros(count, 68)
    return LabelBatch(
        *(getattr(face, f.name) for f in fields(face)),
        *known,
        torch.zeros(count),
        *[torch.zeros(count, dtype=torch.bool)] * 2,
    )


def cameras(face):
    for rotation, scale, shift in zip(face.rotation, face.scale, face.translation, strict=True):
        yield WeakPerspective(rotation.numpy(), float(scale), np.append(shift.numpy(), 0.0))


def test_points_are_those_of_the_numpy_camera(tiny_model, loss, truth):
    points = loss.points_crop(truth).numpy()
    identity, expression = truth.identity.numpy(), truth.expression.numpy()
    labelled, registered = (
        tiny_model.landmarks_model(identity, expression, scheme=name) for name in ("300w-lp", "lfm-68")
    )
    vertices = tiny_model.vertices_model(identity, expression)
    upper, lower = np.array(GAP_PAIRS_68).T
    for row, camera in enumerate(cameras(truth)):
        np.testing.assert_allclose(points[row, :68], camera.image_from_model(labelled[row]), atol=1e-3)
        pairs = camera.image_from_model(registered[row])[[*upper, *lower]]
        np.testing.assert_allclose(points[row, 68:82], pairs, atol=1e-3)
        mesh = camera.image_from_model(vertices[row])
        away = np.linalg.norm(points[row, 82:, None] - mesh[None], axis=-1).min(axis=1)
        assert away.max() < 1e-3  # each of the compared vertices is one of the mesh
    assert points.shape == (COUNT, 68 + 14 + 20, 3)


def test_the_loss_is_nothing_at_the_truth(loss, truth):
    terms = loss(truth, fully(truth))
    assert set(terms) == {"loss", *TERMS}
    for name in ("coefficients", "rotation", "points"):
        assert terms[name] == 0
    for name in ("landmarks", "vertices", "lids", "lips", "shape"):
        assert terms[name] <= SOFT * getattr(loss.config, name)


def test_the_loss_is_the_sum_of_its_terms(loss, truth):
    terms = loss(replace(truth, scale=truth.scale * 1.1), fully(truth))
    assert terms["loss"] == pytest.approx(sum(float(terms[name]) for name in TERMS), rel=1e-5)


@pytest.mark.parametrize("name", [field.name for field in fields(RegressorOutput)])
def test_any_wrong_output_costs_and_has_a_gradient(loss, truth, name):
    rotated = torch.tensor(matrix_from_angles(0.1, 0, 0)).float() @ truth.rotation
    wrong = rotated if name == "rotation" else getattr(truth, name) + 0.3
    wrong = wrong.clone().requires_grad_()
    terms = loss(replace(truth, **{name: wrong}), fully(truth))
    assert terms["loss"] > 0.05
    terms["loss"].backward()
    assert torch.isfinite(wrong.grad).all()
    assert (wrong.grad.flatten(1) if wrong.ndim > 1 else wrong.grad[:, None]).abs().amax(1).min() > 0


def test_a_shift_costs_as_many_hundredths_of_the_crop_as_it_is_long(loss, truth):
    terms = loss(replace(truth, translation=truth.translation + torch.tensor([3.36, 4.48])), fully(truth))
    assert terms["landmarks"] == pytest.approx(loss.config.landmarks * 5, rel=1e-4)  # 5.6 of 112 px
    assert terms["vertices"] == pytest.approx(loss.config.vertices * 5, rel=1e-4)
    assert terms["lids"] <= SOFT * loss.config.lids
    assert terms["lips"] <= SOFT * loss.config.lips
    assert terms["shape"] <= SOFT * loss.config.shape
    assert terms["coefficients"] == terms["rotation"] == 0


def test_coefficients_are_measured_in_units_of_their_standard_deviation(loss, truth):
    wrong = replace(truth, identity=truth.identity + 0.5, expression=truth.expression - 0.25)
    assert loss(wrong, fully(truth))["coefficients"] == pytest.approx(loss.config.coefficients, rel=1e-4)


def test_a_wrong_pose_costs_no_shape(loss, truth):
    rotated = torch.tensor(matrix_from_angles(0.3, 0.2, 0.1)).float() @ truth.rotation
    terms = loss(replace(truth, rotation=rotated, scale=truth.scale * 1.2), fully(truth))
    assert terms["shape"] <= SOFT * loss.config.shape
    assert terms["landmarks"] > 1


def test_gaps_are_of_lids_and_inner_lips():
    upper, lower = np.array(GAP_PAIRS_68).T
    assert set(upper) | set(lower) == {37, 38, 40, 41, 43, 44, 46, 47, 61, 62, 63, 65, 66, 67}


def test_a_closed_eye_costs_in_the_lids(lfm):
    loss = FaceLoss(lfm, CROP, np.ones(100, np.float32), np.ones(53, np.float32), FaceLossConfig())
    rest = RegressorOutput(
        torch.eye(3)[None],
        torch.full((1,), 0.5),
        torch.full((1, 2), 56.0),
        torch.zeros(1, 100),
        torch.zeros(1, 53),
    )
    blink = torch.zeros(1, 53)
    blink[0, lfm.expression_names.index("eyeBlinkLeft")] = 1
    brow = torch.zeros(1, 53)
    brow[0, lfm.expression_names.index("browDownLeft")] = 1
    closed, frown = (loss(replace(rest, expression=e), fully(rest))["lids"] for e in (blink, brow))
    assert closed > 5 * frown
    assert closed > 0.5


def annotated(face, count):
    """Labels of which the last `count` rows are points alone: some right landmarks, the others nonsense."""
    labels = fully(face)
    known = torch.arange(COUNT) < COUNT - count
    weights = torch.zeros(COUNT, 68)
    weights[~known, 10:40] = 1
    nonsense = {
        name: torch.where(known.view(-1, *[1] * (value.ndim - 1)), value, torch.zeros_like(value))
        for name, value in ((f.name, getattr(face, f.name)) for f in fields(face))
    }
    return replace(labels, **nonsense, has_coefficients=known, point_weights=weights)


def with_points(labels, loss, face):
    return replace(labels, points=loss.points_crop(face)[:, :68] * labels.point_weights[..., None])


def test_right_landmarks_are_right_whatever_else_is_not_known(loss, truth):
    labels = with_points(annotated(truth, 2), loss, truth)
    terms = loss(truth, labels)
    assert float(terms["loss"]) < 0.02
    assert all(torch.isfinite(value) for value in terms.values())


def test_a_row_of_points_counts_where_they_are_annotated_and_nowhere_else(loss, truth):
    labels = with_points(annotated(truth, 2), loss, truth)
    moved = replace(labels, points=labels.points + torch.tensor([3.36, 4.48, 99.0]))  # 5.6 of 112 px
    assert loss(truth, moved)["points"] == pytest.approx(loss.config.points * 5 * 2 / COUNT, rel=1e-3)
    elsewhere = labels.points.clone()
    elsewhere[:, :10] += 50
    elsewhere[:3] += 50  # rows of fitted faces: they have met their points already
    assert float(loss(truth, replace(labels, points=elsewhere))["loss"]) < 0.02


def test_fitted_rows_of_a_mixed_batch_cost_what_they_cost_alone(loss, truth):
    wrong = replace(truth, scale=truth.scale * 1.1, identity=truth.identity + 0.4)
    mixed = loss(wrong, with_points(annotated(truth, 2), loss, truth))
    first = [RegressorOutput(*(getattr(face, f.name)[:3] for f in fields(face))) for face in (wrong, truth)]
    alone = loss(first[0], fully(first[1]))
    for name in TERMS[:-1]:
        assert float(mixed[name]) == pytest.approx(float(alone[name]) * 3 / COUNT, rel=1e-5), name


@pytest.mark.parametrize("count", [0, 2, COUNT])
def test_gradients_are_finite_in_mixed_batches_and_none_comes_from_what_is_not_known(loss, truth, count):
    labels = with_points(annotated(truth, count), loss, truth)
    labels.point_weights[-1] = 0  # a row without any point
    values = [getattr(truth, f.name).clone().add(0.05).requires_grad_() for f in fields(truth)]
    loss(RegressorOutput(*values), labels)["loss"].backward()
    for value in values:
        assert torch.isfinite(value.grad).all()
    moving = [float(value.grad[row].abs().sum()) for value in values[2:4] for row in range(COUNT)]
    expected_still = count > 0
    assert (moving[COUNT - 1] == 0) == expected_still
    assert all(amount > 0 for amount in moving[: COUNT - 1])


def test_keys_that_fits_cannot_tell_are_learned_from_rendered_faces_alone(tiny_model, truth):
    stds = np.full(4, 0.5, np.float32), np.full(3, 0.25, np.float32)
    believed = tiny_model.expression_names[:1]
    loss = FaceLoss(tiny_model, CROP, *stds, FaceLossConfig(vertex_count=20, fitted_keys=believed, rest=1.0))
    wrong = replace(truth, expression=truth.expression + torch.tensor([0.0, 0.3, 0.0]))
    labels = fully(truth)
    photographs, rendered = (
        replace(labels, is_rendered=torch.full((COUNT,), exact)) for exact in (False, True)
    )
    assert float(loss(wrong, photographs)["coefficients"]) == 0
    assert float(loss(wrong, rendered)["coefficients"]) > 0
    assert float(loss(wrong, rendered)["rest"]) == 0
    shown = float(wrong.expression[:, 1:].abs().sum(1).mean())
    assert float(loss(wrong, photographs)["rest"]) == pytest.approx(shown, rel=1e-5)


def test_mesh_points_are_compared_across_the_picture_and_fine_parts_count_more(lfm):
    count = 3
    identity, expression = torch.zeros(count, 100), torch.zeros(count, 53)
    rotation = torch.eye(3).expand(count, 3, 3)
    face = RegressorOutput(
        rotation, torch.full((count,), 0.5), torch.full((count, 2), 56.0), identity, expression
    )
    stds = np.full(100, 1.0, np.float32), np.full(53, 0.25, np.float32)
    config = FaceLossConfig(mesh=2.0)
    loss = FaceLoss(lfm, CROP, *stds, config)
    assert float(loss(face, fully(face))["mesh"]) < 2 * SOFT * 2
    moved = replace(face, translation=face.translation + torch.tensor([1.12, 0.0]))
    assert float(loss(moved, fully(face))["mesh"]) == pytest.approx(2.0, rel=1e-3)  # a hundredth of the side
    blink = expression.clone()
    blink[:, lfm.expression_names.index("eyeBlinkLeft")] = 1.0
    shut = replace(face, expression=blink)
    plain = FaceLoss(lfm, CROP, *stds, replace(config, fine=1.0))
    assert float(loss(shut, fully(face))["mesh"]) > 1.5 * float(plain(shut, fully(face))["mesh"])
