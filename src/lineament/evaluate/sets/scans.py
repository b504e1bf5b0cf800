"""Held-out rendered scans: a benchmark of reconstruction that anybody can run, from ICT-FaceKit and a seed.

Heads are random draws of ICT-FaceKit's own 100 identity modes, in the 20 poses of the Florence protocol.

**What it shows:** how well a shape is recovered that no training ever saw, with a truth that is exact to the
micrometre. **What it does not show:** LFM's modes were computed from other draws of the same ICT modes, so
every such head can be expressed by LFM within 0.04 mm on average; a real scan cannot. Nor are the pictures
photographs. For the shapes of real people there is Florence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError
from lineament.evaluate.items import LFM_FACE, EvaluationItem, EvaluationSet, TrueSurface
from lineament.evaluate.scores.metrics import box_size
from lineament.evaluate.scores.surfaces import FACE_VERTICES
from lineament.evaluate.sets.scan_pictures import PX_PER_MM, Head, ScanPhoto, camera_at, random_light
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.similarity import fit_similarity
from lineament.models.builtin import load_builtin
from lineament.models.ict import read_ict

Array = NDArray[Any]

NAME = "rendered-scans"
SEED = 20261121  # the face model's samples have another: 20261120
IDENTITIES = 53  # as many as Florence has people
YAWS_DEG = (-80.0, -40.0, 0.0, 40.0, 80.0)
PITCHES_DEG = (-15.0, 0.0, 20.0, 25.0)
SCHEME = "lfm-68"
PROTOCOLS = (
    "scans-dense-3d",
    "scans-reconstruction",
    "synergynet-florence",
    "sadrnet-florence",
    "scans-pose",
)
NOTES = (
    "Random draws of ICT-FaceKit's identity modes, neutral expression, drawn with flat colours; no real "
    "people. LFM's modes come from other draws of the same modes: this measures the recovery "
    "of unseen shapes inside that space, not of faces outside of it.",
    "Florence's published rows are of real scans and are therefore not shown here.",
)
# LFM's frame in ICT's: its zero of pitch and its origin (docs/face_model.md); refined by a fit.
_PITCH_DEG, _ORIGIN_MM, _EXACT_MM = -1.3137, (0.0, 5.0, 30.0), 0.1
_SKIN_RGB = ((232, 196, 172), (214, 168, 140), (186, 136, 106), (140, 96, 72), (96, 66, 50))
_HAIR_RGB = ((60, 44, 34), (28, 24, 24), (120, 88, 52), (150, 146, 142))


@dataclass(frozen=True, slots=True, eq=False)
class IctHeads:
    """ICT-FaceKit in the frame of LFM.

    Attributes:
        model: ICT itself.
        lfm: the built-in model, for its numbering and landmarks.
        source_index: (8683,) the ICT vertex of each of LFM's face vertices.
        from_ict: (4, 4) rows of the rigid map into LFM's frame.
        regions: (N,) what a vertex is: 0 skin, 1 lips, 2 brows and hair, 3 white of the eye, 4 iris.
    """

    model: MorphableModel
    lfm: MorphableModel
    source_index: NDArray[np.int64]
    from_ict: Array
    regions: NDArray[np.int64]

    @classmethod
    def read(cls, path: Path) -> IctHeads:
        """ICT-FaceKit from its folder or .npz.

        Raises:
            ModelError: it cannot be read.
            DataError: it is another version than LFM was made from.
        """
        ict, lfm = read_ict(path), load_builtin()
        skin = lfm.neutral_model[:FACE_VERTICES].astype(np.float64)
        turn = matrix_from_angles(0.0, np.radians(_PITCH_DEG), 0.0)
        neutral = ict.neutral_model.astype(np.float64)
        from scipy.spatial import cKDTree  # the extra "data"; lists of sets need none

        distance, index = cKDTree(neutral).query(skin @ turn.T + _ORIGIN_MM)
        if distance.max() > _EXACT_MM or len(np.unique(index)) != len(index):
            raise DataError(
                f"{path} is not the ICT-FaceKit that the built-in model was made from: vertices differ by "
                f"{distance.max():.2f} mm. Take the light model with 26,719 vertices."
            )
        fit = fit_similarity(neutral[index], skin, with_scale=False)
        from_ict = np.eye(4)
        from_ict[:3, :3], from_ict[:3, 3] = fit.rotation, fit.translation
        return cls(ict, lfm, index, from_ict, _regions(ict, lfm, from_ict))

    def vertices(self, identity: Array) -> Array:
        """(N, 3) mm of one head at rest, frame of LFM."""
        own = self.model.vertices_model(identity, np.zeros(0)).astype(np.float64)
        return own @ self.from_ict[:3, :3].T + self.from_ict[:3, 3]

    def landmarks(self, vertices: Array) -> Array:
        """(68, 3) of LFM's scheme "lfm-68" on a head's own surface."""
        layout = self.lfm.schemes[SCHEME]
        return np.einsum("pck,pc->pk", vertices[self.source_index][layout.vertex_index], layout.weights)


@dataclass(frozen=True, slots=True)
class Person:
    """A draw: coefficients and colours."""

    identity: tuple[float, ...]
    skin: int
    hair: int


def load_scans(ict: Path, *, identities: int = IDENTITIES, seed: int = SEED) -> EvaluationSet:
    """The recipe: so many heads in 20 poses each.

    Args:
        ict: ICT-FaceKit's folder or .npz, or a folder with ``ict_facekit.npz``.
        identities: how many heads.
        seed: decides all of them; the first heads do not depend on how many follow.

    Raises:
        DataError, ModelError: ICT-FaceKit is not there or of another version.
    """
    inside = ict / "ict_facekit.npz"
    heads = IctHeads.read(inside if inside.is_file() else ict)
    items = tuple(item for number in range(identities) for item in _items_of(heads, number, seed))
    return EvaluationSet(
        name=NAME,
        title=f"Rendered scans, {identities} random heads in 20 poses",
        items=items,
        protocols=PROTOCOLS,
        notes=NOTES,
    )


def _items_of(heads: IctHeads, number: int, seed: int) -> list[EvaluationItem]:
    rng = np.random.default_rng([seed, number])
    person = Person(
        identity=tuple(rng.standard_normal(len(heads.model.identity_basis)).tolist()),
        skin=int(rng.integers(len(_SKIN_RGB))),
        hair=int(rng.integers(len(_HAIR_RGB))),
    )
    vertices = heads.vertices(np.array(person.identity))
    landmarks = heads.landmarks(vertices)
    head = partial(_head, heads, person)
    poses = [(yaw, pitch) for pitch in PITCHES_DEG for yaw in YAWS_DEG]
    return [_item(heads, f"head{number:03}", head, landmarks, pose, rng) for pose in poses]


def _item(
    heads: IctHeads,
    name: str,
    head: partial[Head],
    landmarks: Array,
    pose_deg: tuple[float, float],
    rng: np.random.Generator,
) -> EvaluationItem:
    yaw, pitch = pose_deg
    camera = camera_at(yaw, pitch)
    points = camera.image_from_model(landmarks)
    xy = points[:, :2]
    return EvaluationItem(
        name=f"{name}_yaw{yaw:+03.0f}_pitch{pitch:+03.0f}",
        photo=ScanPhoto(head, camera, random_light(rng), int(rng.integers(40, 216))),
        landmarks={SCHEME: points},
        scheme=SCHEME,
        box_xyxy=np.concatenate([xy.min(axis=0), xy.max(axis=0)]),
        size=float(box_size(points)),
        yaw_deg={"SET": yaw},
        rotation=camera.rotation,
        angles_deg=np.array([pitch, yaw, 0.0]),
        surface=partial(_surface, heads, head, camera, points),
    )


@lru_cache(maxsize=4)
def _head(heads: IctHeads, person: Person) -> Head:
    """A head with its colours; the poses of one follow each other."""
    vertices = heads.vertices(np.array(person.identity))
    palette = np.array(
        [
            _SKIN_RGB[person.skin],
            np.array(_SKIN_RGB[person.skin]) * (0.86, 0.62, 0.62),
            _HAIR_RGB[person.hair],
            (232, 230, 226),
            (58, 44, 36),
        ]
    )
    parts = heads.model.parts
    triangles = np.concatenate(
        [
            heads.model.triangles[slice(*parts[name])]
            for name in ("face", "eyeballs", "mouth")
            if name in parts
        ]
    )
    return Head(vertices, triangles, palette[heads.regions])


def _surface(heads: IctHeads, head: partial[Head], camera: WeakPerspective, points: Array) -> TrueSurface:
    vertices = head().vertices[heads.source_index]
    return TrueSurface(
        vertices_image=camera.image_from_model(vertices),
        triangles=heads.lfm.triangles[slice(*heads.lfm.parts["face"])],
        topology=LFM_FACE,
        landmarks_image=points,
        nose_image=points[30],
        px_per_mm=PX_PER_MM,
    )


def _regions(ict: MorphableModel, lfm: MorphableModel, from_ict: Array) -> NDArray[np.int64]:
    """(N,) see :class:`IctHeads`; by place on the mean head, for the colours only."""
    places = ict.neutral_model.astype(np.float64) @ from_ict[:3, :3].T + from_ict[:3, 3]
    marks = lfm.landmark_points(SCHEME).neutral_model.astype(np.float64)
    region = np.zeros(len(places), np.int64)
    region[_near(places, marks[17:27], 4.5)] = 2
    brow_y, nose_z = marks[17:27, 1].mean(), marks[30, 2]
    region[(places[:, 1] > brow_y + 55) | ((places[:, 2] < nose_z - 140) & (places[:, 1] > marks[33, 1]))] = 2
    region[_inside(places, marks[48:60]) & (places[:, 2] > marks[48:60, 2].min() - 8)] = 1
    eyes = np.unique(ict.triangles[slice(*ict.parts["eyeballs"])])
    for side in (eyes[places[eyes, 0] < 0], eyes[places[eyes, 0] >= 0]):
        center = (places[side].min(axis=0) + places[side].max(axis=0)) / 2
        toward = places[side] - center
        forward = toward[:, 2] / np.maximum(np.linalg.norm(toward, axis=1), 1e-9)
        region[side] = np.where(forward > np.cos(np.radians(28)), 4, 3)
    return region


def _near(places: Array, marks: Array, reach: float) -> NDArray[np.bool_]:
    """Which points lie within a distance (mm) of a line through landmarks, five at a time."""
    fractions = np.linspace(0, 1, 9)[:, None]
    segments = [marks[a] * (1 - fractions) + marks[a + 1] * fractions for a in (0, 1, 2, 3, 5, 6, 7, 8)]
    from scipy.spatial import cKDTree  # the extra "data"; lists of sets need none

    return cKDTree(np.concatenate(segments)).query(places)[0] < reach


def _inside(places: Array, ring: Array) -> NDArray[np.bool_]:
    """Which points lie within a polygon (P, 3), seen from the front: crossings of its edges to the right."""
    x, y = places[:, 0], places[:, 1]
    inside = np.zeros(len(places), bool)
    for (ax, ay, _), (bx, by, _) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        if ay != by:
            inside ^= crosses & (x < ax + (y - ay) / (by - ay) * (bx - ax))
    return inside
