"""Photographs with one labelled face each, as the detector's training mosaics use them.

The photographs carry MediaPipe's mesh of 478 points; a detection is the box of the 68 landmarks of 300W-LP.
The bridge between the two is measured: a vertex a landmark and a constant offset in the head's frame.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.samples.held_out import person_of
from lineament.errors import DataError
from lineament.files import text_bytes
from lineament.foreign import foreign
from lineament.geometry.similarity import Similarity, fit_similarity

Array = NDArray[np.floating]
Picture = NDArray[np.uint8]

MESH_POINTS = 468  # the 10 iris points that follow are not rigid
SUBPIXELS = 32.0  # the landmark files count in 1/32 px
PHOTO_SETS = ("ytf", "lfw_expressions", "congress")
MODEL_FROM_IMAGE = np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True, slots=True)
class FaceSet:
    """Many photographs, one labelled face in each.

    Attributes:
        names: one a photograph; photographs of one person share the part before the last underscore.
        pictures: JPEG files, or an array (N, H, W, 3) uint8.
        landmarks_image: (N, 68, 2) px of the photograph.
        up_xy: (N, 2) unit vector of the photograph from the chin to the top of the head.
    """

    names: tuple[str, ...]
    pictures: Sequence[bytes] | Picture
    landmarks_image: Array
    up_xy: Array

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self.names)

    def picture(self, index: int, *, scale: float) -> tuple[Picture, float]:
        """Photograph `index`, already halved as often as `scale` (target px a photo px) allows.

        Returns:
            (H, W, 3) uint8 RGB, and its px a px of the stored photograph.

        Raises:
            DataError: it is damaged.
        """
        stored = self.pictures[index]
        with foreign(DataError, f"{self.names[index]} cannot be decoded", "Fetch its collection again."):
            return self._decoded(stored, scale)

    @staticmethod
    def _decoded(stored: bytes | Picture, scale: float) -> tuple[Picture, float]:
        image = Image.open(io.BytesIO(stored)) if isinstance(stored, bytes) else Image.fromarray(stored)
        width = image.width
        halvings = max(0, min(3, int(np.floor(-np.log2(max(scale, 1e-3))))))
        if halvings and isinstance(stored, bytes):
            image.draft("RGB", (image.width >> halvings, image.height >> halvings))
        elif halvings:
            image = image.reduce(1 << halvings)
        return np.asarray(image.convert("RGB")), image.width / width

    def part(self, *, held_out: bool, fraction: float = 0.04) -> FaceSet:
        """The photographs of the people kept for validation, or those of everybody else, by a fixed hash."""
        people = map(person_of, self.names)  # without folders: collections share people
        return self.rows(
            np.flatnonzero([(hash_fraction(person) < fraction) == held_out for person in people])
        )

    def rows(self, keep: NDArray[np.intp]) -> FaceSet:
        """Some of the photographs, by number."""
        pictures = self.pictures
        kept = pictures[keep] if isinstance(pictures, np.ndarray) else [pictures[i] for i in keep]
        names = tuple(self.names[i] for i in keep)
        return FaceSet(names, kept, self.landmarks_image[keep], self.up_xy[keep])


@dataclass(frozen=True, slots=True)
class LandmarkBridge:
    """The 68 landmarks of 300W-LP (3D jaw) from a 478-point mesh.

    Attributes:
        vertex_index: (68,) the mesh point nearest to each landmark on the average head.
        offset: (68, 3) from that point to the landmark in the head's frame, unit of the canonical mesh.
    """

    vertex_index: NDArray[np.intp]
    offset: Array

    def landmarks_image(self, mesh_image: Array, head: Similarity) -> Array:
        """(N, 68, 2) px, given the mesh (N, 478, 3) px and the head's placing as `place_heads` returns it."""
        moved = head.scale[:, None, None] * (self.offset @ np.swapaxes(head.rotation, -1, -2))
        return mesh_image[:, self.vertex_index, :2] + (moved * MODEL_FROM_IMAGE)[..., :2]


def place_heads(mesh_image: Array, canonical: Array) -> Similarity:
    """Similarities (N) that carry the canonical head onto each mesh (N, 478, 3), y up and z to the viewer."""
    return fit_similarity(canonical, mesh_image[:, :MESH_POINTS] * MODEL_FROM_IMAGE)


