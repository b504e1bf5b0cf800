"""AFLW2000-3D with things in front of its faces: DSFNet's NOD, CSOD and NSOD, made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.occlusion.natural import hull_mask
from lineament.errors import DataError, ImageError
from lineament.evaluate.items import EvaluationItem, EvaluationSet
from lineament.evaluate.sets.aflw2000 import ORIGINAL
from lineament.evaluate.sets.occlusion_pictures import (
    OccludedFace,
    TestFace,
    color_occlusions,
    held_out_pictures,
    natural_occlusions,
    natural_synthetic_occlusions,
)

Array = NDArray[Any]

TITLES = {
    "nod": "the naturally occluded faces",
    "csod": "before patches of grey, of a colour, of tinted glass",
    "nsod": "before hands and objects",
}
SPARSE_PROTOCOLS = ("dsfnet-table1", "sadrnet-table1-mean", "dsfnet-pose")
NOTE = (
    "Our own seeded set: DSFNet published neither lists nor seeds, so its rows are of other pictures and "
    "stand here for orientation only."
)


def load_occlusion(name: str, base: EvaluationSet, *, pictures: Path | None) -> EvaluationSet:
    """An occlusion set made of AFLW2000-3D.

    Args:
        name: "nod", "csod" or "nsod".
        base: AFLW2000-3D, or a part of it.
        pictures: zip of backgrounds whose held-out half gives the textures of objects (NSOD only).

    Raises:
        DataError: NSOD without pictures.
    """
    by_name = {item.name: item for item in base.items}
    faces = [TestFace(item.name, item.photo, item.landmarks[ORIGINAL]) for item in base.items]
    items = _GENERATORS[name](faces, by_name, pictures)
    dense = ("dsfnet-occlusion",) if any(item.surface is not None for item in items) else ()
    return EvaluationSet(
        name=name,
        title=f"{name.upper()}: AFLW2000-3D, {TITLES[name]}, {len(items)} images",
        items=tuple(items),
        protocols=(*dense, *SPARSE_PROTOCOLS),
        notes=(*base.notes, NOTE),
    )


def _natural(
    faces: Iterable[TestFace], by_name: Mapping[str, EvaluationItem], pictures: Path | None
) -> list[EvaluationItem]:
    return [by_name[face.name] for face in natural_occlusions(faces)]


def _colors(
    faces: Iterable[TestFace], by_name: Mapping[str, EvaluationItem], pictures: Path | None
) -> list[EvaluationItem]:
    return [_occluded(face, by_name) for face in color_occlusions(faces)]


def _things(
    faces: Iterable[TestFace], by_name: Mapping[str, EvaluationItem], pictures: Path | None
) -> list[EvaluationItem]:
    if pictures is None:
        raise DataError(
            "NSOD needs pictures for the texture of its objects: --pictures with a zip of backgrounds, such "
            "as BSDS500 without faces; only its half that no training sees is used."
        )
    return [
        _occluded(face, by_name) for face in natural_synthetic_occlusions(faces, held_out_pictures(pictures))
    ]


_GENERATORS: dict[
    str, Callable[[list[TestFace], Mapping[str, EvaluationItem], Path | None], list[EvaluationItem]]
] = {
    "nod": _natural,
    "csod": _colors,
    "nsod": _things,
}


def _occluded(face: OccludedFace, by_name: Mapping[str, EvaluationItem]) -> EvaluationItem:
    """The item with its new picture, how much of the face is hidden, and which landmarks are.

    These stay unknown where the photograph cannot be read, of which the evaluation tells.
    """
    item = replace(by_name[face.source.name], name=face.name, photo=face.photo)
    try:
        mask = face.photo.read_with_mask()[1]
    except (DataError, ImageError):
        return item
    landmarks = face.source.landmarks_image[:, :2]
    hull = hull_mask(mask.shape, landmarks)
    return replace(
        item,
        visible=~_at(mask, landmarks),
        occlusion=float(mask[hull].mean()) if hull.any() else float("nan"),
    )


def _at(mask: NDArray[np.bool_], points: Array) -> NDArray[np.bool_]:
    """(P,) what a mask says at points; False outside of it."""
    x, y = np.floor(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    found = np.zeros(len(points), bool)
    found[inside] = mask[y[inside], x[inside]]
    return found
