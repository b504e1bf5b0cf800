"""What a mean over all points hides: eyelids, lips, hidden points, and jitter in video."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.scores.metrics import interocular

Array = NDArray[Any]


def opening(landmarks: Array, pairs: tuple[tuple[int, int], ...]) -> Array:
    """(...) mean distance of pairs of (..., 68, C) landmarks over the distance of the outer eye corners.

    With C = 3 and points of one picture neither the pose nor the size of the face matters.
    """
    upper, lower = np.array(pairs).T
    gap = np.linalg.norm(landmarks[..., upper, :] - landmarks[..., lower, :], axis=-1).mean(axis=-1)
    return gap / interocular(landmarks)


def average_precision(score: Array, hidden: Array) -> float:
    """How well a score tells hidden points from seen ones: the area under precision over recall.

    The sum of precision at each hidden point, ordered by falling score; ties share their place (Salton's
    non-interpolated average precision). 1 where all hidden points come first; NaN where nothing is hidden.

    Args:
        score: (n,) larger for what is more likely hidden.
        hidden: (n,) bool, the truth.
    """
    score, hidden = np.ravel(score), np.ravel(hidden).astype(bool)
    if not hidden.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)  # the last of each tie
    caught = np.cumsum(hidden[order])[ends]
    precision = caught / (ends + 1)
    return float(np.sum(np.diff(caught, prepend=0) * precision) / hidden.sum())


def visibility_accuracy(visibility: Array, visible: Array, *, threshold: float = 0.5) -> float:
    """Fraction of (n,) points whose visibility, 0 to 1, falls on the side of the threshold that is true."""
    return float(np.mean((np.ravel(visibility) > threshold) == np.ravel(visible).astype(bool)))


def jitter(landmarks: Array, truth: Array, size: Array) -> float:
    """Jitter that is not in the face: mean change of the error from frame to frame, over the face's size.

    A constant error has none. Frames must follow each other.

    Args:
        landmarks: (T, P, C) px of T frames; NaN where a frame has no face.
        truth: (T, P, C).
        size: (T,) px.
    """
    error = (np.asarray(landmarks, np.float64) - truth) / np.asarray(size, np.float64)[:, None, None]
    change = np.linalg.norm(np.diff(error, axis=0), axis=-1)
    return float(np.nanmean(change)) if np.isfinite(change).any() else float("nan")


def restlessness(landmarks: Array, size: Array) -> float:
    """Jitter without a truth: mean length of the second difference over the face's size.

    Zero for a head that moves evenly; what is left is acceleration and noise. (T, P, C) px, (T,) px.
    """
    points = np.asarray(landmarks, np.float64)
    second = np.linalg.norm(points[2:] - 2 * points[1:-1] + points[:-2], axis=-1)
    moved = second / np.asarray(size, np.float64)[1:-1, None]
    return float(np.nanmean(moved)) if np.isfinite(moved).any() else float("nan")
