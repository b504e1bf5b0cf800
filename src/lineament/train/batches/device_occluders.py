"""Things in front of faces, for whole batches on the device.

The plainer twin of what :mod:`lineament.data.crops.augment` draws: shapes with another picture's texture,
hands, sticks and microphones, in the same shares and sizes. Pictures are (B, 3, S, S) float32 RGB, 0 to 255.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from lineament.data.crops.augment import CROP_MM
from lineament.train.batches.device_draws import Draws

Textures: TypeAlias = Callable[[int], Tensor]
"""Gives (n, 3, S, S) pieces of other pictures."""

HAND, STICK, MICROPHONE = 0.2, 0.1, 0.05
"""Shares of the things; the others are shapes."""
MAX_THINGS = 3
FINGERS = 5
PALM_AND_ARM = (((0.0, -8.0), (0.0, 28.0)), ((0.0, 28.0), (0.0, 260.0)))
PALM_AND_ARM_RADIUS = (34.0, 24.0)
"""mm, around the palm's middle; both ends of each."""


def occluded(
    picture: Tensor, probability: float, textures: Textures, draws: Draws, *, hidden: Tensor | None = None
) -> Tensor:
    """Up to three things in front of a fraction of the pictures.

    Args:
        picture: (B, 3, S, S).
        probability: of the pictures.
        textures: for shapes.
        draws: source of all choices.
        hidden: (B, S, S) bool, set where a thing hides more than half of what is behind it; None where nobody
            asks.
    """
    (rows,) = draws.rows(len(picture), probability)
    for number in range(MAX_THINGS):
        # A third has one thing, a third two.
        some = rows[: round(len(rows) * (MAX_THINGS - number) / MAX_THINGS)]
        picture = _one_more(picture, some, textures, draws, hidden)
    return picture


def _one_more(
    picture: Tensor, rows: Tensor, textures: Textures, draws: Draws, hidden: Tensor | None
) -> Tensor:
    kinds = draws.rows(len(rows), HAND, STICK, MICROPHONE, 1 - HAND - STICK - MICROPHONE)
    size = picture.shape[-1]
    for kind, draw in zip(kinds, (_hands, _sticks, _microphones, None)):
        chosen = rows[kind]
        if not len(chosen):
            continue
        under = picture[chosen]
        grid = _grid_mm(len(chosen), size, draws)
        color, cover = _shapes(grid, textures, draws) if draw is None else draw(under, grid, draws)
        faded = draws.happens(len(chosen), 0.15) * draws.uniform((len(chosen),), 0.1, 0.6)
        cover = cover * (1 - faded)[:, None, None, None]
        picture[chosen] = torch.lerp(under, color, cover)
        if hidden is not None:
            hidden[chosen] |= cover[:, 0] > 0.5
    return picture


def _grid_mm(count: int, size: int, draws: Draws) -> Tensor:
    """(count, S, S, 2) places of a crop's pixels in the frame of a thing that lies anywhere, at any angle."""
    place = (torch.arange(size, device=draws.device) + 0.5) / size
    at = torch.stack(torch.meshgrid(place, place, indexing="xy"), dim=-1) * CROP_MM
    offset = at - CROP_MM * draws.uniform((count, 1, 1, 2))
    angle = draws.uniform((count, 1, 1), -math.pi, math.pi)
    x, y = offset.unbind(-1)
    return torch.stack([x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()], dim=-1)


def _shapes(grid: Tensor, textures: Textures, draws: Draws) -> tuple[Tensor, Tensor]:
    """Rectangles, ellipses and blobs; (n, 3, S, S) what they show and (n, 1, S, S) where they are."""
    count = len(grid)
    half = draws.uniform((count, 1, 1, 2), 0.04, 0.25) * CROP_MM
    place = grid / half
    box, round_ = place.abs().amax(-1), place.norm(dim=-1)
    angle = torch.atan2(place[..., 1], place[..., 0])[..., None]
    wave = torch.arange(1, 6, device=grid.device).float()
    swing = draws.normal((count, 1, 1, 5), 0.22) / wave
    outline = 1.1 + (swing * torch.cos(wave * angle + draws.uniform((count, 1, 1, 5), 0, 2 * math.pi))).sum(
        -1
    )
    kind = draws.uniform((count, 1, 1))
    reach = torch.where(kind < 0.3, box, torch.where(kind < 0.4, round_, round_ / outline.clamp(min=0.2)))
    cover = _edge((reach - 1) * half.amin(-1), grid.shape[1])
    plain = draws.uniform((count, 3, 1, 1), 0, 255).expand(-1, -1, *grid.shape[1:3])
    is_plain = draws.happens(count, 0.3)[:, None, None, None]
    return torch.where(is_plain, plain, textures(count)), cover


