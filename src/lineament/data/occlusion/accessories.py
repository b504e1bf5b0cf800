"""What heads wear: glasses, hats, masks, scarves, headbands, hair; built in the head's frame, turned with it.

Each function gives an :class:`Accessory`: sheets and tubes in mm of the model frame. :func:`draw_accessory`
shows it through the head's camera, less what the head hides: the far temple of glasses, the back of a band.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.shell import HeadShell
from lineament.data.occlusion.drawing import (
    Layer,
    Light,
    chain,
    draw_sheet,
    draw_tubes,
    grid_triangles,
    stacked,
)
from lineament.geometry.camera import WeakPerspective

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A surface.

    Attributes:
        vertices_model: (V, 3) mm.
        triangles: (T, 3).
        uv: (V, 2) on the texture.
        texture: (h, w, 3) uint8.
        opacity: 1 hides what is behind.
    """

    vertices_model: Array
    triangles: NDArray[np.integer]
    uv: Array
    texture: Image8
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Accessory:
    """A thing on a head.

    Attributes:
        sheets: its surfaces, drawn in this order.
        tubes: (L, 8) ends in mm, model frame, with radii in mm.
        tube_parts: (L,) which colour each tube has.
        tube_colors: (P, 3) 0 to 255.
        touch_mm: how far under the fitted skin a part may lie and still be seen: fits are not exact.
    """

    sheets: tuple[Sheet, ...] = ()
    tubes: Array | None = None
    tube_parts: Array | None = None
    tube_colors: Array | None = None
    touch_mm: float = 4.0


def draw_accessory(
    accessory: Accessory, camera: WeakPerspective, size_hw: tuple[int, int], front: Array, light: Light
) -> Layer:
    """An accessory as the camera sees it.

    Args:
        accessory: the thing.
        camera: of the head in the picture.
        size_hw: of the picture.
        front: (H, W) depth of the head, px, infinite where it is not.
        light: what shades it.
    """
    bias = accessory.touch_mm * camera.scale
    layers = []
    for sheet in accessory.sheets:
        vertices = camera.image_from_model(sheet.vertices_model)
        drawn = draw_sheet(
            size_hw, vertices, sheet.triangles, sheet.uv, sheet.texture, light, front=front, bias=bias
        )
        layers.append(drawn if sheet.opacity == 1 else drawn.faded(sheet.opacity))
    if accessory.tubes is not None and accessory.tube_parts is not None and accessory.tube_colors is not None:
        ends = accessory.tubes.copy()
        for first in (0, 4):
            ends[:, first : first + 3] = camera.image_from_model(accessory.tubes[:, first : first + 3])
            ends[:, first + 3] *= camera.scale
        layers.append(
            draw_tubes(
                size_hw, ends, accessory.tube_parts, accessory.tube_colors, light, front=front, bias=bias
            )
        )
    layer = layers[0]
    for above in layers[1:]:
        layer = stacked(layer, above)
    return layer


@dataclass(frozen=True, slots=True)
class GlassesStyle:
    """Measures of a pair of glasses, mm.

    Attributes:
        half_wh: half width and height of a lens.
        power: of its superellipse.
        frame: radius of the frame, 0 for lenses without one.
        opacity: of the lenses.
        lens: (h, w, 3) uint8 what the lenses look like.
        color: (3,) of the frame.
        drop: mm by which the lenses' middle lies under the eyes'.
    """

    half_wh: tuple[float, float]
    power: float
    frame: float
    opacity: float
    lens: Image8
    color: Array
    drop: float = 2.0


