"""What cameras do to pictures, for whole batches on the device.

The twin of :mod:`lineament.data.crops.camera_effects` for training on GPUs: the same effects in the same
ranges.
Pictures are (B, 3, S, S) float32 RGB, 0 to 255. Effects that few rows get are computed for those alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from lineament.data.crops.augment import PARTS, AugmentConfig
from lineament.train.batches.device_draws import Draws

LUMA = (0.299, 0.587, 0.114)
REACH = 4
"""Of blurs, px."""
BLOCK = 8
"""Side of JPEG's blocks, px."""
MIN_SHRINK, MAX_SHRINK = 0.22, 0.8
# Annex K of the JPEG standard (ITU-T T.81), tables K.1 and K.2.
LUMA_STEPS = """
16 11 10 16  24  40  51  61   12 12 14 19  26  58  60  55   14 13 16 24  40  57  69  56
14 17 22 29  51  87  80  62   18 22 37 56  68 109 103  77   24 35 55 64  81 104 113  92
49 64 78 87 103 121 120 101   72 92 95 98 112 100 103  99
"""
CHROMA_STEPS = """
17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99   24 26 56 99 99 99 99 99   47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99
"""


def random_effects(
    picture: Tensor, config: AugmentConfig, draws: Draws, *, hidden: Tensor | None = None
) -> Tensor:
    """Colours, blur, noise, compression, dark borders, each with its own fraction of the rows.

    Args:
        picture: (B, 3, S, S).
        config: probabilities.
        draws: source of all choices.
        hidden: (B, S, S) bool, set where the pictures are blacked out; None where nobody asks.
    """
    count = len(picture)
    picture = toned(picture, random_tones(count, config.grey_probability, draws))
    blur, shrink = draws.rows(count, 0.35 * config.blur_probability, 0.65 * config.blur_probability)
    picture[blur] = convolved(picture[blur], random_kernels(len(blur), draws))
    picture[shrink] = _shrunk_at_random(picture[shrink], draws)
    (noise,) = draws.rows(count, config.noise_probability)
    picture[noise] = _noisy_at_random(picture[noise], draws)
    (compress,) = draws.rows(count, config.jpeg_probability)
    picture[compress] = jpeg(picture[compress], draws.whole(len(compress), 15, 70))
    picture = picture.round_().clamp_(0, 255)
    (border,) = draws.rows(count, config.border_probability)
    _keep_only(picture, border, _inside_borders(len(border), picture.shape[-1], draws), hidden)
    (part,) = draws.rows(count, config.part_probability)
    _keep_only(picture, part, _random_parts(len(part), picture.shape[-1], draws), hidden)
    if hidden is not None and config.black_frame:
        hidden |= ~framed(torch.ones_like(hidden), config.black_frame)
    return framed(picture, config.black_frame)


def _keep_only(picture: Tensor, rows: Tensor, shown: Tensor, hidden: Tensor | None) -> None:
    """Black out some rows of the pictures where `shown` (n, S, S) is false."""
    picture[rows] *= shown[:, None]
    if hidden is not None:
        hidden[rows] |= ~shown


@dataclass(frozen=True, slots=True)
class Tones:
    """Light and colour of B pictures; each field as in :class:`lineament.data.crops.camera_effects.Tone`.

    Attributes:
        gains: (B, 3).
        gamma, saturation, contrast, lift: (B,).
        light_xy: (B, 2).
        vignette: (B,).
    """

    gains: Tensor
    gamma: Tensor
    saturation: Tensor
    contrast: Tensor
    lift: Tensor
    light_xy: Tensor
    vignette: Tensor


def random_tones(count: int, grey_probability: float, draws: Draws) -> Tones:
    """As `random_tone` of the workers' camera effects, for crops: all in another light, some dark."""
    gains = torch.exp(draws.normal((count, 3), 0.12) + draws.normal((count, 1), 0.2))
    gamma = torch.exp(draws.normal((count,), 0.25))
    dark = draws.happens(count, 0.08)
    gains = torch.where(dark[:, None], gains * draws.uniform((count, 1), 0.2, 0.6), gains)
    gamma = torch.where(dark, gamma * draws.uniform((count,), 0.9, 1.6), gamma)
    grey = draws.happens(count, grey_probability)
    gains = torch.where(grey[:, None], gains.mean(1, keepdim=True), gains)
    saturation = torch.where(grey, torch.zeros_like(gamma), draws.uniform((count,), 0.4, 1.5))
    lit = draws.happens(count, 0.3)
    angle, strength = draws.uniform((count,), 0, 2 * math.pi), lit * draws.uniform((count,), 0.1, 0.6)
    return Tones(
        gains,
        gamma,
        saturation,
        contrast=draws.uniform((count,), 0.6, 1.3),
        lift=draws.normal((count,), 8.0),
        light_xy=torch.stack([strength * angle.cos(), strength * angle.sin()], dim=1),
        vignette=lit * draws.happens(count, 0.3) * draws.uniform((count,), 0, 0.6),
    )


