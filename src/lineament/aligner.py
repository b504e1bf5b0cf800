"""The whole flow: photo -> faces found -> crops -> network -> dense aligned faces."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineament.crop import check_box
from lineament.detect import EAGER, OPEN, QUICK, Detector, DetectorOptions, OnnxDetector
from lineament.draw.photo_faces import PhotoFaces
from lineament.errors import BoxError, ConfigError, LineamentError, WeightsError
from lineament.image import ImageSource, Picture, read_image, read_picture, several, size_wh
from lineament.methods import METHODS, Method
from lineament.methods.regressor import UNCERTAINTY
from lineament.network import OnnxNetwork
from lineament.result import AlignedPhoto, Detection, FaceResult
from lineament.weights import ALIASES, DETECTOR, detector_of, locate

Array: TypeAlias = NDArray[Any]

MOST_UNCERTAIN_MM = 6.0
"""Of 1,199 faces of the training photographs the least certain has 4.3. Half of what the detector suspects on
pictures without faces has more than 13 (``python -m tools.measure_uncertainty``)."""

MAX_BOX = 20
MAX_PASSES = 20
ON_ITS_HEAD = -0.5
"""Cosine of the roll beyond which, 120 degrees, a face is looked at upright too."""


class FaceAligner:
    """Finds the faces of a photo and aligns a dense 3D face to each.

    One aligner may serve several threads; it remembers nothing of a photo.

    Attributes:
        method: from squares of the photo to faces.
        detector: finds faces; None when boxes are always given.
        passes: how often the network looks at a face, at most. From the second pass on the square is cut
            around the face as aligned before, which makes the result independent of the detector's habits. A
            face that was well framed at once is not looked at again.
        most_uncertain_mm: what its detector found and whose `uncertainty_mm` is greater is no face, unless
            another look (:meth:`align_found`) says so.
    """

    def __init__(
        self,
        method: Method,
        *,
        detector: Detector | None = None,
        passes: int = 2,
        most_uncertain_mm: float = MOST_UNCERTAIN_MM,
    ) -> None:
        """Join a method and a detector; most people call :meth:`from_pretrained`.

        Raises:
            ConfigError: `passes` is not 1 to 20, or `most_uncertain_mm` is not above 0.
        """
        if isinstance(method, str | os.PathLike):
            raise ConfigError(
                f"FaceAligner joins a method and a detector. For the weights {str(method)!r} call "
                f"FaceAligner.from_pretrained({str(method)!r})."
            )
        if not 1 <= passes <= MAX_PASSES:
            raise ConfigError(
                f"passes must be at least 1 and at most {MAX_PASSES}, found {passes}. One is quick, two "
                f"are better."
            )
        if not most_uncertain_mm > 0:
            raise ConfigError(f"most_uncertain_mm must be above 0, found {most_uncertain_mm}. Try 6.")
        self.method = method
        self.detector = detector
        self.passes = passes
        self.most_uncertain_mm = most_uncertain_mm

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | os.PathLike[str] = "default",
        *,
        detector: Detector | None = None,
        threads: int | None = None,
        passes: int = 2,
        min_face: float | None = None,
        min_score: float | None = None,
        max_uncertainty_mm: float | None = None,
    ) -> Self:
        """The aligner of a set of weights; nothing is downloaded.

        Args:
            name_or_path: "default"; "fast", a smaller network behind a detector that looks less closely;
                "open", one trained on public-domain photographs and rendered faces alone, as is the detector
                before it: less exact, and for anyone;
                another name of the catalogue, or the path of an .onnx file.
            detector: replaces the detector that comes with lineament.
            threads: CPU threads a network may use; None takes all cores, with "fast" one.
            passes: how often the network looks at a face, at most.
            min_face: longer side of the smallest faces to find, px of the photo; None chooses by its size.
            min_score: faces that the detector scores lower are not reported, 0 to 1; None takes its own
            limit.
            max_uncertainty_mm: faces that are less certain are not reported; None takes the weights' limit.

        Raises:
            WeightsError: unknown name, missing or damaged file, or a network of no known method.
            ConfigError: `threads` or `passes` is below one, or another option out of its range.
        """
        is_quick = ALIASES.get(str(name_or_path), name_or_path) == ALIASES["fast"]
        if is_quick and threads is None:
            threads = 1  # networks this small are done before a second thread is awake
        network = OnnxNetwork(locate(name_or_path), threads=threads)
        method_name = network.metadata.get("method", "morphable-regressor")
        if method_name not in METHODS:
            raise WeightsError(
                f"{network.path.name} belongs to the method {method_name!r}, which is not one of "
                f"{', '.join(sorted(METHODS))}. Upgrade lineament."
            )
        method = METHODS[method_name].from_network(network)
        if detector is None:
            own = detector_of(name_or_path)
            eager = EAGER if own == DETECTOR else OPEN
            options = (
                QUICK if is_quick else eager if UNCERTAINTY in network.output_names else DetectorOptions()
            )
            options = options.changed(min_face=min_face, min_score=min_score)
            detector = OnnxDetector(locate(own), threads=threads, options=options)
        limit_mm = MOST_UNCERTAIN_MM if max_uncertainty_mm is None else max_uncertainty_mm
        return cls(method, detector=detector, passes=passes, most_uncertain_mm=limit_mm)

    def __repr__(self) -> str:
        """Method, detector, passes."""
        return f"FaceAligner({self.method!r}, detector={self.detector!r}, passes={self.passes})"

    def __call__(self, image: ImageSource, boxes: ArrayLike | None = None) -> Sequence[FaceResult]:
        """The faces of one photo, best first; an empty list when there are none.

        In Jupyter the list shows itself on the photo (:class:`lineament.draw.PhotoFaces`).

        Args:
            image: path, bytes, file object, PIL image or (H, W, 3) uint8 RGB array.
            boxes: (n, 4) left, top, right, bottom px of faces known already, which skips detection; the
                results come in the order of the boxes.

        Raises:
            ImageError: the photo cannot be read.
            BoxError: a box is not finite, has no area, or lies outside of the photo; names its row.
            ConfigError: no boxes are given and this aligner has no detector.
        """
        photo = read_picture(image)
        if boxes is not None:
            return PhotoFaces(self.align(photo, _given(boxes, photo)), photo)
        return PhotoFaces(self.align_found(photo, self._detect(photo)), photo)

    def align(
        self, photo: Picture, detections: Sequence[Detection], *, passes: int | None = None
    ) -> Sequence[FaceResult]:
        """The faces at places that are known, in their order.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            detections: where faces are.
            passes: how often a face is looked at, at most; None as often as the aligner's own.
        """
        if not detections:
            return []
        squares = [self.method.crop_rule(detection) for detection in detections]
        passes = self.passes if passes is None else passes
        return self.method.reconstruct(photo, squares, detections=detections, passes=passes)

    def align_found(self, photo: Picture, detections: Sequence[Detection]) -> list[FaceResult]:
        """The faces of what a detector found, in its order, without what turns out to be none.

        What the method is not certain of is looked at again as if it stood upright, and turned by half: there
        detectors err most. A face that is seen only then has to be twice as certain. So is what is said to
        stand on its head, for hardly anything does; the most certain look is taken.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            detections: where faces may be.
        """
        faces = dict(enumerate(self.align(photo, detections)))
        doubtful = [number for number, face in faces.items() if self._is_doubtful(face)]
        turned = [
            replace(found, roll=roll)
            for found in (faces[number].detection for number in doubtful)
            for roll in (0.0, found.roll + math.pi)
        ]
        again = self.align(photo, turned)
        for number, pair in zip(doubtful, zip(again[::2], again[1::2], strict=True), strict=True):
            first, best = faces[number], min(faces[number], *pair, key=_uncertainty_mm)
            faces[number] = best
            seen_at_once = _uncertainty_mm(first) <= self.most_uncertain_mm
            if not seen_at_once and _uncertainty_mm(best) > self.most_uncertain_mm / 2:
                del faces[number]
        return list(faces.values())

    def align_many(self, images: Iterable[ImageSource]) -> Iterator[AlignedPhoto]:
        """One :class:`AlignedPhoto` a photo, in order; a bad photo does not stop the rest.

        Args:
            images: what a photo may be, each; one path stands for its photo, or for those of its folder.

        Raises:
            ConfigError: a single picture that is no path was given where several are wanted.
        """
        for image in several(images):
            try:
                yield AlignedPhoto(source=image, faces=list(self(image)))
            except LineamentError as error:
                yield AlignedPhoto(source=image, faces=[], error=error)

    def _is_doubtful(self, face: FaceResult) -> bool:
        """Whether a face that was found is to be looked at again."""
        if face.uncertainty_mm is None:
            return False
        is_on_its_head = math.cos(face.detection.roll) < ON_ITS_HEAD
        return face.uncertainty_mm > self.most_uncertain_mm or is_on_its_head

    def _detect(self, photo: Picture) -> list[Detection]:
        if self.detector is None:
            raise ConfigError("This aligner has no detector. Give boxes, or a detector when making it.")
        if isinstance(self.detector, OnnxDetector):
            return self.detector.detect(photo)
        return self.detector.detect(read_image(photo))  # others take arrays


def _uncertainty_mm(face: FaceResult) -> float:
    """Of a face; none where the method does not know, so that it is believed."""
    return 0.0 if face.uncertainty_mm is None else face.uncertainty_mm


def _given(boxes: ArrayLike, photo: Picture) -> list[Detection]:
    """Boxes of the caller as detections of score 1; BoxError naming the row that cannot be one."""
    try:
        rows = np.asarray(boxes)
    except ValueError as error:
        raise BoxError(f"boxes must be rows of four numbers each ({error}).") from error
    if rows.size == 0:
        return []
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "fiu":
        raise BoxError(
            f"boxes must be (n, 4) numbers: left, top, right, bottom in px; found shape {rows.shape} "
            f"of {rows.dtype}. A single box is given as [[left, top, right, bottom]]."
        )
    width, height = size_wh(photo)
    if min(width, height) > 2 and np.abs(rows).max() <= 1.5 and rows.dtype.kind == "f":
        raise BoxError(
            f"boxes are in px, found values of 0 to 1 such as {rows[0].tolist()}: they are parts of the "
            f"photo's "
            f"size. Multiply x by {width} and y by {height}."
        )
    for number, row in enumerate(rows):
        left, top, right, bottom = check_box(row, name=f"boxes[{number}]")
        if max(right - left, bottom - top) > MAX_BOX * max(width, height):
            raise BoxError(
                f"boxes[{number}] is {right - left:.3g} x {bottom - top:.3g} px; a box may be up to "
                f"{MAX_BOX} times "
                f"as large as its photo, which has {width} x {height} px. Check the units."
            )
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise BoxError(
                f"boxes[{number}] lies outside of the photo, which has {width} x {height} px: "
                f"{row.tolist()}. Give boxes in the px of the photo as read upright."
            )
    return [Detection(box_xyxy=row.astype(np.float32), score=1.0) for row in rows]
