"""What a close-up network learns of each crop: points in it, expression keys, whether the part is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.closeups import close_up_table
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.morphable import MorphableModel
from lineament.methods.closeup import CloseUp

Array = NDArray[Any]

POINTS, KEYS, SHOWN = "close_up_points", "close_up_keys", "close_up_shown"


@dataclass(frozen=True, slots=True)
class CloseUpTargets:
    """A :class:`lineament.data.labels.target_generator.TargetConfig`.

    The targets are "close_up_points" (P, 2), sides of the crop from its middle; "close_up_keys" (K,);
    "close_up_shown" (), 1 where the part faces the viewer: float32.

    Attributes:
        part: "eye" (the right one) or "mouth".
        size: px of the close-up.
    """

    part: str
    size: int

    def open(self, model: MorphableModel) -> CloseUpTargetMaker:
        """The maker, with its points of a face model."""
        return CloseUpTargetMaker(close_up_table(self.part, self.size).of(model)[0])


class CloseUpTargetMaker:
    """Makes the targets of one part.

    Args:
        close_up: the part.
    """

    def __init__(self, close_up: CloseUp) -> None:
        self._close_up = close_up

    def make(self, labels: FaceLabels, crop_size: int) -> dict[str, Array]:
        """The targets; zeros where the labels have no coefficients."""
        part = self._close_up
        count, keys = len(part.points.neutral_model), len(part.keys)
        if labels.camera is None or labels.identity is None or labels.expression is None:
            return {
                POINTS: np.zeros((count, 2), np.float32),
                KEYS: np.zeros(keys, np.float32),
                SHOWN: np.zeros((), np.float32),
            }
        points = part.points.vertices_model(labels.identity, labels.expression)
        there = labels.camera.image_from_model(points)[:, :2] / crop_size - 0.5
        return {
            POINTS: there.astype(np.float32),
            KEYS: labels.expression[part.keys].astype(np.float32),
            SHOWN: np.array(part.is_shown(labels.camera), np.float32),
        }
