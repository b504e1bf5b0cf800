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
from lineament.data.formats.item import AnnotatedFace, box_of_points
from lineament.data.formats.pts import iterate_pts
from lineament.data.formats.w300vw import iterate_w300vw
from lineament.errors import DataError
from lineament.evaluate.items import LFM_POINTS, EvaluationItem, EvaluationSet, Prediction, TrueSurface
from lineament.evaluate.scores.metrics import box_size, box_xyxy_size
from lineament.evaluate.sets.lfpa_points import nearest_vertices
from lineament.foreign import foreign

Array = NDArray[Any]

LABELS = "annotated"
FETCH_KIT = "Fetch it again from 3DDFA's kit."
KIT_68 = "AFLW_GT_pts68.npy"
CROP_MARGIN = math.sqrt(2)  # of the kit's crops over the longer side of the box of the 68 fitted points
OUTLINE_NOTE = (
    "The truth's jaw is on the outline that is seen, ours is fixed on the head: on rotated faces the 17 "
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
        faces = [_aflw_item(face, None) for face in iterate_aflw(database, _photos_of(database))]
        notes = ("No fitted 68 points: the box is that of the annotated points, and smaller.",)
    else:
        faces, notes = _aflw_kit(source)
    return EvaluationSet(
        name="aflw",
        title=f"AFLW, 21 points, {len(faces)} faces",
        items=tuple(faces),
        protocols=("synergynet-aflw", "cprfa-table2-aflw"),
        notes=notes,
    )


def _photos_of(database: Path) -> Path:
    flickr = next((path for path in database.parent.rglob("flickr") if path.is_dir()), None)
    return flickr or database.parent


def _aflw_kit(source: Path) -> tuple[list[EvaluationItem], tuple[str, ...]]:
    arrays = next(iter(sorted(source.glob("*.npz"))), source)
    crops = next(
        (path for path in (*sorted(source.glob("*.zip")), source / "AFLW_GT_crop") if path.exists()), source
    )
    faces = list(iterate_aflw_kit(arrays, crops))
    fitted = source / KIT_68
    notes = ("Published rows are of 21,080 faces.",)
    if fitted.is_file():
        with foreign(DataError, f"{fitted} cannot be read", FETCH_KIT):
            points = np.load(fitted).reshape(-1, 3, 68)
        if len(points) != len(faces):
            raise DataError(f"{fitted} has {len(points)} rows for {len(faces)} faces of the kit.")
        sizes = box_size(np.swapaxes(points, 1, 2)[..., :2])
        stretch = _kit_stretch(source, arrays)
        return [_aflw_item(i, float(s * k)) for i, s, k in zip(faces, sizes, stretch)], notes
    notes += (
        f"No {KIT_68}: errors are divided by the crop's side over the square root of two, which is the box's "
        "longer side and so a little too large.",
    )
    return [_aflw_item(face, CROP_SIZE / CROP_MARGIN) for face in faces], notes


def _kit_stretch(source: Path, arrays: Path) -> Array:
    """(F,) px of the crop a px of the photograph, in which the 68 points are."""
    with foreign(DataError, f"The boxes of the kit in {source} cannot be read", FETCH_KIT):
        if arrays.suffix == ".npz":
            with np.load(arrays) as data:
                boxes = data["roi_box"].astype(np.float64)
        else:
            boxes = np.load(source / "AFLW_GT_crop_roi_box.npy").astype(np.float64)
        return CROP_SIZE / (boxes[:, 2] - boxes[:, 0])


def _aflw_item(face: AflwItem, size: float | None) -> EvaluationItem:
    """A face; with a size it is a crop of the kit, whose face fills the crop over the square root of two."""
    if size is None:
        box, size = face.box_xyxy, float(box_size(face.landmarks))
    else:
        half = CROP_SIZE / CROP_MARGIN / 2
        box = CROP_SIZE / 2 + np.array([-half, -half, half, half])
    return EvaluationItem(
        name=face.name,
        photo=face.photo,
        landmarks={LABELS: face.landmarks},
        scheme=face.scheme,
        box_xyxy=box,
        size=size,
        visible=face.visible,
        yaw_deg={"SET": float(np.degrees(face.absolute_yaw))},
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
    """300VW, its frames written beside the videos; errors, and jitter from frame to frame."""
    return _outline_set("300vw", "300VW, 68 points", iterate_w300vw(source), (), videos=True)


def load_aflw_lfpa(source: Path, align: Callable[[EvaluationItem], Prediction | None]) -> EvaluationSet:
    """AFLW-LFPA's test photographs; see :mod:`.lfpa_points` for the 34 points.

    Args:
        source: folder or zip of the set.
        align: our alignment of a training face, by which the points are found on the mesh.

    Raises:
        DataError: the set cannot be read.
    """
    training = (_lfpa_item(face, None) for face in iterate_aflw_lfpa(source, part="train"))
    pairs = ((item, found) for item in training if (found := align(item)) is not None)
    index = nearest_vertices(pairs, LABELS)
    items = tuple(_lfpa_item(face, index) for face in iterate_aflw_lfpa(source, part="test"))
    return EvaluationSet(
        name="aflw-lfpa",
        title=f"AFLW-LFPA, 34 points, {len(items)} faces",
        items=items,
        protocols=("zhou-aflw-lfpa",),
    )


def _lfpa_item(face: AnnotatedFace, vertex_index: NDArray[np.int64] | None) -> EvaluationItem:
    surface = None if vertex_index is None else partial(_lfpa_surface, face, vertex_index)
    return EvaluationItem(
        name=face.name,
        photo=face.photo,
        landmarks={LABELS: face.landmarks},
        scheme=face.scheme,
        box_xyxy=face.box_xyxy,
        size=float(box_xyxy_size(face.box_xyxy)),
        face_box_xyxy=face.box_xyxy,
        visible=face.visible,
        surface=surface,
    )


def _lfpa_surface(face: AnnotatedFace, vertex_index: NDArray[np.int64]) -> TrueSurface:
    """The visible points as vertices of ours; hidden ones are NaN and do not count."""
    points = np.column_stack([face.landmarks[:, :2], np.zeros(len(face.landmarks))])
    if face.visible is not None:
        points[~face.visible] = np.nan
    return TrueSurface(
        vertices_image=points,
        triangles=np.empty((0, 3), np.int32),
        topology=LFM_POINTS,
        landmarks_image=None,
        nose_image=np.full(3, np.nan),
        vertex_index=vertex_index,
        size=float(box_xyxy_size(face.box_xyxy)),
    )


def _outline_set(
    name: str,
    title: str,
    faces: Iterable[AnnotatedFace],
    protocols: tuple[str, ...],
    *,
    videos: bool = False,
) -> EvaluationSet:
    """A set of 68 points whose jaw is on the outline; faces with other numbers of points are left out."""
    items = tuple(_outline_item(face, videos) for face in faces if len(face.landmarks) == 68)
    if not items:
        raise DataError(f"{title}: no face with 68 points was found.")
    return EvaluationSet(
        name=name,
        title=f"{title}, {len(items)} faces",
        items=items,
        protocols=(*protocols, *PROTOCOLS_68),
        notes=(OUTLINE_NOTE,),
    )


def _outline_item(face: AnnotatedFace, videos: bool) -> EvaluationItem:
    return EvaluationItem(
        name=face.name,
        photo=face.photo,
        landmarks={LABELS: face.landmarks},
        scheme=face.scheme,
        box_xyxy=box_of_points(face.landmarks),
        size=float(box_size(face.landmarks)),
        face_box_xyxy=face.box_xyxy,
        visible=face.visible,
        occlusion=float("nan") if face.visible is None else float(1 - face.visible.mean()),
        sequence=face.subject if videos else "",
    )
