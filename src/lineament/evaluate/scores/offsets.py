"""Errors of points after a predictor's constant offsets, which are measured on other people's faces.

Where a convention puts a point is a matter of taste, and no predictor is worse for having another. So each
point's mean error over the calibration faces of the same kind is taken off. Errors are fractions of the
normaliser, along the picture's axes, mirrored for faces that look the other way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.protocols.handset_points import SCHEMES, HandSetScheme
from lineament.evaluate.protocols.protocol import Normaliser, Points, Protocol
from lineament.evaluate.scores.metrics import box_size
from lineament.evaluate.scores.records import Record

Array = NDArray[Any]
Pairs = Sequence[tuple[EvaluationItem, Record]]

MIN_CALIBRATION_FACES = 3
"""Without so many found faces offsets would be taken from chance."""


def offset_errors(
    protocol: Protocol, items: Sequence[EvaluationItem], records: Sequence[Record], calibration: Pairs
) -> tuple[Array, Callable[[Array], dict[str, float]]]:
    """Errors after offsets, and a function from errors to the columns of a table.

    Args:
        protocol: names labels, points and normaliser.
        items: the faces that are scored; those without the protocol's labels give NaN.
        records: matched.
        calibration: faces of other people and the same predictor's records of them.

    Returns:
        (F,) % of the normaliser, NaN where not found or where offsets could not be measured; and the columns:
        "raw" (nothing taken off), one a part of the face, "mean".
    """
    apart = [_residuals(protocol, item, record) for item, record in zip(items, records, strict=True)]
    offsets = measured_offsets(protocol, calibration)
    parts = np.array(_parts(protocol, items))
    raw, after = np.full((2, len(items)), np.nan)
    by_part = {str(part): np.full(len(items), np.nan) for part in dict.fromkeys(parts)}
    for number, residual in enumerate(apart):
        if residual is None or offsets is None:
            continue
        left = 100 * np.linalg.norm(residual - offsets, axis=1)
        raw[number] = 100 * np.linalg.norm(residual, axis=1).mean()
        after[number] = left.mean()
        for part, values in by_part.items():
            values[number] = left[parts == part].mean()

    def columns(errors: Array) -> dict[str, float]:
        kept = np.isfinite(errors)
        named = {part: float(values[kept].mean()) for part, values in by_part.items()}
        return {"raw": float(raw[kept].mean()), **named, "mean": float(errors[kept].mean())}

    return after, columns


def measured_offsets(protocol: Protocol, calibration: Pairs) -> Array | None:
    """(P, 2) mean of the residuals of faces with the protocol's labels; None where too few were found."""
    found = [r for item, record in calibration if (r := _residuals(protocol, item, record)) is not None]
    return np.mean(found, axis=0) if len(found) >= MIN_CALIBRATION_FACES else None


def _residuals(protocol: Protocol, item: EvaluationItem, record: Record) -> Array | None:
    """(P, 2) estimate minus truth as fractions of the normaliser, as on a face that looks the usual way."""
    if protocol.labels not in item.landmarks or not record.found:
        return None
    scheme = SCHEMES[item.scheme]
    truth = item.landmarks[protocol.labels]
    kept = _counted(protocol, scheme)
    apart = (scheme.of_68(record.landmarks[:, :2]) - truth)[kept] / _size(protocol, scheme, truth)
    return apart * (-1, 1) if scheme.is_mirrored else apart


def _size(protocol: Protocol, scheme: HandSetScheme, truth: Array) -> float:
    """Pixels that errors are divided by."""
    corners = scheme.outer_eye_corners
    if protocol.normaliser is Normaliser.INTEROCULAR:
        assert corners is not None, f"{scheme.name} lacks an outer corner of the eyes"
        return float(np.linalg.norm(truth[corners[0]] - truth[corners[1]]))
    return float(box_size(truth))


def _counted(protocol: Protocol, scheme: HandSetScheme) -> NDArray[np.bool_]:
    """(P,) of the scheme's points."""
    return scheme.inner if protocol.points is Points.HAND_SET_INNER else np.ones(len(scheme.pairs), bool)


def _parts(protocol: Protocol, items: Sequence[EvaluationItem]) -> tuple[str, ...]:
    """Part of the face of each counted point, the same for all faces with the protocol's labels."""
    scheme = next((SCHEMES[item.scheme] for item in items if protocol.labels in item.landmarks), None)
    if scheme is None:
        return ()
    return tuple(part for part, kept in zip(scheme.parts, _counted(protocol, scheme), strict=True) if kept)
