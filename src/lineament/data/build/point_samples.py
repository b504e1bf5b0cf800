"""Samples of photographs with points in the plane and nothing else: no face is fitted.

For methods that learn from such points alone (Zhou and Huang 2020). Whose points is chosen: a detector's, a
mesh's, or people's. The x and y of a detector's points are taken; a depth that it gives is left.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament import FaceAligner
from lineament.crop import CropBox
from lineament.data.formats.files import Files, open_files
from lineament.data.formats.item import JAW_3D
from lineament.data.photographs.collection import YAW_TABLE_ENDING, PhotoCollection, PhotoEntry
from lineament.data.photographs.collections import is_validation
from lineament.data.photographs.landmark_files import MESH_478, FaceLandmarks, read_label_file
from lineament.data.samples.codec import Storage
from lineament.data.samples.face_labels import AnnotatedPoints, FaceLabels, PointSource
from lineament.data.samples.point_schemes import POINT_SCHEMES
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import Recipe, ShardFolder, alone_in, write_shard
from lineament.errors import DataError, LineamentError
from lineament.foreign import foreign
from lineament.result import DEFAULT_SCHEME
from lineament.version import __version__

Array = NDArray[Any]
Labels = Literal["detector", "mesh478", "hand"]

LEFT_OUT = "points_left_out.csv"
SHARD = 500
UNITS_PER_PX = 32
SIZE, FACE = 224, 140
"""Side of a stored picture, px, and what the longer side of the points' box becomes in it, at most."""
MIN_FACE = 40.0
"""px; smaller faces are left out."""
MIN_INSIDE = 0.7
"""Fraction of the points that have to lie in the photograph."""
MAX_APART = 0.5
"""Where a mesh and a detector differ by more than this fraction of the box's side, one has failed."""
# MediaPipe's points nearest to the 68 on the mean head: jaw, brows, ridge and base of the nose, eyes, lips.
# fmt: off
MESH_OF_68 = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
)
# fmt: on


@dataclass(frozen=True, slots=True)
class PointSampleConfig:
    """What is made, of what, where.

    Attributes:
        collections: the photographs.
        labels: whose points.
        out: folder of samples.
        licence: of the photographs, in words.
        command: that makes the same again.
        weights: of the aligner whose landmarks are taken where labels are a "detector"'s and none lie beside
            the photographs.
    """

    collections: tuple[PhotoCollection, ...]
    labels: Labels
    out: Path
    licence: str
    command: str
    weights: str = "default"

    @property
    def recipe(self) -> Recipe:
        """What the manifest says."""
        names = ", ".join(f"{c.name} ({len(c.entries)} photographs)" for c in self.collections)
        return Recipe(
            source=f"{names}; points by {self.labels}",
            licence=self.licence,
            seed=0,
            command=f"{self.command}  # lineament {__version__}",
            face_model="lfm",
            storage=Storage(),
        )


def build_points(config: PointSampleConfig) -> Iterator[tuple[int, int, int]]:
    """Make what is missing of a folder of samples.

    What cannot be used is a line of ``points_left_out.csv``.

    Yields:
        Shards finished, shards in all, samples so far.

    Raises:
        DataError: the folder holds other samples, or photographs cannot be opened.
    """
    parts = [
        (collection, f"{collection.name}_{config.labels}_{number:05d}", part)
        for collection in config.collections
        for number, part in enumerate(collection.parts(SHARD))
    ]
    names = [name for _, name, _ in parts]
    if len(set(names)) < len(names):
        raise DataError("Two collections have the same name: rename a folder or zip.")
    config.out.mkdir(parents=True, exist_ok=True)
    with alone_in(config.out):
        shards = ShardFolder(config.out, config.recipe)
        todo = set(shards.unfinished(names))
        for collection, name, part in parts:
            if name in todo:
                source = _sources(config, collection)
                made, left_out = [], []
                with open_files(collection.root) as files:
                    for entry in part:
                        _one(source, files, collection.name, entry, made, left_out)
                _note(config.out / LEFT_OUT, collection.name, left_out)
                if made:
                    shards.add(write_shard(config.out, name, made, config.recipe.storage))
                todo.discard(name)
            yield len(parts) - len(todo), len(parts), sum(entry.samples for entry in shards.entries)


def _one(
    source: PointsOfPhoto,
    files: Files,
    collection: str,
    entry: PhotoEntry,
    made: list[Sample],
    left_out: list[tuple[str, str]],
) -> None:
    """Add the sample of one photograph, or why there is none."""
    try:
        image = files.image(entry.photo)
        points = source(files, entry, image)
        made.append(_sample(image, points, collection, entry))
    except LineamentError as error:
        left_out.append((entry.photo, str(error)))


