"""From records to the numbers of a table, as a protocol says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.items import Case
from lineament.evaluate.protocols.protocol import (
    Average,
    Exclusion,
    Normaliser,
    Protocol,
    Quantity,
    YawList,
    balanced_subset,
)
from lineament.evaluate.scores.curves import area_under_curve, counted_errors, failure_rate
from lineament.evaluate.scores.metrics import (
    BIN_NAMES,
    box_size,
    box_xyxy_size,
    by_yaw,
    interocular,
    normalised_mean_error,
    without_mean_depth,
    yaw_bins,
)
from lineament.evaluate.scores.parts import opening
from lineament.evaluate.scores.pose_errors import (
    angle_errors_deg,
    angles_deg,
    geodesic_deg,
    not_gimbal_locked,
    within_99_degrees,
)
from lineament.evaluate.scores.records import Record
from lineament.geometry.topology import LID_PAIRS_68, LIP_PAIRS_68

Array = NDArray[Any]

FAILURE_LIMIT = {"%": 10.0, "deg": 15.0, "mm": 5.0}
"""An error above is a failure, and curves end there (10 % is CPRFA's; the others are ours)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Score:
    """One tool under one protocol.

    Attributes:
        protocol: which.
        tool: its name.
        columns: name -> value in the protocol's unit; "mean" is the headline.
        errors: (F,) of each case in that unit; NaN where it does not count or was not found.
        expected: (F,) cases that count.
        found: how many of these were found and measured.
        failures: share above :data:`FAILURE_LIMIT` or not found.
        area: under the cumulative curve up to that limit, 0 to 1.
    """

    protocol: Protocol
    tool: str
    columns: Mapping[str, float]
    errors: Array
    expected: NDArray[np.bool_]
    found: int
    failures: float
    area: float


def score(protocol: Protocol, cases: Sequence[Case], records: Sequence[Record], *, tool: str) -> Score | None:
    """The score of matched cases and records; None where the set or the tool lacks what it needs."""
    expected = _expected(protocol, cases)
    if not expected.any():
        return None
    errors, columns = _ERRORS_OF[protocol.quantity](protocol, cases, records)
    expected = expected & _kept_by_result(protocol, cases, records)
    errors = np.where(expected, errors, np.nan)
    measured = int(np.isfinite(errors).sum())
    if not measured:
        return None
    limit = FAILURE_LIMIT[protocol.unit]
    counted = counted_errors(errors, expected)
    return Score(
        protocol=protocol,
        tool=tool,
        columns=columns(errors),
        errors=errors,
        expected=expected,
        found=measured,
        failures=failure_rate(counted, limit=limit),
        area=area_under_curve(counted, limit=limit),
    )


def yaws(protocol: Protocol, cases: Sequence[Case]) -> Array:
    """(F,) degrees by the protocol's list; NaN where a case is not in it."""
    if protocol.yaw_list is YawList.NONE:
        return np.zeros(len(cases))
    return np.array([case.yaw_deg.get(protocol.yaw_list.name, np.nan) for case in cases])


def _expected(protocol: Protocol, cases: Sequence[Case]) -> NDArray[np.bool_]:
    """(F,) cases that have the truth this protocol needs and that it does not leave out."""
    expected = np.array([_has_truth(protocol, case) for case in cases], dtype=bool)
    expected &= np.isfinite(yaws(protocol, cases))
    if protocol.exclusion is not Exclusion.NOTHING:
        expected &= within_99_degrees(np.array([case.angles_deg for case in cases]))
    if protocol.balanced and expected.any():
        bins = [inside & expected for inside in yaw_bins(yaws(protocol, cases))]
        expected &= balanced_subset(bins, protocol.balanced)
    return expected


def _has_truth(protocol: Protocol, case: Case) -> bool:
    if protocol.quantity is Quantity.POSE:
        return case.rotation is not None
    if protocol.quantity is Quantity.SURFACE:
        return case.surface is not None
    truth = case.landmarks.get(protocol.labels)
    return truth is not None and truth.shape[-1] >= protocol.dimensions


def _kept_by_result(
    protocol: Protocol, cases: Sequence[Case], records: Sequence[Record]
) -> NDArray[np.bool_]:
    if protocol.exclusion is not Exclusion.BEYOND_99_AND_GIMBAL:
        return np.ones(len(cases), dtype=bool)
    return ~np.isfinite(_pose_errors(cases, records)).all(axis=1) | not_gimbal_locked(
        _pose_errors(cases, records)
    )


def _landmark_errors(protocol: Protocol, cases: Sequence[Case], records: Sequence[Record]) -> Any:  # noqa: ANN401
    errors = np.array([_landmark_error(protocol, *pair) for pair in zip(cases, records, strict=True)])
    return 100 * errors, _by_yaw(protocol, cases)


def _landmark_error(protocol: Protocol, case: Case, record: Record) -> float:
    truth = case.landmarks.get(protocol.labels)
    if truth is None or not record.found:
        return np.nan
    size = _size(protocol.normaliser, case, protocol)
    points = protocol.points.of(record.landmarks)[:, : protocol.dimensions]
    truth = protocol.points.of(truth)[:, : protocol.dimensions]
    if protocol.dimensions == 3:
        points, truth = without_mean_depth(points, truth)
    return float(normalised_mean_error(points, truth, size=size))


def _size(normaliser: Normaliser, case: Case, protocol: Protocol) -> float:
    truth = case.landmarks[protocol.labels]
    if normaliser is Normaliser.BOX_OF_68:
        # Of the labels that are scored where these are 68 points: re-annotated ones have a box of their own.
        return float(box_size(truth)) if len(truth) == 68 else case.size
    if normaliser is Normaliser.BOX_OF_POINTS:
        return float(box_size(protocol.points.of(truth)))
    if normaliser is Normaliser.FACE_BOX:
        return float(box_xyxy_size(case.box_xyxy if case.face_box_xyxy is None else case.face_box_xyxy))
    dimensions = 2 if normaliser is Normaliser.INTEROCULAR else 3
    return float(interocular(truth[:, :dimensions]))


def _surface_errors(protocol: Protocol, cases: Sequence[Case], records: Sequence[Record]) -> Any:  # noqa: ANN401
    errors = np.array([record.measures.get(protocol.measure, np.nan) for record in records])
    return errors, _by_yaw(protocol, cases)


def _by_yaw(protocol: Protocol, cases: Sequence[Case]) -> Any:  # noqa: ANN401
    """A function from errors to columns."""

    def columns(errors: Array) -> dict[str, float]:
        split = by_yaw(errors, yaws(protocol, cases))
        if protocol.yaw_list is YawList.NONE:
            return {"mean": split.mean_of_images}
        named = dict(zip(BIN_NAMES, split.bins, strict=True))
        if protocol.average is Average.BINS:
            return named | {"mean": split.mean_of_bins, "mean of images": split.mean_of_images}
        return named | {"mean": split.mean_of_images}

    return columns


def _pose_errors(cases: Sequence[Case], records: Sequence[Record]) -> Array:
    """(F, 3) absolute errors of pitch, yaw, roll in degrees."""
    truth = np.array([case.angles_deg for case in cases])
    found = angles_deg(np.array([record.rotation for record in records]))
    return angle_errors_deg(found, truth)


def _pose_scores(protocol: Protocol, cases: Sequence[Case], records: Sequence[Record]) -> Any:  # noqa: ANN401
    apart = _pose_errors(cases, records)
    rotations = np.array([record.rotation for record in records])
    truth = np.array([np.full((3, 3), np.nan) if c.rotation is None else c.rotation for c in cases])
    turned = geodesic_deg(rotations, truth)

    def columns(errors: Array) -> dict[str, float]:
        kept = np.isfinite(errors)
        pitch, yaw, roll = apart[kept].mean(axis=0)
        mean = float(np.mean([pitch, yaw, roll]))
        single = float(turned[kept].mean())
        return {"yaw": float(yaw), "pitch": float(pitch), "roll": float(roll), "mean": mean, "turn": single}

    return apart.mean(axis=1), columns


def _opening_scores(protocol: Protocol, cases: Sequence[Case], records: Sequence[Record]) -> Any:  # noqa: ANN401
    nothing = np.full((68, 3), np.nan)
    truth = np.array([case.landmarks.get(protocol.labels, nothing)[:, :3] for case in cases])
    found = np.array([record.landmarks for record in records])
    lids, lips = (
        (100 * opening(found, pairs), 100 * opening(truth, pairs)) for pairs in (LID_PAIRS_68, LIP_PAIRS_68)
    )

    def columns(errors: Array) -> dict[str, float]:
        kept = np.isfinite(errors)
        result = {}
        for name, (seen, true) in (("lids", lids), ("lips", lips)):
            result[name] = float(np.abs(seen - true)[kept].mean())
            result[f"{name} r"] = _correlation(seen[kept], true[kept])
        return result | {"mean": (result["lids"] + result["lips"]) / 2}

    return (np.abs(lids[0] - lids[1]) + np.abs(lips[0] - lips[1])) / 2, columns


def _correlation(first: Array, second: Array) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


_ERRORS_OF = {
    Quantity.LANDMARKS: _landmark_errors,
    Quantity.SURFACE: _surface_errors,
    Quantity.POSE: _pose_scores,
    Quantity.OPENING: _opening_scores,
}
