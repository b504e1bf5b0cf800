import numpy as np
import pytest

from lineament.geometry.half_basis import BLOCK, HalfBasis

VERTEX = np.array([1, 0, 2])  # the third lies in the middle
PARTNER = np.array([0, 1, 3, 2, 4])  # of an even mode, an odd one, two of one side each and one of both sides
SIGN = np.array([1.0, -1.0, 1.0, 1.0, 1.0])


def mirrored(points):
    return points[VERTEX] * [-1, 1, 1]


@pytest.fixture
def block():
    """(3, 3, 5) a basis of a symmetric model."""
    first, second, left, both = np.random.default_rng(0).normal(size=(4, 3, 3))
    modes = [
        first + mirrored(first),
        second - mirrored(second),
        left,
        mirrored(left),
        both + mirrored(both),
    ]
    return np.stack(modes, axis=-1)


def test_sums_of_one_half_are_those_of_the_whole(block):
    half = HalfBasis.of(block, VERTEX, PARTNER, SIGN)
    for coefficients in (*np.eye(5), np.array([0.3, -2.0, 0.7, 0.1, 5.0])):
        np.testing.assert_allclose(half.summed(np.append(coefficients, 0)), block @ coefficients, atol=1e-12)


def test_a_half_holds_one_side_in_blocks_that_wake_no_threads(lfm):
    half = lfm._half_basis()
    vertices = np.count_nonzero(np.arange(len(lfm.mirror.vertex)) <= lfm.mirror.vertex)
    for modes in (half.even, half.odd):
        blocks, count, numbers = modes.shape
        assert count * numbers <= BLOCK
        assert 0 <= blocks * numbers - 3 * vertices < numbers
    assert half.even.shape[1] + half.odd.shape[1] == 153


@pytest.mark.parametrize("mode", range(5))
def test_a_basis_that_is_not_symmetric_has_no_half(block, mode):
    block[1, 2, mode] += 0.01
    assert HalfBasis.of(block, VERTEX, PARTNER, SIGN) is None
