"""Candidates for faces: from the network's maps to boxes, and which of them are the same face."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

HEAD_HALF_WH, HEAD_UP = (0.6, 0.72), 0.12
"""The ellipse of a head in longer sides of its face's box: half of its width and height, and how far its
middle lies above the box's. Ears and most of the hair are in it, shoulders are not."""
PART_OF_HEAD = 0.45
"""What is smaller than that part of a face may be one of its ears, eyes or hands."""

STRIDES = (8, 16, 32)
BASES_PX = (18.0, 48.0, 128.0)
"""Unit of the distances that the network predicts at each stride."""
OUTPUTS = tuple(f"stride{stride}" for stride in STRIDES)


def decode(maps: Mapping[str, Array], row: int, *, min_score: float) -> Array:
    """Candidates (n, 6) of one picture of a batch, all scales: box in px of that picture, score, roll."""
    levels = [
        decode_level(maps[name][row], stride=stride, base_px=base, min_score=min_score)
        for name, stride, base in zip(OUTPUTS, STRIDES, BASES_PX)
    ]
    return np.concatenate(levels)


def decode_level(maps: Array, *, stride: int, base_px: float, min_score: float) -> Array:
    """Candidates of one scale.

    Args:
        maps: (7, h, w) logit, log distances to left, top, right and bottom, vector to the top of the head
            (y down).
        stride: px of the picture a cell.
        base_px: unit of the distances.
        min_score: cells scored lower are dropped.

    Returns:
        (n, 6): left, top, right, bottom in px of the picture, score in 0..1, roll in radians.
    """
    by_cell = maps.reshape(len(maps), -1)
    place = (by_cell[0] > math.log(min_score / (1 - min_score))).nonzero()[0]
    if len(place) and not np.isfinite(by_cell[:, place]).all():  # a network that broke has seen no face
        place = place[np.isfinite(by_cell[:, place]).all(axis=0)]
    found = np.empty((len(place), 6))
    if len(place) == 0:  # most scales of most photos
        return found
    row, column = np.divmod(place, maps.shape[2])
    cells = by_cell.take(place, axis=1).astype(np.float64)
    distances = base_px * np.exp(np.minimum(np.maximum(cells[1:5], -6), 6))
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    found[:, 0], found[:, 1] = x - distances[0], y - distances[1]
    found[:, 2], found[:, 3] = x + distances[2], y + distances[3]
    found[:, 4] = 1 / (1 + np.exp(-cells[0]))
    found[:, 5] = np.arctan2(-cells[5], -cells[6])
    return found


def longer_sides(found: Array) -> Array:
    """Longer side (n,) of the boxes of candidates (n, 6), px."""
    longer: Array = np.max(found[:, 2:4] - found[:, :2], axis=1, initial=0)
    return longer


def centers(found: Array) -> Array:
    """Centers (n, 2) of the boxes of candidates (n, 6), px."""
    middle: Array = (found[:, :2] + found[:, 2:4]) / 2
    return middle


def distinct(found: Array) -> Array:
    """Those candidates (n, 6), best first, each another face: of two that hold each other's center one stays.

    Boxes of one face from passes at different scales may overlap by less than :func:`keep_best` asks for.
    """
    if len(found) < 2:
        return found
    middle, kept = centers(found), np.zeros(len(found), bool)
    for number in np.argsort(-found[:, 4], kind="stable"):
        others, box = found[kept], found[number]
        holds = (middle[kept] > box[:2]) & (middle[kept] < box[2:4])
        held = (middle[number] > others[:, :2]) & (middle[number] < others[:, 2:4])
        kept[number] = not (holds.all(axis=1) & held.all(axis=1)).any()
    best_first = found[kept]
    return best_first[np.argsort(-best_first[:, 4], kind="stable")]


def hidden_by_heads(found: Array, *, sure_score: float) -> NDArray[np.bool_]:
    """Which candidates (n, 6) are suspicions in the middle of another one's head, such as an ear.

    What is much smaller than a face and lies within its head is behind it, or before it and hardly a face.

    Args:
        found: candidates of a photo.
        sure_score: faces score that much at least, and suspicions less.
    """
    hidden = np.zeros(len(found), bool)
    if len(found) < 2:
        return hidden
    sides, middle, sure = longer_sides(found), centers(found), found[:, 4] >= sure_score
    for face, side, place in zip(found[sure], sides[sure], middle[sure]):
        cosine, sine = math.cos(face[5]), math.sin(face[5])
        x, y = (middle - place).T
        upright = np.stack([cosine * x - sine * y, sine * x + cosine * y + HEAD_UP * side], axis=1)
        inside = np.sum((upright / (np.array(HEAD_HALF_WH) * side)) ** 2, axis=1) < 1
        hidden |= inside & (sides < PART_OF_HEAD * side)
    return hidden & ~sure


def keep_best(boxes_xyxy: Array, scores: Array, *, max_overlap: float) -> Array:
    """Indices of the boxes (n, 4) that no better one overlaps by more than `max_overlap`, best first."""
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        order = order[overlap(boxes_xyxy[best], boxes_xyxy[order]) <= max_overlap]
    return np.array(kept, dtype=np.intp)


def overlap(box_xyxy: Array, boxes_xyxy: Array) -> Array:
    """Intersection over union (n,) of one box (4,) with boxes (n, 4)."""
    left, top, right, bottom = boxes_xyxy.T
    x1, y1, x2, y2 = box_xyxy.tolist()
    wide = np.minimum(right, x2) - np.maximum(left, x1)
    high = np.minimum(bottom, y2) - np.maximum(top, y1)
    shared = np.maximum(wide, 0) * np.maximum(high, 0)
    areas = (right - left) * (bottom - top)
    return shared / np.maximum((x2 - x1) * (y2 - y1) + areas - shared, 1e-9)
