"""Crop boxes: the part of the photo that the network gets; points and cameras between photo and crop."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lineament.errors import BoxError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.perspective import Perspective

Array = NDArray[np.floating]

MAX_COORDINATE = 1e8
"""px; no photo is as large, and Pillow's numbers have 32 bits."""
MARGIN = math.sqrt(2)
"""Side of a crop over the larger side of the landmarks' box (3DDFA's enlargement)."""
GRID = 16
"""Places along a side that :meth:`CropBox.share_within` looks at."""


@dataclass(frozen=True, slots=True)
class CropBox:
    """A square of the photo, possibly rotated, and the size it is resampled to.

    Both frames put x right and y down, and pixel i covers [i, i + 1). The crop of a box with roll r shows a
    face whose roll is r upright: the crop's axes are the photo's, turned counter-clockwise by r.

    Attributes:
        center_xy: frame `image`, px.
        side: image px, positive.
        size: crop px, positive.
        roll: radians, positive counter-clockwise to the viewer.

    Raises:
        BoxError: a value is not finite, or side or size is not positive.
    """

    center_xy: tuple[float, float]
    side: float
    size: int
    roll: float = 0.0

    def __post_init__(self) -> None:
        """Refuse crop boxes that cannot be cut."""
        finite = all(map(math.isfinite, (*self.center_xy, self.side, self.roll)))
        if not finite or self.side <= 0 or self.size < 1:
            raise BoxError(
                f"A crop needs a finite center and roll, a positive side and size; found {self}. "
                f"Check the face box it was made from."
            )

    @property
    def scale(self) -> float:
        """Crop px per image px."""
        return self.size / self.side

    @property
    def image_from_crop_matrix(self) -> Array:
        """(3, 3) linear part of the map from crop to photo: a turn about the viewing axis, scaled."""
        return _turn_in_image(self.roll) / self.scale

    def share_within(self, width: int, height: int) -> float:
        """How much of the square a photo of that size shows, 0 to 1, to a hundredth."""
        reach = self.side / 2 * (abs(math.cos(self.roll)) + abs(math.sin(self.roll)))
        if all(reach <= c <= size - reach for c, size in zip(self.center_xy, (width, height), strict=True)):
            return 1.0
        places = (np.arange(GRID) + 0.5) * self.size / GRID
        x, y = self.image_from_crop(np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)).T
        return float(np.mean((x >= 0) & (x < width) & (y >= 0) & (y < height)))

    def image_from_crop(self, points_crop: Array) -> Array:
        """Map (..., 3) or (..., 2) points of the crop into the photo; depth scales with the picture."""
        points_crop = _as_float(points_crop)
        last = points_crop.shape[-1]
        linear = self.image_from_crop_matrix[:last, :last].astype(points_crop.dtype)
        center, middle = (point[:last].astype(points_crop.dtype) for point in self._centers())
        return (points_crop - middle) @ linear.T + center

    def crop_from_image(self, points_image: Array) -> Array:
        """Map (..., 3) or (..., 2) points of the photo into the crop; depth scales with the picture."""
        points_image = _as_float(points_image)
        last = points_image.shape[-1]
        linear = (_turn_in_image(-self.roll) * self.scale)[:last, :last].astype(points_image.dtype)
        center, middle = (point[:last].astype(points_image.dtype) for point in self._centers())
        return (points_image - center) @ linear.T + middle

    def camera_in_image(self, camera: WeakPerspective) -> WeakPerspective:
        """The camera of the crop as a camera of the photo: projecting with it is projecting, then mapping."""
        turn = _turn_in_image(-self.roll)  # y points up in the model frame
        return WeakPerspective(
            rotation=(turn @ camera.rotation).astype(camera.rotation.dtype),
            scale=float(camera.scale / self.scale),
            translation=self.image_from_crop(np.asarray(camera.translation, np.float64)),
        )

    def camera_in_crop(self, camera: WeakPerspective) -> WeakPerspective:
        """The camera of the photo as a camera of the crop, the inverse of :meth:`camera_in_image`."""
        turn = _turn_in_image(self.roll)
        return WeakPerspective(
            rotation=(turn @ camera.rotation).astype(camera.rotation.dtype),
            scale=float(camera.scale * self.scale),
            translation=self.crop_from_image(np.asarray(camera.translation, np.float64)),
        )

    def perspective_in_image(self, camera: Perspective) -> Perspective:
        """The perspective camera of the crop as one of the photo; see :meth:`camera_in_image`."""
        turn = _turn_in_image(self.roll)
        return Perspective(
            rotation=(_turn_in_image(-self.roll) @ camera.rotation).astype(camera.rotation.dtype),
            translation=turn @ np.asarray(camera.translation, np.float64),
            focal_px=float(camera.focal_px / self.scale),
            center_xy=self.image_from_crop(np.asarray(camera.center_xy, np.float64)),
        )

    def is_close_to(self, other: CropBox, *, shift: float, scale: float, roll: float) -> bool:
        """Whether both crop boxes show nearly the same; crop px do not matter.

        Args:
            other: another crop box of the same photo.
            shift: greatest distance of the centers, as a fraction of this box's side.
            scale: greatest difference of the sides, as a fraction of this box's side.
            roll: greatest angle between them, radians.
        """
        turn = (other.roll - self.roll + math.pi) % (2 * math.pi) - math.pi
        return (
            math.dist(self.center_xy, other.center_xy) <= shift * self.side
            and abs(other.side - self.side) <= scale * self.side
            and abs(turn) <= roll
        )

    def resized(self, size: int) -> CropBox:
        """The same part of the photo at another number of crop pixels."""
        return self if size == self.size else replace(self, size=size)

    def _centers(self) -> tuple[Array, Array]:
        """(3,) the middle of the crop box in the photo, and in the crop."""
        return np.array([*self.center_xy, 0.0]), np.array([self.size / 2, self.size / 2, 0.0])