def _hands(under: Tensor, grid: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A palm and fingers, in the skin of the face or of somebody else."""
    count, middle = len(grid), under.shape[-1] // 2
    own = under[..., middle - 4 : middle + 4, middle - 4 : middle + 4].mean((2, 3), keepdim=True)
    light = draws.uniform((count, 1, 1, 1), 60, 240)
    tint = torch.tensor([1.0, 0.78, 0.66], device=grid.device)[:, None, None]
    other = light * (tint + draws.normal((count, 3, 1, 1), 0.05))
    skin = torch.where(draws.happens(count, 0.5)[:, None, None, None], own, other)
    fan = torch.linspace(-0.45, 0.45, FINGERS, device=grid.device) * draws.uniform((count, 1), 0.2, 1.2)
    root = torch.stack(
        [torch.linspace(-32, 32, FINGERS, device=grid.device).expand(count, -1), torch.full_like(fan, -35)],
        -1,
    )
    length = draws.uniform((count, FINGERS, 1), 45, 85)
    tip = root + length * torch.stack([fan.sin(), -fan.cos()], dim=-1)
    first, last = torch.tensor(PALM_AND_ARM, device=grid.device).expand(count, -1, -1, -1).unbind(2)
    thick = torch.tensor(PALM_AND_ARM_RADIUS, device=grid.device) * draws.uniform((count, 2), 1.0, 1.25)
    radius = torch.cat([draws.uniform((count, FINGERS), 7, 11), thick], dim=1)
    return _drawn(grid, torch.cat([root, first], dim=1), torch.cat([tip, last], dim=1), radius, skin)


def _sticks(_under: Tensor, grid: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """Pens, straws, poles."""
    count = len(grid)
    ends = torch.zeros((count, 2, 2), device=grid.device)
    ends[..., 1] = draws.uniform((count, 2), 40, 260) * torch.tensor([-1.0, 1.0], device=grid.device)
    radius = draws.uniform((count, 1), 2, 12)
    return _drawn(grid, ends[:, :1], ends[:, 1:], radius, draws.uniform((count, 3, 1, 1), 0, 255))


def _microphones(_under: Tensor, grid: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
    """A round head on a handle, mostly dark."""
    count = len(grid)
    ends = torch.tensor([[[0.0, 0.0], [0.0, 240.0]]], device=grid.device).expand(count, -1, -1)
    radius = torch.stack([draws.uniform((count,), 18, 34), draws.uniform((count,), 8, 15)], dim=1)
    color = draws.uniform((count, 1, 1, 1), 10, 110) + draws.normal((count, 3, 1, 1), 12)
    return _drawn(grid, torch.zeros_like(ends), ends, radius, color)


def _drawn(
    grid: Tensor, starts: Tensor, ends: Tensor, radius: Tensor, color: Tensor
) -> tuple[Tensor, Tensor]:
    """Rounded lines lit from one side.

    Args:
        grid: (n, S, S, 2) mm.
        starts: (n, K, 2) mm of the lines.
        ends: (n, K, 2) mm.
        radius: (n, K) mm.
        color: (n, 3, 1, 1).

    Returns:
        (n, 3, S, S) what they show and (n, 1, S, S) where they are.
    """
    along = (ends - starts)[:, None, None]
    away = grid[..., None, :] - starts[:, None, None]
    along_fraction = ((away * along).sum(-1) / (along**2).sum(-1).clamp(min=1e-6)).clamp(0, 1)
    across = away - along_fraction[..., None] * along
    distance = across.norm(dim=-1) / radius[:, None, None]
    nearest = distance.argmin(-1, keepdim=True)
    distance = distance.gather(-1, nearest)[..., 0]
    side = (across[..., 0] / radius[:, None, None]).gather(-1, nearest)[..., 0]
    depth = (radius[:, None, None].expand_as(along_fraction)).gather(-1, nearest)[..., 0]
    shade = 0.55 + 0.45 * (1 - distance.clamp(max=1) ** 2).sqrt() + 0.25 * side.clamp(-1, 1)
    cover = _edge((distance - 1) * depth, grid.shape[1])
    return (color * shade[:, None]).clamp(0, 255), cover


def _edge(outside_mm: Tensor, size: int) -> Tensor:
    """(n, 1, S, S) how much of each pixel is inside of an outline that lies so far away."""
    return (0.5 - outside_mm * size / CROP_MM).clamp(0, 1)[:, None]
