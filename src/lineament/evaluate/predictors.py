"""What is evaluated: our weights, or a file of anybody's predictions. Baselines are in :mod:`.baselines`."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.data.formats.item import JAW_2D
from lineament.detect import overlap
from lineament.errors import ConfigError, DataError, LineamentError
from lineament.evaluate.items import LFM, UNKNOWN, EvaluationItem, Prediction
from lineament.evaluate.protocols.handset_points import SCHEMES as HAND_SET
from lineament.evaluate.protocols.protocol import Crops
from lineament.files import sha256_of
from lineament.foreign import reason_of
from lineament.geometry.face_mesh import FaceMesh
from lineament.geometry.rotation import matrix_from_angles
from lineament.result import DEFAULT_SCHEME, LANDMARKS, Detection, FaceResult
from lineament.version import __version__
from lineament.weights import is_path

Array = NDArray[Any]

MIN_OVERLAP = 0.5
SET_BY_PEOPLE = {*HAND_SET, JAW_2D}
"""Schemes of labels whose points people set where they see them."""


class Predictor(Protocol):
    """Anything that says where faces are.

    Attributes:
        name: a row's name.
        crops: where the faces are taken from.
    """

    name: str
    crops: Crops

    @property
    def recipe(self) -> Mapping[str, object]:
        """JSON values that decide its answers."""
        ...

    def predict(self, items: Sequence[EvaluationItem]) -> list[Prediction | None]:
        """One per item, in order; None where it finds no face at the true place."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(slots=True)
class LineamentPredictor:
    """One set of weights through the public aligner.

    Attributes:
        aligner: of the weights.
        name: of the row.
        crops: from the truth or from the aligner's detector.
        scheme: landmark scheme that is scored; None takes the one that fits each face's labels
            (:func:`scheme_for`).
        weights: name or path, for the recipe.
        row: which of the method's own rows this is; empty for the method as the weights have it.
    """

    aligner: FaceAligner
    name: str
    crops: Crops
    scheme: str | None
    weights: str
    row: str = ""

    @classmethod
    def from_pretrained(
        cls,
        weights: str,
        *,
        crops: Crops = Crops.TRUTH,
        scheme: str | None = None,
        passes: int = 2,
        threads: int | None = 1,
        name: str | None = None,
        device: str = "cpu",
    ) -> LineamentPredictor:
        """The weights of a name or path; see `FaceAligner.from_pretrained`.

        Raises:
            WeightsError: there are no such weights.
            ConfigError: this ONNX Runtime does not have the device.
        """
        aligner = FaceAligner.from_pretrained(
            weights, passes=passes, threads=threads, device=device, landmarks=None
        )
        plain = Path(weights).stem if is_path(weights) else weights
        return cls(aligner, name or f"lineament {plain}", crops, scheme, weights)

    @property
    def recipe(self) -> Mapping[str, object]:
        """See Predictor."""
        bundles = [Bundle.open(self.weights)]
        bundles += [Bundle.open(name) for name in getattr(self.aligner.method, "other_weights", ())]
        own = bundles[0].manifest
        if self.aligner.close_ups is not None and own.close_ups is not None:
            bundles.append(Bundle.open(own.close_ups))
        if self.crops is Crops.DETECTOR:
            found_by = [None if own.detector is None else own.detector.weights, own.first_look]
            bundles += [Bundle.open(name) for name in found_by if name is not None]
        return {
            "lineament": __version__,
            "sha256": [bundle.sha256 for bundle in bundles],
            "crops": self.crops.name,
            "scheme": self.scheme or "that of the labels",
            "passes": self.aligner.passes,
            **({"row": self.row} if self.row else {}),
        }

    def rows(self, named: Sequence[str] = ()) -> list[LineamentPredictor]:
        """What the method is compared with, of the same weights, a predictor each.

        Args:
            named: only these rows; all when empty.

        Raises:
            ConfigError: the method has no such rows.
        """
        rows = getattr(self.aligner.method, "rows", dict)()
        if self.aligner.close_ups is not None:
            rows = {"without close-ups": self.aligner.method, **rows}
        if not rows:
            raise ConfigError(
                f"{self.weights} is of a method without rows of its own: leave --rows out, or name weights "
                f"of a published method."
            )
        unknown = [name for name in named if name not in rows]
        if unknown:
            raise ConfigError(f"{self.weights} has no row {unknown[0]!r}. Choose from {', '.join(rows)}.")
        made = []
        for name, method in rows.items():
            if named and name not in named:
                continue
            aligner = copy.copy(self.aligner)
            aligner.method, aligner.close_ups = method, None
            made.append(replace(self, aligner=aligner, name=f"{self.name}: {name}", row=name))
        return made

    def predict(self, items: Sequence[EvaluationItem]) -> list[Prediction | None]:
        """See Predictor."""
        return [self._predict(item) for item in items]

    def close(self) -> None:
        """See Predictor."""

    def _predict(self, item: EvaluationItem) -> Prediction | None:
        photo = item.photo.read()
        if self.crops is Crops.DETECTOR:
            face = best_overlap(self.aligner(photo), item.box_xyxy)
        else:
            # Not `aligner(photo, boxes)`: it refuses boxes outside of the photograph, which some sets have.
            (face,) = self.aligner.align_given(photo, [Detection(item.box_xyxy.astype(np.float32), 1.0)])
        return (
            None
            if face is None or not face.is_finite
            else prediction_of(
                face,
                self.scheme or scheme_for(item, face.mesh),
                visibility=item.visible is not None,
                mask_hw=None if item.region is None else (photo.shape[0], photo.shape[1]),
            )
        )