def toned(picture: Tensor, tones: Tones) -> Tensor:
    """Pictures in another light."""
    size = picture.shape[-1]
    place = 2 * (torch.arange(size, device=picture.device) + 0.5) / size - 1
    x, y = place[None, None, :], place[None, :, None]
    light = 1 + _wide(tones.light_xy[:, 0])[:, 0] * x + _wide(tones.light_xy[:, 1])[:, 0] * y
    light = light * (1 - _wide(tones.vignette)[:, 0] * 0.5 * (x**2 + y**2))
    ramp = 255 * (picture / 255) ** _wide(tones.gamma)
    ramp = 128 + (ramp - 128) * _wide(tones.contrast)
    luma = (ramp * _luma(picture)).sum(1, keepdim=True)
    colored = torch.lerp(luma, ramp, _wide(tones.saturation))
    gains = tones.gains[:, :, None, None]
    return (colored * gains * light[:, None] + _wide(tones.lift)).clamp(0, 255)


def random_kernels(count: int, draws: Draws) -> Tensor:
    """(count, 9, 9) soft, moving and unsharp lenses, as :func:`random_blur` of strength 0.7 draws them."""
    offset = torch.arange(-REACH, REACH + 1, device=draws.device).float()
    x, y = offset[None, None, :], offset[None, :, None]
    std = 0.7 * draws.uniform((count, 1, 1), 0.4, 2.0)
    soft = torch.exp(-(x**2 + y**2) / (2 * std**2))
    half, angle = 0.35 * draws.uniform((count, 1, 1), 1.5, 7.0), draws.uniform((count, 1, 1), 0, math.pi)
    along, beside = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    moving = (half + 0.5 - along.abs()).clamp(0, 1) * (1 - beside.abs()).clamp(min=0)
    radius = 0.7 * draws.uniform((count, 1, 1), 1.0, 2.5)
    disc = (torch.hypot(x, y) <= radius).float()
    kind = draws.uniform((count, 1, 1))
    kernel = torch.where(kind < 0.5, soft, torch.where(kind < 0.75, moving, disc))
    return kernel / kernel.sum((1, 2), keepdim=True)


def convolved(picture: Tensor, kernel: Tensor) -> Tensor:
    """Each picture convolved with its own (B, 9, 9) kernel; borders go on as they end."""
    count, channels, size, _ = picture.shape
    if not count:
        return picture
    padded = functional.pad(picture, [REACH] * 4, mode="replicate")
    padded = padded.reshape(1, count * channels, *[size + 2 * REACH] * 2)
    weight = kernel.repeat_interleave(channels, dim=0)[:, None]
    return functional.conv2d(padded, weight, groups=count * channels).view(picture.shape)


def _shrunk_at_random(picture: Tensor, draws: Draws) -> Tensor:
    maps = shrinking_maps(picture.shape[-1], picture.device)
    chosen = maps[draws.whole(len(picture), 0, len(maps))][:, None]
    return chosen @ picture @ chosen.transpose(-1, -2)


@lru_cache(maxsize=4)
def shrinking_maps(size: int, device: torch.device) -> Tensor:
    """(M, size, size) what makes a row of pixels smaller and enlarges it again.

    By 0.22 to 0.8 of the pixels, with blocks or smoothly down and smoothly or sharply up: each is linear, so
    that a picture is shrunk by two products of matrices.
    """
    minimum = max(BLOCK, int(MIN_SHRINK * size))
    whole, maps = torch.eye(size)[None, None], []
    for small in range(minimum, max(int(MAX_SHRINK * size), minimum) + 1):
        for down in ("area", "bilinear"):
            smooth = {"antialias": True} if down == "bilinear" else {}
            reduce = functional.interpolate(whole, (small, size), mode=down, **smooth)
            for up in ("bilinear", "bicubic"):
                enlarge = functional.interpolate(
                    torch.eye(small)[None, None], (size, small), mode=up, antialias=True
                )
                maps.append((enlarge @ reduce)[0, 0])
    return torch.stack(maps).to(device)


