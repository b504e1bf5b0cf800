"""CPR matrices: how an observed set of points and the model's differ, pair by pair (section 5 of the paper).

All take sets whose three channels lie beside each other: (..., N, D) points of the unit frame and (..., N)
whether each is known. Row i and column j are points i and j of a channel. An entry is zero, and not known,
where any point that it is made of is not known, and on the diagonal. Which entries do not change when a set
is moved, scaled or turned is what separates the parameters:

========  ====================================  =======================
matrix    kernel                                does not change with
========  ====================================  =======================
t         y_i of one set less y_j of the other  nothing
s         distance of y_i and y_j               t, r_z
r_z       sine of the angle of y_i - y_j        t, s
r_xy      cosine at y_j of y_i and its next     t, s, r_z
alpha     the same; in space with depth         t, s, r_z; and r_xy
========  ====================================  =======================

The printed kernel of r_z has no sign and changes with t; here the angle is that from the x axis, with its
sign. The third point of a triple, which is not defined for a matrix, is the next one in the fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_NORM = 1e-3
"""Of differences of points, crop sides: below, their direction has no gradient."""
LARGEST_RATIO = 4.0
LARGEST_LOG = 1.5
ONE_PX = 1 / 256
"""Observed distances below say nothing of scale."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Matrices of a kernel.

    Attributes:
        values: (..., N, N), zero where not known.
        known: (..., N, N) 0 or 1.
    """

    values: Tensor
    known: Tensor


def following(points: Tensor) -> Tensor:
    """(..., N, D) the point after each, and the first after the last."""
    return torch.cat([points[..., 1:, :], points[..., :1, :]], dim=-2)


def known_pairs(valid: Tensor) -> Tensor:
    """(..., N, N) 1 where both points are known, 0 on the diagonal."""
    pairs = valid[..., :, None] * valid[..., None, :]
    return pairs * (1 - torch.eye(valid.shape[-1], dtype=valid.dtype, device=valid.device))


def _apart(points: Tensor) -> list[Tensor]:
    """(..., N, N) y_i - y_j along each axis by itself: sums over a last axis of two are slow."""
    return [each[..., :, None] - each[..., None, :] for each in points.unbind(-1)]


def _square(apart: list[Tensor]) -> Tensor:
    """(..., N, N) squared lengths."""
    total = apart[0] * apart[0]
    for each in apart[1:]:
        total = total + each * each
    return total


def _length(square: Tensor) -> Tensor:
    """Lengths of squared ones, at least :data:`LEAST_NORM`."""
    return square.clamp(min=LEAST_NORM**2).sqrt()


def translation_matrices(observed: Tensor, model: Tensor, valid: Tensor) -> tuple[Matrix, Matrix]:
    """Of x and of y: y_i observed less y_j of the model, on known rows and known columns."""
    known = known_pairs(valid)
    apart = observed[..., :, None, :2] - model[..., None, :, :2]
    return Matrix(apart[..., 0] * known, known), Matrix(apart[..., 1] * known, known)


def shift(observed: Tensor, model: Tensor, valid: Tensor) -> Tensor:
    """(B, 2) mean of the entries of the translation matrices, without making them.

    With rows and columns masked alike it is the difference of the means over the same points, the shift of
    least squares.

    Args:
        observed: (B, N, 2 or 3).
        model: (B, N, 2 or 3).
        valid: (B, N).
    """
    weights = valid / valid.sum(1, keepdim=True).clamp(min=1)
    return ((observed[..., :2] - model[..., :2]) * weights[..., None]).sum(1)


def distances(points: Tensor) -> Tensor:
    """(..., N, N) in the plane, the kernel of s."""
    return _length(_square(_apart(points[..., :2])))


def scale_matrix(observed: Tensor, model: Tensor, valid: Tensor, *, log: bool = False) -> Matrix:
    """Distances of the model over observed ones, clamped; or the logarithm of that."""
    seen, made = distances(observed), distances(model)
    known = known_pairs(valid) * (seen >= ONE_PX).to(seen.dtype)
    ratio = made / seen.clamp(min=ONE_PX)
    values = ratio.log().clamp(-LARGEST_LOG, LARGEST_LOG) if log else ratio.clamp(max=LARGEST_RATIO)
    return Matrix(values * known, known)


def signed_sines(points: Tensor) -> Tensor:
    """(..., N, N) sine of the angle from the x axis to y_i - y_j, the kernel of r_z."""
    apart = _apart(points[..., :2])
    return apart[1] / _length(_square(apart))


def roll_matrix(
    observed: Tensor, model: Tensor, valid: Tensor, *, least: float, cross_pair: bool = False
) -> Matrix:
    """Signed sines of the model less observed ones, or the sine from each observed pair to its model pair.

    Args:
        observed: (..., N, 2 or 3).
        model: (..., N, 2 or 3).
        valid: (..., N).
        least: observed pairs that lie closer are not known.
        cross_pair: which of the two.
    """
    seen, made = _apart(observed[..., :2]), _apart(model[..., :2])
    square = _square(seen)
    known = known_pairs(valid) * (square >= least**2).to(valid.dtype)
    length, other = _length(square), _length(_square(made))
    if not cross_pair:
        return Matrix((made[1] / other - seen[1] / length) * known, known)
    cross = seen[0] * made[1] - seen[1] * made[0]
    return Matrix(cross / (length * other) * known, known)


def triple_cosines(points: Tensor) -> Tensor:
    """(..., N, N) cosine between y_i - y_j and y_j - y_k, k the one after j; the kernel of r_xy and alpha.

    In as many dimensions as the points have.
    """
    apart = _apart(points)
    return _cosines(points, apart, _square(apart))


def _cosines(points: Tensor, apart: list[Tensor], square: Tensor) -> Tensor:
    onward = points - following(points)
    onward = onward / _length(onward.square().sum(-1))[..., None]
    parts = [each * along[..., None, :] for each, along in zip(apart, onward.unbind(-1), strict=True)]
    return sum(parts[1:], parts[0]) / _length(square)


def triple_matrix(observed: Tensor, model: Tensor, valid: Tensor, *, least: float) -> Matrix:
    """Cosines of the model less observed ones, in as many dimensions as the observed points have.

    Args:
        observed: (..., N, D).
        model: (..., N, D or more).
        valid: (..., N).
        least: observed points that lie closer to each other say nothing.
    """
    onward = (observed - following(observed)).square().sum(-1) >= least**2
    there = following(valid[..., None])[..., 0] * onward.to(valid.dtype)
    apart = _apart(observed)
    square = _square(apart)
    known = known_pairs(valid) * there[..., None, :] * (square >= least**2).to(valid.dtype)
    # Where k is i the three are two points, and the cosine says nothing.
    count = valid.shape[-1]
    twice = following(torch.eye(count, dtype=valid.dtype, device=valid.device)).T
    known = known * (1 - twice)
    made = triple_cosines(model[..., : observed.shape[-1]])
    return Matrix((made - _cosines(observed, apart, square)) * known, known)
