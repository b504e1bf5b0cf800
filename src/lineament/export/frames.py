"""The one place where axes, origins and units are turned round for other programs.

Inside lineament there are four frames (``docs/conventions.md``); what files hold is one of :data:`FRAMES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.geometry.camera import PICTURE_AXES
from lineament.result import FaceResult, Pose
from lineament.several import one_face

Array = NDArray[np.floating]
ExportFrame = Literal["model", "camera", "image"]

METRES_PER_MM = 1e-3
VIEW_ANGLE_FACTOR = 1.2
"""Focal length that animations assume, in units of the picture's longer side: a view of 45 degrees."""


@dataclass(frozen=True, slots=True)
class FrameOfFile:
    """What the coordinates in a file mean; every one is right-handed."""

    name: str
    unit: str
    axes: str
    meaning: str


FRAMES = {
    "model": FrameOfFile(
        "model", "mm", "x to the viewer's right, y up, z to the viewer", "the head itself, not turned"
    ),
    "camera": FrameOfFile(
        "camera", "mm", "x to the viewer's right, y up, z to the viewer", "the head as turned in the photo"
    ),
    "image": FrameOfFile("image", "px", "x right, y down, z away from the viewer", "the photo's own pixels"),
    "gltf": FrameOfFile(
        "gltf", "m", "x to the viewer's right, y up, z to the viewer", "the head itself, its front to +z"
    ),
}


def vertices_in(face: FaceResult, frame: ExportFrame, *, name: str = "the file") -> Array:
    """(N, 3) float64 vertices of a face in a frame that mesh files know.

    Raises:
        ExportError: unknown frame, or vertices that are not finite, which no mesh file can hold.
        ConfigError: it is no face, or several.
    """
    if frame not in ("model", "camera", "image"):
        raise ExportError(f"Unknown frame {frame!r} for a mesh. Known: model, camera, image.")
    vertices = np.asarray(one_face(face).vertices_image, dtype=np.float64)
    if not np.isfinite(vertices).all():
        raise ExportError(
            f"{Path(name).name}: the mesh has vertices that are not finite; no file can hold them."
        )
    if frame == "image":
        return vertices
    if (perspective := getattr(face, "perspective", None)) is not None:  # or its distortion would be kept
        model: Array = perspective.model_from_image(vertices)
        return model if frame == "model" else model @ face.pose.rotation.T
    rotated = (vertices - face.pose.translation) / face.pose.scale * PICTURE_AXES
    return rotated if frame == "camera" else rotated @ face.pose.rotation


def uv_upward(uv: Array) -> Array:
    """(N, 2) texture coordinates whose v runs up from the bottom, as OBJ and PLY have them."""
    return np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)


def gltf_from_model(points_model: Array) -> NDArray[np.float32]:
    """(..., 3) metres from millimetres: glTF's axes are those of the frame `model`."""
    return np.asarray(points_model * METRES_PER_MM, dtype=np.float32)


def gltf_uv(uv: Array) -> NDArray[np.float32]:
    """(N, 2) as it is: glTF's v runs down too."""
    return np.asarray(uv, dtype=np.float32)


def gltf_head(pose: Pose, size_hw: tuple[int, int]) -> tuple[Array, Array]:
    """Where a head stands before glTF's camera, which sits at the origin and looks along -z.

    A weak perspective does not say how far a head is; the distance follows from an assumed focal length.

    Args:
        pose: of the head.
        size_hw: of the picture, px.

    Returns:
        (4,) unit quaternion x, y, z, w, and (3,) translation in metres.
    """
    height, width = size_hw
    focal = focal_px(size_hw)
    distance = focal / pose.scale
    right = (pose.translation[0] - width / 2) / pose.scale
    up = -(pose.translation[1] - height / 2) / pose.scale
    return quaternion(pose.rotation), np.array([right, up, -distance]) * METRES_PER_MM


def focal_px(size_hw: tuple[int, int]) -> float:
    """The focal length that is assumed for a picture, px."""
    return VIEW_ANGLE_FACTOR * max(size_hw)


def quaternion(rotation: Array) -> Array:
    """(4,) unit quaternion x, y, z, w of a (3, 3) proper rotation; w is not negative."""
    r = np.asarray(rotation, dtype=np.float64)
    # Bar-Itzhack 2000: the quaternion is the main eigenvector of this matrix, whatever the angle.
    matrix = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2], r[2, 1] - r[1, 2]],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    vector = np.linalg.eigh(matrix / 3)[1][:, -1]
    return vector * (-1.0 if vector[3] < 0 else 1.0)
