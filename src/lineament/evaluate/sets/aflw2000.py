"""AFLW2000-3D with both label sets, and dense truth for whoever has the Basel model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.aflw2000 import BaselCoefficients, BaselItem, iterate_aflw2000
from lineament.data.formats.files import open_files
from lineament.errors import DataError, LineamentError
from lineament.evaluate.items import BASEL_NO_NECK, EvaluationItem, EvaluationSet, TrueSurface
from lineament.evaluate.scores.metrics import box_size
from lineament.foreign import foreign, reason_of
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import matrix_from_angles

Array = NDArray[Any]

NAME = "aflw2000-3d"
WHOLE = 2000
PART = (
    "Published rows are of all 2,000 images. A part of them has other parts of the bins: compare within a "
    "bin, and only when there are many images in it; means over images least of all."
)
ORIGINAL, REANNOTATED = "original", "re-annotated"
PROTOCOLS = (
    "dsfnet-table1",
    "synergynet-table4",
    "synergynet-reannotated",
    "sadrnet-table1",
    "sadrnet-table1-mean",
    "sadrnet-table1-3d",
    "sparse-manual-yaw",
    "zhou-table1",
    "cprfa-table2",
    "dsfnet-pose",
    "synergynet-pose",
    "sadrnet-pose",
    "sadrnet-pose-fix",
    "openings",
)
DENSE_PROTOCOLS = (
    "dsfnet-table2",
    "sadrnet-dense-2d",
    "sadrnet-dense-3d",
    "dsfnet-reconstruction",
    "sadrnet-reconstruction",
    "synergynet-reconstruction",
    "zhou-table2",
)
# Files of 3DDFA's evaluation kit, a row an image in the order of their names.
KIT_REANNOTATED = "AFLW2000-3D-Reannotated.pts68.npy"
KIT_MANUAL_YAW = "AFLW2000-3D-new.pose.npy"
MATLAB_TO_IMAGE = -0.5
"""Matlab's pixel k has its centre at k; here it covers [k - 1, k) and has its centre at k - 0.5."""


@dataclass(frozen=True, slots=True, eq=False)
class BaselTruth:
    """What turns a file's coefficients into the true dense face.

    Attributes:
        model: the Basel model of 300W-LP's kit, in standard deviations.
        deviations: (199,) and (29,) that raw coefficients are divided by.
        vertex_index: (38365,) which of its 53,215 vertices are the face without neck.
    """

    model: MorphableModel
    deviations: tuple[Array, Array]
    vertex_index: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path, vertex_index: Path) -> BaselTruth:
        """The model of a user's own copy.

        Args:
            path: as `lineament.models.bfm.read_bfm2009` takes it.
            vertex_index: .npy, or .npz with `no_neck_vertices`: the vertices 3DDFA_V2 keeps, from zero.

        Raises:
            ModelError: the model cannot be read.
            DataError: the list of vertices cannot.
        """
        from lineament.models.bfm import read_bfm2009, standard_deviations_2009

        deviations = standard_deviations_2009(path)
        index = _read_index(vertex_index)
        return cls(read_bfm2009(path), (deviations.identity, deviations.expression), index)

    def surface(
        self, coefficients: BaselCoefficients, camera: WeakPerspective, landmarks_image: Array
    ) -> TrueSurface:
        """The true face in its photograph."""
        identity = coefficients.identity / self.deviations[0]
        expression = coefficients.expression / self.deviations[1]
        vertices = self.model.vertices_model(identity, expression).astype(np.float64)[self.vertex_index]
        return TrueSurface(
            vertices_image=camera.image_from_model(vertices),
            triangles=np.empty((0, 3), np.int32),
            topology=BASEL_NO_NECK,
            landmarks_image=landmarks_image,
            nose_image=landmarks_image[30],
            px_per_mm=camera.scale,
        )


