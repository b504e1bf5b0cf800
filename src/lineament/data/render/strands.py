"""Hair as strands: grown from roots along a style's flow, drawn as thin lines into the z-buffer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled
from lineament.data.render.kernels import lit_fraction

Array = NDArray[Any]

STEPS = 12
"""Pieces of a strand."""


@compiled(nogil=True, error_model="numpy")
def grow(
    roots: Array,
    directions: Array,
    lengths: Array,
    down: Array,
    weight: float,
    stiffness: float,
    curl: float,
    cling: float,
    layers: Array,
    centre: Array,
    radii: Array,
    phases: Array,
    out: Array,
) -> None:
    """Strands that start along a direction, sink under their weight and lie on the skull.

    Args:
        roots: (S, 3) mm, model frame.
        directions: (S, 3) unit vectors, the style's flow at the roots.
        lengths: (S,) mm.
        down: (3,) unit vector of gravity, model frame.
        weight: how fast a strand turns down, a piece.
        stiffness: fraction of the style's flow in each piece's direction.
        curl: mm of radius of a curl.
        cling: fraction of the way back to their layer that strands take each piece, as combed hair does.
        layers: (S,) mm that each strand keeps from the skull.
        centre: (3,) of the skull's ellipsoid.
        radii: (3,) mm.
        phases: (S, 2) random angles.
        out: (S, STEPS + 1, 3) mm, written.
    """
    for s in range(len(roots)):
        step = lengths[s] / STEPS
        px, py, pz = roots[s, 0], roots[s, 1], roots[s, 2]
        dx, dy, dz = directions[s, 0], directions[s, 1], directions[s, 2]
        out[s, 0, 0], out[s, 0, 1], out[s, 0, 2] = px, py, pz
        for k in range(STEPS):
            dx += stiffness * directions[s, 0] * 0.2 + weight * down[0]
            dy += stiffness * directions[s, 1] * 0.2 + weight * down[1]
            dz += stiffness * directions[s, 2] * 0.2 + weight * down[2]
            norm = 1 / max(np.sqrt(dx * dx + dy * dy + dz * dz), 1e-6)
            dx, dy, dz = dx * norm, dy * norm, dz * norm
            nx, ny, nz = px + dx * step, py + dy * step, pz + dz * step
            # Out of the skull, along its radius, and a little farther by the strand's layer.
            grown = min((k + 1) / 3.0, 1.0) * layers[s]
            ex, ey, ez = nx - centre[0], ny - centre[1], nz - centre[2]
            rx, ry, rz = radii[0] + grown, radii[1] + grown, radii[2] + grown
            inside = (ex / rx) ** 2 + (ey / ry) ** 2 + (ez / rz) ** 2
            if inside < 1 or cling > 0:
                out_by = 1 / np.sqrt(max(inside, 0.05))
                out_by = out_by if inside < 1 else 1 - cling * (1 - out_by)
                nx, ny, nz = centre[0] + ex * out_by, centre[1] + ey * out_by, centre[2] + ez * out_by
                bx, by, bz = nx - px, ny - py, nz - pz
                norm = 1 / max(np.sqrt(bx * bx + by * by + bz * bz), 1e-6)
                dx, dy, dz = bx * norm, by * norm, bz * norm
                nx, ny, nz = px + dx * step, py + dy * step, pz + dz * step
            px, py, pz = nx, ny, nz
            out[s, k + 1, 0], out[s, k + 1, 1], out[s, k + 1, 2] = px, py, pz
            if curl > 0:
                fraction = (k + 1) / STEPS
                swing = curl * fraction
                out[s, k + 1, 0] += swing * np.sin(phases[s, 0] + 9 * fraction)
                out[s, k + 1, 1] += swing * np.sin(phases[s, 1] + 8 * fraction)
                out[s, k + 1, 2] += swing * np.cos(phases[s, 0] + 9 * fraction)


@compiled(nogil=True, error_model="numpy")
def draw_strands(
    points: Array,
    albedo: Array,
    width: float,
    taper: float,
    ambient: Array,
    key_direction: Array,
    key_rgb: Array,
    shine: float,
    root_shade: float,
    to_light: Array,
    shadow: Array,
    bias: float,
    kind: int,
    lift: float,
    depth: Array,
    strand: Array,
    colors: Array,
) -> None:
    """Draw strands as lines, lit as hair is (Kajiya and Kay 1989).

    Args:
        points: (S, K, 3) px of the fine picture.
        albedo: (S, 3) linear colour of each.
        width: px at the root.
        taper: width at the tip as a part of that at the root.
        ambient: (3,) light from all around.
        key_direction: (3,) unit vector to the key light in the picture's axes.
        key_rgb: (3,).
        shine: strength of the highlight.
        root_shade: light that reaches roots as a part of what reaches tips.
        to_light: as `lit_fraction`.
        shadow: as `lit_fraction`.
        bias: as `lit_fraction`.
        kind: written where a strand is seen.
        lift: px by which strands count as nearer than they are: hair that lies on skin does not vanish in it.
        depth: (H, W) float32, read and written.
        strand: (H, W) uint8, written.
        colors: (H, W, 3) float32 linear, written.
    """
    height, wide = depth.shape
    last = points.shape[1] - 1
    for s in range(len(points)):
        for k in range(last):
            ax, ay, az = points[s, k, 0], points[s, k, 1], points[s, k, 2]
            dx, dy, dz = points[s, k + 1, 0] - ax, points[s, k + 1, 1] - ay, points[s, k + 1, 2] - az
            if (
                max(ax, ax + dx) < 0
                or max(ay, ay + dy) < 0
                or min(ax, ax + dx) >= wide
                or min(ay, ay + dy) >= height
            ):
                continue
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            if length < 1e-6:
                continue
            along = (dx * key_direction[0] + dy * key_direction[1] + dz * key_direction[2]) / length
            across = np.sqrt(max(1 - along * along, 0.0))
            toward = -dz / length
            half = along + toward
            gloss = shine * max(1 - half * half * 0.5, 0.0) ** 24
            fraction = (k + 0.5) / last
            shade = root_shade + (1 - root_shade) * min(fraction * 2.5, 1.0)
            lit = lit_fraction(ax + dx / 2, ay + dy / 2, az + dz / 2, to_light, shadow, bias) * shade
            count = int(np.ceil(max(abs(dx), abs(dy)) * 1.05)) + 1
            half_width = width * (1 - (1 - taper) * fraction) / 2
            steep = abs(dy) > abs(dx)
            for i in range(count):
                t = i / count
                x, y, z = ax + dx * t, ay + dy * t, az + dz * t - lift
                low = -half_width + 0.5
                side = int(np.floor((x if steep else y) + low))
                many = max(int(np.round(2 * half_width)), 1)
                for j in range(many):
                    row = int(np.floor(y)) if steep else side + j
                    column = side + j if steep else int(np.floor(x))
                    if row < 0 or column < 0 or row >= height or column >= wide:
                        continue
                    if z < depth[row, column]:
                        depth[row, column] = z
                        strand[row, column] = kind
                        for c in range(3):
                            light = ambient[c] * shade + key_rgb[c] * lit * across
                            colors[row, column, c] = albedo[s, c] * light + gloss * key_rgb[c] * lit * (
                                0.3 * albedo[s, c] + 0.02
                            )
