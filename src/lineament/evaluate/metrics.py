"""Error measures, one definition each (``docs/conventions.md`` says which table uses which)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

YAW_BINS_DEG = ((0.0, 30.0), (30.0, 60.0), (60.0, 360.0))
MOST_ANGLE_DEG = 99.0


def normalised_mean_error(points: Array, truth: Array) -> Array:
    """Mean distance of matched 2D points over the square root of the area of the truth's upright box.

    The sparse 2D NME of 3DDFA (Zhu et al. 2016) and its successors.

    Args:
        points: (..., P, 2) px.
        truth: (..., P, 2) px, the points whose box normalises.

    Returns:
        (...) as a fraction, not in percent.
    """
    distance = np.linalg.norm(points - truth, axis=-1).mean(axis=-1)
    return distance / np.sqrt(np.prod(np.ptp(truth, axis=-2), axis=-1))


@dataclass(frozen=True, slots=True)
class BinnedError:
    """An error by absolute yaw.

    Attributes:
        bins: mean of each bin of :data:`YAW_BINS_DEG`.
        counts: images in each bin.
        mean_of_bins: what 3DDFA's and SynergyNet's tables call "Mean".
        mean_of_images: what SADRNet's and DSFNet's evaluation calls the mean.
    """

    bins: tuple[float, float, float]
    counts: tuple[int, int, int]
    mean_of_bins: float
    mean_of_images: float


def by_yaw(error: Array, yaw_deg: Array) -> BinnedError:
    """Split (F,) errors by (F,) yaw in degrees, of any sign; angles beyond a half turn are wrapped."""
    turned = np.abs((np.asarray(yaw_deg) + 180.0) % 360.0 - 180.0)
    # The published split: the upper end belongs to the bin, and nothing falls out at the top.
    chosen = [(turned > low) & (turned <= high) if low else turned <= high for low, high in YAW_BINS_DEG]
    bins = tuple(float(error[c].mean()) if c.any() else float("nan") for c in chosen)
    counts = tuple(int(c.sum()) for c in chosen)
    return BinnedError(bins, counts, float(np.mean(bins)), float(np.mean(error)))  # type: ignore[arg-type]


def pose_absolute_errors_deg(angles_deg: Array, truth_deg: Array) -> Array:
    """(3,) mean absolute error of pitch, yaw and roll; faces beyond +-99 degrees in truth do not count.

    The rule of FSA-Net's list (Yang et al. 2019): a face is left out if any of its angles is beyond.

    Args:
        angles_deg: (F, 3) pitch, yaw, roll.
        truth_deg: (F, 3) of the same signs.
    """
    kept = np.all(np.abs(truth_deg) <= MOST_ANGLE_DEG, axis=1)
    return np.abs(angles_deg[kept] - truth_deg[kept]).mean(axis=0)
