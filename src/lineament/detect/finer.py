"""Which parts of a photo the network sees at a finer scale: windows around traces of small faces.

A face of 16 px of what the network sees is found nearly as surely as a large one. One of 6 to 16 px leaves a
trace: some cell has a score of a few percent. So a pass at half the scale tells where to look finely, and the
rest of a photo need not be enlarged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.detect.candidates import centers, keep_best, longer_sides
from lineament.detect.options import CELL

Array: TypeAlias = NDArray[Any]
Size: TypeAlias = tuple[int, int]

FOUND_PX = 24.0  # of what the network sees: faces that large are found, and their boxes are exact
TRACE_FOR_SURE_PX = 8.0
TRACE_PX = 5.5  # and smaller ones than that leave no trace
TRACE_SCORE = 0.08
"""Of the smallest traces. At 8 px 195 of 200 faces leave one, at 6 px two in three."""
LARGER_TRACES = ((17.0, 0.2), (22.0, 0.35))
"""From which size on, px of the pass, a trace needs which score: larger faces leave stronger ones."""
CLEAR_SCORE = 0.33
"""What scores lower in a finer pass is not believed: most of it is hands, ears and leaves."""
MIN_REFINEMENT = 2.0  # a finer pass has at least so many times the pixels of the one before along a side
WELL_RESOLVED_PX = 48.0  # a face of that size that is certain needs no finer pass
WINDOW_PX, WINDOW_PX_A_STEP = 48, 24
"""Side of a window, and what it takes more for each px of the finer pass a px of the pass before, for traces
tell their places by some pixels."""
WINDOW_SIZES = 2.0  # of the trace, that a window is wide at least
MARGIN_PX = 24
"""A window answers for faces whose center is not in its margin."""
MAX_FACE_PX = 112  # in a window: larger faces are found by the pass before
WIDE_PX = 1280
MOSTLY = 0.2  # of the px of the level: where traces are that many, all of it gets a finer pass
EXAMINED_PX = 56.0
"""Side of a trace in a finer pass that needs no more pixels: its box may be twice as large as the face."""
CROWD = 14
"""So many traces are of a crowd, in which others left none: of 80 faces of 60 px on 24 MP 37 left one."""
SAME_TRACE = 0.3
"""Overlap beyond which a weaker trace tells of what a stronger one has a window for."""


@dataclass(frozen=True, slots=True)
class Window:
    """A square part of the photo as the network gets it at some scale.

    Attributes:
        corner: (x, y) of its upper left corner, px of that scale.
        size_wh: px of that scale.
        core: left, top, right, bottom in px of that scale; it answers for faces whose center lies there.
    """

    corner: tuple[int, int]
    size_wh: tuple[int, int]
    core: tuple[float, float, float, float]

    def cut(self, photo: Image.Image, factor: int) -> Array:
        """(H, W, 3) uint8: the window, each of its px `factor` px of the photo; black beyond the photo."""
        (x, y), (width, height) = self.corner, self.size_wh
        right, bottom = min(factor * (x + width), photo.width), min(factor * (y + height), photo.height)
        box = (factor * x, factor * y, right, bottom)
        part = photo.reduce(factor, box=box) if factor > 1 else photo.crop(box)
        return np.asarray(part if part.size == self.size_wh else part.crop((0, 0, width, height)))

    def answers_for(self, found: Array) -> NDArray[np.bool_]:
        """Which candidates (n, 6), px of the level, are this window's to tell."""
        middle = centers(found)
        left, top, right, bottom = self.core
        inside: NDArray[np.bool_] = (middle[:, 0] >= left) & (middle[:, 0] < right)
        inside &= (middle[:, 1] >= top) & (middle[:, 1] < bottom)
        return inside & (longer_sides(found) <= MAX_FACE_PX)


def reduction(min_face: float) -> int:
    """How many px of the photo along a side are averaged to one at the finest pass."""
    return max(1, round(min_face / FOUND_PX))


def coarse_reduction(min_face: float) -> int:
    """The same for a pass over the whole photo in which the smallest faces leave traces for sure."""
    return max(1, int(min_face / TRACE_FOR_SURE_PX))


def reductions(faint: Array, *, factor: int, scale: float) -> Array:
    """By how much (n,) the photo is reduced for a finer pass over each of the traces (n, 6), px of the photo.

    Large ones are seen well with fewer pixels; each pass has MIN_REFINEMENT times those of the one before.

    Args:
        faint: traces, px of the photo.
        factor: the least reduction, for the smallest faces.
        scale: px of the pass that left them a px of the photo.
    """
    coarsest = max(factor, int(1 / (MIN_REFINEMENT * scale)))
    by_size = (longer_sides(faint) / EXAMINED_PX).astype(int)
    chosen: Array = np.clip(by_size, factor, coarsest)
    return chosen


