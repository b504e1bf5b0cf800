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

A kernel is made of the observations, which stay as they are while the model moves, and then gives the matrix
of one model after the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
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


@dataclass(frozen=True, slots=True)
class Layout:
    """How the entries of N points' pairs lie in memory.

    Attributes:
        parts: 1 is a plain (..., N, N); p above it is (..., p, p, N / p, N / p), whose entry (k, l, a, b) is
            of the points p a + k and p b + l: cells of p x p neighbours, each of which is a channel.
    """

    parts: int = 1

    def rows(self, values: Tensor) -> Tensor:
        """(..., N) of points i, as they meet the columns."""
        return values[..., :, None] if self.parts == 1 else self._parted(values)[..., :, None, :, None]

    def columns(self, values: Tensor) -> Tensor:
        """(..., N) of points j, as they meet the rows."""
        return values[..., None, :] if self.parts == 1 else self._parted(values)[..., None, :, None, :]

    def _parted(self, values: Tensor) -> Tensor:
        """(..., N) to (..., p, N / p), every p-th beside each other."""
        # Contiguous, or matrices would lie in memory in the points' order, on which all is slow.
        return values.unflatten(-1, (-1, self.parts)).transpose(-1, -2).contiguous()


WHOLE, FOLDED = Layout(), Layout(2)


def following(points: Tensor) -> Tensor:
    """(..., N, D) the point after each, and the first after the last."""
    return torch.cat([points[..., 1:, :], points[..., :1, :]], dim=-2)


def known_pairs(valid: Tensor, layout: Layout = WHOLE) -> Tensor:
    """(..., N, N) 1 where both points are known, 0 on the diagonal."""
    number = torch.arange(valid.shape[-1], device=valid.device)
    different = layout.rows(number) != layout.columns(number)
    return layout.rows(valid) * layout.columns(valid) * different.to(valid.dtype)


def _apart(points: Tensor, layout: Layout) -> list[Tensor]:
    """(..., N, N) y_i - y_j along each axis by itself: sums over a last axis of two are slow."""
    return [layout.rows(each) - layout.columns(each) for each in points.unbind(-1)]


def _square(apart: list[Tensor]) -> Tensor:
    """(..., N, N) squared lengths."""
    total = apart[0] * apart[0]
    for each in apart[1:]:
        total = torch.addcmul(total, each, each)
    return total


def _inverse_length(square: Tensor) -> Tensor:
    """One over lengths of squared ones, which are at least :data:`LEAST_NORM`."""
    return square.clamp(min=LEAST_NORM**2).rsqrt()


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


def distances(points: Tensor, layout: Layout = WHOLE) -> Tensor:
    """(..., N, N) in the plane, the kernel of s."""
    return _square(_apart(points[..., :2], layout)).clamp(min=LEAST_NORM**2).sqrt()


def signed_sines(points: Tensor, layout: Layout = WHOLE) -> Tensor:
    """(..., N, N) sine of the angle from the x axis to y_i - y_j, the kernel of r_z."""
    apart = _apart(points[..., :2], layout)
    return apart[1] * _inverse_length(_square(apart))


def triple_cosines(points: Tensor, layout: Layout = WHOLE) -> Tensor:
    """(..., N, N) cosine between y_i - y_j and y_j - y_k, k the one after j; the kernel of r_xy and alpha.

    In as many dimensions as the points have.
    """
    apart = _apart(points, layout)
    onward = points - following(points)
    onward = onward * _inverse_length(onward.square().sum(-1))[..., None]
    along = [layout.columns(each) for each in onward.unbind(-1)]
    total = apart[0] * along[0]
    for each, way in zip(apart[1:], along[1:], strict=True):
        total = torch.addcmul(total, each, way)
    return total * _inverse_length(_square(apart))


