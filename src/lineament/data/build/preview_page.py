"""One HTML file in which samples are stepped through, with their labels laid over; it needs no network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.build.preview import LayerPainter, Layers
from lineament.data.samples.sample import Sample
from lineament.data.samples.shards import Recipe
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import GROUPS_68

Image8 = NDArray[np.uint8]

TEMPLATE = "preview.html"
PLACE = "__SAMPLES__"
MIN_WEIGHT = 0.15
"""Blendshapes of smaller weight are not listed."""


def preview_page(samples: Iterable[Sample], model: MorphableModel, recipe: Recipe) -> str:
    """The page of some samples.

    Args:
        samples: about 20 kB of page each.
        model: the face model of the samples.
        recipe: of the samples.
    """
    painter = LayerPainter(model)
    table = {
        "about": f"Source: {recipe.source}. Licence: {recipe.licence}. Made by: {recipe.command}",
        "groups": [list(group.strip) for group in GROUPS_68],
        "samples": [_entry(sample, painter.layers(sample), model) for sample in samples],
    }
    template = files("lineament").joinpath("assets", TEMPLATE).read_text(encoding="utf-8")
    # "</script>" would end the element that holds the table, "<!--<script>" would never let it end.
    return template.replace(PLACE, json.dumps(table).replace("<", "\\u003c"))


def _entry(sample: Sample, layers: Layers, model: MorphableModel) -> dict[str, Any]:
    """What the page's script reads of one sample."""
    height, width = sample.size_hw
    points = np.round(layers.landmarks, 1).tolist()
    return {
        "photo": f"{sample.provenance.collection}/{sample.provenance.photo}",
        "kind": str(sample.provenance.kind),
        "width": width,
        "height": height,
        "points": [[x, y, int(visible)] for (x, y), visible in zip(points, layers.landmark_visible)],
        "picture": _data_url(layers.picture, "JPEG", quality=90),
        "mesh": _data_url(layers.mesh, "WEBP", quality=80),
        "segments": _data_url(layers.segments, "PNG"),
        "ncc": _data_url(layers.ncc, "WEBP", quality=80),
        "depth": _data_url(layers.depth, "WEBP", quality=80),
        "about": _about(sample, model),
    }


def _about(sample: Sample, model: MorphableModel) -> list[tuple[str, str]]:
    """What is told of a sample, line by line."""
    angles, provenance = sample.camera.angles, sample.provenance
    yaw, pitch, roll = np.degrees([angles.yaw, angles.pitch, angles.roll])
    weights = sorted(zip(sample.expression.tolist(), model.expression_names), reverse=True)
    shapes = ", ".join(f"{name} {weight:.2f}" for weight, name in weights if weight >= MIN_WEIGHT)
    occluded = "none" if sample.occlusion is None else f"{sample.occlusion.mean():.0%} of the picture"
    return [
        ("kind", str(provenance.kind)),
        ("person", provenance.person),
        ("kept for", "validation" if provenance.validation else "training"),
        ("yaw, pitch, roll", f"{yaw:+.1f}, {pitch:+.1f}, {roll:+.1f} degrees"),
        ("scale", f"{sample.camera.scale:.3f} px per mm"),
        ("occlusion", occluded),
        ("identity", f"{np.sqrt(np.mean(sample.identity**2)):.2f} standard deviations"),
        ("expression", shapes or "none"),
    ]


def _data_url(picture: Image8, kind: str, **options: int) -> str:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"
