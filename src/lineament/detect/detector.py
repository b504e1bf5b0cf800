"""The protocol of a detector, and the one that comes with lineament."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.bundle import Bundle
from lineament.detect.candidates import OUTPUTS, STRIDES, decode, distinct, hidden_by_heads, keep_best
from lineament.detect.closeup import Reduced, look_closer, settle_doubts
from lineament.detect.finer import (
    CLEAR_SCORE,
    MIN_REFINEMENT,
    TRACE_PX,
    TRACE_SCORE,
    Window,
    coarse_reduction,
    has_large_face,
    reduction,
    reductions,
    replaced,
    traces,
    wide_windows,
    windows_around,
)
from lineament.detect.options import CELL, DetectorOptions
from lineament.errors import WeightsError
from lineament.image import Picture, as_picture
from lineament.network import check_shapes
from lineament.resample import letterbox
from lineament.result import Detection

Array: TypeAlias = NDArray[Any]

MIN_FRACTION = 0.8  # of the first pass's side: a picture of that many px may stand in for it
PORTRAIT_PX = 640
"""A photo no larger than that which shows a large face is a portrait: small faces behind it are looked for
when they are asked for (`min_face`). All other photos get finer passes whoever else is in them."""
MAPS = dict(zip(OUTPUTS, STRIDES, strict=True))
MAP_VALUES = 7  # a cell, see `decode_level`
BATCH_PX = 2_000_000  # of windows that the network sees at once


@runtime_checkable
class Detector(Protocol):
    """Anything that finds faces: ours, or a wrapper around another library."""

    def detect(self, image: Array) -> list[Detection]:
        """Faces of an (H, W, 3) uint8 RGB photo, best first; boxes in px of the photo."""
        ...


@runtime_checkable
class CloserDetector(Detector, Protocol):
    """A detector that can be asked about places where something else has found faces."""

    def look_closer(self, image: Picture, places: Sequence[Detection]) -> list[Detection]:
        """The face at each place as the detector alone sees it there, in their order.

        Args:
            image: the photo.
            places: where faces should be, and how they are turned. Their scores do not count.

        Returns:
            Box, score and roll; a score near 0 where it sees none.
        """
        ...


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
            threads: CPU threads a pass may use; None takes all cores.
            options: how thoroughly to search.
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
        found, smaller = self._candidates(picture)
        found = found[found[:, 4] > min(options.min_score, options.doubtful[0])]
        kept = found[keep_best(found[:, :4], found[:, 4], max_overlap=options.max_overlap)]
        kept = kept[~hidden_by_heads(kept, sure_score=options.doubtful[1])]
        kept = settle_doubts(self._infer, [(picture, 1), *smaller], kept, doubtful_range=options.doubtful)
        best_first = distinct(kept[kept[:, 4] >= options.min_score])
        return _detections(best_first)

    def look_closer(self, image: Picture, places: Sequence[Detection]) -> list[Detection]:
        """See :class:`CloserDetector`: each place alone, upright, mirrored, 96 px large.

        Raises:
            ImageError: not an (H, W, 3) uint8 picture.
        """
        if not places:
            return []
        rows = np.array([[*place.box_xyxy.tolist(), place.score, place.roll] for place in places])
        return _detections(look_closer(self._infer, [(as_picture(image), 1)], rows))

    def _candidates(self, picture: Image.Image) -> tuple[Array, list[Reduced]]:
        """Candidates (n, 6) of all passes over the whole photo and parts of it, and the photo reduced."""
        min_face = self.options.min_face_in(picture.size)
        factor, scale = reduction(min_face), self.options.first_side_in(picture.size) / max(picture.size)
        if 1 / factor < MIN_REFINEMENT * scale:
            return self._whole(picture), []  # which has seen nearly all there is
        if self.options.min_face is None and max(picture.size) <= PORTRAIT_PX:
            found = self._whole(picture)
            if has_large_face(found, scale=scale, min_score=self.options.min_score):
                return found, []
            return np.concatenate([self._whole(picture, side=max(picture.size)), found]), []
        passes: list[Array] = []
        smaller: list[Reduced] = []
        least = TRACE_SCORE
        if min_face * scale < TRACE_PX:
            coarse = coarse_reduction(min_face)
            scale, reduced = 1 / coarse, picture.reduce(coarse)
            smaller.append((reduced, coarse))
            passes.append(_enlarged(self._whole(reduced), coarse))
            everywhere = wide_windows(reduced.size, 1)
            found = _enlarged(self._parts(reduced, everywhere, 1, min_score=TRACE_SCORE), coarse)
            least = CLEAR_SCORE  # for that was a finer pass too
        else:
            found = self._whole(picture)
        # What is doubtful may be rejected later: until then it hides nobody.
        sure_score = max(self.options.min_score, self.options.doubtful[1])
        faint = traces(found, scale=scale, min_score=sure_score)
        if faint.any():
            fine = self._finer(picture, found[faint], factor=factor, scale=scale)
            found = found[~(faint & replaced(found, fine))]
            passes.append(fine)
        return np.concatenate([*passes, found[found[:, 4] >= least]]), smaller

    def _whole(self, picture: Image.Image, *, side: int | None = None) -> Array:
        """Candidates (n, 6) of a pass over the whole photo, its longer side `side` px."""
        side = self.options.first_side_in(picture.size) if side is None else side
        canvas, scale_xy = letterbox(picture, side, min_side=round(MIN_FRACTION * side), cell=CELL)
        found = decode(self._infer(canvas[None]), 0, min_score=TRACE_SCORE)
        found[:, :4] /= np.tile(scale_xy, 2)
        return found

    def _finer(self, picture: Image.Image, faint: Array, *, factor: int, scale: float) -> Array:
        """Candidates (n, 6) of finer passes over traces (m, 6) that a pass left, px of the photo."""
        by_trace = reductions(faint, factor=factor, scale=scale)
        found = []
        for level in np.unique(by_trace).tolist():
            parts = windows_around(faint[by_trace == level], picture.size, factor=level, scale=scale)
            found.append(self._parts(picture, parts, level, min_score=CLEAR_SCORE))
        return np.concatenate(found)

    def _parts(
        self, picture: Image.Image, parts: Sequence[Window], factor: int, *, min_score: float
    ) -> Array:
        """Candidates (n, 6) in windows of the photo, px of the photo."""
        found = [np.empty((0, 6))]
        for size_wh in sorted({part.size_wh for part in parts}):
            alike = [part for part in parts if part.size_wh == size_wh]
            at_once = max(1, BATCH_PX // math.prod(size_wh))
            for start in range(0, len(alike), at_once):
                batch = alike[start : start + at_once]
                maps = self._infer(np.stack([part.cut(picture, factor) for part in batch]))
                for row, part in enumerate(batch):
                    here = decode(maps, row, min_score=min_score)
                    if len(here):
                        here[:, :4] += part.corner * 2
                        found.append(here[part.answers_for(here)])
        everything = np.concatenate(found)
        everything[:, :4] *= factor
        return everything

    def _infer(self, pictures: Array) -> Mapping[str, Array]:
        """The network's maps, of the shapes they must have; cells that are no numbers are no faces."""
        maps = self._network(image=pictures)
        height, width = pictures.shape[1:3]
        shapes = {name: (MAP_VALUES, height // step, width // step) for name, step in MAPS.items()}
        check_shapes(maps, shapes, source=self._network.path.name)
        return maps


def _detections(found: Array) -> list[Detection]:
    """Of candidates (n, 6)."""
    return [Detection(row[:4].astype(np.float32), float(row[4]), float(row[5])) for row in found]


def _enlarged(found: Array, factor: int) -> Array:
    """Candidates (n, 6) of a reduced picture, in px of the photo."""
    return np.concatenate([found[:, :4] * factor, found[:, 4:]], axis=1)
