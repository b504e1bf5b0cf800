"""Boxes that a caller or a detector of theirs gives for the faces of a photo, checked one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineament.crop import check_box
from lineament.errors import BoxError, ConfigError
from lineament.image import Picture, size_wh
from lineament.result import Detection

MAX_BOX = 20  # times the photo's longer side


def given_detections(boxes: ArrayLike, photo: Picture) -> list[Detection]:
    """Boxes of the caller as upright detections of score 1, in their order.

    Args:
        boxes: (n, 4) left, top, right, bottom, px of the photo; anything of no values gives no detection.
        photo: that they lie on.

    Raises:
        BoxError: they are no such rows, or one is not finite, has no area, is out of all proportion, or lies
            outside of the photo; the message names its row.
    """
    try:
        rows = np.asarray(boxes)
    except ValueError as error:
        raise BoxError(
            f"boxes must be rows of four numbers each ({error}). Give left, top, right, bottom of every face."
        ) from error
    if rows.size == 0:
        return []
    if rows.ndim != 2 or rows.shape[1] != 4 or rows.dtype.kind not in "fiu":
        raise BoxError(
            f"boxes must be (n, 4) numbers: left, top, right, bottom in px; found shape {rows.shape} "
            f"of {rows.dtype}. {_shape_advice(rows)}"
        )
    width, height = size_wh(photo)
    if min(width, height) > 2 and np.abs(rows).max() <= 1.5 and rows.dtype.kind == "f":
        raise BoxError(
            f"boxes are in px, found values of 0 to 1 such as {rows[0].tolist()}: they are parts of the "
            f"photo's size. Multiply x by {width} and y by {height}."
        )
    for number, row in enumerate(rows):
        left, top, right, bottom = check_box(row, name=f"boxes[{number}]")
        if max(right - left, bottom - top) > MAX_BOX * max(width, height):
            raise BoxError(
                f"boxes[{number}] is {right - left:.3g} x {bottom - top:.3g} px; a box may be up to "
                f"{MAX_BOX} times as large as its photo, which has {width} x {height} px. Check the units."
            )
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise BoxError(
                f"boxes[{number}] lies outside of the photo, which has {width} x {height} px: "
                f"{row.tolist()}. Give boxes in the px of the photo as read upright."
            )
    return [Detection(box_xyxy=row.astype(np.float32), score=1.0) for row in rows]


def checked_detections(found: Any, detector: object) -> list[Detection]:  # noqa: ANN401 - the caller's own
    """What a detector of the caller's found, if that is what detectors give.

    Raises:
        ConfigError: it is not; the boxes themselves are checked where crops are cut.
    """
    detections = list(found) if isinstance(found, Iterable) else None
    strange = (
        found
        if detections is None
        else next((each for each in detections if not isinstance(each, Detection)), None)
    )
    if detections is None or strange is not None:
        raise ConfigError(
            f"{type(detector).__name__}.detect must give a list of Detection, found "
            f"{'' if detections is None else 'in it '}{type(strange).__name__}. Make one of each face: "
            f"Detection(box_xyxy=np.array([left, top, right, bottom]), score=0.9)."
        )
    return detections


def _shape_advice(rows: NDArray[Any]) -> str:
    """How boxes of another shape or kind become (n, 4) numbers."""
    if rows.ndim == 2 and rows.shape[1] > 4 and rows.dtype.kind in "fiu":
        return "Leave out what follows the four, such as a score: boxes[:, :4]."
    if any(isinstance(each, Detection) for each in rows.flat):
        return "Those of detections are their `box_xyxy`; `align_given` takes detections as they are."
    return "A single box is given as [[left, top, right, bottom]]."
