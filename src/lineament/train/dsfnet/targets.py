"""What worker processes make of each crop: the maps that the heads learn, by the z-buffer.

Positions and offsets on the chart are no targets: the loss gathers them from the coefficients, by the tables
that the network has anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.paper_units import dsfnet_correspondence, dsfnet_depth
from lineament.data.labels.targets import image_maps, posed
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

CORRESPONDENCE, DEPTH, FACE = "correspondence", "depth", "face_mask"
SURFACE_SIZE = 64
"""Of the surface's own chart, which these targets do not use."""


@dataclass(frozen=True, slots=True)
class DsfTargets:
    """A :class:`lineament.data.labels.target_generator.TargetConfig`.

    Attributes:
        halved: whether maps have half of the crop's side, S / 2.

    "correspondence" (2, S, S) float32 in [-1, 1], column then row; "depth" (S, S) float32 before the tip of
    the nose, in units of 280/256 crop sides; "face_mask" (S, S) bool, where the face is seen.
    """

    halved: bool = False

    def open(self, model: MorphableModel) -> DsfTargetMaker:
        """The maker, with its tables of a face model."""
        return DsfTargetMaker(LabelSurface.of(model, size=SURFACE_SIZE), halved=self.halved)


class DsfTargetMaker:
    """Makes the maps of one crop.

    Args:
        surface: of the face model.
        halved: see :class:`DsfTargets`.
    """

    def __init__(self, surface: LabelSurface, *, halved: bool = False) -> None:
        self._surface, self._halved = surface, halved

    def make(self, labels: FaceLabels, crop_size: int) -> dict[str, Array]:
        """The maps by name; zeros where the labels have no coefficients."""
        if self._halved:
            labels, crop_size = _at_half_size(labels), crop_size // 2
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


def _at_half_size(labels: FaceLabels) -> FaceLabels:
    """The same face in its crop of half as many px a side; a pixel is hidden where most of its four are."""
    camera, occlusion = labels.camera, labels.occlusion
    if camera is not None:
        camera = WeakPerspective(camera.rotation, camera.scale / 2, camera.translation / 2)
    if occlusion is not None:
        height, width = occlusion.shape
        occlusion = occlusion.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) >= 0.5
    return replace(labels, camera=camera, occlusion=occlusion, points=None)