def traces(found: Array, *, scale: float, min_score: float) -> NDArray[np.bool_]:
    """Which candidates (n, 6) deserve a finer pass.

    Args:
        found: candidates of a pass over the whole photo, px of the photo.
        scale: px of that pass a px of the photo.
        min_score: candidates that score higher are faces.
    """
    sides, middle = longer_sides(found) * scale, centers(found)
    new: NDArray[np.bool_] = (found[:, 4] > TRACE_SCORE) & (sides < WELL_RESOLVED_PX)
    for side, score in LARGER_TRACES:
        new &= (sides < side) | (found[:, 4] > score)
    for face in found[(found[:, 4] >= min_score) & (sides >= WELL_RESOLVED_PX)]:
        new &= ~np.all((middle > face[:2]) & (middle < face[2:4]), axis=1)
    return new


def has_large_face(found: Array, *, scale: float, min_score: float) -> bool:
    """Whether one of the candidates (n, 6), px of the photo, is a face that needs no finer pass.

    Args:
        found: candidates of a pass over the whole photo.
        scale: px of that pass a px of the photo.
        min_score: candidates that score higher are faces.
    """
    return bool(((found[:, 4] >= min_score) & (longer_sides(found) * scale >= WELL_RESOLVED_PX)).any())


def replaced(coarse: Array, fine: Array) -> NDArray[np.bool_]:
    """Which candidates (n, 6) of a pass are told better by those (m, 6) of a finer one."""
    middle = centers(fine)[None]
    inside = (middle > coarse[:, None, :2]) & (middle < coarse[:, None, 2:4])
    same: NDArray[np.bool_] = np.any(np.all(inside, axis=2), axis=1)
    return same


def windows_around(faint: Array, photo_wh: Size, *, factor: int, scale: float) -> list[Window]:
    """Windows that show every trace; wide ones of all of the photo for a crowd, or where that costs less.

    Args:
        faint: traces (n, 6), px of the photo.
        photo_wh: width and height of the photo, px.
        factor: px of the photo a px of the level.
        scale: px of the pass that left them a px of the photo.
    """
    level_wh, step = _level_wh(photo_wh, factor), 1 / (factor * scale)
    budget = MOSTLY * math.prod(level_wh)
    left_over = faint[keep_best(faint[:, :4], faint[:, 4], max_overlap=SAME_TRACE)]
    if len(left_over) >= CROWD:
        return wide_windows(photo_wh, factor)
    sides = np.maximum(WINDOW_PX + WINDOW_PX_A_STEP * step, WINDOW_SIZES * longer_sides(left_over) / factor)
    places = centers(left_over) / factor
    parts: list[Window] = []
    while len(places):
        size_wh = _size_wh(float(sides[0]), level_wh)
        parts.append(_window(_corner_around(places[0].tolist(), size_wh, level_wh), size_wh, level_wh))
        budget -= math.prod(size_wh)
        if budget < 0 and len(parts) > 1:
            return wide_windows(photo_wh, factor)
        if len(places) == 1:
            break
        half = np.array(size_wh) / 2
        away = np.abs(places - parts[-1].corner - half)
        missed = (away > half - MARGIN_PX - WINDOW_PX_A_STEP * step / 4).any(axis=1) | (sides > sides[0])
        missed[0] = False  # at the edge of the photo windows do not reach beyond it
        places, sides = places[missed], sides[missed]
    return parts


def wide_windows(photo_wh: Size, factor: int) -> list[Window]:
    """Windows that show the whole photo."""
    level_wh = _level_wh(photo_wh, factor)
    size_wh = _size_wh(WIDE_PX, level_wh)
    step = WIDE_PX - 2 * MARGIN_PX - MAX_FACE_PX
    starts = [range(0, max(1, length - WIDE_PX + step), step) for length in level_wh]
    return [_window((x, y), size_wh, level_wh) for y in starts[1] for x in starts[0]]


def _level_wh(photo_wh: Size, factor: int) -> Size:
    width, height = photo_wh
    return -(-width // factor), -(-height // factor)


def _size_wh(side: float, level_wh: Size) -> Size:
    """In whole cells, so that many are alike and seen together; no larger than the level needs."""
    cells = math.ceil(side / CELL)
    width, height = (min(cells, -(-length // CELL)) * CELL for length in level_wh)
    return width, height


def _corner_around(place: Sequence[float], size_wh: Size, level_wh: Size) -> Size:
    """Upper left corner of the window with a place in its middle, or as near to that as the level allows."""
    x, y = (
        min(max(round(middle - size / 2), 0), max(length - size, 0))
        for middle, size, length in zip(place, size_wh, level_wh)
    )
    return x, y


def _window(corner: Size, size_wh: Size, level_wh: Size) -> Window:
    """With a core that reaches to the edges of the photo where the window does, and beyond."""
    low = [start + MARGIN_PX if start > 0 else -math.inf for start in corner]
    ends = [(start + size, length) for start, size, length in zip(corner, size_wh, level_wh)]
    high = [end - MARGIN_PX if end < length else math.inf for end, length in ends]
    return Window(corner, size_wh, (low[0], low[1], high[0], high[1]))
