"""Pieces of HTML for what results show of themselves in Jupyter: tables, bars, pictures of bounded size.

Colours of text and paper are left to the notebook, which may be light or dark.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.geometry.mesh import vertex_normals
from lineament.geometry.raster import rasterize_values, toward_viewer

Array = NDArray[np.floating]

BAR_PX = 120  # of a weight of one
LIGHT_IMAGE = np.array([-0.35, -0.5, -0.79])  # toward the light, above the viewer's left shoulder
CLAY_RGB = (150, 175, 205)
FINER = 2  # portraits are drawn so many times larger, for smooth edges


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> str:
    """A table whose first column names the rows; cells are HTML already."""
    left = "style='text-align:left'"
    top = "".join(f"<th {left}>{cell}</th>" for cell in header)
    body = "".join(
        f"<tr><th {left}>{name}</th>" + "".join(f"<td {left}>{cell}</td>" for cell in cells) + "</tr>"
        for name, *cells in rows
    )
    return f"<table>{f'<tr>{top}</tr>' if top else ''}{body}</table>"


def bar(weight: float) -> str:
    """A weight from 0 to 1 as a bar and a number."""
    width = round(BAR_PX * min(max(weight, 0.0), 1.0))
    style = f"display:inline-block;height:0.7em;width:{width}px;background:#6ea8dc"
    return f"<span style='{style}'></span> {weight:.2f}"


def photo_tag(photo: Image.Image, *, alt: str) -> str:
    """A picture inside the HTML itself, as JPEG."""
    content = BytesIO()
    photo.save(content, "JPEG", quality=82)
    return _tag(content.getvalue(), "jpeg", alt)


def portrait_tag(vertices_image: Array, triangles: NDArray[np.integer], *, size: int = 160) -> str:
    """A mesh by itself as it is turned in its photo, lit, on no background; nothing where it is not finite.

    Args:
        vertices_image: (N, 3) px of the photo.
        triangles: (M, 3) int, counter-clockwise seen from outside.
        size: longer side of the picture, px.
    """
    vertices = np.asarray(vertices_image, np.float64)
    if not np.isfinite(vertices).all():
        return ""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    extent = float((high - low)[:2].max())
    if extent <= 0:
        return ""
    placed = (vertices - low) * (FINER * size / extent)
    width, height = (max(FINER, int(np.ceil(side))) for side in placed[:, :2].max(axis=0))
    light = vertex_normals(placed, triangles) @ (LIGHT_IMAGE / np.linalg.norm(LIGHT_IMAGE))
    front = triangles[toward_viewer(placed, triangles) > 0]
    mask, (lit,) = rasterize_values(
        placed, front, 0.35 + 0.65 * np.clip(light, 0, 1)[:, None], size_hw=(height, width)
    )
    picture = np.dstack([*(lit * band for band in CLAY_RGB), 255 * mask]).round().astype(np.uint8)
    content = BytesIO()
    Image.fromarray(picture).convert("RGBa").reduce(FINER).convert("RGBA").save(content, "PNG")
    return _tag(content.getvalue(), "png", "the mesh by itself")


def beside(*parts: str) -> str:
    """Pieces next to one another where there is room."""
    style = "display:flex;flex-wrap:wrap;gap:1em;align-items:flex-start"
    return f"<div style='{style}'>{''.join(f'<div>{part}</div>' for part in parts if part)}</div>"


def line(text: str) -> str:
    """A line of plain text."""
    return f"<div>{escape(text)}</div>"


def _tag(content: bytes, kind: str, alt: str) -> str:
    data = base64.b64encode(content).decode("ascii")
    return f"<img alt='{escape(alt)}' src='data:image/{kind};base64,{data}'>"
