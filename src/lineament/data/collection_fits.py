"""Fits a part of a collection: where a face lies on each photograph, which is kept, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.collections import MESH_POINTS
from lineament.data.fitting import Fits, Fitter
from lineament.data.formats.files import Files, open_files
from lineament.data.landmark_files import MESH_478, FaceLandmarks, read_label_file
from lineament.data.layouts import mesh_layout
from lineament.data.photo_collection import PhotoEntry
from lineament.data.recipe import PhotoOptions
from lineament.errors import LineamentError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]


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
    """

    photo: str
    person: str
    face: int
    camera: WeakPerspective
    identity: Array
    expression: Array
    residual: float
    reason: str = ""


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
        self._fitter = Fitter(model, mesh_layout())

    def fit(self, root: Path, part: Sequence[PhotoEntry]) -> PartFits:
        """The faces on the photographs of one part.

        A photograph that cannot be used does not stop the others.

        Args:
            root: the collection's folder or zip.
            part: photographs of it.

        Raises:
            DataError: the folder or zip cannot be opened.
        """
        failed: list[tuple[str, str]] = []
        meshes: list[tuple[PhotoEntry, Array]] = []
        with open_files(root) as files:
            for entry in part:
                try:
                    landmarks = _landmarks_of(files, entry)
                except LineamentError as error:
                    failed.append((entry.photo, str(error)))
                    continue
                if landmarks is not None and landmarks.scheme == MESH_478:
                    meshes.append((entry, landmarks.points_image[list(MESH_POINTS)]))
                else:
                    failed.append((entry.photo, "no mesh"))
        return PartFits(tuple(self._fit_meshes(meshes)), tuple(failed))

    def _fit_meshes(self, meshes: Sequence[tuple[PhotoEntry, Array]]) -> list[PhotoFit]:
        if not meshes:
            return []
        fits = self._fitter.fit(np.stack([points for _, points in meshes]))
        return [self._checked(_row(fits, number, entry)) for number, (entry, _) in enumerate(meshes)]

    def _checked(self, fit: PhotoFit) -> PhotoFit:
        most = self._options.most_residual
        if fit.residual < most:
            return fit
        return replace(fit, reason=f"the fit misses its points by {fit.residual:.1%}, more than {most:.1%}")


def _landmarks_of(files: Files, entry: PhotoEntry) -> FaceLandmarks | None:
    return read_label_file(files, entry.label_file) if entry.label_file else entry.landmarks


def _row(fits: Fits, number: int, entry: PhotoEntry) -> PhotoFit:
    camera = WeakPerspective(fits.rotation[number], float(fits.scale[number]), fits.translation[number])
    residual = float(fits.residual[number])
    return PhotoFit(
        entry.photo, entry.person, 0, camera, fits.identity[number], fits.expression[number], residual
    )
