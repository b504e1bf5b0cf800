"""The compiled loops of :mod:`lineament.data.occlusion.drawing`; all write into their last arguments."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]


@compiled(nogil=True)
def fill_tubes(
    ends: Array,
    parts: Array,
    tints: Array,
    lamp: Array,
    front: Array,
    bias: float,
    alpha: Array,
    depth: Array,
    colors: Array,
) -> None:
    """Draw tubes (L, 8), the nearest on top, where they are nearer than `front` + `bias`.

    Args:
        ends: (L, 8) px.
        parts: (L,) colour of each.
        tints: (P, 3).
        lamp: (5,) direction to the light, ambient share, roundness.
        front: (H, W) depth of the head.
        bias: px.
        alpha: (H, W) float32, written.
        depth: (H, W) float32, written.
        colors: (H, W, 3) float32, written.
    """
    height, width = alpha.shape
    for n in range(len(ends)):
        x0, y0, z0, r0, x1, y1, z1, r1 = ends[n]
        dx, dy = x1 - x0, y1 - y0
        squared = max(dx * dx + dy * dy, 1e-9)
        reach = max(r0, r1, 0.5) + 1
        left, right = max(int(min(x0, x1) - reach), 0), min(int(max(x0, x1) + reach) + 1, width)
        top, bottom = max(int(min(y0, y1) - reach), 0), min(int(max(y0, y1) + reach) + 1, height)
        for row in range(top, bottom):
            for column in range(left, right):
                px, py = column + 0.5 - x0, row + 0.5 - y0
                t = min(max((px * dx + py * dy) / squared, 0.0), 1.0)
                ox, oy = px - t * dx, py - t * dy
                distance = np.sqrt(ox * ox + oy * oy)
                true = r0 + (r1 - r0) * t
                radius = max(true, 0.5)
                cover = min(max(radius - distance + 0.5, 0.0), 1.0) * min(2 * true, 1.0)
                if cover <= 0:
                    continue
                bulge = np.sqrt(max(radius * radius - distance * distance, 0.0))
                z = z0 + (z1 - z0) * t - bulge
                if z - bias > front[row, column]:
                    continue
                behind = z >= depth[row, column]
                if alpha[row, column] > 0 and (behind or cover < 0.5) and cover <= alpha[row, column]:
                    continue
                if not (behind and alpha[row, column] >= 0.5):
                    depth[row, column] = z
                    nx, ny = lamp[4] * ox / radius, lamp[4] * oy / radius
                    nz = -np.sqrt(max(1 - nx * nx - ny * ny, 0.0))
                    shade = _shade(nx, ny, nz, lamp)
                    for k in range(3):
                        colors[row, column, k] = min(tints[parts[n], k] * shade, 255.0)
                alpha[row, column] = max(alpha[row, column], cover)


@compiled(nogil=True)
def _shade(nx: float, ny: float, nz: float, lamp: Array) -> float:
    diffuse = nx * lamp[0] + ny * lamp[1] + nz * lamp[2]
    return lamp[3] + (1.15 - lamp[3]) * max(diffuse, 0.0)


@compiled(nogil=True)
def shade_sheet(
    triangle_index: Array,
    weights: Array,
    depth: Array,
    triangles: Array,
    attributes: Array,
    texture: Image8,
    lamp: Array,
    front: Array,
    bias: float,
    alpha: Array,
    colors: Array,
) -> None:
    """Colours of a rastered surface, four points a pixel, where it is nearer than `front` + `bias`.

    Args:
        triangle_index: (2H, 2W) of the raster.
        weights: (2H, 2W, 3).
        depth: (2H, 2W), in half pixels.
        triangles: (T, 3).
        attributes: (V, 5) normal and place on the texture.
        texture: (h, w, 3).
        lamp: (4,) direction to the light, ambient share.
        front: (H, W) depth of the head.
        bias: px.
        alpha: (H, W) float32, written.
        colors: (H, W, 3) float32, written.
    """
    height, width = alpha.shape
    value = np.empty(5, np.float64)
    for row in range(height):
        for column in range(width):
            hits = 0
            value[:] = 0.0
            for sub in range(4):
                y, x = 2 * row + sub // 2, 2 * column + sub % 2
                t = triangle_index[y, x]
                if t < 0 or depth[y, x] / 2 - bias > front[row, column]:
                    continue
                hits += 1
                for corner in range(3):
                    for k in range(5):
                        value[k] += attributes[triangles[t, corner], k] * weights[y, x, corner]
            if hits == 0:
                continue
            alpha[row, column] = hits / 4
            length = np.sqrt(value[0] ** 2 + value[1] ** 2 + value[2] ** 2) + 1e-9
            side = -1.0 if value[2] > 0 else 1.0  # both sides are lit as seen
            scale = side / length
            shade = _shade(value[0] * scale, value[1] * scale, value[2] * scale, lamp)
            _sample(texture, value[3] / hits, value[4] / hits, shade, colors[row, column])


@compiled(nogil=True)
def _sample(texture: Image8, u: float, v: float, shade: float, out: Array) -> None:
    height, width = texture.shape[0], texture.shape[1]
    x = min(max(u * width - 0.5, 0.0), width - 1.001)
    y = min(max(v * height - 0.5, 0.0), height - 1.001)
    left, top = int(x), int(y)
    fx, fy = x - left, y - top
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    for k in range(3):
        upper = texture[top, left, k] * (1 - fx) + texture[top, right, k] * fx
        lower = texture[bottom, left, k] * (1 - fx) + texture[bottom, right, k] * fx
        out[k] = min((upper * (1 - fy) + lower * fy) * shade, 255.0)


@compiled(nogil=True)
def soften(colors: Array, alpha: Array, out_colors: Array, out_alpha: Array) -> None:
    """3 x 3 binomial filter of colours weighted by their alpha."""
    height, width = alpha.shape
    for row in range(height):
        for column in range(width):
            total = 0.0
            r, g, b = 0.0, 0.0, 0.0
            for down in range(-1, 2):
                for right in range(-1, 2):
                    y, x = min(max(row + down, 0), height - 1), min(max(column + right, 0), width - 1)
                    weight = alpha[y, x] * ((2 - abs(down)) * (2 - abs(right)) / 16)
                    total += weight
                    r += weight * colors[y, x, 0]
                    g += weight * colors[y, x, 1]
                    b += weight * colors[y, x, 2]
            out_alpha[row, column] = total
            inverse = 1 / max(total, 1e-6)
            out_colors[row, column, 0] = r * inverse
            out_colors[row, column, 1] = g * inverse
            out_colors[row, column, 2] = b * inverse


@compiled(nogil=True)
def lay_over(picture: Image8, colors: Array, alpha: Array, out: Image8) -> None:
    """A picture with colours in front, as far as alpha says."""
    height, width, _ = picture.shape
    for row in range(height):
        for column in range(width):
            a = alpha[row, column]
            for k in range(3):
                below = picture[row, column, k]
                if a <= 0:
                    out[row, column, k] = below
                else:
                    mixed = a * colors[row, column, k] + (1 - a) * below
                    out[row, column, k] = np.uint8(min(max(mixed + 0.5, 0.0), 255.0))


@compiled(nogil=True)
def stack(
    colors_below: Array,
    alpha_below: Array,
    colors_above: Array,
    alpha_above: Array,
    colors: Array,
    alpha: Array,
) -> None:
    """One layer that looks like two."""
    height, width = alpha.shape
    for row in range(height):
        for column in range(width):
            above = alpha_above[row, column]
            below = alpha_below[row, column] * (np.float32(1) - above)
            total = above + below
            alpha[row, column] = total
            inverse = np.float32(1) / max(total, np.float32(1e-6))
            for k in range(3):
                mixed = colors_above[row, column, k] * above + colors_below[row, column, k] * below
                colors[row, column, k] = mixed * inverse
