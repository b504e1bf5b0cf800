"""Florence scans, drawn in the 20 poses of the published protocols. The set itself comes from its authors.

The scans have no landmarks and our reader no texture: heads are drawn as clay, the tip of the nose is the
foremost point, the box of the face is that of the mean face hung on that tip, and ICP starts where the
prediction lies in the picture.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.florence import Scan, iterate_florence
from lineament.evaluate.items import UNKNOWN, EvaluationItem, EvaluationSet, TrueSurface
from lineament.evaluate.scores.metrics import box_size
from lineament.evaluate.sets.scan_pictures import (
    CLAY_RGB,
    PX_PER_MM,
    Head,
    ScanPhoto,
    camera_at,
    random_light,
)
from lineament.evaluate.sets.scans import PITCHES_DEG, SCHEME, SEED, YAWS_DEG
from lineament.geometry.camera import WeakPerspective
from lineament.models.builtin import load_builtin

Array = NDArray[Any]

NAME = "florence"
FRONTAL = "frontal"
REACH_MM = 200.0  # around the tip of the nose: shoulders and stand are no part of the face
NOTES = (
    "Scans are drawn as clay: their textures are not read. They have no landmarks: the tip of the nose is "
    "the foremost point, and the distance of the eyes that of the mean face, 85.4 mm.",
)
PROTOCOLS = ("synergynet-florence", "sadrnet-florence")


def load_florence(root: Path) -> EvaluationSet:
    """All frontal scans below a folder (all scans, if none is called so), in 20 poses each.

    Raises:
        DataError: there is none.
    """
    scans = list(iterate_florence(root))
    chosen = [scan for scan in scans if FRONTAL in scan.name] or scans
    items = tuple(item for number, scan in enumerate(chosen) for item in _items_of(scan, number))
    return EvaluationSet(
        name=NAME,
        title=f"Florence, {len(chosen)} scans in 20 poses",
        items=items,
        protocols=PROTOCOLS,
        notes=NOTES,
    )


def _items_of(scan: Scan, number: int) -> list[EvaluationItem]:
    rng = np.random.default_rng([SEED, number])
    poses = [(yaw, pitch) for pitch in PITCHES_DEG for yaw in YAWS_DEG]
    return [_item(scan, pose, rng) for pose in poses]


def _item(scan: Scan, pose_deg: tuple[float, float], rng: np.random.Generator) -> EvaluationItem:
    yaw, pitch = pose_deg
    camera = camera_at(yaw, pitch)
    marks = camera.image_from_model(load_builtin().landmark_points(SCHEME).neutral_model.astype(np.float64))
    xy = marks[:, :2]
    return EvaluationItem(
        name=f"{scan.name}_yaw{yaw:+03.0f}_pitch{pitch:+03.0f}",
        photo=ScanPhoto(partial(_head, scan), camera, random_light(rng), int(rng.integers(40, 216))),
        landmarks={},
        scheme=UNKNOWN,
        box_xyxy=np.concatenate([xy.min(axis=0), xy.max(axis=0)]),
        size=float(box_size(marks)),
        yaw_deg={"SET": yaw},
        angles_deg=np.array([pitch, yaw, 0.0]),
        surface=partial(_surface, scan, camera),
    )


@lru_cache(maxsize=2)
def _head(scan: Scan) -> Head:
    """The scan with its nose where the mean face has it, cut to the head."""
    mesh = scan.read()
    nose = mesh.vertices[np.argmax(mesh.vertices[:, 2])]
    inside = np.linalg.norm(mesh.vertices - nose, axis=1) < REACH_MM
    triangles = mesh.triangles[inside[mesh.triangles].all(axis=1)]
    colors = np.tile(np.array(CLAY_RGB, np.float64), (len(mesh.vertices), 1))
    return Head(mesh.vertices - nose + _mean_nose(), triangles, colors)


@lru_cache(maxsize=1)
def _mean_nose() -> Array:
    """(3,) mm, tip of the nose of the mean face."""
    return load_builtin().landmark_points(SCHEME).neutral_model[30].astype(np.float64)


def _surface(scan: Scan, camera: WeakPerspective) -> TrueSurface:
    head = _head(scan)
    used, local = np.unique(head.triangles, return_inverse=True)
    return TrueSurface(
        vertices_image=camera.image_from_model(head.vertices[used]),
        triangles=local.reshape(-1, 3).astype(np.int32),
        topology=UNKNOWN,
        landmarks_image=None,
        nose_image=camera.image_from_model(_mean_nose()),
        px_per_mm=PX_PER_MM,
    )
