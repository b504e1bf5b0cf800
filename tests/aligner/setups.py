"""Discs at known places, and a detector that always finds the same."""

import numpy as np

from lineament.result import Detection

DISCS = [(80.0, 70.0, 30.0), (230.0, 150.0, 45.0)]


class FixedDetector:
    """Finds the same boxes in every photo."""

    def __init__(self, boxes):
        self.boxes = boxes

    def detect(self, image):
        return [Detection(np.float32(box), 0.9 - 0.1 * number) for number, box in enumerate(self.boxes)]


def boxes_around(discs, shift=0.0):
    return np.array([[x - r + shift, y - r, x + r + shift, y + r] for x, y, r in discs])
