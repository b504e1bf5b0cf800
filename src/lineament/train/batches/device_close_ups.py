"""Close-ups of eyes and mouths for training, cut and disturbed on the device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lineament.data.crops.augment import AugmentConfig
from lineament.data.fitting.closeups import close_up_table
from lineament.geometry.morphable import MorphableModel
from lineament.train.batches.device_crops import DeviceCrops
from lineament.train.batches.device_draws import Draws
from lineament.train.batches.device_points import DevicePoints
from lineament.train.batches.device_views import DeviceViews


class DeviceCloseUps(DeviceCrops):
    """Draws batches of disturbed close-ups of the part that `config.close_up` names.

    What the part's second side shows comes from mirror images. Faces without coefficients are cut whole, as
    worker processes do.

    Args: see :class:`DeviceCrops`.
    """

    def __init__(
        self,
        views: DeviceViews,
        probabilities: np.ndarray,
        counts: np.ndarray,
        model: MorphableModel,
        config: AugmentConfig,
    ) -> None:
        super().__init__(views, probabilities, counts, model, config)
        part, *_ = close_up_table(config.close_up, config.crop_size).of(model)
        self._side_mm = part.side_mm
        self._points = DevicePoints(part.points, views.device)

    def cut(self, numbers: Tensor, mirrored: Tensor, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        """Close-ups of faces that are known to a few millimetres, with their labels."""
        config, count = self.config, len(numbers)
        roll = draws.normal((count,), config.tight_roll)
        shift = draws.normal((count, 2), config.tight_shift)
        scale = draws.normal((count,), config.tight_scale)
        face = self._labels(numbers, mirrored)
        points = self._points(
            face["rotation"], face["scale"], face["translation"], face["identity"], face["expression"]
        )
        known = face["has_coefficients"]
        lean = torch.atan2(-face["rotation"][:, 0, 1], face["rotation"][:, 1, 1])
        roll = roll + torch.where(known, lean, torch.zeros_like(lean))
        center, side = self._boxes(numbers, mirrored, roll)
        center = torch.where(known[:, None], points.mean(1), center)
        side = torch.where(known, self._side_mm * face["scale"], side)
        return self._crops(numbers, mirrored, center + shift * side[:, None], side * scale.exp(), roll)
