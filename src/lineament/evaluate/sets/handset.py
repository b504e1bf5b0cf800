"""Photographs on which people set the points: CFP's profiles and frontals, FG-NET, London's portraits.

The faces that are scored are of people that nobody may train on (see `lineament.data.samples.held_out`).
Some faces of the other people are for calibration: each predictor's constant offset of a point is measured
there, so that it does not count where exactly a convention puts the corner of a mouth.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import PhotoFile, open_files
from lineament.data.formats.item import box_of_points
from lineament.data.samples.held_out import is_for_hand_set_validation
from lineament.errors import DataError
from lineament.evaluate.items import EvaluationItem, EvaluationSet
from lineament.evaluate.protocols.handset_points import (
    CFP_30,
    CFP_30_MIRRORED,
    FGNET_13,
    LONDON_23,
    HandSetScheme,
)
from lineament.foreign import foreign

Array = NDArray[Any]

NAME = "handset"
PROTOCOLS = (
    "handset-fgnet",
    "handset-profiles",
    "handset-profiles-all",
    "handset-frontals",
    "handset-frontals-all",
    "handset-london",
)
CALIBRATION_FACES = 400
"""Of each kind at most: the mean of so many errors of 4 % is known to 0.2 %."""
_CFP_RIDGE, _CFP_TIP, _CFP_CHIN, _CFP_EAR = 18, 21, 8, 0
_LONDON_OUTLINE = (109, 112, *range(71, 83), *range(125, 134))
"""Sides of the face at the eyes' height, brows, jaw: what a box of the 68 landmarks reaches to."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Photographs that are scored together.

    Attributes:
        labels: label set of their items.
        archive: name of the zip or folder, and of the table of points.
        names: pattern of the photographs' names without ending.
        scheme_of: which points these are, from a face's own points.
        box_of: box as of the 68 landmarks, from a face's own points.
    """

    labels: str
    archive: str
    names: str
    scheme_of: Callable[[Array], HandSetScheme]
    box_of: Callable[[Array], Array]


def load_handset(source: Path, calibration_faces: int = CALIBRATION_FACES) -> EvaluationSet:
    """Every kind whose photographs and points are there.

    Args:
        source: folder with ``cfp``, ``fgnet`` and ``london``, each a zip or a folder of photographs, and
            beside it ``NAME_points.npz`` with ``names`` (F,) and ``points`` (F, M, 2) px.
        calibration_faces: of each kind at most.

    Raises:
        DataError: none of them is there, or photographs and points do not fit together.
    """
    faces = [
        (kind, *_faces(source, kind, calibration_faces)) for kind in _KINDS if _table(source, kind).is_file()
    ]
    scored = tuple(item for _, items, _ in faces for item in items)
    if not scored:
        raise DataError(
            f"{source} has no points that people set on faces that are scored: expected cfp.zip and "
            f"cfp_points.npz, or the same of fgnet or london."
        )
    counts = ", ".join(f"{len(items)} {kind.labels}" for kind, items, _ in faces)
    calibrated = ", ".join(f"{len(others)} {kind.labels}" for kind, _, others in faces)
    return EvaluationSet(
        name=NAME,
        title=f"Points that people set, {len(scored)} faces ({counts})",
        items=scored,
        protocols=PROTOCOLS,
        notes=(
            f"Offsets of each predictor were measured on faces of other people: {calibrated}.",
            "True boxes are those of the points; where these are on half of a frontal face, of the points "
            "and their mirror image.",
            "Weights that were trained on points of these sets have seen the photographs of those other "
            "people, never those that are scored.",
        ),
        calibration=tuple(item for _, _, others in faces for item in others),
    )


def _table(source: Path, kind: _Kind) -> Path:
    return source / f"{kind.archive}_points.npz"


def _faces(source: Path, kind: _Kind, most: int) -> tuple[list[EvaluationItem], list[EvaluationItem]]:
    """Scored faces, and those for calibration, spread evenly over the other people."""
    places = (source / f"{kind.archive}.zip", source / kind.archive)
    root = next((path for path in places if path.exists()), None)
    if root is None:
        raise DataError(f"{source} has {_table(source, kind).name} but no photographs: expected {places[0]}.")
    points = _read_points(_table(source, kind))
    with open_files(root) as files:
        missing = [name for name in points if name not in files]
    if missing:
        raise DataError(f"{root} lacks {len(missing)} photographs that have points, such as {missing[0]!r}.")
    items = {
        name: _item(kind, root, name, own)
        for name, own in points.items()
        if re.fullmatch(kind.names, PurePosixPath(name).stem)
    }
    scored = [item for name, item in items.items() if _is_scored(kind, name)]
    others = [item for name, item in items.items() if not _is_scored(kind, name)]
    chosen = np.unique(np.linspace(0, len(others) - 1, min(most, len(others))).astype(int))
    return scored, [others[number] for number in chosen]


def _is_scored(kind: _Kind, name: str) -> bool:
    return is_for_hand_set_validation(kind.archive, PurePosixPath(name).stem)


def _read_points(table: Path) -> dict[str, Array]:
    """(M, 2) px by photograph."""
    what, expected = f"{table} is no table of points", "Expected are `names` and `points`."
    with foreign(DataError, what, expected), table.open("rb") as file, np.load(file) as data:
        names, points = [str(name) for name in data["names"]], np.asarray(data["points"], np.float64)
    if points.ndim != 3 or points.shape[2] != 2 or len(points) != len(names):
        raise DataError(f"`points` of {table} is {points.shape}; for {len(names)} names expected (F, M, 2).")
    return dict(zip(names, points, strict=True))


def _item(kind: _Kind, root: Path, name: str, own: Array) -> EvaluationItem:
    box = kind.box_of(own)
    scheme = kind.scheme_of(own)
    return EvaluationItem(
        name=f"{kind.archive}/{name}",
        photo=PhotoFile(root, name),
        landmarks={kind.labels: scheme.of_set(own)},
        scheme=scheme.name,
        box_xyxy=box,
        size=float(np.sqrt(np.prod(box[2:] - box[:2]))),
    )


def _cfp_scheme(own: Array) -> HandSetScheme:
    """By the side on which the nose lies; a frontal face shows the picture's left half."""
    return CFP_30_MIRRORED if own[_CFP_TIP, 0] < own[_CFP_EAR, 0] else CFP_30


def _whole_frontal_box(own: Array) -> Array:
    """Box of the half that has points and of its mirror image about the line from the ridge to the chin."""
    start, end = own[_CFP_RIDGE], own[_CFP_CHIN]
    along = (end - start) / np.linalg.norm(end - start)
    away = own - start
    mirrored = start + 2 * np.outer(away @ along, along) - away
    return box_of_points(np.concatenate([own, mirrored]))


_KINDS = (
    _Kind("fgnet", "fgnet", r"\d{3}a\d+\w*", lambda _: FGNET_13, box_of_points),
    _Kind("cfp-profile", "cfp", r"\d{3}_profile_\d+", _cfp_scheme, box_of_points),
    _Kind("cfp-frontal", "cfp", r"\d{3}_frontal_\d+", _cfp_scheme, _whole_frontal_box),
    _Kind(
        "london",
        "london",
        r"\w+",
        lambda _: LONDON_23,
        lambda own: box_of_points(own[list(_LONDON_OUTLINE)]),
    ),
)
