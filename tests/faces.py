"""Faces whose geometry is known: an egg with a nose, posed at will. No network, no files."""

import numpy as np

from lineament.crop import CropBox
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import matrix_from_angles
from lineament.result import Detection, FaceResult, FreeFormResult, MorphableResult

RINGS, SPOKES = 25, 32
RADII_MM = np.array([70.0, 95.0, 80.0])


def egg_model() -> MorphableModel:
    """An ellipsoid with a nose and 68 landmarks, one identity mode (wider), one expression (taller)."""
    vertices, uv = _egg_vertices()
    landmarks = np.array([np.argmin(((vertices - point) ** 2).sum(axis=1)) for point in _landmark_points()])
    scheme = LandmarkScheme.of_vertices("300w-lp", landmarks)
    triangles = _egg_triangles()
    return MorphableModel(
        name="egg",
        neutral_model=vertices.astype(np.float32),
        identity_basis=(vertices * [0.1, 0, 0])[None].astype(np.float32),
        expression_basis=(vertices * [0, 0.1, 0])[None].astype(np.float32),
        expression_names=("jawOpen",),
        triangles=triangles,
        expression_bounds=(0.0, 1.0),
        uv=uv.astype(np.float32),
        schemes={"300w-lp": scheme},
        parts={"face": (0, len(triangles) // 2), "back": (len(triangles) // 2, len(triangles))},
    )


def egg_face(
    *, center_xy=(100.0, 100.0), scale=0.6, yaw=0.0, pitch=0.0, roll=0.0, expression=0.0, score=0.9
) -> MorphableResult:
    """The egg in a photo: `scale` px a mm, turned as asked."""
    camera = WeakPerspective(
        rotation=np.asarray(matrix_from_angles(yaw, pitch, roll), np.float32),
        scale=scale,
        translation=np.array([*center_xy, 0.0], np.float32),
    )
    half = scale * RADII_MM[:2]
    box = np.array([*(center_xy - half), *(center_xy + half)], np.float32)
    return MorphableResult.from_coefficients(
        egg_model(),
        np.zeros(1, np.float32),
        np.array([expression], np.float32),
        camera=camera,
        crop_box=CropBox(center_xy=tuple(center_xy), side=float(2.8 * half[1]), size=112),
        detection=Detection(box_xyxy=box, score=score),
    )


def mesh_alone(face: MorphableResult) -> FaceResult:
    """The same face from a method that gives a mesh and no coefficients."""
    return FaceResult(
        detection=face.detection,
        crop_box=face.crop_box,
        camera=face.camera,
        landmarks_image=face.landmarks_image,
        landmark_scheme=face.landmark_scheme,
        vertices_image=face.vertices_image,
        mesh=face.mesh,
    )


def free_form(face: MorphableResult, *, longer_mm: float = 0.0) -> FreeFormResult:
    """The same face from a method that found the vertices by themselves: its nose `longer_mm` longer."""
    vertices = face.vertices_model.copy()
    vertices[np.argmax(vertices[:, 2])] += [0, 0, longer_mm]
    return FreeFormResult(
        detection=face.detection,
        crop_box=face.crop_box,
        camera=face.camera,
        landmarks_image=face.landmarks_image,
        landmark_scheme=face.landmark_scheme,
        vertices_image=face.camera.image_from_model(vertices),
        mesh=face.mesh,
        model=face.model,
        identity=face.identity,
        expression=face.expression,
        fit_residual_mm=longer_mm / len(vertices),
    )


def _egg_vertices():
    ring, spoke = np.meshgrid(np.arange(RINGS), np.arange(SPOKES), indexing="ij")
    polar, around = np.pi * (ring + 0.5) / RINGS, 2 * np.pi * spoke / SPOKES
    unit = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    nose = np.exp(-((unit[..., 0] / 0.15) ** 2 + ((unit[..., 1] + 0.05) / 0.2) ** 2)) * (unit[..., 2] > 0)
    vertices = unit * RADII_MM
    vertices[..., 2] += 22 * nose
    uv = np.stack([spoke / SPOKES, ring / RINGS], axis=-1)
    return vertices.reshape(-1, 3), uv.reshape(-1, 2)


def _egg_triangles():
    ring, spoke = np.meshgrid(np.arange(RINGS - 1), np.arange(SPOKES), indexing="ij")
    a, b = ring * SPOKES + spoke, ring * SPOKES + (spoke + 1) % SPOKES
    below_a, below_b = a + SPOKES, b + SPOKES
    lower, upper = np.stack([a, below_a, b], -1), np.stack([b, below_a, below_b], -1)
    return np.concatenate([lower.reshape(-1, 3), upper.reshape(-1, 3)]).astype(np.int32)


def _landmark_points():
    """(68, 3) mm, roughly where a face has them."""
    jaw = [(65 * np.sin(a), 10 - 90 * np.cos(a)) for a in np.linspace(-1.6, 1.6, 17)]
    brows = [(x, 42 - abs(abs(x) - 30) / 5) for x in (-50, -40, -30, -20, -12, 12, 20, 30, 40, 50)]
    nose = [(0, y) for y in (28, 18, 8, -5)] + [(x, -14) for x in (-12, -6, 0, 6, 12)]
    circle = np.pi * np.array([1, 2 / 3, 1 / 3, 0, -1 / 3, -2 / 3])
    eyes = [(x + 12 * np.cos(a), 27 + 5 * np.sin(a)) for x in (-30, 30) for a in circle]
    outer = [(26 * np.cos(a), -45 + 11 * np.sin(a)) for a in np.pi * (1 - np.arange(12) / 6)]
    inner = [(18 * np.cos(a), -45 + 5 * np.sin(a)) for a in np.pi * (1 - np.arange(8) / 4)]
    points_xy = np.array([*jaw, *brows, *nose, *eyes, *outer, *inner])
    height = 1 - ((points_xy / RADII_MM[:2]) ** 2).sum(axis=1)
    return np.column_stack([points_xy, RADII_MM[2] * np.sqrt(np.clip(height, 0, None))])