def measure_bridge(
    mesh_image: Array, landmarks_image: Array, head: Similarity, *, rounds: int = 3
) -> LandmarkBridge:
    """Vertex and offset of each landmark, as medians over many heads.

    Args:
        mesh_image: (N, 478, 3) px, z away from the viewer.
        landmarks_image: (N, 68, 3) px of the same photographs, z to the viewer and of unknown zero.
        head: placing of the heads, from `place_heads`.
        rounds: how often the unknown zero of depth is settled anew.
    """
    mesh_head = _into_head(mesh_image[:, :MESH_POINTS] * MODEL_FROM_IMAGE, head)
    points = landmarks_image * np.array([1.0, -1.0, 1.0])
    points[..., 2] += (mesh_image[:, :MESH_POINTS, 2].mean(1) * -1 - points[..., 2].mean(1))[:, None]
    for _ in range(rounds):
        landmarks_head = _into_head(points, head)
        average = np.median(landmarks_head, axis=0)
        points[..., 2] += np.median(head.apply(average)[..., 2] - points[..., 2], axis=1)[:, None]
    distance = np.linalg.norm(average[:, None] - np.median(mesh_head, axis=0)[None], axis=-1)
    vertex_index = distance.argmin(axis=1)
    return LandmarkBridge(vertex_index, np.median(landmarks_head - mesh_head[:, vertex_index], axis=0))


def read_photo_sets(shared: Path, names: Sequence[str] = PHOTO_SETS) -> FaceSet:
    """Every photograph of some sets of `shared`/photos with its 68 landmarks in the convention of 300W-LP.

    Raises:
        DataError: when the landmark files do not belong together.
    """
    canonical = read_canonical_head(shared / "mediapipe_canonical" / "canonical_face_model.obj")
    parts = [_read_photo_set(shared / "photos", name) for name in names]
    photos = tuple(name for part in parts for name in part[0])
    pictures = [picture for part in parts for picture in part[1]]
    mesh_image, landmarks_image = (np.concatenate([part[column] for part in parts]) for column in (2, 3))
    head = place_heads(mesh_image, canonical)
    landmarks = measure_bridge(mesh_image, landmarks_image, head).landmarks_image(mesh_image, head)
    return FaceSet(photos, pictures, landmarks.astype(np.float32), up_in_image(head.rotation))


def up_in_image(rotation: Array) -> Array:
    """(..., 2) unit vector of the photograph along which the head's own vertical points; y runs down."""
    up = rotation[..., :2, 1] * np.array([1.0, -1.0])
    return (up / np.linalg.norm(up, axis=-1, keepdims=True)).astype(np.float32)


def hash_fraction(name: str) -> float:
    """A fixed number in [0, 1) for a name: splits that never change between runs."""
    return int(sha256(text_bytes(name)).hexdigest()[:8], 16) / 2**32


def read_canonical_head(path: Path) -> Array:
    """(468, 3) vertices of the canonical mesh, y up, z to the viewer."""
    rows = (line.split()[1:4] for line in path.read_text().splitlines() if line.startswith("v "))
    return np.array([[float(value) for value in row] for row in rows])


def _into_head(points: Array, head: Similarity) -> Array:
    return (points - head.translation[:, None]) @ head.rotation / head.scale[:, None, None]


def _read_photo_set(folder: Path, name: str) -> tuple[list[str], list[bytes], Array, Array]:
    with _file(folder, f"{name}_landmarks.npz") as path, np.load(path) as labels:
        names, mesh = labels["names"].tolist(), labels["mesh478_q32"].astype(np.float32) / SUBPIXELS
    with _file(folder, f"{name}_landmarks68_300wlp.npz") as path, np.load(path) as labels:
        landmarks = labels["landmarks68_q32"].astype(np.float32) / SUBPIXELS
        if labels["names"].tolist() != names:
            raise DataError(f"The two landmark files of {name} in {folder} list different photographs.")
    with _file(folder, f"{name}.zip") as path, zipfile.ZipFile(path) as archive:
        pictures = [archive.read(entry) for entry in names]
    return names, pictures, mesh, landmarks


@contextmanager
def _file(folder: Path, name: str) -> Iterator[Path]:
    """The path of a file, every error of whose decoder becomes ours."""
    with foreign(DataError, f"{folder / name} cannot be read", "Fetch it again."):
        yield folder / name