def glasses(shell: HeadShell, landmarks_model: Array, style: GlassesStyle) -> Accessory:
    """A pair of glasses before the eyes, on the nose and on both ears.

    Args:
        shell: of the head.
        landmarks_model: (68, 3) mm.
        style: measures.
    """
    eyes = np.stack([landmarks_model[36:42].mean(axis=0), landmarks_model[42:48].mean(axis=0)])
    forward = max(float(eyes[:, 2].mean()) + 16.5, float(landmarks_model[27, 2]) + 1.0)
    outline = _superellipse(28, style.power)
    rims, sheets, tubes = [], [], []
    for side, eye in zip((-1.0, 1.0), eyes):
        center = np.array([eye[0] + 1.5 * side, eye[1] - style.drop, forward])
        rim = center + np.column_stack([outline * style.half_wh, np.zeros(len(outline))])
        # The front of a frame bends back to the temples.
        rim[:, 2] -= 0.0022 * rim[:, 0] ** 2
        rims.append(rim)
        sheets.append(_fan(rim, outline, style.lens, style.opacity))
        if style.frame > 0:
            tubes.append(chain(np.concatenate([rim, rim[:1]]), np.full(len(rim) + 1, style.frame)))
    tubes += _holders(shell, rims, max(style.frame, 0.9))
    table = np.concatenate(tubes)
    return Accessory(tuple(sheets), table, np.zeros(len(table), int), np.asarray(style.color)[None])


def _holders(shell: HeadShell, rims: list[Array], radius: float) -> list[Array]:
    """Tubes of the bridge and of both temples."""
    inner_left, inner_right = rims[0][np.argmax(rims[0][:, 0])], rims[1][np.argmin(rims[1][:, 0])]
    middle = (inner_left + inner_right) / 2 + [0.0, 2.5, 2.0]
    tubes = [chain(np.stack([inner_left, middle, inner_right]), np.full(3, radius))]
    for side, rim in zip((-1.0, 1.0), rims):
        outer = rim[np.argmax(side * rim[:, 0])]
        at = np.radians(np.array([60.0, 75.0, 88.0])) * side
        way = shell.points(at, np.array([34.0, 36.0, 36.0]), offset=3.0)
        hinge = outer + np.array([2.5 * side, 6.0, -4.0])
        behind = way[-1] + [0.0, -14.0, -14.0]
        tubes.append(chain(np.stack([outer, hinge, *way, behind]), np.full(6, 1.1 * radius)))
    return tubes


def band(
    shell: HeadShell, low: Array, high: Array, *, reach: float, offset: float, texture: Image8
) -> Accessory:
    """A sheet over the face between two heights: headbands, bandages, masks, scarves.

    Args:
        shell: of the head.
        low: (C,) mm of the neutral face, lower border from the left end to the right one.
        high: (C,) mm, upper border.
        reach: azimuth of the right end, radians.
        offset: mm from the skin.
        texture: what it looks like.
    """
    columns, rows = len(low), 12
    azimuth = np.broadcast_to(np.linspace(-reach, reach, columns), (rows, columns))
    fraction = np.linspace(0, 1, rows)[:, None]
    points = shell.points(azimuth, high + (low - high) * fraction, offset=offset)
    uv = np.stack(np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows)), axis=-1)
    return Accessory(
        (Sheet(points.reshape(-1, 3), grid_triangles(rows, columns), uv.reshape(-1, 2), texture),),
        touch_mm=12.0,
    )


def with_loops(
    mask: Accessory, shell: HeadShell, *, color: Array, heights: tuple[float, float], reach: float
) -> Accessory:
    """A mask with its rubber bands to the ears."""
    tubes = []
    for side in (-1.0, 1.0):
        for start, end in zip(heights, (30.0, -12.0)):
            at = np.linspace(reach, np.radians(84), 4) * side
            way = shell.points(at, np.linspace(start, end, 4), offset=1.5)
            tubes.append(chain(way, np.full(4, 1.0)))
    table = np.concatenate(tubes)
    return replace(
        mask, tubes=table, tube_parts=np.zeros(len(table), int), tube_colors=np.asarray(color)[None]
    )


