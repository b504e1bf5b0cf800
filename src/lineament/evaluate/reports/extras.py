"""What is told beside the tables: how many faces were found, hidden points, jitter in video."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.protocols.protocol import Points
from lineament.evaluate.scores.masks import HIDDEN_IOU, SHOWN_IOU
from lineament.evaluate.scores.metrics import box_size
from lineament.evaluate.scores.parts import average_precision, jitter, restlessness, visibility_accuracy
from lineament.evaluate.scores.records import Record

Array = NDArray[Any]

HIDDEN_TITLE = "face mask, IoU of what is hidden, %"


def extras(items: Sequence[EvaluationItem], records: Sequence[Record]) -> dict[str, float]:
    """Named numbers of one predictor; those that the set or the predictor does not know are left out."""
    found = np.array([record.found for record in records], dtype=bool)
    numbers = {"detection rate, %": 100 * float(found.mean())} if len(found) else {}
    return numbers | _hidden_points(items, records) | _masks(records) | _jitter(items, records)


def _hidden_points(items: Sequence[EvaluationItem], records: Sequence[Record]) -> dict[str, float]:
    """Average precision of hidden and of seen points, and the fraction that is told rightly.

    Where a set tells which points the head itself shows, only these count: of the others every method of
    whole meshes knows.
    """
    seen, truth = [], []
    for item, record in zip(items, records, strict=True):
        visible = item.visible
        given = _at_points(record.visibility, len(visible)) if visible is not None else None
        if visible is not None and given is not None and np.isfinite(given).all():
            counted = np.ones(len(visible), bool) if item.own_visible is None else item.own_visible
            seen.append(given[counted])
            truth.append(visible[counted])
    if not seen:
        return {}
    score, visible = np.concatenate(seen), np.concatenate(truth)
    return {
        "hidden points, average precision, %": 100 * average_precision(1 - score, ~visible),
        "seen points, average precision, %": 100 * average_precision(score, visible),
        "hidden points, share hidden, %": 100 * float((~visible).mean()),
        "hidden points, told rightly, %": 100 * visibility_accuracy(score, visible),
    }


def _masks(records: Sequence[Record]) -> dict[str, float]:
    """Means over faces of how well their mask tells what is seen of them, and what is hidden."""
    numbers = {}
    for measure, title in ((SHOWN_IOU, "face mask, IoU of what is seen, %"), (HIDDEN_IOU, HIDDEN_TITLE)):
        values = np.array([record.measures.get(measure, np.nan) for record in records])
        if np.isfinite(values).any():
            numbers[title] = 100 * float(np.nanmean(values))
    return numbers


def _at_points(visibility: Array, count: int) -> Array | None:
    """(count,) from those of 68; None where there is no table between the two."""
    if count == 68:
        return visibility
    return Points.AFLW_21.of(visibility[:, None])[:, 0] if count == 21 else None


def _jitter(items: Sequence[EvaluationItem], records: Sequence[Record]) -> dict[str, float]:
    """Means over videos of :func:`jitter` and :func:`restlessness`, in percent of the face's size."""
    videos: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        if item.sequence:
            videos.setdefault(item.sequence, []).append(number)
    rows = [_of_video([items[i] for i in v], [records[i] for i in v]) for v in videos.values() if len(v) > 2]
    if not rows:
        return {}
    change, second = np.nanmean(np.array(rows), axis=0)
    return {"jitter, %": 100 * float(change), "restlessness, %": 100 * float(second)}


def _of_video(items: Sequence[EvaluationItem], records: Sequence[Record]) -> tuple[float, float]:
    truth = np.array([next(iter(item.landmarks.values()))[:, :2] for item in items])
    found = np.array([record.landmarks[:, :2] for record in records])
    size = box_size(truth)
    return jitter(found, truth, size), restlessness(found, size)