def scheme_for(item: EvaluationItem, mesh: FaceMesh) -> str:
    """Which of our landmarks are compared with a face's labels, by the convention of these.

    "ibug-68" with points that people set where they see them, "300w-lp" with those of 300W-LP and AFLW2000-3D
    and with all whose convention is not known.
    """
    fitting = LANDMARKS if item.scheme in SET_BY_PEOPLE else item.scheme
    return fitting if fitting in mesh.schemes else DEFAULT_SCHEME


def best_overlap(faces: Sequence[FaceResult], box_xyxy: Array) -> FaceResult | None:
    """The face whose detection overlaps a box best; None where that is by less than half."""
    best = best_box([np.asarray(face.detection.box_xyxy) for face in faces], box_xyxy)
    return None if best is None else faces[best]


def best_box(boxes_xyxy: Sequence[Array], box_xyxy: Array) -> int | None:
    """Which of some boxes (4,) overlaps another best; None where that is by less than half."""
    if not boxes_xyxy:
        return None
    overlaps = overlap(box_xyxy, np.stack(boxes_xyxy))
    best = int(np.argmax(overlaps))
    return best if overlaps[best] >= MIN_OVERLAP else None


def prediction_of(
    face: FaceResult, scheme: str, *, visibility: bool = False, mask_hw: tuple[int, int] | None = None
) -> Prediction:
    """A result of ours as a prediction.

    Args:
        face: the result.
        scheme: landmark scheme, for results that know several.
        visibility: whether to ask which landmarks are seen, which takes milliseconds.
        mask_hw: size of the photograph where its face mask is asked for, which takes milliseconds too.
    """
    return Prediction(
        landmarks_image=np.asarray(face.landmarks(scheme), np.float64),
        rotation=np.asarray(face.pose.rotation, np.float64),
        vertices_image=np.asarray(face.vertices_image, np.float64),
        triangles=face.triangles,
        topology=_topology(face),
        visibility=_landmark_visibility(face, scheme) if visibility else None,
        face_mask=None if mask_hw is None else face.face_mask(mask_hw),
        detected_image=getattr(face, "detected_image", None),
        chosen_vertices=getattr(face, "chosen_vertices", None),
    )


def _topology(face: FaceResult) -> str:
    return LFM if face.mesh.name.startswith("lfm") else UNKNOWN


def _landmark_visibility(face: FaceResult, scheme: str) -> Array | None:
    """(68,) as results tell it; None where the mesh has no such landmarks."""
    if scheme not in face.mesh.schemes:
        return None
    return face.with_landmarks(scheme).landmark_visibility