def _noisy_at_random(picture: Tensor, draws: Draws) -> Tensor:
    """With grain of 2 to 14 grey levels, the same in all channels or not, fine or a little coarse."""
    count = len(picture)
    std = torch.exp(draws.uniform((count,), math.log(2), math.log(14)))
    grain = draws.normal(picture.shape)
    grain = torch.where(_wide(draws.happens(count, 0.5)), grain[:, :1], grain)
    coarse = (grain + grain.roll(1, dims=2) + grain.roll(1, dims=3)) * 0.577
    grain = torch.where(_wide(draws.happens(count, 0.3)), coarse, grain)
    return (picture + grain * _wide(std)).clamp(0, 255)


def jpeg(picture: Tensor, quality: Tensor) -> Tensor:
    """Compressed and decoded: 8x8 cosine transforms, colours at half the resolution, steps of a quality.

    Args:
        picture: (B, 3, S, S).
        quality: (B,) 1 to 100, as the reference encoder of the Independent JPEG Group counts.
    """
    size = picture.shape[-1]
    if not len(picture):
        return picture
    picture = functional.pad(picture, [0, -size % (2 * BLOCK)] * 2, mode="replicate")
    luma = (picture * _luma(picture)).sum(1, keepdim=True)
    blue = (picture[:, 2:] - luma) * 0.564
    red = (picture[:, :1] - luma) * 0.713
    chroma = functional.avg_pool2d(torch.cat([blue, red], dim=1), 2)
    quality = quality.float()
    factor = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    luma = _quantised(luma - 128, LUMA_STEPS, factor) + 128
    chroma = _quantised(chroma, CHROMA_STEPS, factor)
    chroma = functional.interpolate(chroma, scale_factor=2, mode="bilinear")
    blue, red = chroma[:, :1] / 0.564, chroma[:, 1:] / 0.713
    green = -(LUMA[2] * blue + LUMA[0] * red) / LUMA[1]
    return (luma + torch.cat([red, green, blue], dim=1))[..., :size, :size].clamp(0, 255)


def _quantised(planes: Tensor, steps: str, factor: Tensor) -> Tensor:
    """(B, C, S, S) planes rounded to whole steps of their cosines, which `factor` (B,) widens."""
    cosines = _cosines().to(planes.device)
    table = torch.tensor([float(step) for step in steps.split()], device=planes.device).view(BLOCK, BLOCK)
    table = (table * factor[:, None, None]).round().clamp(1, 255)[:, None, None, None]
    blocks = planes.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4)
    numbers = cosines @ blocks @ cosines.T
    back = cosines.T @ ((numbers / table).round() * table) @ cosines
    return back.transpose(3, 4).reshape_as(planes)


def _cosines() -> Tensor:
    """(8, 8) orthonormal discrete cosine transform."""
    rows, columns = torch.arange(BLOCK)[:, None], torch.arange(BLOCK)[None, :]
    waves = torch.cos(math.pi * (2 * columns + 1) * rows / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    waves[0] /= math.sqrt(2)
    return waves


def _inside_borders(count: int, size: int, draws: Draws) -> Tensor:
    """(count, size, size) bool, false beyond one or two borders, as where the photo ends."""
    depth = (draws.uniform((count, 4), 0.02, 0.3) * size).floor()
    order = draws.uniform((count, 4)).argsort(dim=1)
    depth = depth * ((order == 0) | ((order == 1) & draws.happens(count, 0.5)[:, None]))
    place = torch.arange(size, device=draws.device)
    after, before = place >= depth[..., None], place < size - depth[..., None]
    rows, columns = after[:, 0] & before[:, 2], after[:, 3] & before[:, 1]
    return rows[:, :, None] & columns[:, None, :]


def _random_parts(count: int, size: int, draws: Draws) -> Tensor:
    """(count, size, size) bool, true in a quarter, a half or the middle."""
    spans = torch.tensor(PARTS, device=draws.device).mul(size).round()[draws.whole(count, 0, len(PARTS))]
    place = torch.arange(size, device=draws.device)
    rows, columns = ((place >= s[:, :1]) & (place < s[:, 1:]) for s in (spans[:, 0], spans[:, 1]))
    return rows[:, :, None] & columns[:, None, :]


def framed(picture: Tensor, width: int) -> Tensor:
    """Pictures or masks whose outermost `width` px are black."""
    if not width:
        return picture
    return functional.pad(picture[..., width:-width, width:-width], [width] * 4)


def _wide(values: Tensor) -> Tensor:
    """(B,) for (B, 3, S, S)."""
    return values[:, None, None, None]


def _luma(picture: Tensor) -> Tensor:
    return torch.tensor(LUMA, device=picture.device)[:, None, None]
