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


def differences(points: Tensor) -> Tensor:
    """(..., N, N, D) y_i - y_j."""
    return points[..., :, None, :] - points[..., None, :, :]


def following(points: Tensor) -> Tensor:
    """(..., N, D) the point after each, and the first after the last."""
    return torch.cat([points[..., 1:, :], points[..., :1, :]], dim=-2)


def norms(vectors: Tensor) -> Tensor:
    """(...) lengths of (..., D), at least :data:`LEAST_NORM`."""
    return vectors.square().sum(-1).clamp(min=LEAST_NORM**2).sqrt()


def known_pairs(valid: Tensor) -> Tensor:
    """(..., N, N) 1 where both points are known, 0 on the diagonal."""
    pairs = valid[..., :, None] * valid[..., None, :]
    return pairs * (1 - torch.eye(valid.shape[-1], dtype=valid.dtype, device=valid.device))


def long_pairs(points: Tensor, least: float) -> Tensor:
    """(..., N, N) 1 where two points lie at least so far apart."""
    return (differences(points).square().sum(-1) >= least**2).to(points.dtype)


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
    return norms(differences(points[..., :2]))


def scale_matrix(observed: Tensor, model: Tensor, valid: Tensor, *, log: bool = False) -> Matrix:
    """Distances of the model over observed ones, clamped; or the logarithm of that."""
    seen, made = distances(observed), distances(model)
    known = known_pairs(valid) * (seen >= ONE_PX).to(seen.dtype)
    ratio = made / seen.clamp(min=ONE_PX)
    values = ratio.log().clamp(-LARGEST_LOG, LARGEST_LOG) if log else ratio.clamp(max=LARGEST_RATIO)
    return Matrix(values * known, known)


def signed_sines(points: Tensor) -> Tensor:
    """(..., N, N) sine of the angle from the x axis to y_i - y_j, the kernel of r_z."""
    apart = differences(points[..., :2])
    return apart[..., 1] / norms(apart)


def roll_matrix(
    observed: Tensor, model: Tensor, valid: Tensor, *, least: float, cross_pair: bool = False
) -> Matrix:
    """Signed sines of the model less observed ones, or the sine from each observed pair to its model pair."""
    known = known_pairs(valid) * long_pairs(observed[..., :2], least)
    if not cross_pair:
        return Matrix((signed_sines(model) - signed_sines(observed)) * known, known)
    seen, made = (differences(points[..., :2]) for points in (observed, model))
    cross = seen[..., 0] * made[..., 1] - seen[..., 1] * made[..., 0]
    return Matrix(cross / (norms(seen) * norms(made)) * known, known)


def triple_cosines(points: Tensor) -> Tensor:
    """(..., N, N) cosine between y_i - y_j and y_j - y_k, k the one after j; the kernel of r_xy and alpha.

    In as many dimensions as the points have.
    """
    apart = differences(points)
    pairs = apart / norms(apart)[..., None]
    onward = points - following(points)
    onward = onward / norms(onward)[..., None]
    return (pairs * onward[..., None, :, :]).sum(-1)


def triple_matrix(observed: Tensor, model: Tensor, valid: Tensor, *, least: float) -> Matrix:
    """Cosines of the model less observed ones, in as many dimensions as the observed points have."""
    onward = (observed - following(observed)).square().sum(-1) >= least**2
    there = following(valid[..., None])[..., 0] * onward.to(valid.dtype)
    known = known_pairs(valid) * there[..., None, :] * long_pairs(observed, least)
    # Where k is i the three are two points, and the cosine says nothing.
    count = valid.shape[-1]
    twice = following(torch.eye(count, dtype=valid.dtype, device=valid.device)).T
    known = known * (1 - twice)
    made = triple_cosines(model[..., : observed.shape[-1]])
    return Matrix((made - triple_cosines(observed)) * known, known)
