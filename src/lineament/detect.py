"""Finding faces: what a detector is, and the one we ship.

The shipped network sees a photo at two sizes at most. The first look, 320 px on the longer side, finds every
face above about a twentieth of it. The second look, at the photo's own size up to 960 px, is for photos that
have many more pixels than the first one saw and may hide small faces: it is spent when the first look found
nothing, or found only faces that are small in the photo, as on pictures of groups. A portrait costs one look.

Faces scored neither high nor low, and faces that seem to lean far, are looked at once more, each alone:
upright, mirrored and 96 px large. A doubtful score becomes the mean of both, in logits, which halves the
false faces on held-out canvases at the same share of faces found; a far lean has to be confirmed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.crop import CropBox
from lineament.errors import ConfigError, WeightsError
from lineament.image import check_image, resample_crop
from lineament.network import OnnxNetwork
from lineament.result import Detection

Array: TypeAlias = NDArray[Any]

STRIDES = (8, 16, 32)
BASES_PX = (18.0, 48.0, 128.0)
"""Unit of the distances that the network answers at each stride."""
OUTPUTS = tuple(f"stride{stride}" for stride in STRIDES)
CELL = STRIDES[-1]
CLOSEUP_PX, CLOSEUP_FACE_PX = 192, 96
SAME_FACE = 0.4  # overlap with where a closeup should have its face
MOST_CLOSE_LOOKS = 32
UPRIGHT_ODDS = 2.0  # faces of photographs stand upright more often than their first look says
LEANING = np.radians(50)
"""Rolls beyond this are rare, and wrong as often as right: they are confirmed by a closer look."""
LOWEST_SCORE = 0.01
WORTH_A_LOOK = 2.0  # a second look sees at least so many times the pixels of the first along a side
LEAST_SHARE = 0.8  # of the first look's side: a picture of that many px may stand in for it


@runtime_checkable
class Detector(Protocol):
    """Anything that finds faces: ours, or a wrapper around another library."""

    def detect(self, image: Array) -> list[Detection]:
        """Faces of an (H, W, 3) uint8 RGB photo, best first; boxes in px of the photo."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """How hard to look.

    Attributes:
        min_score: faces scored lower are not reported.
        doubtful: faces scored between these two are looked at more closely.
        first_side: longer side of the photo at the first look, px.
        second_side: longer side at the second look, px; equal to `first_side` there is no second look.
        small_face: the second look is spent when no face found is larger than this share of the shorter side.
        max_overlap: of two boxes that overlap more (intersection over union) the better one stays.
    """

    min_score: float = 0.46
    doubtful: tuple[float, float] = (0.25, 0.7)
    first_side: int = 320
    second_side: int = 960
    small_face: float = 0.25
    max_overlap: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.min_score < 1:
            raise ConfigError(f"min_score must lie between 0 and 1, found {self.min_score}. Try 0.46.")
        if self.first_side < CELL or self.second_side < self.first_side:
            raise ConfigError(
                f"first_side must be at least {CELL} and second_side no smaller than it, "
                f"found {self.first_side} and {self.second_side}."
            )


QUICK = DetectorOptions(first_side=224, min_score=0.5)
"""What the aligner "fast" looks with: a first look of half the pixels. Of 400 faces of AFLW2000-3D it finds
393 (394 with the defaults); beside a large face, small ones of the same photo are missed sooner."""


class OnnxDetector:
    """The detector that comes with lineament: numpy, Pillow and ONNX Runtime."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        options: DetectorOptions | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        """Load the network.

        Args:
            path: an .onnx file with the input "image" (n, H, W, 3) uint8 and one output a stride.
            threads: CPU threads a look may use; None takes all cores.
            options: how hard to look.
            providers: ONNX Runtime's execution providers, best first.

        Raises:
            WeightsError: the file is missing, damaged or not a face detector.
        """
        self.options = DetectorOptions() if options is None else options
        self._network = OnnxNetwork(path, threads=threads, providers=providers)
        if set(self._network.input_shapes) != {"image"} or set(self._network.output_names) != set(OUTPUTS):
            raise WeightsError(
                f"{self._network.path.name} is no face detector: it has {self._network!r}, expected "
                f"image -> {', '.join(OUTPUTS)}. Give the path of face_detector.onnx."
            )

    def __repr__(self) -> str:
        """File and options."""
        return f"OnnxDetector({self._network.path.name!r}, {self.options})"

    def detect(self, image: Array) -> list[Detection]:
        """Faces of an (H, W, 3) uint8 RGB photo, best first; [] when there is none.

        Boxes hold the 68 landmarks with the hidden side of the jaw and may reach beyond the photo. Roll is
        the direction in which the top of the head points, any angle: faces may be upside down.

        Raises:
            ImageError: not an (H, W, 3) uint8 picture.
        """
        image = check_image(image)
        options = self.options
        found = self._look(image, options.first_side, least_side=round(LEAST_SHARE * options.first_side))
        if self._is_second_look_due(image, found[found[:, 4] >= options.min_score]):
            found = np.concatenate([found, self._look(image, _second_side(image, options))])
        kept = found[keep_best(found[:, :4], found[:, 4], max_overlap=options.max_overlap)]
        kept = self._settle_doubts(image, kept)
        order = np.argsort(-kept[:, 4], kind="stable")
        best_first = kept[order[kept[order, 4] >= options.min_score]]
        return [Detection(row[:4].astype(np.float32), float(row[4]), float(row[5])) for row in best_first]

    def _is_second_look_due(self, image: Array, found: Array) -> bool:
        options = self.options
        if _second_side(image, options) < WORTH_A_LOOK * options.first_side:
            return False  # the first look has seen nearly all there is
        if len(found) == 0:
            return True
        sides = np.max(found[:, 2:4] - found[:, :2], axis=1)
        return float(sides.max()) < options.small_face * min(image.shape[:2])

    def _look(self, image: Array, side: int, *, least_side: int | None = None) -> Array:
        """Candidates (n, 6): box in px of the photo, score, roll."""
        canvas, scale_xy = letterbox(image, side, least_side=least_side)
        lowest = min(self.options.min_score, self.options.doubtful[0])
        maps = self._network(image=canvas[None])
        levels = [
            decode_level(maps[name][0], stride=stride, base_px=base, min_score=lowest)
            for name, stride, base in zip(OUTPUTS, STRIDES, BASES_PX)
        ]
        found = np.concatenate(levels)
        found[:, :4] /= np.tile(scale_xy, 2)
        return found

    def _settle_doubts(self, image: Array, found: Array) -> Array:
        """The same candidates (n, 6), best first, after a closer look at the doubtful and the leaning ones.

        A doubtful candidate gets the score of two looks. One that seems to lean far is looked at as it seems
        to stand and upright; it takes the roll that the better of the two closeups confirms.
        """
        low, high = self.options.doubtful
        doubtful = (found[:, 4] > low) & (found[:, 4] < high)
        leaning = (found[:, 4] > low) & (np.abs(found[:, 5]) > LEANING)
        chosen = np.flatnonzero(doubtful | leaning)[:MOST_CLOSE_LOOKS]
        if len(chosen) == 0:
            return found
        looks = [
            (number, roll)
            for number in chosen
            for roll in {found[number, 5], 0.0 if leaning[number] else found[number, 5]}
        ]
        maps = self._network(image=np.stack([_closeup(image, found[n], roll) for n, roll in looks]))
        seen = [_closeup_face([maps[name][row] for name in OUTPUTS]) for row in range(len(looks))]
        found = found.copy()
        for number in chosen:
            mine = [(roll, *face) for (n, roll), face in zip(looks, seen) if n == number]
            roll, score, lean = max(mine, key=_plausibility)
            if doubtful[number]:
                logit = (_logit(found[number, 4]) + _logit(score)) / 2
                found[number, 4] = 1 / (1 + np.exp(-logit))
            if leaning[number]:
                found[number, 5] = np.angle(np.exp(1j * (roll + lean)))
        return found


def _plausibility(look: tuple[float, float, float]) -> float:
    """How likely a closeup (roll, score, remaining roll) shows its face upright."""
    roll, score, remaining = look
    return score * (1 + float(np.cos(remaining))) * (UPRIGHT_ODDS if roll == 0 else 1.0)


def _closeup(image: Array, candidate: Array, roll: float) -> Array:
    """The candidate (6,) turned by a roll and mirrored, its longer side CLOSEUP_FACE_PX: (S, S, 3) uint8."""
    center_xy = (candidate[:2] + candidate[2:4]) / 2
    side = float(np.max(candidate[2:4] - candidate[:2])) * CLOSEUP_PX / CLOSEUP_FACE_PX
    square = CropBox((float(center_xy[0]), float(center_xy[1])), side, CLOSEUP_PX, float(roll))
    return resample_crop(image, square)[:, ::-1]


def _closeup_face(maps: Sequence[Array]) -> tuple[float, float]:
    """Score and remaining roll of the best face that is where a closeup has it."""
    found = np.concatenate(
        [
            decode_level(level, stride=stride, base_px=base, min_score=LOWEST_SCORE)
            for level, stride, base in zip(maps, STRIDES, BASES_PX)
        ]
    )
    edge = (CLOSEUP_PX - CLOSEUP_FACE_PX) / 2
    expected = np.array([edge, edge, CLOSEUP_PX - edge, CLOSEUP_PX - edge])
    there = found[overlap(expected, found[:, :4]) > SAME_FACE]
    if len(there) == 0:
        return LOWEST_SCORE, 0.0
    best = there[np.argmax(there[:, 4])]
    return float(best[4]), -float(best[5])  # closeups are mirrored


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _second_side(image: Array, options: DetectorOptions) -> int:
    """Longer side at the second look; enlarging the photo would show nothing new."""
    return int(min(max(image.shape[:2]), options.second_side))


def letterbox(image: Array, side: int, *, least_side: int | None = None) -> tuple[Array, Array]:
    """The photo with its longer side at `side` px, black to the right and below up to multiples of 32.

    Small photos are enlarged by 2 at most: more would only cost time.

    Args:
        image: (H, W, 3) uint8.
        side: px.
        least_side: a longer side from here to `side` will do, if averaging whole blocks of pixels gives one:
            that takes a quarter of the time.

    Returns:
        (H, W, 3) uint8, and (2,) its px a px of the photo in x and y.
    """
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    factor = -(-max(height, width) // side)
    if least_side is not None and factor > 1 and max(height, width) / factor >= least_side:
        small = picture.reduce(factor)
        scale_xy = np.array([1 / factor, 1 / factor])
    else:
        scale = min(side / max(height, width), 2.0)
        new_wh = np.maximum(np.round(np.array([width, height]) * scale), 1).astype(int)
        small = picture.resize(tuple(new_wh.tolist()), Image.Resampling.BILINEAR, reducing_gap=2.0)
        scale_xy = new_wh / np.array([width, height])
    canvas = np.zeros((-(-small.height // CELL) * CELL, -(-small.width // CELL) * CELL, 3), np.uint8)
    canvas[: small.height, : small.width] = np.asarray(small)
    return canvas, scale_xy


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
    rows, columns = np.nonzero(maps[0] > np.log(min_score / (1 - min_score)))
    cells = maps[:, rows, columns].astype(np.float64)
    centers_xy = (np.stack([columns, rows], axis=1) + 0.5) * stride
    distances = base_px * np.exp(np.clip(cells[1:5].T, -6, 6))
    scores = 1 / (1 + np.exp(-cells[0]))
    rolls = np.arctan2(-cells[5], -cells[6])
    return np.column_stack([centers_xy - distances[:, :2], centers_xy + distances[:, 2:], scores, rolls])


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
    low = np.maximum(box_xyxy[:2], boxes_xyxy[:, :2])
    high = np.minimum(box_xyxy[2:], boxes_xyxy[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], axis=1)
    area = np.prod(box_xyxy[2:] - box_xyxy[:2])
    return shared / np.maximum(area + areas - shared, 1e-9)
