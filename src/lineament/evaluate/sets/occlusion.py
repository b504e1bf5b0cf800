"""Sets of faces with things in front of them: DSFNet's NOD, CSOD and NSOD, made anew, and masks.

They are made of AFLW2000-3D, and but for NOD of rendered scans: before these is nothing by nature.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.occlusion.natural import hull_mask
from lineament.errors import ConfigError, DataError, ImageError
from lineament.evaluate.items import EvaluationItem, EvaluationSet
from lineament.evaluate.sets.face_regions import PackedRegion, truth_behind
from lineament.evaluate.sets.occlusion_pictures import (
    COLOR_TYPES,
    OccludedFace,
    TestFace,
    color_occlusions,
    held_out_pictures,
    mask_occlusions,
    natural_occlusions,
    natural_synthetic_occlusions,
)
from lineament.evaluate.sets.worn_masks import WornMasks

Array = NDArray[Any]

TITLES = {
    "nod": "the naturally occluded faces",
    "csod": "before patches of grey, of a colour, of tinted glass",
    "nsod": "before hands and objects",
    "masks": "before masks for mouth and nose",
}
SPARSE_PROTOCOLS = ("dsfnet-table1", "sadrnet-table1-mean", "dsfnet-pose")
SCAN_PROTOCOLS = ("scans-dense-3d", "scans-reconstruction", "scans-pose")
SCANS = "rendered-scans"
NOTE = (
    "Our own seeded set: DSFNet published neither lists nor seeds, so its rows are of other pictures and "
    "stand here for orientation only."
)
COUNTED = (
    "Of landmarks, those count for hidden and seen points that the head itself shows. Of masks, pixels count "
    "that are known: of AFLW2000-3D those of the mean head, laid on the true landmarks, within their hull; "
    "of scans the whole picture; never those of eyes and of the mouth's opening. What hides a face in the "
    "photograph itself is not part of the truth."
)


@dataclass(frozen=True, slots=True)
class OccluderPictures:
    """Where pictures of occluders lie.

    Attributes:
        textures: zip of backgrounds whose held-out half gives the textures of NSOD's objects.
        masks: folder of pictures of masks; None looks in the reference material.
    """

    textures: Path | None = None
    masks: Path | None = None


def load_occlusion(
    name: str, base: EvaluationSet, *, pictures: OccluderPictures | None = None, limit: int | None = None
) -> EvaluationSet:
    """An occlusion set made of AFLW2000-3D or of rendered scans.

    Args:
        name: "nod", "csod", "nsod" or "masks".
        base: the set or a part of it.
        pictures: of occluders.
        limit: only that many faces, the first ones; the others are not made.

    Raises:
        DataError: NSOD without textures; masks without their pictures.
        ConfigError: NOD of scans.
    """
    of_scans = base.name == SCANS
    faces = [
        TestFace(item.name, item.photo, next(iter(item.landmarks.values())), None) for item in base.items
    ]
    by_name = {item.name: item for item in base.items}
    if name == "nod":
        if of_scans:
            raise ConfigError("Before rendered scans is nothing by nature: there is no NOD of them.")
        items = [by_name[face.name] for face in natural_occlusions(faces)]
        return _named(name, base, items[:limit], len(items))
    made = list(islice(_occluders(name, faces, pictures or OccluderPictures()), limit))
    items = [_occluded(face, by_name[face.source.name]) for face in made]
    return _named(name, base, items, len(faces) * (len(COLOR_TYPES) if name == "csod" else 1))


def _named(name: str, base: EvaluationSet, items: list[EvaluationItem], whole: int) -> EvaluationSet:
    of_scans = base.name == SCANS
    dense = ("dsfnet-occlusion",) if any(item.surface is not None for item in items) else ()
    notes = (*base.notes, NOTE, *(() if name == "nod" else (COUNTED,)))
    if len(items) < whole:
        notes += (f"Only the first {len(items)} of {whole} faces.",)
    return EvaluationSet(
        name=f"{base.name}-{name}" if of_scans else name,
        title=f"{name.upper()}: {'rendered scans' if of_scans else 'AFLW2000-3D'}, {TITLES[name]}, "
        f"{len(items)} images",
        items=tuple(items),
        protocols=SCAN_PROTOCOLS if of_scans else (*dense, *SPARSE_PROTOCOLS),
        notes=notes,
    )


def _occluders(name: str, faces: Iterable[TestFace], pictures: OccluderPictures) -> Iterator[OccludedFace]:
    if name == "csod":
        return color_occlusions(faces)
    if name == "masks":
        return mask_occlusions(faces, WornMasks.read(pictures.masks))
    if pictures.textures is None:
        raise DataError(
            "NSOD needs pictures for the texture of its objects: --pictures with a zip of backgrounds, such "
            "as BSDS500 without faces; only its half that no training sees is used."
        )
    return natural_synthetic_occlusions(faces, held_out_pictures(pictures.textures))


def _occluded(face: OccludedFace, source: EvaluationItem) -> EvaluationItem:
    """The item with its new picture, how much of the face is hidden, and which landmarks are.

    These stay unknown where the photograph cannot be read, of which the evaluation tells.
    """
    item = replace(source, name=face.name, photo=face.photo)
    try:
        mask = face.photo.read_with_mask()[1]
    except (DataError, ImageError):
        return item
    landmarks = face.source.landmarks_image[:, :2]
    hull = hull_mask(mask.shape, landmarks)
    own_visible, region = truth_behind(source, mask)
    return replace(
        item,
        visible=~_at(mask, landmarks),
        own_visible=own_visible,
        region=PackedRegion.of(region).open,
        occlusion=float(mask[hull].mean()) if hull.any() else float("nan"),
    )


def _at(mask: NDArray[np.bool_], points: Array) -> NDArray[np.bool_]:
    """(P,) what a mask says at points; False outside of it."""
    x, y = np.floor(points).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    found = np.zeros(len(points), bool)
    found[inside] = mask[y[inside], x[inside]]
    return found
