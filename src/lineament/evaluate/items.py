"""What is evaluated: a face and its truth, a prediction for it, and a set of such faces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.item import Photo
from lineament.files import text_bytes

Array = NDArray[Any]

NOWHERE = float("nan")
LFM, LFM_FACE, LFM_POINTS, BASEL_NO_NECK = "lfm", "lfm-face", "lfm-points", "basel-no-neck"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrueSurface:
    """A face as it truly is, in the frame of its picture.

    Attributes:
        vertices_image: (N, 3) px, z away from the viewer.
        triangles: (M, 3) int, counter-clockwise from outside; empty where only points are known.
        topology: which vertices these are: "basel-no-neck", "lfm-face", "lfm-points", or "unknown" (a scan).
        landmarks_image: (68, 3) px, or None: then fits start where the prediction lies in the picture.
        nose_image: (3,) px, tip of the nose.
        px_per_mm: NaN where the truth has no unit.
        vertex_index: (N,) vertices of LFM that the true points are, for the topology "lfm-points".
        size: px that errors of "lfm-points" are divided by.
    """

    vertices_image: Array
    triangles: NDArray[np.int32]
    topology: str
    landmarks_image: Array | None
    nose_image: Array
    px_per_mm: float = NOWHERE
    vertex_index: NDArray[np.int64] | None = None
    size: float = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class FaceRegion:
    """Which pixels of a picture show the face itself.

    Attributes:
        face: (H, W) bool, True where its skin is, seen or behind something.
        shown: (H, W) bool, True where its skin is seen and nothing in front of it.
        counted: (H, W) bool, where that is known; elsewhere the others are False.
    """

    face: NDArray[np.bool_]
    shown: NDArray[np.bool_]
    counted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EvaluationItem:
    """A face to be found.

    Attributes:
        name: unique in its set.
        photo: opened by `photo.read()`.
        landmarks: label set -> (P, 2 or 3) px, image frame; NaN where absent. Empty for scans.
        scheme: which points these are (:mod:`lineament.data.formats.item`).
        box_xyxy: (4,) px, the box of the 68 true landmarks, hidden side included; crops from the truth are
            cut around it.
        size: px, square root of that box's area.
        face_box_xyxy: (4,) the set's own box of the face.
        visible: (P,) bool, or None where the set does not tell.
        own_visible: (P,) bool, which the head itself shows, whatever is in front of it: only these count
            where visibility is scored. None where `visible` tells of all that hides.
        region: opens the pixels that show the face, or None where the set does not tell.
        yaw_deg: by name of the yaw list (`YawList`); of any sign.
        rotation: (3, 3) of the head, or None.
        angles_deg: (3,) pitch, yaw, roll as the set has them, signs of lineament; NaN where unknown.
        occlusion: fraction of the face that something hides; NaN where unknown.
        sequence: the video it is a frame of, or empty; its frames follow each other.
        surface: opens the true surface, or None.
    """

    name: str
    photo: Photo
    landmarks: Mapping[str, Array]
    scheme: str
    box_xyxy: Array
    size: float
    face_box_xyxy: Array | None = None
    visible: NDArray[np.bool_] | None = None
    own_visible: NDArray[np.bool_] | None = None
    region: Callable[[], FaceRegion] | None = None
    yaw_deg: Mapping[str, float] = field(default_factory=dict)
    rotation: Array | None = None
    angles_deg: Array = field(default_factory=lambda: np.full(3, NOWHERE))
    occlusion: float = NOWHERE
    sequence: str = ""
    surface: Callable[[], TrueSurface] | None = None

    @property
    def checksum(self) -> str:
        """Sixteen letters that change with the name, the box and the landmarks."""
        digest = hashlib.sha256(text_bytes(self.name))
        digest.update(np.asarray(self.box_xyxy, np.float64).tobytes())
        for name, points in sorted(self.landmarks.items()):
            digest.update(name.encode() + np.asarray(points, np.float64).tobytes())
        return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Prediction:
    """What a predictor gives for a face.

    Attributes:
        landmarks_image: (68, 2 or 3) px; NaN where it gives none.
        rotation: (3, 3) of the head, or None.
        vertices_image: (N, 3) px, or None where it gives no mesh.
        triangles: (M, 3) int, or None.
        topology: of the vertices: "lfm", "basel-no-neck" or "unknown".
        visibility: (68,) 0 to 1, or None where it does not tell.
        face_mask: (H, W) 0 to 1, where the photograph shows the face itself; None where it does not tell.
        detected_image: (N, 2) px of vertices that were found in the picture one by one, NaN for the others;
            None where the method does not work so.
        chosen_vertices: (C,) int, those of them that the method works with; None where there are none.
    """

    landmarks_image: Array
    rotation: Array | None = None
    vertices_image: Array | None = None
    triangles: NDArray[np.integer] | None = None
    topology: str = UNKNOWN
    visibility: Array | None = None
    face_mask: Array | None = None
    detected_image: Array | None = None
    chosen_vertices: NDArray[np.integer] | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EvaluationSet:
    """A data set ready to be evaluated.

    Attributes:
        name: what the command line calls it.
        title: in words, with its size.
        items: in a fixed order.
        protocols: names of those that make sense here, the main one first.
        notes: what a reader of the numbers must know.
        calibration: faces of other people, on which predictors' constant offsets are measured; never scored.
    """

    name: str
    title: str
    items: tuple[EvaluationItem, ...]
    protocols: tuple[str, ...]
    notes: tuple[str, ...] = ()
    calibration: tuple[EvaluationItem, ...] = ()
