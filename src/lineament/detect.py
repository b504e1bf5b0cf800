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

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.errors import ConfigError, WeightsError
from lineament.image import Picture, as_picture
from lineament.resample import letterbox, resample_crop
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

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> DetectorOptions:
        """The options that weights state for their detector; the others keep their defaults.

        Raises:
            ConfigError: an option is unknown or no number.
        """
        known = {option.name for option in fields(cls)}
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in table.items()}
        for name, value in values.items():
            numbers = value if isinstance(value, tuple) else (value,)
            count = 2 if name == "doubtful" else 1
            if name not in known or len(numbers) != count or not all(_is_number(n) for n in numbers):
                raise ConfigError(
                    f"Weights state {name!r} = {value!r} for their detector; known are numbers for "
                    f"{', '.join(sorted(known))}, two for doubtful. Upgrade lineament, or "
                    f"correct the weights."
                )
        return cls(**values)


class OnnxDetector:
    """The detector that comes with lineament: numpy, Pillow and ONNX Runtime."""

    def __init__(
        self,
        name_or_path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        options: DetectorOptions | None = None,
        device: str = "cpu",
    ) -> None:
        """Load the network.

        Args:
            name_or_path: "face-detector", another name of `lineament info`, or a bundle or .onnx file with
                the input "image" (n, H, W, 3) uint8 and one output a stride.
            threads: CPU threads a look may use; None takes all cores.
            options: how hard to look.
            device: "cpu"; "cuda", with the package onnxruntime-gpu; "auto", CUDA if it is there.

        Raises:
            WeightsError: no such weights, or they are damaged or not a face detector.
            ConfigError: this ONNX Runtime does not have the device.
        """
        self.options = DetectorOptions() if options is None else options
        self._network = Bundle.open(name_or_path).network(threads=threads, device=device)
        if set(self._network.input_shapes) != {"image"} or set(self._network.output_names) != set(OUTPUTS):
            raise WeightsError(
                f"{self._network.path.name} is no face detector: it has {self._network!r}, expected "
                f"image -> {', '.join(OUTPUTS)}. Give the name or path of a detector, such as face-detector."
            )

    def __repr__(self) -> str:
        """File and options."""
        return f"OnnxDetector({self._network.path.name!r}, {self.options})"

    def detect(self, image: Picture) -> list[Detection]:
        """Faces of an (H, W, 3) uint8 RGB photo, or of Pillow's picture of it, best first; [] without any.

        Boxes hold the 68 landmarks with the hidden side of the jaw and may reach beyond the photo. Roll is
        the direction in which the top of the head points, any angle: faces may be upside down.

        Raises:
            ImageError: not an (H, W, 3) uint8 picture.
        """
        picture = as_picture(image)
        options = self.options
        found = self._look(picture, options.first_side, least_side=round(LEAST_SHARE * options.first_side))
        if self._is_second_look_due(picture, found):
            found = np.concatenate([found, self._look(picture, _second_side(picture, options))])
        kept = found[keep_best(found[:, :4], found[:, 4], max_overlap=options.max_overlap)]
        kept = self._settle_doubts(picture, kept)
        order = np.argsort(-kept[:, 4], kind="stable")
        best_first = kept[order[kept[order, 4] >= options.min_score]]
        return [Detection(row[:4].astype(np.float32), float(row[4]), float(row[5])) for row in best_first]

    def _is_second_look_due(self, picture: Image.Image, found: Array) -> bool:
        options = self.options
        if _second_side(picture, options) < WORTH_A_LOOK * options.first_side:
            return False  # the first look has seen nearly all there is
        sure = found[found[:, 4] >= options.min_score]
        if len(sure) == 0:
            return True
        sides = np.max(sure[:, 2:4] - sure[:, :2], axis=1)
        return float(sides.max()) < options.small_face * min(picture.size)

    def _look(self, picture: Image.Image, side: int, *, least_side: int | None = None) -> Array:
        """Candidates (n, 6): box in px of the photo, score, roll."""
        canvas, scale_xy = letterbox(picture, side, least_side=least_side, cell=CELL)
        lowest = min(self.options.min_score, self.options.doubtful[0])
        maps = self._network(image=canvas[None])
        levels = [
            decode_level(maps[name][0], stride=stride, base_px=base, min_score=lowest)
            for name, stride, base in zip(OUTPUTS, STRIDES, BASES_PX)
        ]
        found = np.concatenate(levels)
        found[:, :2] /= scale_xy
        found[:, 2:4] /= scale_xy
        return found

    def _settle_doubts(self, picture: Image.Image, found: Array) -> Array:
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
        maps = self._network(image=np.stack([_closeup(picture, found[n], roll) for n, roll in looks]))
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


def _closeup(picture: Image.Image, candidate: Array, roll: float) -> Array:
    """The candidate (6,) turned by a roll and mirrored, its longer side CLOSEUP_FACE_PX: (S, S, 3) uint8."""
    center_xy = (candidate[:2] + candidate[2:4]) / 2
    side = float(np.max(candidate[2:4] - candidate[:2])) * CLOSEUP_PX / CLOSEUP_FACE_PX
    square = CropBox((float(center_xy[0]), float(center_xy[1])), side, CLOSEUP_PX, float(roll))
    return resample_crop(picture, square)[:, ::-1]


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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def _second_side(picture: Image.Image, options: DetectorOptions) -> int:
    """Longer side at the second look; enlarging the photo would show nothing new."""
    return min(max(picture.size), options.second_side)


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