def _sample(image: Array, points: AnnotatedPoints, collection: str, entry: PhotoEntry) -> Sample:
    """The face of a photograph, cut around its points.

    Raises:
        DataError: too few points, or too small or too far outside a face.
    """
    known = points.points_image[points.annotated][:, :2]
    if len(known) < 4:
        raise DataError(f"{len(known)} points are annotated, at least 4 are needed.")
    low, high = known.min(axis=0), known.max(axis=0)
    inside = ((known >= 0) & (known <= image.shape[1::-1])).all(axis=1).mean()
    side = float((high - low).max())
    if side < MIN_FACE or inside < MIN_INSIDE:
        raise DataError(
            f"the face is {side:.0f} px large (at least {MIN_FACE:.0f}), {inside:.0%} of its points lie in "
            f"the photograph (at least {MIN_INSIDE:.0%})."
        )
    x, y = (low + high) / 2
    scale = min(FACE / side, 1.0)  # pictures are not enlarged
    box = CropBox(center_xy=(float(x), float(y)), side=SIZE / scale, size=SIZE)
    about = Provenance(collection, entry.photo, entry.person, Kind.PHOTOGRAPHED, is_validation(entry.person))
    return Sample(image, FaceLabels(None, points=points), about).cropped(box)


class PointsOfPhoto:
    """Finds the points of one kind on photographs of a collection.

    Args:
        labels: whose points.
        beside: (68, 2) px by photograph, of a detector, where a file has them.
        weights: of the aligner that is asked for others.
    """

    def __init__(self, labels: Labels, beside: Mapping[str, Array], weights: str) -> None:
        self._labels, self._beside, self._weights = labels, beside, weights

    @cached_property
    def _aligner(self) -> FaceAligner:
        return FaceAligner.from_pretrained(self._weights, threads=1)

    def __call__(self, files: Files, entry: PhotoEntry, image: Array) -> AnnotatedPoints:
        """The points of a photograph's face.

        Raises:
            DataError: it has none, or two sources contradict each other.
        """
        landmarks = entry.landmarks
        if landmarks is None and entry.label_file:
            landmarks = read_label_file(files, entry.label_file)
        if self._labels == "hand":
            return _by_hand(entry, landmarks)
        mesh = landmarks if landmarks is not None and landmarks.scheme == MESH_478 else None
        if self._labels == "mesh478":
            if mesh is None:
                raise DataError("no mesh of 478 points was found on it.")
            return _planar(mesh.points_image[list(MESH_OF_68)], PointSource.MESH478)
        found = self._beside.get(entry.photo)
        if found is None and not self._beside:
            found = self._aligned(image)
        if found is None:
            raise DataError("no face was detected on it.")
        if mesh is not None:
            _refuse_contradiction(found, mesh.points_image[list(MESH_OF_68), :2])
        return _planar(found, PointSource.DETECTOR)

    def _aligned(self, image: Array) -> Array | None:
        """(68, 2) px of the largest face."""
        faces = self._aligner(image)
        if not faces:
            return None
        largest = max(faces, key=lambda face: face.camera.scale)
        return np.asarray(largest.landmarks(DEFAULT_SCHEME)[:, :2], np.float64)


def _sources(config: PointSampleConfig, collection: PhotoCollection) -> PointsOfPhoto:
    beside = detector_points(collection) if config.labels == "detector" else {}
    return PointsOfPhoto(config.labels, beside, config.weights)


def detector_points(collection: PhotoCollection) -> dict[str, Array]:
    """(68, 2) px by photograph from ``NAME_landmarks68_300wlp.npz`` beside a collection; empty without it.

    Raises:
        DataError: the file holds something else.
    """
    root = collection.root.resolve()
    path = root.with_name((root.name if root.is_dir() else root.stem) + YAW_TABLE_ENDING)
    if not path.is_file():
        return {}
    what, expected = f"{path} is no table of 68 points", "Expected are `names` and `landmarks68_q32`."
    with foreign(DataError, what, expected), path.open("rb") as file, np.load(file) as data:
        names, points = data["names"].tolist(), data["landmarks68_q32"][..., :2] / UNITS_PER_PX
        return dict(zip(names, points.reshape(len(names), 68, 2), strict=True))


def _by_hand(entry: PhotoEntry, landmarks: FaceLandmarks | None) -> AnnotatedPoints:
    sets = [one for one in entry.points if one.source is PointSource.HAND]
    if sets:
        return sets[0].as_label()
    if landmarks is None or landmarks.scheme not in POINT_SCHEMES:
        raise DataError("nobody set points on it.")
    points = np.asarray(landmarks.points_image[:, :2], np.float32)
    return AnnotatedPoints(points, landmarks.scheme, PointSource.HAND)


def _planar(points: Array, source: PointSource) -> AnnotatedPoints:
    return AnnotatedPoints(np.asarray(points[:, :2], np.float32), JAW_3D, source)


def _refuse_contradiction(found: Array, mesh: Array) -> None:
    """Refuse points of a detector that are on something else than a mesh's.

    Raises:
        DataError: both are on different things.
    """
    side = float(np.ptp(found, axis=0).max())
    apart = float(np.linalg.norm(found - mesh, axis=1).mean())
    if not apart <= MAX_APART * side:
        raise DataError(f"detector and mesh are {apart:.0f} px apart on a face of {side:.0f} px.")


def _note(path: Path, collection: str, left_out: Sequence[tuple[str, str]]) -> None:
    """Add lines to the list of what could not be used."""
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["collection", "photo", "reason"])
        writer.writerows([collection, str(PurePosixPath(photo)), reason] for photo, reason in left_out)
