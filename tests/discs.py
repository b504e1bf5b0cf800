"""Discs of different colours play people: a colour is a shape, and what is hidden or gone is not seen."""

from dataclasses import dataclass, replace

import numpy as np

from faces import egg_face
from lineament.aligner import FaceAligner
from lineament.crop import CropRule
from lineament.methods import Estimate
from lineament.result import Detection, MorphableResult

RADIUS = 20
COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
SHAPES = {(255, 0, 0): 1.0, (0, 255, 0): -1.0, (0, 0, 255): 0.0}


def picture_of(**places):
    """A dark picture with discs; of two at one place the first is in front."""
    picture = np.zeros((200, 400, 3), np.uint8)
    y, x = np.mgrid[0:200, 0:400] + 0.5
    for name, (center_x, center_y) in reversed(places.items()):
        picture[np.hypot(x - center_x, y - center_y) < RADIUS] = COLORS[name]
    return picture


def _is(picture, color):
    """(H, W) bool: pixels of a colour, as near as a film keeps it."""
    return np.abs(picture.astype(int) - color).max(axis=-1) < 90


def disc_aligner():
    """An aligner that knows discs."""
    discs = Discs()
    return FaceAligner(discs, detector=discs, passes=1, max_uncertainty_mm=6.0)


class Discs:
    """Method and detector at once: exact on discs, blind elsewhere.

    Attributes:
        calls: of the detector so far.
        rolls: as the detector says them, by colour; upright where nothing is said.
        uncertainty_mm: of faces of a colour, or a function of the crop's roll.
    """

    crop_rule = CropRule(size=64, margin=1.25)

    def __init__(self):
        self.calls = 0
        self.uncertainty_mm = {}
        self.rolls = {}

    def detect(self, picture):
        self.calls += 1
        found = []
        for color in COLORS.values():
            y, x = np.nonzero(_is(picture, color))
            if len(x) > 0.5 * np.pi * RADIUS**2:
                center = np.array([x.mean() + 0.5, y.mean() + 0.5])
                box = np.float32([*(center - RADIUS), *(center + RADIUS)])
                found.append(Detection(box, 0.9, self.rolls.get(color, 0.0)))
        return found

    def estimate(self, crops, crop_boxes):
        return [self._estimate(crop, box) for crop, box in zip(crops, crop_boxes, strict=True)]

    def _estimate(self, crop, crop_box):
        counts = {color: _is(crop, color).sum() for color in COLORS.values()}
        color = max(counts, key=counts.get)
        center, shape = np.array(crop_box.center_xy), 0.0
        if counts[color] > 200 * crop_box.scale**2:
            y, x = np.nonzero(_is(crop, color))
            center_crop = np.array([x.mean() + 0.5, y.mean() + 0.5])
            center, shape = crop_box.image_from_crop(center_crop), SHAPES[color]
        uncertainty_mm = self.uncertainty_mm.get(color)
        if callable(uncertainty_mm):
            uncertainty_mm = uncertainty_mm(crop_box.roll)
        face = replace(
            egg_face(center_xy=tuple(center), scale=RADIUS / 70),
            identity=np.float32([shape, 1 - abs(shape)]),
            uncertainty_mm=uncertainty_mm,
        )
        return DiscEstimate(
            camera=face.camera,
            landmarks_image=face.landmarks_image,
            uncertainty_mm=uncertainty_mm,
            face=face,
        )


@dataclass(frozen=True, kw_only=True)
class DiscEstimate(Estimate):
    """A face that is made already."""

    face: MorphableResult

    def result(self, *, crop_box, detection):
        return replace(self.face, crop_box=crop_box, detection=detection)