def load_aflw2000(
    source: Path, *, labels: Path | None = None, basel: BaselTruth | None = None
) -> EvaluationSet:
    """The set from a folder or zip of photographs and .mat files.

    Args:
        source: folder or zip; of a folder without .mat files the one zip in it that has them.
        labels: folder with 3DDFA's label files (re-annotation, AFLW's own yaws); `source` when left out.
            Also an .npz with `names` and `pts68_reannotated` (F, 2, 68) is understood.
        basel: for the dense protocols.

    Raises:
        DataError: there is no such set, or labels do not fit it.
    """
    archive = _find_archive(source)
    faces = list(iterate_aflw2000(archive))
    if not faces:
        raise DataError(f"{source} holds no .mat files of AFLW2000-3D. Give the unpacked folder or its zip.")
    names = [face.name for face in faces]
    folder = labels or (source if source.is_dir() else source.parent)
    reannotated, manual_yaw = _extra_labels(folder, names)
    items = tuple(_item(face, reannotated, manual_yaw, basel) for face in faces)
    notes = (
        () if reannotated else (f"No re-annotation: {KIT_REANNOTATED} of 3DDFA's kit is not in {folder}.",)
    )
    if len(items) != WHOLE:
        notes += (PART,)
    if basel is None:
        notes += ("No dense protocols: they need your own Basel model (--basel).",)
    return EvaluationSet(
        name=NAME,
        title=f"AFLW2000-3D, {len(items)} of 2,000 images",
        items=items,
        protocols=PROTOCOLS + (DENSE_PROTOCOLS if basel is not None else ()),
        notes=notes,
    )


def _find_archive(source: Path) -> Path:
    """Where the .mat files are."""
    if not source.is_dir():
        return source
    if next(source.rglob("*.mat"), None) is not None:
        return source
    for candidate in sorted(source.glob("*.zip")):
        with open_files(candidate) as files:
            if files.names(".mat"):
                return candidate
    raise DataError(f"{source} has neither .mat files nor a zip of them: expected image00002.mat and so on.")


def _item(
    face: BaselItem,
    reannotated: Mapping[str, Array],
    manual_yaw: Mapping[str, float],
    basel: BaselTruth | None,
) -> EvaluationItem:
    angles = face.coefficients.angles
    given_deg = np.degrees([angles.pitch, angles.yaw, angles.roll]).astype(np.float64)
    truth = {ORIGINAL: face.landmarks}
    if face.name in reannotated:
        truth[REANNOTATED] = reannotated[face.name]
    yaw_deg = {"FITTED": float(given_deg[1])}
    if face.name in manual_yaw:
        yaw_deg["MANUAL"] = manual_yaw[face.name]
    surface = None
    if basel is not None and face.camera is not None:
        surface = partial(basel.surface, face.coefficients, face.camera, face.landmarks)
    return EvaluationItem(
        name=face.name,
        photo=face.photo,
        landmarks=truth,
        scheme=face.scheme,
        box_xyxy=face.box_xyxy,
        size=float(box_size(face.landmarks)),
        yaw_deg=yaw_deg,
        rotation=matrix_from_angles(angles.yaw, angles.pitch, angles.roll),
        angles_deg=given_deg,
        surface=surface,
    )


def _extra_labels(folder: Path, names: Sequence[str]) -> tuple[dict[str, Array], dict[str, float]]:
    """Re-annotated landmarks (68, 2) px and AFLW's yaw in degrees, by name; empty where there are none."""
    points = _kit_array(folder / KIT_REANNOTATED, names)
    yaws = _kit_array(folder / KIT_MANUAL_YAW, names)
    reannotated = {} if points is None else dict(zip(names, np.swapaxes(points, 1, 2) + MATLAB_TO_IMAGE))
    if not reannotated:
        reannotated = _reannotated_npz(folder)
    manual = {} if yaws is None else {name: float(yaw) for name, yaw in zip(names, np.ravel(yaws))}
    return reannotated, manual


def _kit_array(path: Path, names: Sequence[str]) -> Array | None:
    if not path.is_file():
        return None
    try:
        array = np.load(path)
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be read ({reason_of(error)}). Fetch it again from 3DDFA's kit."
        ) from error
    if len(array) != len(names):
        raise DataError(f"{path} has {len(array)} rows for {len(names)} images. Is the set complete?")
    return np.asarray(array, np.float64)


def _reannotated_npz(folder: Path) -> dict[str, Array]:
    for path in sorted(folder.glob("*.npz")):
        what, advice = f"{path} cannot be read", "Fetch it again, or take it out of the folder."
        with foreign(DataError, what, advice), path.open("rb") as file, np.load(file) as data:
            if {"names", "pts68_reannotated"} <= set(data.files):
                points = np.swapaxes(data["pts68_reannotated"], 1, 2).astype(np.float64) + MATLAB_TO_IMAGE
                return {Path(str(name)).stem: p for name, p in zip(data["names"], points)}
    return {}


def _read_index(path: Path) -> NDArray[np.int64]:
    try:
        if path.suffix == ".npz":
            with np.load(path) as data:
                return data["no_neck_vertices"].astype(np.int64)
        return np.load(path).astype(np.int64).ravel()
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} has no list of the Basel model's vertices without neck ({reason_of(error)}): a .npy "
            f"of 38,365 "
            f"numbers from zero, or an .npz with them as `no_neck_vertices`."
        ) from error
