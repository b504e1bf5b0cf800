import numpy as np
import pytest
import torch

from lineament.geometry import alignment as original
from lineament.geometry.rotation import matrix_from_angles
from lineament.train.networks.alignment import align_points, nearest_rotation


def clouds(seed=0, rows=4):
    """Points, about where a similarity puts them, and weights."""
    numbers = np.random.default_rng(seed)
    source, noise = numbers.normal(0, 1, (2, rows, 68, 3))
    turns = np.stack([matrix_from_angles(*numbers.uniform(-1.5, 1.5, 3)) for _ in range(rows)])
    target = 0.3 * source @ np.swapaxes(turns, 1, 2) + 0.05 * noise + numbers.normal(0, 1, (rows, 1, 3))
    return source, target, numbers.uniform(0.1, 1.1, (rows, 68))


@pytest.mark.parametrize("centre", ["weighted", "code"])
@pytest.mark.parametrize("flip", [1, -1], ids=["same hand", "mirrored"])
def test_torch_and_numpy_say_the_same(centre, flip):
    source, target, weights = clouds()
    target = target * [flip, 1, 1]
    weights[1] = 0
    wanted = original.align_points(source, target, weights, centre=centre)
    found = align_points(*map(torch.as_tensor, (source, target, weights)), centre=centre)
    for name in ("scale", "rotation", "translation"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-6, atol=1e-9)
    moved = found.of_map(torch.as_tensor(source).transpose(1, 2))
    np.testing.assert_allclose(moved.transpose(1, 2), wanted.apply(source), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("flip", [1, -1], ids=["same hand", "mirrored"])
def test_the_gradient_is_that_of_finite_differences(flip):
    source, target, weights = (torch.as_tensor(values[:2, :8]) for values in clouds())
    target = target * torch.tensor([flip, 1, 1])

    def placed(source, target):
        found = align_points(source, target, weights)
        return found.scale, found.rotation, found.translation

    assert torch.autograd.gradcheck(placed, (source.requires_grad_(), target.requires_grad_()))


@pytest.mark.parametrize("values", [(1, 1, 1), (2, 1, 1), (1, 1, 0), (1, 0, 0), (0, 0, 0), (1, 1, -1)])
def test_equal_and_vanishing_singular_values_have_a_finite_gradient(values):
    turn = torch.as_tensor(matrix_from_angles(0.3, 0.2, -0.5))
    matrix = (turn @ torch.diag(torch.tensor(values, dtype=torch.float64)))[None].requires_grad_()
    rotation = nearest_rotation(matrix)
    assert torch.det(rotation[0]).item() == pytest.approx(1)
    (rotation * torch.arange(9.0).view(3, 3)).sum().backward()
    assert torch.isfinite(matrix.grad).all()


def test_rows_that_are_not_finite_do_not_stop_the_others():
    matrix = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    matrix[1, 0, 0] = torch.nan
    found = nearest_rotation(matrix)
    torch.testing.assert_close(found[0], torch.eye(3, dtype=torch.float64))
    assert torch.isnan(found[1]).all()


def test_weights_get_no_gradient():
    source, target, weights = (torch.as_tensor(values) for values in clouds())
    weights.requires_grad_()
    found = align_points(source.requires_grad_(), target, weights)
    found.rotation.sum().backward()
    assert weights.grad is None
