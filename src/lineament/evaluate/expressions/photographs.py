"""Rest, range and openings on photographs that nobody trained on.

Portraits at rest are London's neutral ones of the people kept from training; shut and open eyes were judged
by eye; mouths and gaze are compared with MediaPipe's points of photographs that were kept from training.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.data.photographs.collections import Collection, read_collection, read_member
from lineament.data.samples.held_out import is_for_hand_set_validation, key_of
from lineament.errors import DataError
from lineament.foreign import foreign
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import LIP_PAIRS_68
from lineament.image import read_image
from lineament.result import Detection, MorphableResult

Array = NDArray[Any]
Progress = Callable[[str, int, int], None]

JUDGED_PATH = Path(__file__).with_name("judged_photos.json")
EVERYDAY, RESTING, JUDGED = "lfw_expressions", "london", ("lfw_expressions", "ytf")
EYE_CORNERS = {"Left": (263, 362, 469), "Right": (33, 133, 468)}
"""Of each eye of the person: its outer and inner corner and its iris among a collection's mesh points."""
INNER_LIPS = ((13, 14), (82, 87), (312, 317))
"""Mesh points of the upper and the lower lip that face each other."""
PART = 8
"""Every so many photographs of the everyday ones are enough for a variance."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was read off photographs.

    Attributes:
        names: of the E keys.
        weights: (n, E).
        yaw_deg: (n,).
        faces: the results, where they were asked for.
    """

    names: tuple[str, ...]
    weights: Array
    yaw_deg: Array
    faces: tuple[MorphableResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPhotographs:
    """What the weights of keys are on photographs; NaN where there are none.

    Attributes:
        resting: how many neutral portraits.
        rest_share: part of them whose largest key is at most :data:`REST`.
        rest_largest: (0.5, 0.9) quantiles of the largest key of a face.
        rest_medians: the keys with the greatest medians at rest.
        everyday: how many expressive photographs.
        first_four: part of the variance that four principal components hold.
        ranges: for each key the 1st, 50th and 99th percentile.
        blink_shut, blink_open: medians of eyeBlink on eyes judged shut and open.
        lips_correlation: of the lips' gap with that of the points.
        gaze_correlation: of the eyes' turn aside with the irises' offset from between the corners.
        gaze_up_correlation: the same up and down.
        gaze_yaw_correlation: of the eyes' turn aside with the head's yaw.
    """

    resting: int
    rest_share: float
    rest_largest: tuple[float, float]
    rest_medians: tuple[tuple[str, float], ...]
    everyday: int
    first_four: float
    ranges: dict[str, tuple[float, float, float]]
    blink_shut: float
    blink_open: float
    lips_correlation: float
    gaze_correlation: float
    gaze_up_correlation: float
    gaze_yaw_correlation: float


REST = 0.25


def on_photographs(
    aligner: FaceAligner, model: MorphableModel, folder: Path, progress: Progress | None = None
) -> OnPhotographs:
    """All figures on photographs.

    Args:
        aligner: of the weights.
        model: their face model.
        folder: with london, lfw_expressions and ytf as in ``../shared/photos``.
        progress: told of (what, photographs done, in all).

    Raises:
        DataError: a collection is not there.
    """
    everyday = read_collection(folder, EVERYDAY)
    rest = at_rest(aligner, folder, progress=progress)
    some = range(0, len(everyday.photo_names), PART)
    seen = aligned(aligner, everyday, some, progress)
    held_out = np.flatnonzero(everyday.is_validation).tolist()
    kept = aligned(aligner, everyday, held_out, progress)
    points = everyday.mesh_points[held_out]
    aside, up = eye_turns(kept.names, kept.weights)
    offsets = iris_offsets(points)
    scales = np.array([face.pose.scale for face in kept.faces])
    shut, opened = _judged_blinks(aligner, folder, progress)
    largest = rest.weights.max(axis=1)
    order = np.argsort(-np.median(rest.weights, axis=0))[:5]
    return OnPhotographs(
        resting=len(largest),
        rest_share=float(np.mean(largest <= REST)),
        rest_largest=(float(np.median(largest)), float(np.percentile(largest, 90))),
        rest_medians=tuple((rest.names[i], float(np.median(rest.weights[:, i]))) for i in order),
        everyday=len(seen.weights),
        first_four=variance_of_first(seen.weights, 4),
        ranges={
            name: tuple(np.percentile(values, [1, 50, 99]).tolist())
            for name, values in zip(seen.names, seen.weights.T, strict=True)
        },
        blink_shut=float(np.median(shut)),
        blink_open=float(np.median(opened)),
        lips_correlation=_correlation(_lips_of_points(points, scales), _lips_of_faces(model, kept)),
        gaze_correlation=_correlation(aside, offsets[:, 0]),
        gaze_up_correlation=_correlation(up, offsets[:, 1]),
        gaze_yaw_correlation=_correlation(aside, kept.yaw_deg),
    )


def aligned(
    aligner: FaceAligner, collection: Collection, numbers: Sequence[int], progress: Progress | None = None
) -> Found:
    """Photographs of a collection, aligned from the boxes of their mesh points; those not finite left out."""
    faces = []
    with zipfile.ZipFile(collection.archive) as photos:
        for done, number in enumerate(numbers):
            points = collection.mesh_points[number, :468, :2]
            if points.min() < 0 and points.max() < 0:  # no face was found there
                continue
            box = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
            photo = read_image(read_member(photos, collection.photo_names[number]))
            faces.append(aligner.align_given(photo, [Detection(box, 1.0)])[0])
            if progress is not None:
                progress(collection.name, done + 1, len(numbers))
    found = [face for face in faces if isinstance(face, MorphableResult)]
    names = found[0].model.expression_names[: len(found[0].expression)]
    weights = np.stack([face.reported_expression for face in found])
    yaw_deg = np.array([np.degrees(face.pose.yaw) for face in found])
    return Found(tuple(names), weights, yaw_deg, tuple(found))


def variance_of_first(weights: Array, components: int) -> float:
    """The part of the variance of (n, E) weights that their first principal components hold."""
    variance = np.linalg.eigvalsh(np.cov(weights, rowvar=False))[::-1]
    return float(variance[:components].sum() / variance.sum())


def eye_turns(names: Sequence[str], weights: Array) -> tuple[Array, Array]:
    """(n,) turn of both eyes to the viewer's right, and up, in units of the keys' weights."""
    column = {name: weights[:, number] for number, name in enumerate(names)}
    # The person's left is the viewer's right: out with the left eye, in with the right one.
    aside = [
        column["eyeLookOutLeft"] - column["eyeLookInLeft"],
        column["eyeLookInRight"] - column["eyeLookOutRight"],
    ]
    up = [column[f"eyeLookUp{side}"] - column[f"eyeLookDown{side}"] for side in ("Left", "Right")]
    return np.mean(aside, axis=0), np.mean(up, axis=0)


def iris_offsets(points: Array) -> Array:
    """(n, 2) of the irises from between the eyes' corners, to the viewer's right and up, in eye widths.

    Args:
        points: (n, 470, 3) mesh points of a collection, px.
    """
    offsets = []
    for outer, inner, iris in EYE_CORNERS.values():
        left, right = (outer, inner) if outer == EYE_CORNERS["Right"][0] else (inner, outer)
        corners = points[:, [left, right], :2]
        axis = corners[:, 1] - corners[:, 0]
        width = np.linalg.norm(axis, axis=1, keepdims=True)
        along = axis / width
        away = points[:, iris, :2] - corners.mean(axis=1)
        right_px, up_px = (away * along).sum(axis=1), away[:, 0] * along[:, 1] - away[:, 1] * along[:, 0]
        offsets.append(np.stack([right_px, up_px], axis=1) / width)
    return np.mean(offsets, axis=0)


@lru_cache(maxsize=1)
def judged_photos() -> dict[str, str]:
    """What a person saw on each photograph, an eye label or "wide open", by the key of "collection/name"."""
    content = json.loads(JUDGED_PATH.read_text(encoding="utf-8"))
    return {
        key: label for part in ("eyes", "mouths") for label, keys in content[part].items() for key in keys
    }


def at_rest(
    aligner: FaceAligner, folder: Path, *, held_out: bool = True, progress: Progress | None = None
) -> Found:
    """London's neutral portraits: the ones with points that people set.

    Args:
        aligner: of the weights.
        folder: with london.
        held_out: of the people kept from training, or of the others.
        progress: told of (what, photographs done, in all).
    """
    collection = read_collection(folder, RESTING)
    table = folder / f"{RESTING}_points.npz"
    with foreign(DataError, f"{table} cannot be read", "Fetch it again."), np.load(table) as file:
        neutral = {PurePosixPath(str(name)).stem for name in file["names"]}
    stems = [PurePosixPath(name).stem for name in collection.photo_names]
    numbers = [
        number
        for number, stem in enumerate(stems)
        if stem in neutral and is_for_hand_set_validation(RESTING, stem) == held_out
    ]
    return aligned(aligner, collection, numbers, progress)


def _judged_blinks(aligner: FaceAligner, folder: Path, progress: Progress | None) -> tuple[Array, Array]:
    """eyeBlink, the mean of both sides, on eyes judged shut, and on those judged open."""
    blinks: dict[str, list[float]] = {"closed": [], "open": []}
    for name in JUDGED:
        collection = read_collection(folder, name)
        labels = [judged_photos().get(key_of(f"{name}/{photo}")) for photo in collection.photo_names]
        for label, values in blinks.items():
            numbers = [number for number, own in enumerate(labels) if own == label]
            if not numbers:
                continue
            found = aligned(aligner, collection, numbers, progress)
            sides = [found.names.index(f"eyeBlink{side}") for side in ("Left", "Right")]
            values.extend(found.weights[:, sides].mean(axis=1).tolist())
    return np.array(blinks["closed"]), np.array(blinks["open"])


def _lips_of_points(points: Array, px_per_mm: Array) -> Array:
    """(n,) mm between the inner lips of mesh points, seen at the scales that the aligner found."""
    upper, lower = np.array(INNER_LIPS).T
    return np.linalg.norm(points[:, upper] - points[:, lower], axis=-1).mean(axis=1) / px_per_mm


def _lips_of_faces(model: MorphableModel, found: Found) -> Array:
    """(n,) mm between the inner lips of aligned faces."""
    marks = [model.landmarks_model(face.identity, face.expression, scheme="lfm-68") for face in found.faces]
    upper, lower = np.array(LIP_PAIRS_68).T
    gaps = np.stack(marks)[:, upper] - np.stack(marks)[:, lower]
    return np.linalg.norm(gaps, axis=-1).mean(axis=1)


def _correlation(one: Array, other: Array) -> float:
    """NaN where one of them does not vary."""
    if min(np.std(one), np.std(other)) < 1e-9:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
