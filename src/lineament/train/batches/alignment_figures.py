"""Figures of alignment on held-out people, while training: the papers' own, by yaw."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.geometry.rotation import angle_between, angles_from_matrix

YAW_BINS_DEG = ((0, 30), (30, 60), (60, 180))


def landmark_errors(found: Tensor, expected: Tensor) -> Tensor:
    """(B,) mean distance of (B, P, 2) landmarks, percent of the root of the true box's area."""
    size = (expected.amax(1) - expected.amin(1)).prod(1).sqrt()
    return 100 * (found - expected).norm(dim=-1).mean(1) / size


def alignment_figures(
    errors: NDArray[np.floating], found: NDArray[np.floating], expected: NDArray[np.floating]
) -> dict[str, float]:
    """NME by yaw, and pose.

    Args:
        errors: (n,) NME of each face, percent.
        found: (n, 3, 3) rotations.
        expected: (n, 3, 3).

    Returns:
        "nme_percent" (the mean of the bins that have faces, as in the papers), "nme_percent_0" and so on by
        the least yaw of the bin, mean absolute errors of the angles and the mean angle between rotations,
        all in degrees.
    """
    true_angles, found_angles = (angles_from_matrix(rotations) for rotations in (expected, found))
    yaw = np.abs(np.degrees(true_angles.yaw))
    bins = {}
    for low, high in YAW_BINS_DEG:
        inside = (yaw >= low) & (yaw < high)
        if inside.any():
            bins[f"nme_percent_{low}"] = float(errors[inside].mean())
    figures = {"nme_percent": float(np.mean(list(bins.values()))), **bins}
    for name in ("yaw", "pitch", "roll"):
        difference = np.degrees(getattr(found_angles, name) - getattr(true_angles, name))
        figures[f"{name}_error_deg"] = float(np.abs((difference + 180) % 360 - 180).mean())
    turn = np.degrees(angle_between(found, expected))
    figures["rotation_error_deg"] = float(turn.mean())
    return figures


@torch.no_grad()
def joined(parts: list[Tensor]) -> NDArray[np.floating]:
    """Parts of a table as one array on the CPU."""
    return torch.cat(parts).double().cpu().numpy()
