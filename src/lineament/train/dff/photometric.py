"""How far the colours of a drawn face are from those of a photograph: L_photo of the paper."""

from __future__ import annotations

import torch
from torch import Tensor

ROOT_EPSILON = 1e-8
"""Under the root."""


def photometric(photo: Tensor, rendered: Tensor, weight: Tensor) -> Tensor:
    """Mean over the weights of each row of the distance of colours, and over the rows.

    Args:
        photo: (B, 3, S, S).
        rendered: (B, 3, S, S).
        weight: (B, S, S) of the pixels, without gradient: the mean must not change with the mask.
    """
    weight = weight.detach()
    distance = torch.sqrt((photo - rendered).square().sum(1) + ROOT_EPSILON)
    return ((distance * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)).mean()
