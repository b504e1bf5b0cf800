"""From a photo and crop boxes to faces by any method: crops, batches, passes, rejected predictions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from lineament.crop import CropBox, upright_roll
from lineament.errors import BoxError
from lineament.image import Picture
from lineament.methods.closeup_networks import CloseUpNetworks, moved_by
from lineament.methods.estimate import Estimate
from lineament.methods.method import FinishingMethod, Method
from lineament.resample import resample_crop
from lineament.result import Detection, FaceResult

BATCH = 64  # crops a run: a crowd must not fill the memory
WELL_FRAMED = {"shift": 0.04, "scale": 0.07, "roll": math.radians(6)}
"""A crop box so close to the refined one is not worth another pass. Crops for training vary as much: one
standard deviation is 2 % in each direction, 3.5 % of the size and 5 degrees. Of 394 detected faces of
AFLW2000-3D 187 are predicted again: NME 3.70 %, with all of them 3.68 %, with none 3.93 %."""
LARGEST_STEP = 3.0  # a refined crop this many times larger or smaller than the first is a failure


class Predictor:
    """Runs a method on photos; remembers nothing of them."""

    def __init__(
        self,
        method: Method,
        *,
        batch: int = BATCH,
        first_look: Method | None = None,
        close_ups: CloseUpNetworks | None = None,
    ) -> None:
        """Run a method on crops.

        Args:
            method: whose faces are the results.
            batch: crops at once, at most.
            first_look: takes the first of several passes in the place of `method`: a quick one, which says
                where the face is.
            close_ups: correct what the method found in the end.
        """
        self.method = method
        self.batch = batch
        self.first_look = first_look
        self.close_ups = close_ups

    def predict(
        self,
        image: Picture,
        crop_boxes: Sequence[CropBox],
        *,
        detections: Sequence[Detection] | None = None,
        passes: int = 1,
    ) -> list[FaceResult]:
        """One face a crop box, in order; all faces of a photo go through the method together.

        A pass after the first predicts again, in a crop cut around the face as found before, those faces
        whose crop was not cut as it should have been. A face that is well framed already keeps its result,
        and so does one whose next prediction is not finite.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            crop_boxes: one a face, of any size.
            detections: what the crops were made from, kept in the results; without them the results carry
                the box of the landmarks found, with score 1.
            passes: how often a face is predicted, at most.

        Returns:
            The faces. One for which the method gave NaN or infinity has no values at all
            (:meth:`FaceResult.without_values`).

        Raises:
            WeightsError: the networks' outputs do not fit the face model, or are all not finite.
        """
        return self.predict_each([image] * len(crop_boxes), crop_boxes, detections=detections, passes=passes)

    def predict_each(
        self,
        images: Sequence[Picture],
        crop_boxes: Sequence[CropBox],
        *,
        detections: Sequence[Detection] | None = None,
        passes: int = 1,
    ) -> list[FaceResult]:
        """The same for faces of several photos, which go through the method together.

        Args:
            images: the photo of each face.
            crop_boxes: one a face, of any size.
            detections: as in :meth:`predict`.
            passes: as there.
        """
        boxes, estimates = self._passes(images, list(crop_boxes), passes)
        if detections is None:
            detections = [landmark_detection(estimate) for estimate in estimates]
        return [
            _result(estimate, box, detection)
            for estimate, box, detection in zip(estimates, boxes, detections, strict=True)
        ]

    def refine_crops(self, image: Picture, crop_boxes: Sequence[CropBox]) -> list[CropBox]:
        """Better crop boxes of the same faces, cut upright around the landmarks found in the given ones.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            crop_boxes: one a face.
        """
        estimates = self._estimate([image] * len(crop_boxes), crop_boxes, self.method)
        return [self._refined(box, estimate) for box, estimate in zip(crop_boxes, estimates, strict=True)]

    def _passes(
        self, images: Sequence[Picture], boxes: list[CropBox], passes: int
    ) -> tuple[list[CropBox], list[Estimate]]:
        """The crop boxes that the last believed predictions are of, and these, finished."""
        if self.first_look is not None and passes > 1:
            seen = self._estimate(images, boxes, self.first_look)
            boxes, passes = [self._refined(box, estimate) for box, estimate in zip(boxes, seen)], passes - 1
        estimates = self._estimate(images, boxes, self.method)
        for _ in range(passes - 1):
            refined = [self._refined(box, estimate) for box, estimate in zip(boxes, estimates)]
            again = [
                number
                for number, (box, wanted) in enumerate(zip(boxes, refined))
                if not box.is_close_to(wanted, **WELL_FRAMED)
            ]
            if not again:
                break
            better = self._estimate(
                [images[number] for number in again], [refined[number] for number in again], self.method
            )
            for number, estimate in zip(again, better, strict=True):
                if estimate.is_finite:
                    boxes[number], estimates[number] = refined[number], estimate
        return boxes, self._finished(images, estimates)

    def _finished(self, images: Sequence[Picture], estimates: list[Estimate]) -> list[Estimate]:
        """Estimates after the method's last look and close-ups, photo by photo, in their order."""
        looks: list[Callable[[Picture, Sequence[Estimate]], list[Estimate]]] = []
        if isinstance(self.method, FinishingMethod):
            looks.append(self.method.finish)
        if self.close_ups is not None:
            looks.append(partial(moved_by, self.close_ups))
        if not looks:
            return estimates
        finished = list(estimates)
        for numbers in _numbers_by_photo(images):
            better = [estimates[number] for number in numbers]
            for look in looks:
                better = look(images[numbers[0]], better)
            for number, estimate in zip(numbers, better, strict=True):
                finished[number] = estimate
        return finished

    def _estimate(
        self, images: Sequence[Picture], crop_boxes: Sequence[CropBox], method: Method
    ) -> list[Estimate]:
        """What a method says of each crop of its photo."""
        estimates = self._estimate_together(images, crop_boxes, method)
        of_photos = _numbers_by_photo(images)
        if len(of_photos) == 1 or all(estimate.is_finite for estimate in estimates):
            return estimates
        # Where all faces of a photo fail, the method says so; those of other photos must not hide it.
        for numbers in of_photos:
            shown = images[numbers[0]]
            own = self._estimate_together([shown] * len(numbers), [crop_boxes[n] for n in numbers], method)
            for number, estimate in zip(numbers, own, strict=True):
                estimates[number] = estimate
        return estimates

    def _estimate_together(
        self, images: Sequence[Picture], crop_boxes: Sequence[CropBox], method: Method
    ) -> list[Estimate]:
        """The same in as few runs as the memory allows."""
        size = method.crop_rule.size
        boxes = [box.resized(size) for box in crop_boxes]
        estimates: list[Estimate] = []
        for first in range(0, len(boxes), self.batch):
            batch = boxes[first : first + self.batch]
            shown = images[first : first + self.batch]
            crops = np.stack([resample_crop(image, box) for image, box in zip(shown, batch, strict=True)])
            estimates += method.estimate(crops, batch)
        return estimates

    def _refined(self, crop_box: CropBox, estimate: Estimate) -> CropBox:
        """The crop around the landmarks, or the old one where the method clearly failed."""
        if not estimate.is_finite:
            return crop_box
        try:
            roll = upright_roll(estimate.camera.rotation)
            refined = self.method.crop_rule.around_points(estimate.landmarks_image, roll=roll)
        except BoxError:  # all landmarks in one place
            return crop_box
        plausible = 1 / LARGEST_STEP < refined.side / crop_box.side < LARGEST_STEP
        return refined if plausible else crop_box


def _numbers_by_photo(images: Sequence[Picture]) -> list[list[int]]:
    """The places of each photo among the photos of faces."""
    by_photo: dict[int, list[int]] = {}
    for number, image in enumerate(images):
        by_photo.setdefault(id(image), []).append(number)
    return list(by_photo.values())


def landmark_detection(estimate: Estimate) -> Detection:
    """The box of the landmarks found, as a detection of score 1."""
    landmarks_xy = estimate.landmarks_image[:, :2]
    box_xyxy = np.concatenate([landmarks_xy.min(axis=0), landmarks_xy.max(axis=0)]).astype(np.float32)
    return Detection(box_xyxy=box_xyxy, score=1.0, roll=upright_roll(estimate.camera.rotation))


def _result(estimate: Estimate, crop_box: CropBox, detection: Detection) -> FaceResult:
    face = estimate.result(crop_box=crop_box, detection=detection)
    return face if estimate.is_finite and face.is_finite else face.without_values()
