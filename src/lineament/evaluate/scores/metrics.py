"""Error of matched points: one definition, its normalisers, and how faces are averaged.

All functions take NaN for a point that is not annotated and leave it out. Which table uses which normaliser
and average is said by the protocols (:mod:`lineament.evaluate.protocols.presets`), never here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

YAW_BINS_DEG = ((0.0, 30.0), (30.0, 60.0), (60.0, 360.0))
BIN_NAMES = ("0-30", "30-60", "60-90")
OUTER_EYE_CORNERS = (36, 45)


def normalised_mean_error(points: Array, truth: Array, *, size: ArrayLike | None = None) -> Array:
    """Mean distance of matched points over a size of the face.

    The NME of 3DDFA (Zhu et al. 2016) and its successors. With three coordinates it is the 3D error of PRNet
    and SADRNet, once the mean depth is taken off (:func:`without_mean_depth`).

    Args:
        points: (..., P, 2) or (..., P, 3) px.
        truth: the same of the truth; NaN where there is no point.
        size: (...) px that divides; the truth's :func:`box_size` when left out.

    Returns:
        (...) as a fraction, not in percent; NaN where no point is annotated.
    """
    distance = np.linalg.norm(np.subtract(points, truth), axis=-1)
    there = np.isfinite(truth).all(axis=-1)
    count = there.sum(axis=-1)
    total = np.where(there, distance, 0.0).sum(axis=-1)
    mean = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean / (box_size(truth) if size is None else np.asarray(size, dtype=np.float64))


def box_size(points: Array) -> Array:
    """Square root of the area of the points' upright box, (...) px of (..., P, 2 or 3); x and y only."""
    xy = np.asarray(points, dtype=np.float64)[..., :2]
    there = np.isfinite(xy).all(axis=-1, keepdims=True)
    low = np.where(there, xy, np.inf).min(axis=-2)
    high = np.where(there, xy, -np.inf).max(axis=-2)
    sides = np.where(there.any(axis=-2), high - low, np.nan)
    return np.sqrt(np.prod(sides, axis=-1))


def box_xyxy_size(box_xyxy: Array) -> Array:
    """Square root of the area of boxes (..., 4) left, top, right, bottom."""
    box = np.asarray(box_xyxy, dtype=np.float64)
    return np.sqrt(np.prod(box[..., 2:] - box[..., :2], axis=-1))


def interocular(landmarks: Array) -> Array:
    """(...) distance of the outer corners of the eyes of (..., 68, C) landmarks, in all C dimensions."""
    right, left = (landmarks[..., corner, :] for corner in OUTER_EYE_CORNERS)
    return np.linalg.norm(right - left, axis=-1)


def without_mean_depth(points: Array, truth: Array) -> tuple[Array, Array]:
    """Points and truth (..., P, 3), each with the mean z of the annotated points taken off.

    The distance to the camera cannot be seen under a parallel projection: SADRNet and DSFNet centre so.
    """
    there = np.isfinite(truth).all(axis=-1)
    return tuple(_centred(np.asarray(p, dtype=np.float64), there) for p in (points, truth))


def _centred(points: Array, there: NDArray[np.bool_]) -> Array:
    count = np.maximum(there.sum(axis=-1, keepdims=True), 1)
    mean = np.where(there, points[..., 2], 0.0).sum(axis=-1, keepdims=True) / count
    centred = points.copy()
    centred[..., 2] -= mean
    return centred


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
    """Split (F,) errors by (F,) yaw in degrees, of any sign; angles beyond a half turn are wrapped.

    NaN errors (faces that do not count) are left out; without any the means are NaN.
    """
    error = np.asarray(error, dtype=np.float64)
    counted = np.isfinite(error)
    chosen = [counted & inside for inside in yaw_bins(yaw_deg)]
    bins = tuple(float(error[c].mean()) if c.any() else float("nan") for c in chosen)
    counts = tuple(int(c.sum()) for c in chosen)
    mean = float(error[counted].mean()) if counted.any() else float("nan")
    return BinnedError(bins, counts, float(np.mean(bins)), mean)


def yaw_bins(yaw_deg: Array) -> list[NDArray[np.bool_]]:
    """Three (F,) masks. The upper end belongs to its bin, and nothing falls out at the top."""
    rotated = np.abs((np.asarray(yaw_deg) + 180.0) % 360.0 - 180.0)
    return [(rotated > low) & (rotated <= high) if low else rotated <= high for low, high in YAW_BINS_DEG]


def rank_correlation(first: Array, second: Array) -> float:
    """Spearman's correlation of (n,) and (n,) numbers, of which few are equal."""
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(ranks)[0, 1])
