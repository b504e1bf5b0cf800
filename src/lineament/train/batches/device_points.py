"""Points of the face model in pictures, for whole batches on the device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lineament.geometry.morphable import MorphableModel

Y_DOWN = (1.0, -1.0)
"""From the model's axes, y up, to the picture's."""


class DevicePoints(nn.Module):
    """Where P points of faces lie in their pictures.

    Args:
        points: a model whose vertices are the points.
        device: of the tensors.
    """

    def __init__(self, points: MorphableModel, device: torch.device) -> None:
        super().__init__()
        arrays = {
            "rest": points.neutral_model,
            "identity": points.identity_basis,
            "expression": points.expression_basis,
        }
        for name, array in arrays.items():
            flat = torch.tensor(np.asarray(array, np.float32), device=device).flatten(-2)
            self.register_buffer(name, flat)
        self.register_buffer("axes", torch.tensor(Y_DOWN, device=device))

    def forward(
        self, rotation: Tensor, scale: Tensor, translation: Tensor, identity: Tensor, expression: Tensor
    ) -> Tensor:
        """(B, P, 2) px of the points of B faces.

        Args:
            rotation: (B, 3, 3), model frame.
            scale: (B,) px per mm.
            translation: (B, 2) px.
            identity: (B, K).
            expression: (B, E).
        """
        flat = self.rest + identity @ self.identity + expression @ self.expression
        seen = (flat.view(len(flat), -1, 3) @ rotation.transpose(1, 2))[..., :2] * self.axes
        return scale[:, None, None] * seen + translation[:, None]
