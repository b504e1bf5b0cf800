"""Fits a part of a collection: where a face lies on each photograph, which is kept, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament import FaceAligner
from lineament.data.fitting.annotated import AnnotatedFitter
from lineament.data.fitting.evidence import Evidence
from lineament.data.fitting.fitter import FitConfig, Fits, Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.fitting.quality import QualityLimits, Reason, judge
from lineament.data.formats.files import Files, open_files
from lineament.data.formats.item import box_of_points
from lineament.data.labels.pseudo_labels import Proposer
from lineament.data.photographs.collection import PhotoEntry
from lineament.data.photographs.collections import MESH_POINTS, is_validation
from lineament.data.photographs.landmark_files import MESH_478, FaceLandmarks, read_label_file
from lineament.data.samples.recipe import PhotoOptions
from lineament.errors import DataError, LineamentError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

MESH_COUNT = 478
MAX_MOVED = 0.15
"""Annotated points that are farther from every proposed face, in its sizes, are of something else."""
MAX_ANNOTATED_RESIDUAL = 0.035
"""Points set by people scatter by 2 to 3 % of a face's size."""


@dataclass(frozen=True, slots=True)
class PhotoFit:
    """The face fitted to one photograph.

    Attributes:
        photo: name of the photograph.
        person: who is on it.
        face: number of the face on the photograph, from 0.
        camera: of the head in the photograph.
        identity: (K,).
        expression: (E,).
        residual: mean distance from the landmarks over the face's size.
        reason: why it is left out; empty where it is kept.
        outliers: fraction of the mesh's points that were put aside.
        set_residual: as `residual`, of the points that people set; NaN where there are none.
    """

    photo: str
    person: str
    face: int
    camera: WeakPerspective
    identity: Array
    expression: Array
    residual: float
    reason: str = ""
    outliers: float = 0.0
    set_residual: float = float("nan")

    @property
    def is_validation(self) -> bool:
        """Whether it is kept from training, with all of its person and all faces of a group's photograph.

        Faces of nobody known are called by their photograph and number: the number has no say.
        """
        return is_validation(self.person.removesuffix(f"#{self.face}"))


