"""The matrices against plain loops, and what each is said not to change with."""

import math

import numpy as np
import pytest
import torch

from lineament.methods.cprfa_pose import rotation_of_pose
from lineament.train.networks.cprfa.matrices import (
    FOLDED,
    LARGEST_RATIO,
    CrossKernel,
    RollKernel,
    ScaleKernel,
    TripleKernel,
    distances,
    shift,
    signed_sines,
    translation_matrices,
    triple_cosines,
)
from lineament.train.networks.cprfa.rounds import projected, rotations

N = 12
LEAST = 3 / 256


def points(seed=0, *, batch=(2, 3), dimensions=2):
    return torch.as_tensor(np.random.default_rng(seed).uniform(-0.4, 0.4, (*batch, N, dimensions)))


def valid(seed=1, *, batch=(2, 3)):
    return torch.as_tensor((np.random.default_rng(seed).uniform(size=(*batch, N)) < 0.7).astype(float))


def by_loops(observed, model, known, entry):
    """(..., N, N) of `entry(observed, model, i, j)` where all that it names is known, one after the other."""
    shape = observed.shape[:-2]
    values = np.zeros((*shape, N, N))
    for place in np.ndindex(*shape):
        o, g, v = observed[place].numpy(), model[place].numpy(), known[place].numpy()
        for i in range(N):
            for j in range(N):
                if i != j and v[i] and v[j]:
                    values[(*place, i, j)] = entry(o, g, v, i, j)
    return values


def far(o, i, j):
    return math.dist(o[i], o[j]) >= LEAST


def test_translation_is_observed_less_model():
    o, g, v = points(0), points(1), valid()
    found = translation_matrices(o, g, v)
    for axis in range(2):
        wanted = by_loops(o, g, v, lambda o, g, v, i, j, axis=axis: o[i, axis] - g[j, axis])
        np.testing.assert_allclose(found[axis].values.numpy(), wanted)


def test_the_shift_is_the_mean_of_the_entries_that_are_known():
    o, g, v = points(0, batch=(4,)), points(1, batch=(4,)), valid(batch=(4,))
    found = shift(o, g, v)
    for axis, matrix in enumerate(translation_matrices(o, g, v)):
        mean = matrix.values.sum((1, 2)) / matrix.known.sum((1, 2))
        np.testing.assert_allclose(found[:, axis], mean)
    np.testing.assert_array_equal(shift(o, g, 0 * v), np.zeros((4, 2)))


def test_the_shift_knows_nothing_of_points_that_are_not_detected():
    o, g, v = points(0, batch=(4,)), points(1, batch=(4,)), valid(batch=(4,))
    np.testing.assert_array_equal(
        shift(o, g, v), shift(o + 9 * (1 - v)[..., None], g - 7 * (1 - v)[..., None], v)
    )


def test_scale_is_the_ratio_of_distances():
    o, g, v = points(0), points(1), valid()
    v[0, 0, :2] = 1
    o[0, 0, 1] = o[0, 0, 0] + 0.5 / 256  # closer than a pixel: nothing is known

    def entry(o, g, v, i, j):
        apart = math.dist(o[i], o[j])
        return min(math.dist(g[i], g[j]) / apart, LARGEST_RATIO) if apart >= 1 / 256 else 0

    found = ScaleKernel(o, v).matrix(g)
    np.testing.assert_allclose(found.values.numpy(), by_loops(o, g, v, entry))
    assert found.known[0, 0, 0, 1] == 0
    assert found.known.sum() > 0
    log = ScaleKernel(o, v, log=True).matrix(g)
    inside = (found.known > 0) & (found.values < LARGEST_RATIO) & (found.values > 0.25)
    np.testing.assert_allclose(log.values[inside], found.values[inside].log(), atol=1e-12)


def test_roll_is_the_difference_of_signed_sines():
    o, g, v = points(0), points(1), valid()
    v[0, 0, :2] = 1
    o[0, 0, 1] = o[0, 0, 0] + 1.5 / 256  # too close for a direction

    def entry(o, g, v, i, j):
        def sine(y):
            dx, dy = y[i] - y[j]
            return math.sin(math.atan2(dy, dx))

        return sine(g) - sine(o) if far(o, i, j) else 0

    found = RollKernel(o, v, least=LEAST).matrix(g)
    np.testing.assert_allclose(found.values.numpy(), by_loops(o, g, v, entry), atol=1e-12)
    assert found.known[0, 0, 0, 1] == 0


