"""GLB animations: one person through a video, as weights, turns and path of the head."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ExportError
from lineament.export.files import write_bytes
from lineament.export.frames import focal_px, gltf_head
from lineament.export.glb import (
    Targets,
    checked_face,
    full_expression,
    glb_at_rest,
    own_neutral,
    own_offset,
)
from lineament.export.gltf import GlbFile
from lineament.expression_keys import KeyScale, TargetNames, reported_weights, weights_at_rest
from lineament.geometry.morphable import MorphableModel
from lineament.result import FaceResult, MorphableResult, Pose

Array = NDArray[np.floating]


@dataclass(slots=True)
class HeadMotion:
    """One person's motion, gathered frame by frame; keeps poses and weights, and no meshes.

    Attributes:
        model: of all faces.
        times_s: of all frames.
        poses: of all frames, None where the person is not visible.
        sizes_hw: of all frames, where given.
        expressions: (E,) a frame that shows the person, as the mesh has them.
        key_scales: what these weights mean, as the faces say.
        neutral: (E,) of the person at rest, which is subtracted; None takes what is at rest for everybody.
    """

    model: MorphableModel | None = None
    times_s: list[float] = field(default_factory=list)
    poses: list[Pose | None] = field(default_factory=list)
    sizes_hw: list[tuple[int, int] | None] = field(default_factory=list)
    expressions: list[Array] = field(default_factory=list)
    key_scales: Mapping[str, KeyScale] = field(default_factory=dict)
    neutral: Array | None = None
    _identity_sum: Array | float = 0.0
    _offset_sum: Array | float = 0.0

    def add(self, time_s: float, face: FaceResult | None, *, size_hw: tuple[int, int] | None = None) -> None:
        """The next frame's face, or None; the frame's size, px, if frames differ in it.

        Raises:
            ExportError: a time that does not ascend, or a face of another model, of none, or not finite.
        """
        if not np.isfinite(time_s) or (self.times_s and time_s <= self.times_s[-1]):
            raise ExportError(f"Times of frames must be finite and ascend; found {time_s} s.")
        if face is not None:
            self._add_face(checked_face(face))
        self.times_s.append(float(time_s))
        self.poses.append(None if face is None else face.pose)
        self.sizes_hw.append(size_hw)

    def _add_face(self, face: MorphableResult) -> None:
        if self.model is not None and face.model.name != self.model.name:
            raise ExportError("The faces belong to different face models. Write a file for each.")
        self.model = face.model
        self.key_scales = face.key_scales
        if face.neutral is not None:
            self.neutral = own_neutral(face)
        self.expressions.append(np.asarray(full_expression(face), np.float32))
        self._identity_sum = self._identity_sum + np.asarray(face.identity, np.float64)
        self._offset_sum = self._offset_sum + own_offset(face)

    @property
    def identity(self) -> Array:
        """(K,) the mean of all frames'."""
        return np.asarray(self._identity_sum / max(1, len(self.expressions)), np.float32)

    def set_neutral(self, expression: Array | None) -> None:
        """Take a person's own rest, (E,) or as many as methods give; None takes everybody's."""
        self.neutral = None
        if expression is not None and self.model is not None:
            missing = len(self.model.expression_basis) - len(expression)
            self.neutral = np.pad(expression, (0, missing))

    def reported(self) -> Array:
        """(n, E) reported weights of the frames that show the person, not clipped."""
        assert self.model is not None
        given = np.stack(self.expressions).astype(float)
        return reported_weights(self.model.expression_names, given, self.key_scales, self.neutral)

    def mesh_at_rest(self) -> Array:
        """(N, 3) mm, model frame: the person at rest, the mean of all frames; see :func:`.glb.mesh_at_rest`.

        Raises:
            ExportError: the person is in none of the frames.
        """
        if self.model is None:
            raise ExportError("The person is in none of the frames. Give the faces of one that is.")
        names, given = self.model.expression_names, np.mean(self.expressions, axis=0)
        rest = weights_at_rest(names, given, self.key_scales, self.neutral).astype(np.float32)
        own: Array | float = self._offset_sum / max(1, len(self.expressions))
        return np.asarray(self.model.vertices_model(self.identity, rest) + own)


