"""What a close-up network learns of each crop: points in it, expression keys, whether the part is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.data.fitting.closeups import close_up_table
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.morphable import MorphableModel
from lineament.methods.closeup import MIN_FACING, CloseUp
from lineament.train.batches.device_points import DevicePoints

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

    def on_device(self, model: MorphableModel, device: torch.device) -> DeviceCloseUpTargets:
        """What makes the same targets of whole batches."""
        return DeviceCloseUpTargets(close_up_table(self.part, self.size).of(model)[0], device)


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


class DeviceCloseUpTargets:
    """Makes the targets of one part for whole batches; see :class:`CloseUpTargets`.

    Args:
        close_up: the part.
        device: where the batches are.
    """

    def __init__(self, close_up: CloseUp, device: torch.device) -> None:
        self._points = DevicePoints(close_up.points, device)
        self._keys = torch.as_tensor(np.asarray(close_up.keys, np.int64), device=device)
        self._facing = torch.as_tensor(np.asarray(close_up.facing, np.float32), device=device)

    def make(self, labels: Mapping[str, Tensor], crop_size: int) -> dict[str, Tensor]:
        """The targets; zeros in rows without coefficients."""
        known = labels["has_coefficients"]
        points = self._points(
            *(labels[name] for name in ("rotation", "scale", "translation", "identity", "expression"))
        )
        shown = labels["rotation"][:, 2] @ self._facing >= MIN_FACING
        return {
            POINTS: (points / crop_size - 0.5) * known[:, None, None],
            KEYS: labels["expression"][:, self._keys] * known[:, None],
            SHOWN: (shown & known).float(),
        }
