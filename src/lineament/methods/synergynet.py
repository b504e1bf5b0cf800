"""SynergyNet (Wu et al., 3DV 2021): the regressor's coefficients, and landmarks refined beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.methods.estimate import MorphableEstimate
from lineament.methods.regressor import SHAPES, MorphableRegressor

Array: TypeAlias = NDArray[Any]

LANDMARKS = "landmarks"


class SynergyNet(MorphableRegressor):
    """Crop -> camera, identity, expression and landmarks.

    The graph is a morphable regressor's with one output more: ``landmarks`` (n, 68, 3) crop px in the scheme
    "300w-lp", depth from the model's origin. They become the results' ``landmarks_image``; mesh and pose come
    from camera and coefficients, as in the paper.
    """

    shapes: ClassVar[Mapping[str, tuple[int | None, ...]]] = {**SHAPES, LANDMARKS: (68, 3)}

    def _estimate(self, outputs: Mapping[str, Array], row: int, crop_box: CropBox) -> MorphableEstimate:
        """The face of a row of the outputs, with its own landmarks."""
        estimate = super()._estimate(outputs, row, crop_box)
        own = crop_box.image_from_crop(outputs[LANDMARKS][row].astype(np.float64))
        return replace(estimate, own_landmarks_image=own)
