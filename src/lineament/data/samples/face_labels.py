"""What is known of a face in a picture; it may be little.

A fitted face has a camera and coefficients, from which every other label follows. A photograph on which
somebody set some points has those alone (weak supervision). What stands in front of the head is known or not
in either case. Labels follow a picture through mirrors and crops.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.data.formats.item import JAW_3D
from lineament.data.samples.point_schemes import find_point_scheme
from lineament.data.samples.view import cut_continued, mirrored_camera
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Mask = NDArray[np.bool_]

LANDMARK_SCHEME = JAW_3D
"""The 68 landmarks that annotated points are compared with."""
LANDMARKS = 68


class PointSource(StrEnum):
    """Who annotated points."""

    HAND = "hand"
    DETECTOR = "detector"  # a network for landmarks in the plane
    MESH478 = "mesh478"  # read off the mesh of 478 points that a program found
    FIT = "fit"  # projected from a fitted face


@dataclass(frozen=True, slots=True)
class AnnotatedPoints:
    """Points that somebody set in a picture.

    Attributes:
        points_image: (P, 2) or (P, 3) float px, image frame of the picture (z away from the viewer, relative
            to any origin); NaN where a point is not annotated.
        scheme: which points these are (:mod:`lineament.data.samples.point_schemes`).
        source: who set them.

    Raises:
        DataError: the scheme is unknown or has another number of points.
    """

    points_image: Array
    scheme: str
    source: PointSource

    def __post_init__(self) -> None:
        """Refuse points that are not the scheme's."""
        count, shape = len(find_point_scheme(self.scheme)), self.points_image.shape
        if shape not in ((count, 2), (count, 3)):
            raise DataError(
                f"Annotated points have shape {shape}; {self.scheme!r} is ({count}, 2) or ({count}, 3), with "
                f"NaN for points that are not annotated."
            )

    @property
    def annotated(self) -> Mask:
        """(P,) which points are annotated."""
        return np.isfinite(self.points_image[:, :2]).all(axis=1)

    def mirrored(self, *, width: float) -> AnnotatedPoints:
        """The points in the picture mirrored left to right, `width` px wide."""
        scheme = find_point_scheme(self.scheme)
        points = self.points_image[list(scheme.mirror)].copy()
        points[:, 0] = width - points[:, 0]
        return replace(self, points_image=points, scheme=scheme.mirrored)

    def cropped(self, box: CropBox) -> AnnotatedPoints:
        """The points in a crop, px of the crop."""
        return replace(self, points_image=box.crop_from_image(self.points_image))

    def as_landmarks(self) -> tuple[Array, NDArray[np.float32]]:
        """The points as landmarks of :data:`LANDMARK_SCHEME`.

        Returns:
            (68, 3) float32 px, zero where not annotated, depth zero where it is not known; and (68,) weights,
            1 for the landmarks that are annotated, 0 for the others.
        """
        numbers = np.array(find_point_scheme(self.scheme).of_68)
        used = self.annotated & (numbers >= 0)
        landmarks, weights = np.zeros((LANDMARKS, 3), np.float32), np.zeros(LANDMARKS, np.float32)
        found = np.nan_to_num(self.points_image[used].astype(np.float32))
        landmarks[numbers[used], : found.shape[1]] = found
        weights[numbers[used]] = 1
        return landmarks, weights


@dataclass(frozen=True, slots=True)
class FaceLabels:
    """What is known of one face in one picture.

    Attributes:
        camera: of the head in the picture, px per mm; None where it is not known.
        identity: (K,) standard deviations; None where no face was fitted.
        expression: (E,) weights; None with `identity`.
        occlusion: (H, W) bool, True where something hides the head; None where nothing does.
        points: annotated points; None where there are none.

    Raises:
        DataError: a coefficient is there without the other or without a camera, or nothing is known.
    """

    camera: WeakPerspective | None
    identity: Array | None = None
    expression: Array | None = None
    occlusion: Mask | None = None
    points: AnnotatedPoints | None = None

    def __post_init__(self) -> None:
        """Refuse labels that say half of something."""
        has = [value is not None for value in (self.identity, self.expression)]
        if has[0] != has[1] or (has[0] and self.camera is None):
            raise DataError(
                "Coefficients are identity and expression of a face with a camera: give all three, or leave "
                "both coefficients out."
            )
        if self.camera is None and self.points is None:
            raise DataError("These labels say nothing of the face: give a camera or annotated points.")

    @property
    def has_coefficients(self) -> bool:
        """Whether a face was fitted, so that its mesh is known."""
        return self.identity is not None

    def mirrored(self, model: MorphableModel, *, width: float) -> FaceLabels:
        """The labels of the picture mirrored left to right, `width` px wide.

        Raises:
            ValueError: there are coefficients and the model has no exact symmetry.
        """
        identity, expression = self.identity, self.expression
        if identity is not None and expression is not None:
            identity, expression = model.mirrored(identity, expression)
        return FaceLabels(
            camera=None if self.camera is None else mirrored_camera(self.camera, width=width),
            identity=identity,
            expression=expression,
            occlusion=None if self.occlusion is None else self.occlusion[:, ::-1],
            points=None if self.points is None else self.points.mirrored(width=width),
        )

    def cropped(self, box: CropBox) -> FaceLabels:
        """The labels of a crop; the mask is resampled as the picture is and cut at half."""
        mask = self.occlusion
        if mask is not None:
            mask = cut_continued(mask.astype(np.uint8)[..., None] * np.uint8(255), box)[..., 0] > 127
        return replace(
            self,
            camera=None if self.camera is None else box.camera_in_crop(self.camera),
            occlusion=mask,
            points=None if self.points is None else self.points.cropped(box),
        )

    def hidden_by(self, covered: Mask | None) -> FaceLabels:
        """The labels after something was put over a part of the picture, (H, W) bool; None is nothing."""
        if covered is None:
            return self
        mask = covered if self.occlusion is None else self.occlusion | covered
        return replace(self, occlusion=mask)