@dataclass(frozen=True, slots=True)
class CropRule:
    """How a method wants its crops cut.

    Attributes:
        size: crop px.
        margin: side of the crop box over the longer side of the landmarks' box.
    """

    size: int
    margin: float = MARGIN

    def around_box(self, box_xyxy: ArrayLike, *, roll: float = 0.0) -> CropBox:
        """The crop box around an upright box; see :func:`crop_around_box`."""
        return crop_around_box(box_xyxy, size=self.size, roll=roll, margin=self.margin)

    def around_points(self, points_image: Array, *, roll: float = 0.0) -> CropBox:
        """The crop box around points; see :func:`crop_around_points`."""
        return crop_around_points(points_image, size=self.size, roll=roll, margin=self.margin)


def crop_around_box(box_xyxy: ArrayLike, *, size: int, roll: float = 0.0, margin: float = MARGIN) -> CropBox:
    """The crop box around an upright box, `margin` times as wide as the longer side.

    Args:
        box_xyxy: (4,) left, top, right, bottom in px of the photo.
        size: crop px.
        roll: of the face, radians; the crop shows it upright.
        margin: side of the crop box over the longer side of the box.

    Raises:
        BoxError: the box is not four finite numbers, or has no area.
    """
    left, top, right, bottom = check_box(box_xyxy)
    center_xy = ((left + right) / 2, (top + bottom) / 2)
    return CropBox(
        center_xy=center_xy, side=margin * max(right - left, bottom - top), size=size, roll=float(roll)
    )


def crop_around_points(
    points_image: Array, *, size: int, roll: float = 0.0, margin: float = MARGIN
) -> CropBox:
    """The crop box around points, rotated by `roll`: their box is along the crop's axes, not the photo's.

    Args:
        points_image: (N, 2) or (N, 3) px of the photo.
        size: crop px.
        roll: of the face, radians; the crop shows it upright.
        margin: side of the crop box over the longer side of the box.

    Raises:
        BoxError: no points, points that are not finite, or all in one place.
    """
    points_xy = np.asarray(points_image, np.float64)[..., :2]
    if points_xy.ndim != 2 or len(points_xy) == 0 or not np.isfinite(points_xy).all():
        raise BoxError(
            f"A crop needs (N, 2) or (N, 3) finite points, found shape {np.shape(points_image)}"
            f"{'' if points_xy.ndim != 2 or len(points_xy) == 0 else ' with values that are not finite'}. "
            f"Give the landmarks of one face."
        )
    turn = _turn_in_image(roll)[:2, :2]
    rotated_xy = points_xy @ turn  # row vectors: this is the inverse turn
    low, high = rotated_xy.min(axis=0), rotated_xy.max(axis=0)
    x, y = turn @ ((low + high) / 2)
    return CropBox(
        center_xy=(float(x), float(y)), side=margin * float((high - low).max()), size=size, roll=float(roll)
    )


def upright_roll(rotation: Array) -> float:
    """How far the head's up axis leans in the picture, radians, counter-clockwise to the viewer.

    This is the turn that makes the face upright. It equals the pose's roll for a frontal face, but unlike it
    means the same at any yaw: in ``Rx(pitch) @ Ry(yaw) @ Rz(roll)`` a head in profile has no roll of its own.

    Args:
        rotation: (3, 3) proper rotation of the model frame.
    """
    return math.atan2(-float(rotation[0, 1]), float(rotation[1, 1]))


def check_box(box_xyxy: ArrayLike, *, name: str = "The face box") -> tuple[float, float, float, float]:
    """Left, top, right, bottom as finite floats with an area; BoxError, starting with `name`, otherwise."""
    box = np.asarray(box_xyxy, np.float64)
    if box.shape != (4,):
        raise BoxError(f"{name} has shape {box.shape}, expected (4,): left, top, right, bottom in px.")
    if not np.isfinite(box).all():
        raise BoxError(f"{name} is not finite: {box.tolist()}. Leave that face out.")
    if np.abs(box).max() > MAX_COORDINATE:
        raise BoxError(
            f"{name} reaches beyond {MAX_COORDINATE:.0e} px: {box.tolist()}. Check the units: boxes are "
            f"in px."
        )
    left, top, right, bottom = box.tolist()
    if right <= left or bottom <= top:
        raise BoxError(
            f"{name} has no area: {box.tolist()}. The order is left, top, right, bottom "
            f"(a box given as x, y, width, height becomes x, y, x + width, y + height)."
        )
    return left, top, right, bottom


def _turn_in_image(roll: float) -> Array:
    """(3, 3) turn by `roll`, counter-clockwise to the viewer, in a frame whose y points down."""
    cos, sin = math.cos(roll), math.sin(roll)
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def _as_float(points: Array) -> Array:
    points = np.asarray(points)
    return points if points.dtype.kind == "f" else points.astype(np.float64)