def cap(
    shell: HeadShell,
    *,
    brow: float,
    tilt: float,
    height: float,
    visor: float,
    texture: Image8,
    visor_texture: Image8,
    brim: bool = False,
) -> Accessory:
    """A cap, a beanie (no visor) or a hat (a brim all round).

    Args:
        shell: of the head.
        brow: elevation of the front border over the skull's middle, radians.
        tilt: how much lower than the front the back is, radians.
        height: of the crown over the skull, mm.
        visor: length of the visor or brim, mm; 0 for none.
        texture: what the crown looks like.
        visor_texture: what the visor looks like.
        brim: the visor goes all round.
    """
    columns, rows = 36, 9
    azimuth = np.linspace(-np.pi, np.pi, columns, endpoint=False)
    border = brow - tilt * (1 - np.cos(azimuth)) / 2
    fraction = np.linspace(0, 1, rows)[:, None]
    elevation = border + (np.pi / 2 - border) * fraction
    offset = 8.0 + height * np.sin(np.pi / 2 * fraction) ** 0.7
    crown = shell.skull(np.broadcast_to(azimuth, elevation.shape), elevation, offset=offset)
    uv = np.stack(np.meshgrid(np.abs(np.linspace(-1, 1, columns)), 1 - fraction[:, 0]), axis=-1)
    top = Sheet(crown.reshape(-1, 3), grid_triangles(rows, columns, closed=True), uv.reshape(-1, 2), texture)
    if visor <= 0:
        return Accessory((top,))
    return Accessory((top, _visor(shell, brow, tilt, visor, visor_texture, round_the_head=brim)))


def _visor(
    shell: HeadShell, brow: float, tilt: float, length: float, texture: Image8, *, round_the_head: bool
) -> Sheet:
    reach = np.pi if round_the_head else np.radians(68)
    azimuth = np.linspace(-reach, reach, 33 if round_the_head else 17)
    border = brow - tilt * (1 - np.cos(azimuth)) / 2
    root = shell.skull(azimuth, border, offset=9.0)
    out = (
        np.ones_like(azimuth)
        if round_the_head
        else np.sqrt(np.clip(np.cos(azimuth / reach * np.pi / 2), 0, 1))
    )
    fractions = np.linspace(0, 1, 4)[:, None]
    away = np.stack([np.sin(azimuth), np.zeros_like(azimuth), np.cos(azimuth)], axis=-1)
    if not round_the_head:  # a visor runs forward, not away from the middle
        away = away * [0.35, 1.0, 1.0]
    points = root + fractions[..., None] * (length * out)[:, None] * away
    points[..., 1] -= (fractions * length * 0.22) * (1 - 0.5 * np.cos(azimuth)) + fractions**2 * 4
    uv = np.stack(np.meshgrid(np.linspace(0, 1, len(azimuth)), fractions[:, 0]), axis=-1)
    return Sheet(points.reshape(-1, 3), grid_triangles(4, len(azimuth)), uv.reshape(-1, 2), texture)


def strands(
    shell: HeadShell, azimuth: Array, top: Array, length: Array, lean: Array, radius: Array, colors: Array
) -> Accessory:
    """Locks of hair that hang over the face from the hairline.

    Args:
        shell: of the head.
        azimuth: (S,) of the roots, radians.
        top: (S,) mm of the neutral face, height of the roots.
        length: (S,) mm.
        lean: (S,) azimuth from root to tip, radians.
        radius: (S,) mm, at the root.
        colors: (S, 3).
    """
    fraction = np.linspace(0, 1, 6)
    at = azimuth[:, None] + lean[:, None] * fraction**1.5
    height = top[:, None] - length[:, None] * fraction
    off = 3.0 + 7.0 * np.sin(np.pi * np.minimum(fraction * 1.3, 1.0))
    points = shell.points(at, height, offset=np.broadcast_to(off, at.shape))
    below = np.minimum(height - (-88.0), 0.0)  # long hair falls past the chin
    points[..., 1] += below
    thick = radius[:, None] * (1.0 - 0.75 * fraction**2)
    tubes = np.concatenate([chain(p, r) for p, r in zip(points, thick)])
    return Accessory((), tubes, np.repeat(np.arange(len(azimuth)), len(fraction) - 1), colors)


def _superellipse(count: int, power: float) -> Array:
    """(count, 2) outline with half axes 1, y up."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return unit / (np.abs(unit) ** power).sum(axis=1, keepdims=True) ** (1 / power)


def _fan(rim: Array, outline: Array, texture: Image8, opacity: float) -> Sheet:
    """A lens: triangles from its middle to its rim."""
    vertices = np.concatenate([rim, rim.mean(axis=0, keepdims=True)])
    count = len(rim)
    around = np.arange(count)
    triangles = np.stack([np.full(count, count), around, (around + 1) % count], axis=1)
    uv = np.concatenate([0.5 + 0.5 * outline * [1.0, -1.0], [[0.5, 0.5]]])
    return Sheet(vertices, triangles, uv, texture, opacity)
