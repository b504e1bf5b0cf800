"""Small sets for the tests of evaluation: faces of known landmarks before plain pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lineament.errors import DataError
from lineament.evaluate.items import EvaluationItem, EvaluationSet, Prediction
from lineament.evaluate.protocols.protocol import Crops
from lineament.geometry.rotation import matrix_from_angles

FACE = np.random.default_rng(7).uniform(-30, 30, (68, 3)).round(2)  # as records keep them
FACE[:2] = [[-30, -30, -30], [30, 30, 30]]


@dataclass(frozen=True)
class PlainPhoto:
    """A grey picture, or one that cannot be read."""

    broken: bool = False

    def read(self):
        if self.broken:
            raise DataError("The picture is damaged.")
        return np.full((120, 120, 3), 90, np.uint8)


def item(number, *, turn_deg=0.0, broken=False, **changes):
    """A face of 60 px in the middle of its picture; its truth does not depend on its yaw."""
    points = FACE + np.array([60, 60, 0])
    fields = {
        "name": f"face{number}",
        "photo": PlainPhoto(broken),
        "landmarks": {"original": points, "re-annotated": points[:, :2] + (1.2, 0)},
        "scheme": "300w-lp",
        "box_xyxy": np.array([30.0, 30, 90, 90]),
        "size": 60.0,
        "yaw_deg": {"FITTED": turn_deg},
        "rotation": matrix_from_angles(np.radians(turn_deg), 0.0, 0.0),
        "angles_deg": np.array([0.0, turn_deg, 0.0]),
    }
    return EvaluationItem(**(fields | changes))


def small_set(yaws=(0.0, 10.0, 45.0, 70.0), **changes):
    """A face a yaw."""
    items = tuple(item(number, turn_deg=yaw) for number, yaw in enumerate(yaws))
    protocols = ("dsfnet-table1", "synergynet-reannotated", "dsfnet-pose")
    fields = {"name": "aflw2000-3d", "title": "Four faces", "items": items, "protocols": protocols}
    return EvaluationSet(**(fields | changes))


@dataclass
class ShiftingPredictor:
    """Says the truth, moved by so many px for each face; None finds nothing."""

    shifts: dict
    name: str = "shifter"
    crops: Crops = Crops.TRUTH
    asked: list = field(default_factory=list)

    @property
    def recipe(self):
        return {
            "shifts": {
                key: list(np.atleast_1d(value)) for key, value in self.shifts.items() if value is not None
            }
        }

    def predict(self, items):
        self.asked += [item.name for item in items]
        return [self._one(item) for item in items]

    def _one(self, item):
        item.photo.read()
        shift = self.shifts.get(item.name, 0.0)
        if shift is None:
            return None
        return Prediction(landmarks_image=item.landmarks["original"] + (shift, 0, 0), rotation=item.rotation)

    def close(self):
        pass
