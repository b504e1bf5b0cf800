"""What worker processes make of each crop: the maps that the heads learn, by the z-buffer.

Positions and offsets on the chart are no targets: the loss gathers them from the coefficients, by the tables
that the network has anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.paper_units import dsfnet_correspondence, dsfnet_depth
from lineament.data.labels.targets import image_maps, posed
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

CORRESPONDENCE, DEPTH, FACE = "correspondence", "depth", "face_mask"
SURFACE_SIZE = 64
"""Of the surface's own chart, which these targets do not use."""


@dataclass(frozen=True, slots=True)
class DsfTargets:
    """A :class:`lineament.data.labels.target_generator.TargetConfig`.

    "correspondence" (2, S, S) float32 in [-1, 1], column then row; "depth" (S, S) float32 before the tip of
    the nose, in units of 280/256 crop sides; "face_mask" (S, S) bool, where the face is seen.
    """

    def open(self, model: MorphableModel) -> DsfTargetMaker:
        """The maker, with its tables of a face model."""
        return DsfTargetMaker(LabelSurface.of(model, size=SURFACE_SIZE))


class DsfTargetMaker:
    """Makes the maps of one crop.

    Args:
        surface: of the face model.
    """

    def __init__(self, surface: LabelSurface) -> None:
        self._surface = surface

    def make(self, labels: FaceLabels, crop_size: int) -> dict[str, Array]:
        """The maps by name; zeros where the labels have no coefficients."""
        shape = (crop_size, crop_size)
        if not labels.has_coefficients:
            return {
                CORRESPONDENCE: np.zeros((2, *shape), np.float32),
                DEPTH: np.zeros(shape, np.float32),
                FACE: np.zeros(shape, bool),
            }
        face = posed(labels, self._surface.model, size_hw=shape)
        maps = image_maps(face, self._surface)
        correspondence = np.moveaxis(dsfnet_correspondence(maps), -1, 0)
        return {
            CORRESPONDENCE: np.ascontiguousarray(correspondence, np.float32),
            DEPTH: dsfnet_depth(maps, face),
            FACE: maps.face,
        }
