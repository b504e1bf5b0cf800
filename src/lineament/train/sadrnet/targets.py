"""What SADRNet learns of each crop: its face map, its offset map and where the face is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.paper_units import sadrnet_offset_map, sadrnet_position_map
from lineament.data.labels.targets import ImageMaps, image_maps, offset_map, posed, position_map
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.morphable import MorphableModel
from lineament.train.networks.sadrnet import CELL

Array = NDArray[Any]

FACE, OFFSET, ATTENTION = "face_map", "offset_map", "attention"


@dataclass(frozen=True, slots=True)
class SadrTargets:
    """A :class:`lineament.data.labels.target_generator.TargetConfig`.

    The targets are "face_map" (3, M, M), P*, which is G* too; "offset_map" (3, M, M), D*; "attention" (A, A),
    A*: float32 in the paper's units. Heads may be turned by any angle.

    Attributes:
        size: texels along a side of the maps.
    """

    size: int

    def open(self, model: MorphableModel) -> SadrTargetMaker:
        """The maker, with its tables of a face model; ValueError if it has no chart."""
        return SadrTargetMaker(LabelSurface.of(model, size=self.size))


class SadrTargetMaker:
    """Makes the targets of one size.

    Args:
        surface: of the face model.
    """

    def __init__(self, surface: LabelSurface) -> None:
        self._surface = surface

    def make(self, labels: FaceLabels, crop_size: int) -> dict[str, Array]:
        """The targets; zeros where the labels have no coefficients."""
        size, surface = self._surface.size, self._surface
        if not labels.has_coefficients:
            maps = (np.zeros((3, size, size), np.float32) for _ in range(2))
            cells = crop_size // CELL
            return dict(zip((FACE, OFFSET, ATTENTION), (*maps, np.zeros((cells, cells), np.float32))))
        face = posed(labels, surface.model, size_hw=(crop_size, crop_size))
        positions = sadrnet_position_map(position_map(face, surface), surface, size=crop_size)
        offsets = sadrnet_offset_map(offset_map(face, surface))
        return {
            FACE: np.ascontiguousarray(np.moveaxis(positions, -1, 0)),
            OFFSET: np.ascontiguousarray(np.moveaxis(offsets, -1, 0)),
            ATTENTION: attention_target(image_maps(face, surface)),
        }


def attention_target(maps: ImageMaps) -> NDArray[np.float32]:
    """(A, A) fraction of each cell of 8 x 8 px in which the face is seen: its silhouette less occluders.

    At 256 px it is :func:`lineament.data.labels.paper_units.sadrnet_attention`.
    """
    cells = len(maps.face) // CELL
    parts = maps.face.reshape(cells, CELL, cells, CELL)
    return parts.mean(axis=(1, 3), dtype=np.float32)