def test_roll_of_crossed_pairs_is_the_sine_between_observed_and_model():
    o, g, v = points(0), points(1), valid()

    def entry(o, g, v, i, j):
        angle = math.atan2(*(g[i] - g[j])[::-1]) - math.atan2(*(o[i] - o[j])[::-1])
        return math.sin(angle) if far(o, i, j) else 0

    found = CrossKernel(o, v, least=LEAST).matrix(g)
    np.testing.assert_allclose(found.values.numpy(), by_loops(o, g, v, entry), atol=1e-12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_triples_are_the_difference_of_cosines_with_the_next_point(dimensions):
    o, g, v = points(0, dimensions=dimensions), points(1, dimensions=3), valid()

    def entry(o, g, v, i, j):
        k = (j + 1) % N
        if not v[k] or k == i or not far(o, i, j) or not far(o, j, k):
            return 0

        def cosine(y):
            one, other = y[i, :dimensions] - y[j, :dimensions], y[j, :dimensions] - y[k, :dimensions]
            return one @ other / np.linalg.norm(one) / np.linalg.norm(other)

        return cosine(g) - cosine(o)

    found = TripleKernel(o, v, least=LEAST).matrix(g)
    np.testing.assert_allclose(found.values.numpy(), by_loops(o, g, v, entry), atol=1e-12)


OF_SETS = {
    "s": ScaleKernel,
    "log s": lambda o, v, **switches: ScaleKernel(o, v, log=True, **switches),
    "r_z": lambda o, v, **switches: RollKernel(o, v, least=LEAST, **switches),
    "cross": lambda o, v, **switches: CrossKernel(o, v, least=LEAST, **switches),
    "r_xy": lambda o, v, **switches: TripleKernel(o, v, least=LEAST, **switches),
}


@pytest.mark.parametrize("name", OF_SETS)
def test_folded_matrices_have_the_same_entries_as_whole_ones(name):
    o, g, v = points(0), points(1), valid()
    whole, folded = OF_SETS[name](o, v).matrix(g), OF_SETS[name](o, v, layout=FOLDED).matrix(g)
    for one, other in ((whole.values, folded.values), (whole.known, folded.known)):
        assert other.shape == (2, 3, 2, 2, N // 2, N // 2)
        for k in range(2):
            for j in range(2):
                np.testing.assert_allclose(other[:, :, k, j], one[..., k::2, j::2], atol=1e-14)


@pytest.mark.parametrize("name", OF_SETS)
def test_what_is_not_detected_changes_nothing_and_the_diagonal_is_empty(name):
    o, g, v = points(0), points(1), valid()
    far_off = o + 5 * (1 - v)[..., None] * points(3)
    one, other = (OF_SETS[name](seen, v).matrix(g) for seen in (o, far_off))
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.known, other.known)
    assert not one.values.diagonal(dim1=-2, dim2=-1).any()
    assert not one.known.diagonal(dim1=-2, dim2=-1).any()
    assert not one.values[one.known == 0].any()


KERNELS = {
    "s": distances,
    "r_z": signed_sines,
    "r_xy": lambda y: triple_cosines(y[..., :2]),
    "alpha in space": triple_cosines,
}
STAYS = {
    "s": {"t", "r_z"},
    "r_z": {"t", "s"},
    "r_xy": {"t", "s", "r_z"},
    "alpha in space": {"t", "s", "r_z", "r_xy"},
}


@pytest.mark.parametrize("change", ["t", "s", "r_z", "r_xy", "alpha"])
@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_changes_with_its_own_parameter_and_not_with_those_of_the_table(name, change):
    shape = points(0, batch=(1,), dimensions=3)
    pose = torch.tensor([[0.2, -0.4, 0.3, 1.0, 0.0, 0.0]], dtype=torch.float64)
    moved = pose.clone()
    moved[0, {"t": [4, 5], "s": [3], "r_z": [2], "r_xy": [0, 1], "alpha": []}[change]] += 0.3
    other = shape * torch.tensor([1.3, 0.8, 1.1]) if change == "alpha" else shape
    before, after = KERNELS[name](projected(shape, pose)), KERNELS[name](projected(other, moved))
    difference = float((before - after).abs().max())
    if change in STAYS[name]:
        assert difference < 1e-9
    else:
        assert difference > 0.01


def test_translation_changes_with_everything():
    shape = points(0, batch=(1,), dimensions=3)
    pose = torch.tensor([[0.2, -0.4, 0.3, 1.0, 0.0, 0.0]], dtype=torch.float64)
    seen = projected(shape, pose)
    for place in range(6):
        moved = pose.clone()
        moved[0, place] += 0.3
        other = translation_matrices(seen, projected(shape, moved), torch.ones(1, N))
        same = translation_matrices(seen, seen, torch.ones(1, N))
        assert max(float((a.values - b.values).abs().max()) for a, b in zip(other, same, strict=True)) > 0.01


def test_equal_sets_have_empty_matrices_of_differences_and_ratios_of_one():
    o, v = points(0, dimensions=3), valid()
    assert not RollKernel(o, v, least=LEAST).matrix(o).values.any()
    assert not TripleKernel(o, v, least=LEAST).matrix(o).values.any()
    found = ScaleKernel(o, v).matrix(o)
    np.testing.assert_allclose(found.values, found.known)


def test_gradients_are_finite_where_points_fall_together():
    o, g, v = points(0), torch.zeros(2, 3, N, 3, dtype=torch.float64, requires_grad=True), valid()
    total = (
        ScaleKernel(o, v).matrix(g).values.sum()
        + RollKernel(o, v, least=LEAST).matrix(g).values.sum()
        + TripleKernel(o, v, least=LEAST).matrix(g).values.sum()
    )
    total.backward()
    assert torch.isfinite(g.grad).all()


def test_torch_turns_as_numpy_does():
    pose = np.random.default_rng(0).normal(size=(20, 6))
    np.testing.assert_allclose(rotations(torch.as_tensor(pose)), rotation_of_pose(pose), atol=1e-12)
