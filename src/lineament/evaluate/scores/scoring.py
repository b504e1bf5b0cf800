"""From records to the numbers of a table, as a protocol says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.items import EvaluationItem
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
from lineament.evaluate.scores.offsets import offset_errors
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
    """One predictor under one protocol.

    Attributes:
        protocol: which.
        predictor: its name.
        columns: name -> value in the protocol's unit; "mean" is the headline.
        errors: (F,) of each item in that unit; NaN where it does not count or was not found.
        expected: (F,) items that count.
        found: how many of these were found and measured.
        failures: share above :data:`FAILURE_LIMIT` or not found.
        area: under the cumulative curve up to that limit, 0 to 1.
    """

    protocol: Protocol
    predictor: str
    columns: Mapping[str, float]
    errors: Array
    expected: NDArray[np.bool_]
    found: int
    failures: float
    area: float


def score(
    protocol: Protocol,
    items: Sequence[EvaluationItem],
    records: Sequence[Record],
    *,
    predictor: str,
    calibration: Sequence[tuple[EvaluationItem, Record]] = (),
) -> Score | None:
    """The score of matched items and records; None where the set or the predictor lacks what it needs.

    Args:
        protocol: which.
        items: of the set.
        records: of the predictor, one per item.
        predictor: its name.
        calibration: faces of other people and the predictor's records of them, for points that people set.
    """
    expected = _expected(protocol, items)
    if not expected.any():
        return None
    if protocol.quantity is Quantity.HAND_SET:
        errors, columns = offset_errors(protocol, items, records, calibration)
    else:
        errors, columns = _ERRORS_OF[protocol.quantity](protocol, items, records)
    expected = expected & _kept_by_result(protocol, items, records)
    errors = np.where(expected, errors, np.nan)
    measured = int(np.isfinite(errors).sum())
    if not measured:
        return None
    limit = FAILURE_LIMIT[protocol.unit]
    counted = counted_errors(errors, expected)
    return Score(
        protocol=protocol,
        predictor=predictor,
        columns=columns(errors),
        errors=errors,
        expected=expected,
        found=measured,
        failures=failure_rate(counted, limit=limit),
        area=area_under_curve(counted, limit=limit),
    )


def yaws(protocol: Protocol, items: Sequence[EvaluationItem]) -> Array:
    """(F,) degrees by the protocol's list; NaN where an item is not in it."""
    if protocol.yaw_list is YawList.NONE:
        return np.zeros(len(items))
    return np.array([item.yaw_deg.get(protocol.yaw_list.name, np.nan) for item in items])


def _expected(protocol: Protocol, items: Sequence[EvaluationItem]) -> NDArray[np.bool_]:
    """(F,) items that have the truth this protocol needs and that it does not leave out."""
    expected = np.array([_has_truth(protocol, item) for item in items], dtype=bool)
    expected &= np.isfinite(yaws(protocol, items))
    if protocol.exclusion is not Exclusion.NOTHING:
        expected &= within_99_degrees(np.array([item.angles_deg for item in items]))
    if protocol.balanced and expected.any():
        bins = [inside & expected for inside in yaw_bins(yaws(protocol, items))]
        expected &= balanced_subset(bins, protocol.balanced)
    return expected


def _has_truth(protocol: Protocol, item: EvaluationItem) -> bool:
    if protocol.quantity is Quantity.POSE:
        return item.rotation is not None
    if protocol.quantity is Quantity.SURFACE:
        return item.surface is not None
    truth = item.landmarks.get(protocol.labels)
    return truth is not None and truth.shape[-1] >= protocol.dimensions


def _kept_by_result(
    protocol: Protocol, items: Sequence[EvaluationItem], records: Sequence[Record]
) -> NDArray[np.bool_]:
    if protocol.exclusion is not Exclusion.BEYOND_99_AND_GIMBAL:
        return np.ones(len(items), dtype=bool)
    return ~np.isfinite(_pose_errors(items, records)).all(axis=1) | not_gimbal_locked(
        _pose_errors(items, records)
    )


def _landmark_errors(protocol: Protocol, items: Sequence[EvaluationItem], records: Sequence[Record]) -> Any:  # noqa: ANN401
    errors = np.array([_landmark_error(protocol, *pair) for pair in zip(items, records, strict=True)])
    return 100 * errors, _by_yaw(protocol, items)


