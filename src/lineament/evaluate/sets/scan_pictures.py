"""Pictures of scans: parallel projection, one light, colours a vertex; nothing of the training's renderer.

Made for measuring shape, not for looking true. What is in the picture is exactly the scan, and its camera is
known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.zbuffer import draw_mesh, interpolate
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.rotation import matrix_from_angles

Array = NDArray[Any]

SIZE = 256  # px, as the Florence protocols have it
PX_PER_MM = 1.0
FINER = 3  # drawn that much finer, then averaged
AMBIENT = 0.45
CLAY_RGB = (200, 165, 145)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A scan in the frame `model`: mm, x to the viewer's right, y up, z to the viewer, about its origin.

    Attributes:
        vertices: (N, 3).
        triangles: (M, 3) counter-clockwise from outside.
        colors_rgb: (N, 3) 0 to 255.
    """

    vertices: Array
    triangles: NDArray[np.int32]
    colors_rgb: Array


@dataclass(frozen=True, slots=True, eq=False)
class ScanPhoto:
    """A picture of a head that is drawn when read.

    Attributes:
        head: opens the scan.
        camera: of the picture.
        light_model: (3,) toward the light, frame of the picture's axes with y up and z to the viewer.
        background: grey, 0 to 255.
    """

    head: Callable[[], Head]
    camera: WeakPerspective
    light_model: tuple[float, float, float]
    background: int

    def read(self) -> NDArray[np.uint8]:
        """(256, 256, 3) uint8 RGB; the same each time."""
        head = self.head()
        vertices = self.camera.image_from_model(head.vertices) * FINER
        raster = draw_mesh(vertices, head.triangles, size_hw=(SIZE * FINER, SIZE * FINER))
        shade = _shade(vertices, head.triangles, np.array(self.light_model))
        pixels = interpolate(raster, head.triangles, head.colors_rgb * shade[:, None])
        pixels[raster.triangle_index < 0] = self.background
        small = pixels.reshape(SIZE, FINER, SIZE, FINER, 3).mean(axis=(1, 3))
        return np.clip(small.round(), 0, 255).astype(np.uint8)


def _shade(vertices_image: Array, triangles: Array, light: Array) -> Array:
    """(N,) brightness: a matte surface under one light and some from everywhere."""
    normals = vertex_normals(vertices_image, triangles) * (1, -1, -1)  # y up, z to the viewer
    toward = np.clip(normals @ (light / np.linalg.norm(light)), 0, 1)
    return AMBIENT + (1 - AMBIENT) * toward


def camera_at(yaw_deg: float, pitch_deg: float) -> WeakPerspective:
    """The head's origin in the middle of the picture, turned."""
    rotation = matrix_from_angles(np.radians(yaw_deg), np.radians(pitch_deg), 0.0)
    return WeakPerspective(rotation, PX_PER_MM, np.array([SIZE / 2, SIZE / 2, 0.0]))


def random_light(rng: np.random.Generator) -> tuple[float, float, float]:
    """Toward a light before the face, from above more often than from below."""
    x, y = rng.uniform(-0.8, 0.8), rng.uniform(-0.2, 0.9)
    return (float(x), float(y), 1.0)
