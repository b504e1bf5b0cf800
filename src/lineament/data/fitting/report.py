"""A page that shows how well photographs were fitted: histograms, and sheets of the best to the worst."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.fitting.fitter import Fits
from lineament.data.fitting.quality import FitQuality, QualityLimits, Reason
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]
PhotoReader: TypeAlias = Callable[[int], Image8]

TILE = 160
COLUMNS = 6
HISTOGRAM_HW = (170, 360)
BINS = 60
SKIN_RGB, BALL_RGB, IRIS_RGB = (208, 165, 146), (238, 238, 242), (70, 90, 110)
LIGHT = np.array([0.3, 0.4, 0.85])
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 2em; max-width: 130ch }} img {{ max-width: 100% }}
td {{ padding: 0 1em 0 0 }}</style>
<h1>{title}</h1>
<p>{kept} of {count} fits are kept. Each face is shown as it is and with the fitted mesh.</p>
<table>{reasons}</table>
<h2>Measures</h2><p>The line marks the worst that is kept.</p><img src="histograms.png" alt="histograms">
{sheets}
</html>
"""


@dataclass(frozen=True, slots=True)
class ReportInput:
    """Fitted photographs and how to see them.

    Attributes:
        title: heads the page.
        names: F names of photographs.
        fits: of the F photographs.
        quality: of the fits.
        model: that was fitted.
        read_photo: gives photograph number i, (H, W, 3) uint8 RGB.
        limits: the worst that was kept.
    """

    title: str
    names: Sequence[str]
    fits: Fits
    quality: FitQuality
    model: MorphableModel
    read_photo: PhotoReader
    limits: QualityLimits = QualityLimits()


