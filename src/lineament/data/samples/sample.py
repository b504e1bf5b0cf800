"""The one sample that every method trains on: a picture, what made it, and where it comes from.

Only what cannot be computed is kept: picture, camera, coefficients, annotated points, occlusion mask,
provenance. All dense labels are made from it on the fly (:mod:`lineament.data.labels.targets`). A sample
mirrors and crops with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.data.samples.face_labels import AnnotatedPoints, FaceLabels
from lineament.data.samples.view import View, cut_continued
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Image8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Kind(StrEnum):
    """How the picture came to be."""

    PHOTOGRAPHED = "photographed"
    ROTATED = "turned"  # a photograph whose pose or expression was changed through its fitted mesh
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
        image: (H, W, 3) uint8 RGB.
        labels: what is known of the face.
        provenance: where it comes from.

    Raises:
        DataError: the occlusion mask is not a bool array of the picture's size.
    """

    image: Image8
    labels: FaceLabels
    provenance: Provenance

    def __post_init__(self) -> None:
        """Refuse masks that do not belong to the picture."""
        mask = self.labels.occlusion
        if mask is not None and (mask.shape != self.size_hw or mask.dtype != np.bool_):
            raise DataError(
                f"The occlusion mask of {self.provenance.photo!r} is {mask.dtype} {mask.shape}, "
                f"the picture {self.size_hw}: make it bool, of the picture's size."
            )

    @classmethod
    def of_view(
        cls,
        view: View,
        occlusion: Mask | None,
        provenance: Provenance,
        points: AnnotatedPoints | None = None,
    ) -> Sample:
        """The sample of a fitted face; `occlusion` and `points` as in :class:`FaceLabels`."""
        labels = FaceLabels(view.camera, view.identity, view.expression, occlusion, points)
        return cls(view.image, labels, provenance)

    @property
    def view(self) -> View:
        """Picture, camera and coefficients.

        Raises:
            DataError: the labels have no coefficients.
        """
        labels = self.labels
        if labels.camera is None or labels.identity is None or labels.expression is None:
            raise DataError(
                f"The sample {self.provenance.photo!r} has no coefficients: ask `labels.has_coefficients` "
                f"first, or use samples of fitted faces."
            )
        return View(self.image, labels.camera, labels.identity, labels.expression)

    @property
    def camera(self) -> WeakPerspective:
        """Of the head in the picture, px of the picture per mm; DataError as of :attr:`view`."""
        return self.view.camera

    @property
    def identity(self) -> Array:
        """(K,) standard deviations; DataError as of :attr:`view`."""
        return self.view.identity

    @property
    def expression(self) -> Array:
        """(E,) weights; DataError as of :attr:`view`."""
        return self.view.expression

    @property
    def occlusion(self) -> Mask | None:
        """(H, W) bool, True where something hides the head; None where nothing does."""
        return self.labels.occlusion

    @property
    def size_hw(self) -> tuple[int, int]:
        """Height and width of the picture, px."""
        height, width = self.image.shape[:2]
        return height, width

    def mirrored(self, model: MorphableModel) -> Sample:
        """The sample in a mirror: picture, mask and labels, exact through the model's mirror map.

        Raises:
            ValueError: there are coefficients and the model has no exact symmetry.
        """
        labels = self.labels.mirrored(model, width=self.size_hw[1])
        return replace(self, image=self.image[:, ::-1], labels=labels)

    def cropped(self, box: CropBox) -> Sample:
        """What a crop shows of the sample, (size, size); labels and mask follow the picture.

        Beyond its border the picture continues as its own mirror image, and so does the mask.
        """
        return replace(self, image=cut_continued(self.image, box), labels=self.labels.cropped(box))
