"""Drawing of things in front of a head: round things, sheets in space, flat outlines, and laying them over.

Everything is drawn into a :class:`Layer` of the picture's size, lit by a :class:`Light`, and where the head's
depth is given only what is nearer than the head. Positions are px of the image frame (x right, y down, z away
from the viewer); coordinates are rounded to 1/64 px, so that the last digits of a machine's floating point do
not decide about pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.occlusion.kernels import fill_tubes, lay_over, shade_sheet, soften, stack
from lineament.geometry.mesh import vertex_normals

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]

GRID_PX = 64.0
LUMA = np.float32([0.299, 0.587, 0.114])
GREY_LEVELS = 8  # channels this close together, as JPEG leaves them, are one colour: grey


@dataclass(frozen=True, slots=True)
class Light:
    """Where light comes from.

    Attributes:
        toward: (3,) unit vector to the light, image frame.
        ambient: fraction of light that comes from everywhere.
    """

    toward: Array
    ambient: float = 0.5

    @classmethod
    def random(cls, rng: np.random.Generator) -> Light:
        """From above and in front, more or less to one side."""
        toward = np.array([rng.normal(0, 0.6), rng.normal(-0.5, 0.3), rng.uniform(-1.2, -0.5)])
        return cls(toward / np.linalg.norm(toward), float(rng.uniform(0.35, 0.75)))


@dataclass(frozen=True, slots=True)
class Layer:
    """Something drawn, to lie over a picture.

    Attributes:
        colors: (H, W, 3) float32, 0 to 255.
        alpha: (H, W) float32, how much of what is behind it hides.
    """

    colors: Array
    alpha: Array

    @property
    def mask(self) -> Mask:
        """(H, W) where it hides more than half of what is behind."""
        return self.alpha > 0.5

    def tinted(self, factor: Array | float) -> Layer:
        """The colours multiplied, by a number or by anything that spreads over (H, W, 3)."""
        return replace(self, colors=self.colors * np.asarray(factor, np.float32))

    def faded(self, fraction: float) -> Layer:
        """As much less opaque."""
        return replace(self, alpha=self.alpha * np.float32(fraction))

    def as_grey_as(self, picture: Image8) -> Layer:
        """Without colour before pixels (H, W, 3) that have none, a few of them apart."""
        sample = picture[::8, ::8].astype(np.int16)
        if sample.size == 0 or np.percentile(np.ptp(sample, axis=-1), 75) > GREY_LEVELS:
            return self
        return replace(self, colors=np.repeat((self.colors @ LUMA)[..., None], 3, axis=-1))

    def softened(self, passes: int) -> Layer:
        """Its edges and colours blurred by 3 x 3 binomial filters, for photographs that are not sharp."""
        layer = self
        for _ in range(passes):
            colors, alpha = np.empty_like(layer.colors), np.empty_like(layer.alpha)
            soften(layer.colors, layer.alpha, colors, alpha)
            layer = Layer(colors, alpha)
        return layer

    def over(self, picture: Image8) -> Image8:
        """(H, W, 3) uint8: a picture with the layer in front."""
        out = np.empty_like(picture)
        lay_over(picture, self.colors, self.alpha, out)
        return out


def stacked(below: Layer, above: Layer) -> Layer:
    """One layer of two."""
    colors, alpha = np.empty_like(below.colors), np.empty_like(below.alpha)
    stack(below.colors, below.alpha, above.colors, above.alpha, colors, alpha)
    return Layer(colors, alpha)


def cast_shadow(picture: Image8, layer: Layer, *, shift_xy: tuple[int, int], strength: float) -> Image8:
    """A picture darkened by the blurred, shifted silhouette of a layer; what is shaded is still seen."""
    height, width = layer.alpha.shape
    small = Image.fromarray((layer.alpha * 255).astype(np.uint8)).resize(
        (max(width // 8, 1), max(height // 8, 1)), Image.Resampling.BOX
    )
    wide = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR), np.float32) / 255
    wide = np.roll(wide, (shift_xy[1], shift_xy[0]), axis=(0, 1))
    return (picture * (1 - np.float32(strength) * wide)[..., None]).astype(np.uint8)


def draw_tubes(
    size_hw: tuple[int, int],
    ends: Array,
    parts: Array,
    part_colors: Array,
    light: Light,
    *,
    front: Array | None = None,
    bias: float = 0.0,
    roundness: float = 1.0,
) -> Layer:
    """Round things: fingers, strands, frames, sticks.

    Args:
        size_hw: of the picture.
        ends: (L, 8) px: x, y, z and radius of one end, then of the other, of each tube.
        parts: (L,) int, which colour each has.
        part_colors: (P, 3) 0 to 255.
        light: what shades them.
        front: (H, W) depth of the head, px, infinite where it is not; what lies behind is not drawn.
        bias: px by which things may lie deeper than `front` and still be seen (they rest on the skin).
        roundness: fraction of a cylinder's own change of shade across it.
    """
    head = np.full(size_hw, np.inf, np.float32) if front is None else front
    alpha, colors = np.zeros(size_hw, np.float32), np.zeros((*size_hw, 3), np.float32)
    depth = np.full(size_hw, np.inf, np.float32)
    ends = np.round(np.asarray(ends, np.float64) * GRID_PX) / GRID_PX
    tints = np.asarray(part_colors, np.float32)
    lamp = np.array([*light.toward, light.ambient, roundness])
    fill_tubes(ends, np.asarray(parts, np.int64), tints, lamp, head, bias, alpha, depth, colors)
    return Layer(colors, alpha)


def draw_sheet(
    size_hw: tuple[int, int],
    vertices_image: Array,
    triangles: Array,
    uv: Array,
    texture: Image8,
    light: Light,
    *,
    front: Array | None = None,
    bias: float = 0.0,
) -> Layer:
    """A surface in space, seen from both sides, its edges antialiased on two by two points a pixel.

    Args:
        size_hw: of the picture.
        vertices_image: (V, 3) px.
        triangles: (T, 3) int.
        uv: (V, 2) in [0, 1], place on the texture, right and down.
        texture: (h, w, 3) uint8.
        light: what shades it.
        front: (H, W) depth of the head, px; what lies behind is not drawn.
        bias: px, as in `draw_tubes`.
    """
    head = np.full(size_hw, np.inf, np.float32) if front is None else front
    vertices = np.round(np.asarray(vertices_image, np.float64) * GRID_PX) / GRID_PX
    normals = vertex_normals(vertices, triangles)
    alpha, colors = np.zeros(size_hw, np.float32), np.zeros((*size_hw, 3), np.float32)
    window = _window(vertices, size_hw)
    if window is None:
        return Layer(colors, alpha)
    left, top, right, bottom = window
    moved = 2 * (vertices - [left, top, 0])
    raster = draw_mesh(moved, triangles, size_hw=(2 * (bottom - top), 2 * (right - left)))
    attributes = np.concatenate([normals, uv], axis=1).astype(np.float32)
    lamp = np.append(light.toward, light.ambient)
    shade_sheet(
        raster.triangle_index,
        raster.weights,
        raster.depth,
        np.ascontiguousarray(triangles, np.int32),
        attributes,
        texture,
        lamp,
        head[top:bottom, left:right],
        bias,
        alpha[top:bottom, left:right],
        colors[top:bottom, left:right],
    )
    return Layer(colors, alpha)


def draw_outline(size_hw: tuple[int, int], corners_xy: Array) -> Array:
    """(H, W) float32 coverage of a polygon with corners (P, 2) px, antialiased on three by three points."""
    cover = np.zeros(size_hw, np.float32)
    window = _window(corners_xy, size_hw)
    if window is None:
        return cover
    left, top, right, bottom = window
    big = Image.new("L", (3 * (right - left), 3 * (bottom - top)))
    corners = np.round((np.asarray(corners_xy) - [left, top]) * 3 * 16) / 16 - 0.5
    ImageDraw.Draw(big).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    cover[top:bottom, left:right] = np.asarray(big.reduce(3), np.float32) / np.float32(255)
    return cover


def _window(points: Array, size_hw: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the part of the picture that holds points (P, 2 or 3) px; None for none."""
    low, high = np.floor(points.min(axis=0)[:2]) - 1, np.ceil(points.max(axis=0)[:2]) + 1
    left, top = (int(max(value, 0)) for value in low)
    right, bottom = (int(min(value, limit)) for value, limit in zip(high, size_hw[::-1]))
    return (left, top, right, bottom) if right > left and bottom > top else None


def grid_triangles(rows: int, columns: int, *, closed: bool = False) -> NDArray[np.int32]:
    """(T, 3) triangles of a grid of vertices, row by row; `closed` joins the last column to the first."""
    corner = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        corner = np.concatenate([corner, corner[:, :1]], axis=1)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    both = [np.stack([a, c, b], axis=-1), np.stack([b, c, d], axis=-1)]
    return np.concatenate([half.reshape(-1, 3) for half in both]).astype(np.int32)


def chain(points: Array, radii: Array) -> Array:
    """(P - 1, 8) tubes along points (P, 3) with radii (P,)."""
    ends = np.concatenate([points, np.broadcast_to(radii, len(points))[:, None]], axis=1)
    return np.concatenate([ends[:-1], ends[1:]], axis=1)
