"""Which pixels of a photographed face are skin, told by the face's own colours: no label is needed.

The colours of a face in one light lie close together; hair, hands of another shade, cloth and background do
not. A normal distribution of each face's colours is fitted to what lies under the drawn face, beginning with
medians, of which no minority has a say, and twice again without what was unlikely before.
"""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDS = 2
FLOOR = 0.02
"""Least standard deviation of a colour: an even face must not leave its own pores out."""
NORMAL_PER_MEDIAN_DEVIATION = 1.48
LIKELY = 2.5
"""Distances, in standard deviations, up to which a colour is believed; weights fall smoothly beyond."""


@torch.no_grad()
def skin_weights(photo: Tensor, inside: Tensor) -> Tensor:
    """How far each pixel has the colour of the face around it.

    Args:
        photo: (B, 3, S, S) in 0..1.
        inside: (B, S, S) in 0..1, where the face is drawn and nothing hides it.

    Returns:
        (B, S, S) in 0..1.
    """
    colors = _opponent(photo).flatten(2)
    under = inside.flatten(1)
    weight = under * _near_medians(colors, under)
    for _ in range(ROUNDS):
        total = weight.sum(1).clamp(min=1e-6)
        mean = (colors * weight[:, None]).sum(2) / total[:, None]
        about = colors - mean[..., None]
        cov = torch.einsum("bcp,bdp,bp->bcd", about, about, weight) / total[:, None, None]
        cov = cov + FLOOR**2 * torch.eye(3, device=photo.device)
        distance = torch.sqrt((about * torch.linalg.solve(cov, about)).sum(1).clamp(min=0))
        likely = torch.exp(-(torch.relu(distance - LIKELY)).square())
        weight = under * likely
    return likely.view_as(inside)


def _near_medians(colors: Tensor, under: Tensor) -> Tensor:
    """(B, P) 1 for colours within a few median deviations of the medians, channel by channel."""
    known = torch.where(under[:, None] > 0.5, colors, torch.nan)
    median = known.nanmedian(2, keepdim=True).values.nan_to_num()
    deviation = (known - median).abs().nanmedian(2, keepdim=True).values.nan_to_num()
    spread = NORMAL_PER_MEDIAN_DEVIATION * deviation + FLOOR
    return ((colors - median).abs() < LIKELY * spread).all(1).to(colors.dtype)


def _opponent(photo: Tensor) -> Tensor:
    """Brightness, which shadows change, and two chromatic differences, which they hardly do."""
    red, green, blue = photo.unbind(1)
    bright = (red + green + blue) / 3
    dark = bright.clamp(min=0.1)
    return torch.stack([0.5 * bright, (red - green) / dark, (green - blue) / dark], dim=1)