def _landmark_error(protocol: Protocol, item: EvaluationItem, record: Record) -> float:
    truth = item.landmarks.get(protocol.labels)
    if truth is None or not record.found:
        return np.nan
    size = _size(protocol.normaliser, item, protocol)
    points = protocol.points.of(record.landmarks)[:, : protocol.dimensions]
    truth = protocol.points.of(truth)[:, : protocol.dimensions]
    if protocol.dimensions == 3:
        points, truth = without_mean_depth(points, truth)
    return float(normalised_mean_error(points, truth, size=size))


def _size(normaliser: Normaliser, item: EvaluationItem, protocol: Protocol) -> float:
    truth = item.landmarks[protocol.labels]
    if normaliser is Normaliser.BOX_OF_68:
        # Of the labels that are scored where these are 68 points: re-annotated ones have a box of their own.
        return float(box_size(truth)) if len(truth) == 68 else item.size
    if normaliser is Normaliser.BOX_OF_POINTS:
        return float(box_size(protocol.points.of(truth)))
    if normaliser is Normaliser.FACE_BOX:
        return float(box_xyxy_size(item.box_xyxy if item.face_box_xyxy is None else item.face_box_xyxy))
    dimensions = 2 if normaliser is Normaliser.INTEROCULAR else 3
    return float(interocular(truth[:, :dimensions]))


def _surface_errors(protocol: Protocol, items: Sequence[EvaluationItem], records: Sequence[Record]) -> Any:  # noqa: ANN401
    errors = np.array([record.measures.get(protocol.measure, np.nan) for record in records])
    return errors, _by_yaw(protocol, items)


def _by_yaw(protocol: Protocol, items: Sequence[EvaluationItem]) -> Any:  # noqa: ANN401
    """A function from errors to columns."""

    def columns(errors: Array) -> dict[str, float]:
        split = by_yaw(errors, yaws(protocol, items))
        if protocol.yaw_list is YawList.NONE:
            return {"mean": split.mean_of_images}
        named = dict(zip(BIN_NAMES, split.bins, strict=True))
        if protocol.average is Average.BINS:
            spread = {"spread": float(np.std(split.bins, ddof=1))} if protocol.spread else {}
            return named | {"mean": split.mean_of_bins, **spread, "mean of images": split.mean_of_images}
        return named | {"mean": split.mean_of_images}

    return columns


def _pose_errors(items: Sequence[EvaluationItem], records: Sequence[Record]) -> Array:
    """(F, 3) absolute errors of pitch, yaw, roll in degrees."""
    truth = np.array([item.angles_deg for item in items])
    found = angles_deg(np.array([record.rotation for record in records]))
    return angle_errors_deg(found, truth)


def _pose_scores(protocol: Protocol, items: Sequence[EvaluationItem], records: Sequence[Record]) -> Any:  # noqa: ANN401
    apart = _pose_errors(items, records)
    rotations = np.array([record.rotation for record in records])
    truth = np.array([np.full((3, 3), np.nan) if c.rotation is None else c.rotation for c in items])
    rotated = geodesic_deg(rotations, truth)

    def columns(errors: Array) -> dict[str, float]:
        kept = np.isfinite(errors)
        pitch, yaw, roll = apart[kept].mean(axis=0)
        mean = float(np.mean([pitch, yaw, roll]))
        single = float(rotated[kept].mean())
        return {"yaw": float(yaw), "pitch": float(pitch), "roll": float(roll), "mean": mean, "turn": single}

    return apart.mean(axis=1), columns


def _opening_scores(protocol: Protocol, items: Sequence[EvaluationItem], records: Sequence[Record]) -> Any:  # noqa: ANN401
    nothing = np.full((68, 3), np.nan)
    truth = np.array([item.landmarks.get(protocol.labels, nothing)[:, :3] for item in items])
    found = np.array([record.landmarks for record in records])
    lids, lips = (
        (100 * opening(found, pairs), 100 * opening(truth, pairs)) for pairs in (LID_PAIRS_68, LIP_PAIRS_68)
    )

    def columns(errors: Array) -> dict[str, float]:
        kept = np.isfinite(errors)
        result = {}
        for name, (predicted, true) in (("lids", lids), ("lips", lips)):
            result[name] = float(np.abs(predicted - true)[kept].mean())
            result[f"{name} r"] = _correlation(predicted[kept], true[kept])
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
