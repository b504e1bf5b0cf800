"""Training views: every photograph as it is and turned, so that all head angles come alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.crop import CropBox, crop_around_points, upright_roll
from lineament.data.drawing.warp import warp_reflecting
from lineament.data.fitting.fitted import FittedPhoto, MadeView
from lineament.data.samples.sample import Kind
from lineament.data.samples.view import View
from lineament.data.views.expression_edits import ExpressionEditor, UprightFace
from lineament.data.views.photo_surface import PhotoSurface, SurfaceGenerator
from lineament.data.views.random_expressions import EditProbabilities, random_expression
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import angles_from_matrix, matrix_from_angles

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

FRAMING_SCHEME = "lfm-68"
BORDER_PX = 12.0


@dataclass(frozen=True, slots=True)
class RotatedViewConfig:
    """How many views, and which.

    Attributes:
        views: per photograph, the first as photographed, the others turned.
        size: side of a view, px.
        canvas: side of the picture that is turned, px: larger, for what comes into sight.
        face: longer side of the 68 landmarks' box in the canvas, px.
        max_yaw: greatest yaw of a rotated view, radians.
        turn_back: how far a face may be turned back towards the front, radians.
        either_side: below this yaw a face may be turned to either side, radians.
        pitch_std: standard deviation of pitch added to a rotated view, radians.
        wide_probability: of rotated views with any pitch to `max_pitch` instead.
        max_pitch: greatest pitch of a rotated view, radians.
        roll_std: standard deviation of roll, radians; crops add their own.
        framed_probability: of photographs that go over into another picture at their border; the others
            continue as their own mirror image.
        min_body_turn: how far a body turns with its head at least, as a fraction of the head's turn.
        own_wall_probability: of rotated views that keep what the photograph shows behind the person; others
            show another picture there.
        edited_probability: of rotated views of which the expression was changed before.
        edits: how often each change of expression.
        straight_probability: that of a photograph with another expression one view is not rotated.
        min_face: photographs whose face is smaller than this, px, give no views.
    """

    views: int = 8
    size: int = 160
    canvas: int = 240
    face: float = 96.0
    max_yaw: float = np.radians(105)
    turn_back: float = np.radians(6)
    either_side: float = np.radians(11)
    pitch_std: float = np.radians(10)
    wide_probability: float = 0.2
    max_pitch: float = np.radians(60)
    roll_std: float = 0.0
    framed_probability: float = 0.7
    min_body_turn: float = 0.4
    own_wall_probability: float = 0.5
    edited_probability: float = 0.3
    edits: EditProbabilities = field(default_factory=EditProbabilities)
    straight_probability: float = 0.3
    min_face: float = 40.0


class RotatedViewGenerator:
    """Makes a photograph's views: first as it is, then turned (a `ViewGenerator`).

    Args:
        model: the face model that the photographs were fitted with.
        backgrounds: (H, W, 3) uint8 RGB pictures without faces, each at least `size` px a side.
        config: how many views, and which.
    """

    def __init__(
        self,
        model: MorphableModel,
        backgrounds: Sequence[Image8],
        config: RotatedViewConfig | None = None,
    ) -> None:
        self.config = config or RotatedViewConfig()
        self._model = model
        self._backgrounds = backgrounds
        self._surfaces = SurfaceGenerator(model)
        self._editor = ExpressionEditor(model)

    def __call__(self, photo: FittedPhoto, rng: np.random.Generator) -> list[MadeView]:
        """All views of one photograph; none if its face is too small."""
        config = self.config
        landmarks = self._model.landmarks_model(photo.identity, photo.expression, scheme=FRAMING_SCHEME)
        tight = crop_around_points(
            photo.camera.image_from_model(landmarks.astype(np.float64)),
            size=1,
            roll=upright_roll(photo.camera.rotation),
            margin=1.0,
        )
        if tight.side < config.min_face:
            return []
        box = CropBox(tight.center_xy, tight.side * config.canvas / config.face, config.canvas, tight.roll)
        behind = self._background(rng, config.canvas) if rng.uniform() < config.framed_probability else None
        canvas, shown = cut_upright(photo.image, box, behind)
        camera = box.camera_in_crop(photo.camera)
        face = UprightFace(canvas, shown, camera, photo.identity, photo.expression)
        views = [self._photographed(face, photo, box)]
        rotations = target_rotations(camera.rotation, config, rng)
        is_edited = rng.uniform(size=len(rotations)) < config.edited_probability
        for edited in (False, True):
            chosen = [r for r, is_so in zip(rotations, is_edited, strict=True) if is_so == edited]
            if chosen:
                views += self._edited(face, chosen, rng) if edited else self._all_rotated(face, chosen, rng)
        return views

    def _edited(self, face: UprightFace, rotations: list[Array], rng: np.random.Generator) -> list[MadeView]:
        """The face with an expression that photographs lack, turned; the first now and then as it stands."""
        wanted = random_expression(face.expression, self._model.expression_names, self.config.edits, rng)
        face = self._editor.edited(face, wanted, rng)
        if rng.uniform() >= self.config.straight_probability:
            return self._all_rotated(face, rotations, rng)
        rotated = self._all_rotated(face, rotations[1:], rng) if len(rotations) > 1 else []
        return [self._straight(face, Kind.ROTATED), *rotated]

    def _photographed(self, face: UprightFace, photo: FittedPhoto, box: CropBox) -> MadeView:
        """The photograph as it is, with the points that people set in it."""
        made = self._straight(face, Kind.PHOTOGRAPHED)
        if photo.points is None:
            return made
        points = photo.points.cropped(box)
        edge = (self.config.canvas - self.config.size) // 2
        shift = np.array([edge, edge, 0.0])[: points.points_image.shape[1]]
        return replace(made, points=replace(points, points_image=points.points_image - shift))

    def _straight(self, face: UprightFace, kind: Kind) -> MadeView:
        size = self.config.size
        edge = (self.config.canvas - size) // 2
        inner = slice(edge, edge + size)
        camera = face.camera
        moved = WeakPerspective(camera.rotation, camera.scale, camera.translation - [edge, edge, 0.0])
        return MadeView(View(face.image[inner, inner], moved, face.identity, face.expression), kind)

    def _all_rotated(
        self, face: UprightFace, rotations: list[Array], rng: np.random.Generator
    ) -> list[MadeView]:
        """The face at each of some poses."""
        vertices = np.asarray(self._model.vertices_model(face.identity, face.expression), np.float64)
        landmarks = self._model.landmarks_model(face.identity, face.expression, scheme=FRAMING_SCHEME)
        surface = self._surfaces.surface(face.image, face.shown, face.camera, vertices)
        return [self._rotated(face, surface, rotation, landmarks, rng) for rotation in rotations]

    def _rotated(
        self,
        face: UprightFace,
        surface: PhotoSurface,
        rotation: Array,
        landmarks: Array,
        rng: np.random.Generator,
    ) -> MadeView:
        size = self.config.size
        target = framing_camera(rotation, face.camera.scale, landmarks, size)
        background = self._background(rng, size)
        if rng.uniform() < 0.4:
            background = _recolored(background, face.image)
        fraction = rng.uniform(self.config.min_body_turn, 1.0)
        keep = rng.uniform() < self.config.own_wall_probability
        image = surface.rotated(target, background, body_turn=fraction, keep_wall=keep)
        return MadeView(View(image, target, face.identity, face.expression), Kind.ROTATED)

    def _background(self, rng: np.random.Generator, size: int) -> Image8:
        """A random piece of a background, sometimes blurred as behind a portrait."""
        picture = self._backgrounds[rng.integers(len(self._backgrounds))]
        height, width = picture.shape[:2]
        side = int(rng.integers(min(size // 2, height, width), min(height, width) + 1))
        left, top = rng.integers(width - side + 1), rng.integers(height - side + 1)
        piece = Image.fromarray(picture[top : top + side, left : left + side])
        if rng.uniform() < 0.5:
            piece = piece.resize((size // 6, size // 6), Image.Resampling.BOX)
        piece = piece.resize((size, size), Image.Resampling.BILINEAR)
        array = np.asarray(piece)
        return array[:, ::-1] if rng.uniform() < 0.5 else array


def target_rotations(rotation: Array, config: RotatedViewConfig, rng: np.random.Generator) -> list[Array]:
    """Poses to turn an upright face to: yaw spread evenly from the present one on to the side it shows.

    Args:
        rotation: (3, 3) of the head as photographed.
        config: how many and how far.
        rng: of the choice.
    """
    angles = angles_from_matrix(rotation)
    yaw, pitch = float(angles.yaw), float(angles.pitch)
    count = config.views - 1
    minimum = max(abs(yaw) - config.turn_back, 0.0)
    steps = (np.arange(count) + rng.uniform(0, 1, count)) / max(count, 1)
    rotations = []
    for step in steps:
        side = np.sign(yaw) if abs(yaw) > config.either_side else rng.choice([-1.0, 1.0])
        new_yaw = side * (minimum + step * (config.max_yaw - minimum))
        if rng.uniform() < config.wide_probability:
            new_pitch = rng.uniform(-config.max_pitch, config.max_pitch)
        else:
            new_pitch = pitch + config.pitch_std * rng.standard_normal()
        new_pitch = np.clip(new_pitch, -config.max_pitch, config.max_pitch)
        new_roll = config.roll_std * rng.standard_normal()
        turn = matrix_from_angles(0.0, 0.0, new_roll)
        rotations.append(turn @ matrix_from_angles(new_yaw, new_pitch, 0.0))
    return rotations


def framing_camera(rotation: Array, scale: float, points_model: Array, size: int) -> WeakPerspective:
    """The camera that has the box of some points in the middle of a picture of `size` px."""
    camera = WeakPerspective(rotation, scale, np.zeros(3))
    visible = camera.image_from_model(points_model.astype(np.float64))[:, :2]
    shift = size / 2 - 0.5 * (visible.min(axis=0) + visible.max(axis=0))
    return WeakPerspective(rotation, scale, np.append(shift, 0.0))


def cut_upright(photo: Image8, box: CropBox, behind: Image8 | None = None) -> tuple[Image8, Array]:
    """The crop of a photo that continues as its own mirror image, antialiased when it shrinks.

    Where `behind` (of the crop's size) is given, the continuation goes over into it within a few px.

    Returns:
        (size, size, 3) uint8 and (size, size) float, the fraction of the photo in each pixel.
    """
    shrink = max(box.side / box.size, 1.0)
    height, width = photo.shape[:2]
    size_wh = (max(round(width / shrink), 1), max(round(height / shrink), 1))
    small = photo
    if shrink > 1:
        small = np.asarray(Image.fromarray(photo).resize(size_wh, Image.Resampling.BOX))
    ratio = np.array([[size_wh[0] / width], [size_wh[1] / height]])
    shift = box.image_from_crop(np.zeros(2))
    matrix = ratio * np.concatenate([box.image_from_crop_matrix[:2, :2], shift[:, None]], axis=1)
    crop = warp_reflecting(np.ascontiguousarray(small), matrix, box.size)
    fraction = _photo_fraction(matrix, small.shape[:2], box.size)
    if behind is not None:
        crop = (crop * fraction[..., None] + behind * (1 - fraction[..., None])).astype(np.uint8)
    return crop, fraction


def _photo_fraction(matrix: Array, size_hw: tuple[int, ...], size: int) -> Array:
    """(size, size) one inside the photo, falling to zero within `BORDER_PX` source px outside it."""
    at = np.arange(size) + 0.5
    columns, rows = np.meshgrid(at, at)
    x, y = (row[0] * columns + row[1] * rows + row[2] for row in matrix)
    outside = np.maximum.reduce([-x, x - size_hw[1], -y, y - size_hw[0], np.zeros_like(x)])
    return np.clip(1 - outside / BORDER_PX, 0, 1)


def _recolored(picture: Image8, like: Image8) -> Image8:
    """A picture with the mean and deviation of another's upper border, as a wall of the same room has."""
    border = like[: len(like) // 8].reshape(-1, 3).astype(np.float32)
    flat = picture.astype(np.float32)
    mean, std = flat.mean(axis=(0, 1)), flat.std() + 1.0
    factor = min(float(border.std()) / std, 1.0)
    return np.clip((flat - mean) * factor + border.mean(axis=0), 0, 255).astype(np.uint8)