@dataclass(frozen=True, slots=True)
class PartFits:
    """The fits of a part of a collection.

    Attributes:
        faces: fitted, kept or not.
        failed: photograph and reason of those without any face.
    """

    faces: tuple[PhotoFit, ...]
    failed: tuple[tuple[str, str], ...]

    @property
    def kept(self) -> tuple[PhotoFit, ...]:
        """Faces that are used."""
        return tuple(face for face in self.faces if not face.reason)

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Photograph and reason of everything that is not used."""
        return [*self.failed, *((face.photo, face.reason) for face in self.faces if face.reason)]


class PartFitter:
    """Fits parts of collections with one face model.

    Args:
        model: the face model.
        options: which photographs are taken.
    """

    def __init__(self, model: MorphableModel, options: PhotoOptions) -> None:
        self._model = model
        self._options = options
        config = FitConfig(expression_ridge_mm=options.expression_ridge_mm)
        self._fitter = Fitter(model, mesh_layout(), config)

    def fit(self, root: Path, part: Sequence[PhotoEntry], *, share_people: bool = False) -> PartFits:
        """The faces on the photographs of one part.

        A photograph that cannot be used does not stop the others.

        Args:
            root: the collection's folder or zip.
            part: photographs of it.
            share_people: whether meshes of one person are fitted with one identity.

        Raises:
            DataError: the folder or zip cannot be opened.
        """
        faces: list[PhotoFit] = []
        failed: list[tuple[str, str]] = []
        meshes: list[tuple[PhotoEntry, Array]] = []
        with open_files(root) as files:
            for entry in part:
                try:
                    landmarks = _landmarks_of(files, entry)
                    if landmarks is not None and landmarks.scheme == MESH_478:
                        meshes.append((entry, _mesh_points(landmarks)))
                    elif landmarks is None and entry.points:
                        meshes.append((entry, np.full((len(MESH_POINTS), 3), np.nan)))
                    else:
                        faces += self._fit_photo(files.image(entry.photo), entry, landmarks)
                except LineamentError as error:
                    failed.append((entry.photo, str(error)))
        return PartFits((*self._fit_meshes(meshes, share_people), *faces), tuple(failed))

    def _fit_meshes(self, meshes: Sequence[tuple[PhotoEntry, Array]], share_people: bool) -> list[PhotoFit]:
        if not meshes:
            return []
        people = [entry.person for entry, _ in meshes] if share_people else None
        entries = [entry for entry, _ in meshes]
        fits = self._fitter.fit(
            np.stack([points for _, points in meshes]), people=people, evidence=_evidence(entries)
        )
        reasons = judge(fits, QualityLimits(residual=self._options.max_residual)).reasons
        return [
            _row(fits, number, entry, "" if reason is Reason.KEPT else str(reason))
            for number, ((entry, _), reason) in enumerate(zip(meshes, reasons, strict=True))
        ]

    def _fit_photo(self, photo: Image8, entry: PhotoEntry, landmarks: FaceLandmarks | None) -> list[PhotoFit]:
        """The faces that the aligner proposes, or the one that is annotated.

        Raises:
            DataError: there is no face, or none where the annotated points are.
        """
        if landmarks is not None:
            return [self._fit_annotated(photo, entry, landmarks)]
        found = self._proposer.propose(photo)
        if not found:
            raise DataError("no face was found")
        # A photograph of a known person shows that person, most likely as its largest face.
        found = found[:1] if entry.is_of_one_person else found
        return [
            PhotoFit(
                entry.photo,
                entry.person if entry.is_of_one_person else f"{entry.person}#{number}",
                number,
                face.camera,
                face.identity,
                face.expression,
                face.apart,
                face.reason,
            )
            for number, face in enumerate(found)
        ]

    def _fit_annotated(self, photo: Image8, entry: PhotoEntry, landmarks: FaceLandmarks) -> PhotoFit:
        box = box_of_points(landmarks.points_image)
        found = [*self._proposer.propose(photo), *self._proposer.propose(photo, boxes=[box])]
        nearest = min(found, key=lambda face: self._annotated.distance(face, landmarks))
        far = self._annotated.distance(nearest, landmarks)
        if far > MAX_MOVED:
            raise DataError(f"the aligner's face lies {far:.0%} of its size away from the annotated points")
        fit = self._annotated.fit(nearest, landmarks)
        maximum = MAX_ANNOTATED_RESIDUAL
        reason = "" if fit.residual < maximum else f"the fit misses its points by {fit.residual:.1%}"
        return PhotoFit(
            entry.photo, entry.person, 0, fit.camera, fit.identity, fit.expression, fit.residual, reason
        )

    @cached_property
    def _proposer(self) -> Proposer:
        """Made when the first photograph without a mesh comes: most collections need none."""
        return Proposer(FaceAligner.from_pretrained(threads=1), self._model)

    @cached_property
    def _annotated(self) -> AnnotatedFitter:
        return AnnotatedFitter(self._model)


def _mesh_points(landmarks: FaceLandmarks) -> Array:
    """(470, 3) the points of the mesh that are fitted."""
    if landmarks.points_image.shape != (MESH_COUNT, 3) or not landmarks.present.all():
        raise DataError(f"the mesh has shape {landmarks.points_image.shape}, not ({MESH_COUNT}, 3), or gaps")
    return landmarks.points_image[list(MESH_POINTS)]


def _evidence(entries: Sequence[PhotoEntry]) -> Evidence | None:
    """What is known beside the meshes; None where nothing is."""
    if not any(entry.points or entry.is_neutral for entry in entries):
        return None
    return Evidence(
        sets=[entry.points for entry in entries],
        is_neutral=np.array([entry.is_neutral for entry in entries]),
        told_yaw=np.array([entry.told_yaw for entry in entries]),
    )


def _landmarks_of(files: Files, entry: PhotoEntry) -> FaceLandmarks | None:
    return read_label_file(files, entry.label_file) if entry.label_file else entry.landmarks


def _row(fits: Fits, number: int, entry: PhotoEntry, reason: str) -> PhotoFit:
    camera = WeakPerspective(fits.rotation[number], float(fits.scale[number]), fits.translation[number])
    return PhotoFit(
        photo=entry.photo,
        person=entry.person,
        face=0,
        camera=camera,
        identity=fits.identity[number],
        expression=fits.expression[number],
        residual=float(fits.residual[number]),
        reason=reason,
        outliers=float(fits.outliers[number]),
        set_residual=float(fits.set_residual[number]) if len(fits.set_residual) else float("nan"),
    )
