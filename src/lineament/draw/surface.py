"""The mesh on its photo: lit, coloured by depth or by direction, or as its edges.

A surface is smooth, so it is drawn coarser than the photo and enlarged: the work hardly grows with the face.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.draw.canvas import Canvas, Photo
from lineament.draw.patch import Array, Color, Patch, blend
from lineament.errors import ConfigError
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import rasterize_values, toward_viewer
from lineament.geometry.topology import unique_edges
from lineament.result import FaceResult

MESH_RGB: Color = (150, 200, 255)
LIGHT_IMAGE = np.array([-0.35, -0.5, -0.79])  # toward the light: from above the viewer's left shoulder
LAYER_PX = 220  # longer side of a surface's layer, for faces of up to 600 px
COARSEST = 1 / 2.75  # px of the layer for one of the photo: larger faces have larger layers
MAX_LAYER_PX = 2048  # longer side of any surface's layer
MAX_EDGES_PX = 4096  # and of a layer of edges
FINE_PX = 2000  # of a face's rectangle: edges on smaller ones are drawn finer than the photo
DEPTH_RGB = ((255, 247, 214), (255, 176, 84), (226, 84, 96), (120, 52, 130), (34, 28, 74))  # near to far
_BYTES = np.linspace(0, 1, 256)  # what the values of a byte stand for
STYLES = ("shaded", "depth", "normals", "wireframe", "rendered")


def paint_surface(picture: Canvas, face: FaceResult, opacity: float, style: str) -> None:
    """Draw the side of the mesh that is seen on a picture of our own."""
    if style not in STYLES:
        raise ConfigError(f"A mesh is drawn {', '.join(map(repr, STYLES))}, not {style!r}.")
    patch = Patch.around(face.vertices_image, picture, margin=2)
    if patch is None:
        return
    if style == "wireframe":
        _paint_edges(picture, face, patch, opacity)
        return
    zoom = min(float(np.clip(LAYER_PX / patch.extent, COARSEST, 2)), MAX_LAYER_PX / patch.extent)
    patch = replace(patch, zoom=zoom if zoom <= 1 else 2.0)
    vertices = patch.from_image(face.vertices_image)
    triangles: NDArray[np.integer] = _skin(face) if style == "rendered" else face.triangles
    if not np.isfinite(vertices).all():
        finite = np.asarray(np.isfinite(vertices).all(axis=1))
        triangles = triangles[finite[triangles].all(axis=1)]
    if style == "rendered":
        values, palette = 255 * face.vertex_colors(), None  # type: ignore[attr-defined]
    else:
        values, palette = _values(vertices, triangles, style)
    mask, pictures = rasterize_values(vertices, triangles, values, size_hw=patch.size_hw, both_sides=False)
    bands = [_bled(band.astype(np.uint8)) for band in pictures] + [mask * np.uint8(255)]
    # In these modes Pillow resamples every band as it is, all at once.
    layer = Image.merge("La" if len(bands) == 2 else "RGBa", [Image.fromarray(band) for band in bands])
    table = _edge_table(patch.zoom, opacity)
    for part, strip in patch.strips(layer):
        *colors, alpha = strip.split()
        blend(picture, part, _rgb(colors, palette), alpha.point(table))


def _skin(face: FaceResult) -> NDArray[np.integer]:
    """The triangles that have colours of their own.

    Raises:
        ConfigError: the method knows no colours.
    """
    colors = getattr(face, "colors", None)
    if colors is None:
        raise ConfigError(
            f"A {type(face).__name__} knows nothing of the face's colours and light: draw it as another "
            f"layer, or use weights that do ('dff')."
        )
    triangles: NDArray[np.integer] = colors.triangles
    return triangles


def _values(vertices: Array, triangles: NDArray[np.integer], style: str) -> tuple[Array, list[int] | None]:
    """(N, C) values of the vertices in 0..255, and the colours they stand for when C is one."""
    if style == "depth":
        depth = vertices[:, 2]
        front = depth[triangles[toward_viewer(vertices, triangles) > 0]]
        near, far = front.min(initial=0), front.max(initial=1)
        return np.clip((depth - near) / max(far - near, 1e-9), 0, 1)[:, None] * 255, _ramp(DEPTH_RGB)
    normals = vertex_normals(vertices, triangles)
    if style == "normals":  # of the photo with y up and z to the viewer, as normal maps have them
        return (normals * [1, -1, -1] + 1) * 127.5, None
    light = np.clip(normals @ (LIGHT_IMAGE / np.linalg.norm(LIGHT_IMAGE)), 0, 1)
    return light[:, None] * 255, _LIT


def _lit_palette() -> list[int]:
    """The 256 colours of a surface from no light to full light, 768 numbers."""
    light = np.linspace(0, 1, 256)[:, None]
    matte_rgb = np.array(MESH_RGB) * (0.4 + 0.6 * light)
    return np.rint(matte_rgb + 0.3 * light**12 * (255 - matte_rgb)).astype(int).ravel().tolist()


_LIT = _lit_palette()


def _ramp(stops_rgb: tuple[Color, ...]) -> list[int]:
    """256 colours through the given ones, 768 numbers."""
    place = np.linspace(0, len(stops_rgb) - 1, 256)
    bands = [np.interp(place, np.arange(len(stops_rgb)), band) for band in zip(*stops_rgb, strict=True)]
    return np.rint(np.stack(bands, axis=1)).astype(int).ravel().tolist()


def _rgb(bands: list[Image.Image], palette: list[int] | None) -> Image.Image:
    """One band by its palette, or three bands."""
    if palette is None:
        return Image.merge("RGB", bands)
    bands[0].putpalette(palette)
    return bands[0].convert("RGB")


def _bled(band: Photo) -> Photo:
    """A band whose pixels without a surface take over their neighbours', so that edges do not darken."""
    dilated = band.copy()
    for axis in (0, 1):
        before, after = np.swapaxes(dilated, 0, axis), np.swapaxes(dilated.copy(), 0, axis)
        np.maximum(before[1:], after[:-1], out=before[1:])
        np.maximum(before[:-1], after[1:], out=before[:-1])
    return np.where(band > 0, band, dilated)


def _edge_table(zoom: float, opacity: float) -> list[int]:
    """What becomes of the 256 values of an enlarged mask: a border of about a pixel, times the opacity."""
    steepness = min(max(1 / zoom, 1.0), 2.0)
    cover = np.minimum(np.maximum((_BYTES - 0.5) * steepness + 0.5, 0), 1)
    return np.rint(255 * opacity * cover).astype(int).tolist()


def _paint_edges(picture: Canvas, face: FaceResult, patch: Patch, opacity: float) -> None:
    """The edges whose two ends are seen."""
    edges = unique_edges(face.triangles)
    edges = edges[(face.visibility[edges] > 0.5).all(axis=1)]
    zoom = 2.0 if patch.extent < FINE_PX else min(1.0, MAX_EDGES_PX / patch.extent)
    patch = replace(patch, zoom=zoom)
    layer = Image.new("L", patch.size_hw[::-1])
    pen = ImageDraw.Draw(layer)
    width = max(1, round(patch.zoom * patch.extent / 900))
    fill = round(255 * opacity)
    for ends in patch.from_image(face.vertices_image)[:, :2].take(edges, axis=0).reshape(-1, 4).tolist():
        pen.line(ends, fill=fill, width=width)
    for part, alpha in patch.strips(layer):
        blend(picture, part, MESH_RGB, alpha)
