"""Discs of different colours play people: a colour is a shape, and what is hidden or gone is not seen."""

from dataclasses import replace

import numpy as np

from faces import egg_face
from lineament.aligner import FaceAligner
from lineament.crop import CropBox
from lineament.result import Detection

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
    return FaceAligner(discs, detector=discs, passes=1, most_uncertain_mm=6.0)


class Discs:
    """Method and detector at once: exact on discs, blind elsewhere.

    Attributes:
        looks: of the detector so far.
        rolls: as the detector says them, by colour; upright where nothing is said.
        uncertainty_mm: of faces of a colour, or a function of the square's roll.
    """

    def __init__(self):
        self.looks = 0
        self.uncertainty_mm = {}
        self.rolls = {}

    def detect(self, picture):
        self.looks += 1
        found = []
        for color in COLORS.values():
            y, x = np.nonzero(_is(picture, color))
            if len(x) > 0.5 * np.pi * RADIUS**2:
                center = np.array([x.mean() + 0.5, y.mean() + 0.5])
                box = np.float32([*(center - RADIUS), *(center + RADIUS)])
                found.append(Detection(box, 0.9, self.rolls.get(color, 0.0)))
        return found

    def crop_rule(self, detection):
        left, top, right, bottom = detection.box_xyxy
        center_xy = ((left + right) / 2, (top + bottom) / 2)
        return CropBox(center_xy=center_xy, side=2.5 * RADIUS, size=64, roll=detection.roll)

    def reconstruct(self, picture, squares, *, detections, passes):
        return [
            self._face(picture, square, detection)
            for square, detection in zip(squares, detections, strict=True)
        ]

    def _face(self, picture, square, detection):
        center = np.array(square.center_xy)
        low = np.maximum(center - square.side / 2, 0).astype(int)
        high = (center + square.side / 2).astype(int)
        window = picture[low[1] : high[1], low[0] : high[0]]
        counts = {color: _is(window, color).sum() for color in COLORS.values()} if window.size else {}
        color = max(counts, key=counts.get, default=None)
        shape = 0.0
        if color is not None and counts[color] > 200:
            y, x = np.nonzero(_is(window, color))
            center, shape = low + np.array([x.mean() + 0.5, y.mean() + 0.5]), SHAPES[color]
        face = egg_face(center_xy=tuple(center), scale=RADIUS / 70)
        identity = np.float32([shape, 1 - abs(shape)])
        uncertainty_mm = self.uncertainty_mm.get(color)
        if callable(uncertainty_mm):
            uncertainty_mm = uncertainty_mm(square.roll)
        return replace(face, identity=identity, detection=detection, uncertainty_mm=uncertainty_mm)
