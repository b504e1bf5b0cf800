"""The one sample that every method trains on: a picture, what made it, and where it comes from.

Only what cannot be computed is kept: picture, pose, coefficients, occlusion mask, provenance. All dense
labels are made from it on the fly (:mod:`lineament.data.labels.targets`). A sample mirrors and crops with
them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.data.samples.view import View, crop_view, cut_continued, mirrored_view
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Image8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Kind(StrEnum):
    """How the picture came to be."""

    PHOTOGRAPHED = "photographed"
    TURNED = "turned"  # a photograph whose pose or expression was changed through its fitted mesh
    RENDERED = "rendered"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a sample comes from.

    Attributes:
        collection: name of the collection of photographs.
        photo: name of the photograph in it; of a rendered face, what names it uniquely.
        person: who it shows, as far as the collection says; else the photo's name.
        kind: how the picture came to be.
        validation: True for people kept from training.
    """

    collection: str
    photo: str
    person: str
    kind: Kind
    validation: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One face in one picture.

    Attributes:
        view: picture, pose and coefficients.
        occlusion: (H, W) bool, True where something is in front of the head; None where nothing is.
        provenance: where it comes from.

    Raises:
        DataError: the mask is not a bool array of the picture's size.
    """

    view: View
    occlusion: Mask | None
    provenance: Provenance

    def __post_init__(self) -> None:
        """Refuse masks that do not belong to the picture."""
        mask = self.occlusion
        if mask is not None and (mask.shape != self.size_hw or mask.dtype != np.bool_):
            raise DataError(
                f"The occlusion mask of {self.provenance.photo!r} is {mask.dtype} {mask.shape}, "
                f"the picture {self.size_hw}: make it bool, of the picture's size."
            )

    @property
    def image(self) -> Image8:
        """(H, W, 3) uint8 RGB."""
        return self.view.image

    @property
    def camera(self) -> WeakPerspective:
        """Of the head in the picture, px of the picture per mm."""
        return self.view.camera

    @property
    def identity(self) -> Array:
        """(K,) standard deviations."""
        return self.view.identity

    @property
    def expression(self) -> Array:
        """(E,) weights."""
        return self.view.expression

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the picture, px."""
        height, width = self.view.image.shape[:2]
        return height, width

    def mirrored(self, model: MorphableModel) -> Sample:
        """The sample in a mirror: picture, mask and labels, exact through the model's mirror map.

        Raises:
            ValueError: the model has no exact symmetry.
        """
        mask = None if self.occlusion is None else self.occlusion[:, ::-1]
        return replace(self, view=mirrored_view(self.view, model), occlusion=mask)

    def cropped(self, box: CropBox) -> Sample:
        """What a crop shows of the sample, (size, size); the mask follows the picture.

        Beyond its border the picture continues as its own mirror image, and so does the mask.
        """
        mask = self.occlusion
        if mask is not None:
            mask = cut_continued(mask.astype(np.uint8)[..., None] * np.uint8(255), box)[..., 0] > 127
        return replace(self, view=crop_view(self.view, box), occlusion=mask)
