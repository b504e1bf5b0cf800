"""Sets of photographs with landmarks only: AFLW, AFLW-LFPA, COFW, 300VW, and folders of .pts files."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.aflw21 import CROP_SIZE, AflwItem, iterate_aflw, iterate_aflw_kit
from lineament.data.formats.aflw_lfpa import iterate_aflw_lfpa
from lineament.data.formats.cofw import iterate_cofw68
from lineament.data.formats.item import EvaluationItem, box_of_points
from lineament.data.formats.pts import iterate_pts
from lineament.data.formats.w300vw import iterate_w300vw
from lineament.errors import DataError
from lineament.evaluate.items import LFM_POINTS, Case, EvaluationSet, Prediction, TrueSurface
from lineament.evaluate.scores.metrics import box_size, box_xyxy_size
from lineament.evaluate.sets.lfpa_points import nearest_vertices

Array = NDArray[Any]

LABELS = "annotated"
KIT_68 = "AFLW_GT_pts68.npy"
CROP_MARGIN = math.sqrt(2)  # of the kit's crops over the longer side of the box of the 68 fitted points
OUTLINE_NOTE = (
    "The truth's jaw is on the outline that is seen, ours is fixed on the head: on turned faces the 17 "
    "points of the jaw differ by definition. The 51 inner points do not."
)
PROTOCOLS_68 = ("interocular-51", "interocular-68")


def load_aflw(source: Path) -> EvaluationSet:
    """AFLW with 21 points: 3DDFA's kit (an .npz or `AFLW_GT_*.npy` with the crops), or the set's SQLite file.

    Args:
        source: folder. Of the kit: its labels and a zip or folder of crops in it. Of the set itself:
            ``aflw.sqlite`` and the photographs, below it.

    Raises:
        DataError: it is neither.
    """
    database = next(source.rglob("aflw.sqlite"), None)
    if database is not None:
        items = [_aflw_case(item, None) for item in iterate_aflw(database, _photos_of(database))]
        notes = ("No fitted 68 points: the box is that of the annotated points, and smaller.",)
    else:
        items, notes = _aflw_kit(source)
    return EvaluationSet(
        name="aflw",
        title=f"AFLW, 21 points, {len(items)} faces",
        cases=tuple(items),
        protocols=("synergynet-aflw", "cprfa-table2-aflw"),
        notes=notes,
    )


def _photos_of(database: Path) -> Path:
    flickr = next((path for path in database.parent.rglob("flickr") if path.is_dir()), None)
    return flickr or database.parent


def _aflw_kit(source: Path) -> tuple[list[Case], tuple[str, ...]]:
    arrays = next(iter(sorted(source.glob("*.npz"))), source)
    crops = next(
        (path for path in (*sorted(source.glob("*.zip")), source / "AFLW_GT_crop") if path.exists()), source
    )
    items = list(iterate_aflw_kit(arrays, crops))
    fitted = source / KIT_68
    notes = ("Published rows are of 21,080 faces.",)
    if fitted.is_file():
        points = np.load(fitted)
        if len(points) != len(items):
            raise DataError(f"{fitted} has {len(points)} rows for {len(items)} faces of the kit.")
        sizes = box_size(np.swapaxes(points, 1, 2)[..., :2])
        stretch = _kit_stretch(source, arrays)
        return [_aflw_case(i, float(s * k)) for i, s, k in zip(items, sizes, stretch)], notes
    notes += (
        f"No {KIT_68}: errors are divided by the crop's side over the square root of two, which is the box's "
        "longer side and so a little too large.",
    )
    return [_aflw_case(item, CROP_SIZE / CROP_MARGIN) for item in items], notes


def _kit_stretch(source: Path, arrays: Path) -> Array:
    """(F,) px of the crop a px of the photograph, in which the 68 points are."""
    if arrays.suffix == ".npz":
        with np.load(arrays) as data:
            boxes = data["roi_box"].astype(np.float64)
    else:
        boxes = np.load(source / "AFLW_GT_crop_roi_box.npy").astype(np.float64)
    return CROP_SIZE / (boxes[:, 2] - boxes[:, 0])


def _aflw_case(item: AflwItem, size: float | None) -> Case:
    """A face; with a size it is a crop of the kit, whose face fills the crop over the square root of two."""
    if size is None:
        box, size = item.box_xyxy, float(box_size(item.landmarks))
    else:
        half = CROP_SIZE / CROP_MARGIN / 2
        box = CROP_SIZE / 2 + np.array([-half, -half, half, half])
    return Case(
        name=item.name,
        photo=item.photo,
        landmarks={LABELS: item.landmarks},
        scheme=item.scheme,
        box_xyxy=box,
        size=size,
        visible=item.visible,
        yaw_deg={"SET": float(np.degrees(item.absolute_yaw))},
    )


def load_cofw(source: Path) -> EvaluationSet:
    """COFW's test photographs with the 68 points annotated later.

    Args:
        source: folder with ``COFW_test_color.mat`` and, below it, ``COFW68_Data`` of cofw68-benchmark.

    Raises:
        DataError: one of them is missing or damaged.
    """
    photos = next(source.rglob("COFW_test_color.mat"), None)
    labels = next((path.parent for path in source.rglob("cofw68_test_bboxes.mat")), None)
    if photos is None or labels is None:
        lacking = "COFW_test_color.mat" if photos is None else "COFW68_Data with cofw68_test_bboxes.mat"
        raise DataError(f"{source} has no {lacking}.")
    return _outline_set("cofw", "COFW, 68 points", iterate_cofw68(photos, labels), ("cofw-51",))


def load_pts(source: Path) -> EvaluationSet:
    """A folder or zip of photographs with a .pts file of 68 points beside each, as 300W."""
    return _outline_set("pts", f"{source.name}, 68 points", iterate_pts(source), ())


def load_300vw(source: Path) -> EvaluationSet:
    """300VW, its frames written beside the videos; errors, and trembling from frame to frame."""
    return _outline_set("300vw", "300VW, 68 points", iterate_w300vw(source), (), videos=True)


def load_aflw_lfpa(source: Path, align: Callable[[Case], Prediction | None]) -> EvaluationSet:
    """AFLW-LFPA's test photographs; see :mod:`.lfpa_points` for the 34 points.

    Args:
        source: folder or zip of the set.
        align: our alignment of a training face, by which the points are found on the mesh.

    Raises:
        DataError: the set cannot be read.
    """
    training = (_lfpa_case(item, None) for item in iterate_aflw_lfpa(source, part="train"))
    pairs = ((case, found) for case in training if (found := align(case)) is not None)
    index = nearest_vertices(pairs, LABELS)
    cases = tuple(_lfpa_case(item, index) for item in iterate_aflw_lfpa(source, part="test"))
    return EvaluationSet(
        name="aflw-lfpa",
        title=f"AFLW-LFPA, 34 points, {len(cases)} faces",
        cases=cases,
        protocols=("zhou-aflw-lfpa",),
    )


def _lfpa_case(item: EvaluationItem, vertex_index: NDArray[np.int64] | None) -> Case:
    surface = None if vertex_index is None else partial(_lfpa_surface, item, vertex_index)
    return Case(
        name=item.name,
        photo=item.photo,
        landmarks={LABELS: item.landmarks},
        scheme=item.scheme,
        box_xyxy=item.box_xyxy,
        size=float(box_xyxy_size(item.box_xyxy)),
        face_box_xyxy=item.box_xyxy,
        visible=item.visible,
        surface=surface,
    )


def _lfpa_surface(item: EvaluationItem, vertex_index: NDArray[np.int64]) -> TrueSurface:
    """The visible points as vertices of ours; hidden ones are NaN and do not count."""
    points = np.column_stack([item.landmarks[:, :2], np.zeros(len(item.landmarks))])
    if item.visible is not None:
        points[~item.visible] = np.nan
    return TrueSurface(
        vertices_image=points,
        triangles=np.empty((0, 3), np.int32),
        topology=LFM_POINTS,
        landmarks_image=None,
        nose_image=np.full(3, np.nan),
        vertex_index=vertex_index,
        size=float(box_xyxy_size(item.box_xyxy)),
    )


def _outline_set(
    name: str,
    title: str,
    items: Iterable[EvaluationItem],
    protocols: tuple[str, ...],
    *,
    videos: bool = False,
) -> EvaluationSet:
    """A set of 68 points whose jaw is on the outline; faces with other numbers of points are left out."""
    cases = tuple(_outline_case(item, videos) for item in items if len(item.landmarks) == 68)
    if not cases:
        raise DataError(f"{title}: no face with 68 points was found.")
    return EvaluationSet(
        name=name,
        title=f"{title}, {len(cases)} faces",
        cases=cases,
        protocols=(*protocols, *PROTOCOLS_68),
        notes=(OUTLINE_NOTE,),
    )


def _outline_case(item: EvaluationItem, videos: bool) -> Case:
    return Case(
        name=item.name,
        photo=item.photo,
        landmarks={LABELS: item.landmarks},
        scheme=item.scheme,
        box_xyxy=box_of_points(item.landmarks),
        size=float(box_size(item.landmarks)),
        face_box_xyxy=item.box_xyxy,
        visible=item.visible,
        occlusion=float("nan") if item.visible is None else float(1 - item.visible.mean()),
        sequence=item.subject if videos else "",
    )
