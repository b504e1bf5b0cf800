"""The torch twin of :mod:`lineament.geometry.alignment`, its gradient finite wherever that can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lineament.geometry.alignment import MIN_EXTENT, MIN_WEIGHT, Centre

MIN_GAP = 1e-6
"""Sums of two singular values below this part of the largest pass no gradient: there the rotation jumps."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """``target = scale * rotation @ source + translation``, row by row.

    Attributes:
        scale: (B,).
        rotation: (B, 3, 3) proper rotations.
        translation: (B, 3).
    """

    scale: Tensor
    rotation: Tensor
    translation: Tensor

    def of_map(self, positions: Tensor) -> Tensor:
        """The places of a (B, 3, ...) map of the source frame in the target frame."""
        rotated = torch.einsum("bij,bj...->bi...", self.scale[:, None, None] * self.rotation, positions)
        return rotated + self.translation.view(*self.translation.shape, *[1] * (positions.ndim - 2))


def align_points(
    source: Tensor, target: Tensor, weights: Tensor, *, centre: Centre = "weighted"
) -> Alignment:
    """See :func:`lineament.geometry.alignment.align_points`; computed in float64.

    Args:
        source: (B, N, 3) points.
        target: (B, N, 3) points matched one to one.
        weights: (B, N) at least 0, which no gradient reaches.
        centre: "weighted" or "code".
    """
    kind = source.dtype
    source, target, weights = source.double(), target.double(), weights.detach().double()
    total = weights.sum(-1, keepdim=True)
    weights = torch.where(total > MIN_WEIGHT, weights, torch.ones_like(weights))
    fractions = (weights / weights.sum(-1, keepdim=True))[..., None]
    means = [(fractions * points).sum(-2, keepdim=True) for points in (source, target)]
    extents = [
        ((points - mean).square().sum(-1) + MIN_EXTENT).sqrt().sum(-1)
        for points, mean in zip((source, target), means, strict=True)
    ]
    scale = extents[1] / extents[0]
    if centre == "code":
        means = [points.mean(-2, keepdim=True) for points in (source, target)]
    covariance = (fractions * (target - means[1])).transpose(-1, -2) @ (source - means[0])
    rotation = nearest_rotation(covariance)
    moved = scale[..., None] * (means[0] @ rotation.transpose(-1, -2))[..., 0, :]
    translation = means[1][..., 0, :] - moved
    return Alignment(scale.to(kind), rotation.to(kind), translation.to(kind))


def nearest_rotation(matrix: Tensor) -> Tensor:
    """(B, 3, 3) the proper rotation with the largest product with a matrix; NaN where that is not finite."""
    return _NearestRotation.apply(matrix)


class _NearestRotation(torch.autograd.Function):
    """R = U diag(1, 1, det U V^T) V^T of the matrix U S V^T.

    With the smallest singular value signed by the handedness, a change X of the matrix, in the frames of U
    and V, turns R by (X_ij - X_ji) / (s_i + s_j). The library's gradient of U and V apart would divide by
    s_i^2 - s_j^2, which vanishes for equal values though R does not jump there.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:  # noqa: ANN401
        finite = torch.isfinite(matrix).all(-1).all(-1)[..., None, None]
        eye = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
        left, spread, right = torch.linalg.svd(torch.where(finite, matrix, eye))
        sign = torch.det(left) * torch.det(right)
        signs = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign.sign()], dim=-1)
        left = left * signs[..., None, :]
        ctx.save_for_backward(left, spread * signs, right, finite)
        return torch.where(finite, left @ right, torch.full_like(matrix, torch.nan))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        left, spread, right, finite = ctx.saved_tensors
        gaps = spread[..., :, None] + spread[..., None, :]
        safe = gaps > MIN_GAP * spread[..., :1, None]
        inverse = torch.where(
            safe, 1 / torch.where(safe, gaps, torch.ones_like(gaps)), torch.zeros_like(gaps)
        )
        inner = left.transpose(-1, -2) @ gradient @ right.transpose(-1, -2)
        rotated: Tensor = left @ ((inner - inner.transpose(-1, -2)) * inverse) @ right
        return torch.where(finite, rotated, torch.full_like(rotated, torch.nan))