def export_glb_animation(
    faces: Sequence[FaceResult | None],
    times_s: Sequence[float],
    path: str | os.PathLike[str],
    *,
    size_hw: tuple[int, int],
    texture_rgb: NDArray[np.uint8] | None = None,
    targets: TargetNames = "arkit",
) -> None:
    """Write one person through a video as an animated GLB: weights, turns and path of the head.

    The identity is the mean of all frames'. The camera stands at the origin and looks along -z, its angle of
    view assumed (:data:`lineament.export.frames.VIEW_ANGLE_FACTOR`). Where the person is not visible the head
    is shrunk to nothing, at once and not by and by.

    Args:
        faces: the person's result in each frame, None where not visible.
        times_s: time of each frame, s, ascending.
        path: where to; a file that is there is replaced.
        size_hw: of the frames, px.
        texture_rgb: as in `export_glb`.
        targets: as in `export_glb`.

    Raises:
        ExportError: no frame has a face, times do not ascend or are not as many as frames, faces of several
            models, or what `export_glb` raises.
    """
    if len(times_s) != len(faces):
        raise ExportError(
            f"{len(faces)} frames need as many times, found {len(times_s)}. Give one for each, in seconds."
        )
    motion = HeadMotion()
    for time_s, face in zip(times_s, faces, strict=True):
        motion.add(time_s, face)
    export_motion(motion, path, size_hw=size_hw, texture_rgb=texture_rgb, targets=targets)


def export_motion(
    motion: HeadMotion,
    path: str | os.PathLike[str],
    *,
    size_hw: tuple[int, int],
    texture_rgb: NDArray[np.uint8] | None = None,
    targets: TargetNames = "arkit",
) -> None:
    """Write motion gathered before; see `export_glb_animation`."""
    at_rest = motion.mesh_at_rest()
    assert motion.model is not None
    glb, chosen = glb_at_rest(motion.model, at_rest, texture_rgb, targets)
    _add_camera(glb, size_hw)
    _add_motion(glb, chosen, motion, size_hw)
    visible = np.array([pose is not None for pose in motion.poses])
    if not visible.all():
        _add_gaps(glb, np.array(motion.times_s), visible)
    write_bytes(path, *glb.pieces())


def _add_camera(glb: GlbFile, size_hw: tuple[int, int]) -> None:
    """The camera that took the frames, as far as it can be known."""
    height, width = size_hw
    view = 2 * float(np.arctan(height / 2 / focal_px(size_hw)))
    lens = {"yfov": view, "aspectRatio": width / height, "znear": 0.01, "zfar": 100.0}
    glb.document["cameras"] = [{"type": "perspective", "name": "video", "perspective": lens}]
    glb.document["nodes"].append({"name": "video camera", "camera": 0})
    glb.document["scenes"][0]["nodes"].append(len(glb.document["nodes"]) - 1)


def _add_motion(glb: GlbFile, chosen: Targets, motion: HeadMotion, size_hw: tuple[int, int]) -> None:
    """Weights, turn and place of the head at the times at which it is seen."""
    frames = zip(motion.times_s, motion.poses, motion.sizes_hw, strict=True)
    visible = [(time, pose, own_hw or size_hw) for time, pose, own_hw in frames if pose is not None]
    places = [gltf_head(pose, frame_hw) for _, pose, frame_hw in visible]
    turns = _short_way(np.stack([turn for turn, _ in places]))
    moves = np.stack([move for _, move in places])
    weights = chosen.weights(motion.reported())
    start = glb.add_values(np.array([time for time, *_ in visible]), bounds=True)
    glb.document["nodes"][0] |= {"rotation": turns[0].tolist(), "translation": moves[0].tolist()}
    glb.document["meshes"][0]["weights"] = weights[0].tolist()
    tracks = {"rotation": turns, "translation": moves, "weights": weights.ravel()}
    glb.document["animations"] = [{"name": "motion", "samplers": [], "channels": []}]
    for path, values in tracks.items():
        _add_track(glb, path, start, values, "LINEAR")


def _add_gaps(glb: GlbFile, times: Array, visible: NDArray[np.bool_]) -> None:
    """The head is there in frames that show it and gone in the others."""
    turning = np.flatnonzero(np.diff(visible.astype(np.int8), prepend=-1))
    size = np.repeat(visible[turning].astype(np.float32)[:, None], 3, axis=1)
    _add_track(glb, "scale", glb.add_values(times[turning], bounds=True), size, "STEP")


def _add_track(glb: GlbFile, path: str, start: int, values: Array, interpolation: str) -> None:
    animation = glb.document["animations"][0]
    sampler = {"input": start, "output": glb.add_values(values), "interpolation": interpolation}
    animation["samplers"].append(sampler)
    target = {"node": 0, "path": path}
    animation["channels"].append({"sampler": len(animation["samplers"]) - 1, "target": target})


def _short_way(quaternions: Array) -> Array:
    """(n, 4) the same turns with signs such that neighbours are less than half a turn apart."""
    inner = np.sum(quaternions[1:] * quaternions[:-1], axis=1)
    sign = np.cumprod(np.concatenate([[1.0], np.where(inner < 0, -1.0, 1.0)]))
    return quaternions * sign[:, None]