@dataclass(slots=True)
class FilePredictor:
    """Predictions that were made elsewhere.

    A .npz with `names` (F,) and `landmarks` (F, 68, 2 or 3) px; and, where known, `rotation` (F, 3, 3) or
    `angles_deg` (F, 3) pitch, yaw, roll with the signs of lineament, `vertices` (F, N, 3), `triangles`,
    `topology`. The frame is the photograph's: x right, y down, z away from the viewer. The number
    `first_pixel` says where the first pixel's centre lies: 0.5 (lineament, the default), 0 (OpenCV) or 1
    (Matlab).
    """

    name: str
    arrays: Mapping[str, Array]
    row: Mapping[str, int]
    digest: str
    crops: Crops = Crops.FILE

    @classmethod
    def read(cls, path: Path, *, name: str | None = None) -> FilePredictor:
        """Open a file.

        Raises:
            DataError: it is missing, of another format, or its arrays do not fit together.
        """
        arrays = _read_predictions(path)
        rows = _rows_of([str(name) for name in arrays["names"]])
        return cls(name or path.stem, arrays, rows, sha256_of(path))

    @property
    def recipe(self) -> Mapping[str, object]:
        """See Predictor."""
        return {"predictions": self.digest}

    def predict(self, items: Sequence[EvaluationItem]) -> list[Prediction | None]:
        """See Predictor; an item without a row, or whose row is NaN, was not found."""
        return [self._prediction(item) for item in items]

    def close(self) -> None:
        """See Predictor."""

    def _prediction(self, item: EvaluationItem) -> Prediction | None:
        number = self.row.get(_without_ending(item.name), self.row.get(Path(item.name).stem))
        if number is None or not np.isfinite(self.arrays["landmarks"][number, :, :2]).any():
            return None
        shift = 0.5 - float(self.arrays.get("first_pixel", np.float64(0.5)))
        vertices = self.arrays.get("vertices")
        rotation = self.arrays.get("rotation")
        topology = self.arrays.get("topology")
        return Prediction(
            landmarks_image=_shifted(self.arrays["landmarks"][number], shift),
            rotation=None if rotation is None else rotation[number],
            vertices_image=None if vertices is None else _shifted(vertices[number], shift),
            triangles=self.arrays.get("triangles"),
            topology=UNKNOWN if topology is None else str(topology),
        )


def _without_ending(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _rows_of(names: Sequence[str]) -> dict[str, int]:
    """Rows by name without ending; also by that without folders, where no other is called so.

    Raises:
        DataError: two rows have the same name.
    """
    whole = [_without_ending(name) for name in names]
    stems = [Path(name).stem for name in whole]
    twice = [name for name, count in Counter(whole).items() if count > 1]
    if twice:
        raise DataError(f"{twice[0]} stands in several rows of the predictions: give each photograph one.")
    counts = Counter(stems)
    short = {stem: row for row, stem in enumerate(stems) if counts[stem] == 1}
    return short | {name: row for row, name in enumerate(whole)}


def _shifted(points: Array, shift: float) -> Array:
    moved = np.array(points, dtype=np.float64)
    moved[:, :2] += shift
    return moved


def _read_predictions(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        count = len(arrays["names"])
        landmarks = arrays["landmarks"]
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} is no file of predictions ({reason_of(error)}). It is a .npz with `names` (F,) and "
            f"`landmarks` "
            f"(F, 68, 2 or 3) in px; docs/evaluation.md has an example."
        ) from error
    if landmarks.shape not in ((count, 68, 2), (count, 68, 3)):
        raise DataError(
            f"`landmarks` of {path} is {landmarks.shape}; for {count} names expected ({count}, 68, 2 or 3)."
        )
    for key in ("rotation", "angles_deg", "vertices"):
        if key in arrays and len(arrays[key]) != count:
            raise DataError(f"`{key}` of {path} has {len(arrays[key])} rows for {count} names.")
    if "angles_deg" in arrays and "rotation" not in arrays:
        pitch, yaw, roll = np.radians(arrays["angles_deg"]).T
        arrays["rotation"] = matrix_from_angles(yaw, pitch, roll)
    return arrays