def write_fit_report(folder: Path, report: ReportInput, *, tiles: int = 24) -> Path:
    """Write histograms, sheets and a page that holds them.

    Args:
        folder: made when missing; files of an earlier report are written over.
        report: what to show.
        tiles: faces a sheet.

    Returns:
        The page, ``index.html``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    histograms(report.quality, report.limits).save(folder / "histograms.png")
    sections = []
    for name, (heading, numbers) in sheet_choices(report.quality, tiles).items():
        if len(numbers):
            sheet(report, numbers).save(folder / f"{name}.png")
            sections.append(f'<h2>{heading}</h2><img src="{name}.png" alt="{heading}">')
    counts = report.quality.count()
    rows = "".join(f"<tr><td>{count}</td><td>{reason}</td></tr>" for reason, count in counts.items())
    page = folder / "index.html"
    page.write_text(
        PAGE.format(
            title=html.escape(report.title),
            kept=counts.get(Reason.KEPT, 0),
            count=len(report.names),
            reasons=rows,
            sheets="\n".join(sections),
        ),
        encoding="utf-8",
        errors="backslashreplace",
    )
    return page


def sheet_choices(quality: FitQuality, tiles: int) -> dict[str, tuple[str, NDArray[np.integer]]]:
    """File name, heading and photographs of each sheet; the rejected are spread over all reasons."""
    kept = np.flatnonzero(quality.is_kept)
    kept = kept[np.argsort(quality.residual[kept], kind="stable")]
    middle = max(0, (len(kept) - tiles) // 2)
    rejected = np.flatnonzero(~quality.is_kept)
    few = rejected[np.linspace(0, len(rejected) - 1, min(tiles, len(rejected))).astype(int)]
    few = few[np.argsort([quality.reasons[number] for number in few], kind="stable")]
    return {
        "best": ("The best", kept[:tiles]),
        "median": ("From the middle", kept[middle : middle + tiles]),
        "worst": ("The worst that are kept", kept[::-1][:tiles]),
        "rejected": ("Not kept", few),
    }


def histograms(quality: FitQuality, limits: QualityLimits) -> Image.Image:
    """One small histogram for each measure."""
    degrees = np.degrees
    shown = (
        ("residual, % of the face's size", 100 * quality.residual, 100 * limits.residual),
        ("points put aside, %", 100 * quality.outliers, 100 * limits.outliers),
        ("identity, standard deviations", quality.identity, limits.identity),
        ("sum of expression weights", quality.expression, limits.expression),
        ("yaw, degrees", degrees(quality.yaw), float(degrees(limits.yaw))),
        ("pitch, degrees", degrees(quality.pitch), float(degrees(limits.pitch))),
    )
    height, width = HISTOGRAM_HW
    picture = Image.new("RGB", (3 * width, 2 * height), "white")
    for place, (name, values, limit) in enumerate(shown):
        corner = (place % 3 * width, place // 3 * height)
        picture.paste(_histogram(name, values[np.isfinite(values)], limit), corner)
    return picture


def _histogram(name: str, values: Array, limit: float) -> Image.Image:
    height, width = HISTOGRAM_HW
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    draw.text((10, 4), name, fill="black")
    if not len(values):
        return picture
    low, high = np.percentile(values, [0.2, 99.8])
    high = high if high > low else low + 1
    counts, edges = np.histogram(np.clip(values, low, high), bins=BINS, range=(low, high))
    left, right, top, bottom = 10, width - 10, 24, height - 24
    step = (right - left) / BINS
    for number, count in enumerate(counts):
        tall = (bottom - top) * count / counts.max()
        x = left + number * step
        draw.rectangle((x, bottom - tall, x + step - 1, bottom), fill=(90, 120, 160))
    draw.text((left, bottom + 6), f"{edges[0]:.3g}", fill="black")
    draw.text((right - 40, bottom + 6), f"{edges[-1]:.3g}", fill="black")
    for value in (limit, -limit):
        if low <= value <= high:
            x = left + (value - low) / (high - low) * (right - left)
            draw.line((x, top, x, bottom), fill=(200, 40, 40), width=2)
    return picture


def sheet(report: ReportInput, numbers: NDArray[np.integer]) -> Image.Image:
    """Faces beside their fitted meshes, with residual and, where a fit is not kept, the reason."""
    rows = -(-len(numbers) // COLUMNS)
    picture = Image.new("RGB", (2 * TILE * COLUMNS, TILE * rows), "white")
    for place, number in enumerate(numbers):
        corner = (place % COLUMNS * 2 * TILE, place // COLUMNS * TILE)
        picture.paste(_pair(report, int(number)), corner)
    return picture


def _pair(report: ReportInput, number: int) -> Image.Image:
    """A face and the same with its mesh, side by side."""
    fits, reason = report.fits, report.quality.reasons[number]
    pair = Image.new("RGB", (2 * TILE, TILE))
    if reason is not Reason.NOT_FINITE:
        vertices = report.model.vertices_model(fits.identity[number], fits.expression[number])
        camera = WeakPerspective(fits.rotation[number], float(fits.scale[number]), fits.translation[number])
        tile, camera = _cut(report.read_photo(number), camera, vertices)
        pair.paste(tile)
        pair.paste(with_mesh(tile, camera, vertices, report.model), (TILE, 0))
    draw = ImageDraw.Draw(pair)
    draw.text((3, 2), f"{fits.residual[number]:.2%} {report.names[number][-24:]}", fill=(255, 255, 0))
    if reason is not Reason.KEPT:
        draw.text((3, TILE - 14), str(reason)[:52], fill=(255, 160, 0))
    return pair


def _cut(photo: Image8, camera: WeakPerspective, vertices: Array) -> tuple[Image.Image, WeakPerspective]:
    """A square of the photograph around the head, and the camera of the head in it."""
    head = camera.image_from_model(vertices)[:, :2]
    centre, side = 0.5 * (head.min(axis=0) + head.max(axis=0)), 1.15 * float(np.ptp(head, axis=0).max())
    x, y = centre - side / 2
    zoom = TILE / side
    tile = Image.fromarray(photo).transform(
        (TILE, TILE),
        Image.Transform.AFFINE,
        (1 / zoom, 0, x, 0, 1 / zoom, y),
        resample=Image.Resampling.BILINEAR,
    )
    place = np.asarray(camera.translation, float) * zoom - np.array([x * zoom, y * zoom, 0.0])
    return tile, WeakPerspective(camera.rotation, camera.scale * zoom, place)


def with_mesh(
    tile: Image.Image, camera: WeakPerspective, vertices: Array, model: MorphableModel
) -> Image.Image:
    """The shaded mesh over a picture."""
    raster = draw_mesh(camera.image_from_model(vertices), model.triangles, size_hw=(tile.height, tile.width))
    normals = vertex_normals(vertices, model.triangles) @ camera.rotation.T
    bright = 0.25 + 0.75 * np.clip(normals @ (LIGHT / np.linalg.norm(LIGHT)), 0, 1)
    shaded = raster.interpolate(_colors(model) * bright[:, None], model.triangles)
    over = np.where(raster.mask[..., None], shaded, np.asarray(tile))
    return Image.fromarray(over.clip(0, 255).astype(np.uint8))


def _colors(model: MorphableModel) -> Array:
    """(N, 3) RGB: skin, eyeballs, and the irises about the eyeballs' poles."""
    colors = np.full((len(model.neutral_model), 3), SKIN_RGB, float)
    if "eyeballs" in model.parts:
        balls = np.unique(model.triangles[slice(*model.parts["eyeballs"])])
        colors[balls] = BALL_RGB
        front = model.neutral_model[balls, 2]
        colors[balls[front > front.max() - 1.5]] = IRIS_RGB
    return colors