class PairKernel(ABC):
    """Observations that models are compared with.

    Args:
        known: (..., N, N) 0 or 1, which entries say something.
        layout: of `known` and of all matrices.
    """

    def __init__(self, known: Tensor, layout: Layout) -> None:
        self.known, self.layout = known, layout

    @abstractmethod
    def values(self, model: Tensor) -> Tensor:
        """(..., N, N) of a model's (..., N, 3), zero where not known."""

    def matrix(self, model: Tensor) -> Matrix:
        """The values beside where they are known."""
        return Matrix(self.values(model), self.known)


class ScaleKernel(PairKernel):
    """Distances of the model over observed ones, clamped; or the logarithm of that.

    Args:
        observed: (..., N, 2 or 3).
        valid: (..., N).
        log: which of the two.
        layout: of the matrices.
    """

    def __init__(self, observed: Tensor, valid: Tensor, *, log: bool = False, layout: Layout = WHOLE) -> None:
        seen = distances(observed, layout)
        super().__init__(known_pairs(valid, layout) * (seen >= ONE_PX).to(seen.dtype), layout)
        self._inverse, self._log = seen.clamp(min=ONE_PX).reciprocal(), log

    def values(self, model: Tensor) -> Tensor:
        """See :class:`PairKernel`."""
        ratio = distances(model, self.layout) * self._inverse
        if self._log:
            return ratio.log().clamp(-LARGEST_LOG, LARGEST_LOG) * self.known
        return ratio.clamp(max=LARGEST_RATIO) * self.known


class RollKernel(PairKernel):
    """Signed sines of the model less observed ones.

    Args:
        observed: (..., N, 2 or 3).
        valid: (..., N).
        least: observed pairs that lie closer are not known.
        layout: of the matrices.
    """

    def __init__(self, observed: Tensor, valid: Tensor, *, least: float, layout: Layout = WHOLE) -> None:
        apart = _apart(observed[..., :2], layout)
        super().__init__(_far_pairs(apart, valid, least, layout), layout)
        self._apart = [each * _inverse_length(_square(apart)) for each in apart]
        self._less = -self._apart[1] * self.known

    def values(self, model: Tensor) -> Tensor:
        """See :class:`PairKernel`."""
        return torch.addcmul(self._less, signed_sines(model, self.layout), self.known)


class CrossKernel(RollKernel):
    """The sine from each observed pair to its model pair; arguments as of :class:`RollKernel`."""

    def values(self, model: Tensor) -> Tensor:
        """See :class:`PairKernel`."""
        made = _apart(model[..., :2], self.layout)
        cross = self._apart[0] * made[1] - self._apart[1] * made[0]
        return cross * _inverse_length(_square(made)) * self.known


class TripleKernel(PairKernel):
    """Cosines of the model less observed ones, in as many dimensions as the observed points have.

    Args:
        observed: (..., N, D); models may have more dimensions.
        valid: (..., N).
        least: observed points that lie closer to each other say nothing.
        layout: of the matrices.
    """

    def __init__(self, observed: Tensor, valid: Tensor, *, least: float, layout: Layout = WHOLE) -> None:
        onward = (observed - following(observed)).square().sum(-1) >= least**2
        there = following(valid[..., None])[..., 0] * onward.to(valid.dtype)
        known = _far_pairs(_apart(observed, layout), valid, least, layout) * layout.columns(there)
        # Where k is i the three are two points, and the cosine says nothing.
        number = torch.arange(valid.shape[-1], device=valid.device)
        known = known * (layout.rows(number) != layout.columns(number.roll(-1, 0))).to(valid.dtype)
        super().__init__(known, layout)
        self._dimensions = observed.shape[-1]
        self._less = -triple_cosines(observed, layout) * known

    def values(self, model: Tensor) -> Tensor:
        """See :class:`PairKernel`."""
        made = triple_cosines(model[..., : self._dimensions], self.layout)
        return torch.addcmul(self._less, made, self.known)


def _far_pairs(apart: list[Tensor], valid: Tensor, least: float, layout: Layout) -> Tensor:
    """(..., N, N) 1 where both points are known and lie so far apart."""
    return known_pairs(valid, layout) * (_square(apart) >= least**2).to(valid.dtype)
