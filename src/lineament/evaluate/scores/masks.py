"""How well a mask over the photograph tells what of a face is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.items import FaceRegion

Array = NDArray[Any]

SHOWN_IOU, HIDDEN_IOU = "face-mask-shown-iou", "face-mask-hidden-iou"
MASK_MEASURES = (SHOWN_IOU, HIDDEN_IOU)
THRESHOLD = 0.5


def mask_scores(face_mask: Array, region: FaceRegion) -> dict[str, float]:
    """Intersections over unions, 0 to 1 by name: of what is seen of a face, and of what is hidden of it.

    The first is over all pixels whose truth is known, the second over those of the face alone, and NaN where
    nothing hides any.

    Args:
        face_mask: (H, W) 0 to 1.
        region: of the same size.
    """
    said = np.asarray(face_mask) > THRESHOLD
    hidden = region.face & ~region.shown
    return {
        SHOWN_IOU: intersection_over_union(said & region.counted, region.shown),
        HIDDEN_IOU: intersection_over_union(~said & region.face, hidden) if hidden.any() else float("nan"),
    }


def intersection_over_union(one: Array, other: Array) -> float:
    """Of two bool arrays of one shape; NaN where both are empty."""
    union = int((one | other).sum())
    return float((one & other).sum() / union) if union else float("nan")
