"""What carries a face in a rendered picture: the back of the skull, a neck and shoulders.

A stand-in, not anatomy: a tube of rings that starts at the skin's own border, runs over the skull and down
the neck, and widens into shoulders. Rings and border are paired, so that the tube follows every
identity and an open jaw without a seam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lineament.data.heads.solids import SKULL, Ellipsoid
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import boundary_loops

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

SLIM_NECK = Ellipsoid(np.array([0.0, -150.0, -38.0]), np.array([60.0, 400.0, 54.0]))
"""Farther back than `NECK`: the tube must not come out before a jaw that opens."""
ROUND, SQUARE = 2.0, 2.6
"""Exponents of skull and neck: its sides, where long muscles run, stand as wide as the jaw before them."""
HINGE = np.array([0.0, -125.0, 40.0])
"""Where the planes of the head's rings meet, mm, model frame: before the throat."""
ARM_MM = 120.0, 78.0
"""From there to the middle of the upright ring, and to that of the level one."""
FAN_RINGS, NECK_RINGS, NECK_MM = 17, 3, 24.0
FOLLOWING_RINGS, SKULL_RINGS, EAR_RINGS = 8, 19, 1.6
"""Rings over which the tube leaves the border's shape for that of the neck, of the skull, and behind ears."""
EAR_MM, EAR_TOP_MM = (64.0, 70.0), 40.0
"""From which half width and up to which height the border is an ear's."""
LONGEST_RAYS = 170.0, 100.0  # from the middle of a ring to skull and neck, mm
# Height, half width, half depth of the rings from the neck's base to the chest, mm.
SHOULDERS = np.array(
    [
        [-155, 55, 54],
        [-165, 68, 60],
        [-174, 94, 66],
        [-183, 128, 73],
        [-194, 160, 80],
        [-213, 185, 88],
        [-245, 203, 96],
        [-320, 212, 105],
        [-440, 216, 110],
    ],
    float,
)
NECK_BEGINS, NECK_ENDS = (-45.0, -105.0), (-200.0, -165.0)
"""Heights between which the neck is slimmer or wider than that of others, mm."""
PIVOT = np.array([0.0, -120.0, -40.0])
"""Where the neck bends, mm, model frame."""


@dataclass(frozen=True, slots=True, repr=False)
class BodyMesh:
    """The tube. Its vertices are numbered on after the face model's.

    Attributes:
        rest_model: (V, 3) float32, mm, model frame, of the mean face at rest.
        column: (V,) vertex of the skin's border that each follows.
        follow: (V,) float32, how far it follows it.
        near_border: (V,) float32, 1 at the skin's border, 0 a few rings on.
        bend: (V,) float32, 0 where it turns with the head, 1 where it stays with the shoulders.
        neck: (V,) float32, 1 on the neck, 0 on head and shoulders.
        triangles: (M, 3) int32, counter-clockwise seen from outside, over the face model's vertices and its.
    """

    rest_model: Array
    column: IntArray
    follow: Array
    near_border: Array
    bend: Array
    neck: Array
    triangles: IntArray

    @classmethod
    def of(cls, model: MorphableModel) -> BodyMesh:
        """The tube that continues a face model's skin."""
        first, last = model.parts.get("face", (0, len(model.triangles)))
        border = np.array(boundary_loops(model.triangles[first:last])[0])
        rings = _rings(model.neutral_model[border].astype(float))
        count = len(border)
        steps = np.arange(1, len(rings))
        quick = _following(model.neutral_model[border].astype(float), len(rings))[1:]
        slow = np.clip(1 - steps / SKULL_RINGS, 0, 1)
        # The skull grows with the face in front of it; a jaw that opens moves little but the throat.
        above = np.clip((model.neutral_model[border, 1] + 20) / 60, 0, 1)
        follow = quick + (slow[:, None] - quick) * above
        bend = np.clip((PIVOT[1] + 35 - rings[1:, :, 1]) / 110, 0, 1)
        numbers = np.concatenate(
            [border[None], len(model.neutral_model) + np.arange((len(rings) - 1) * count).reshape(-1, count)]
        )
        return cls(
            rest_model=rings[1:].reshape(-1, 3).astype(np.float32),
            column=np.tile(border, len(rings) - 1),
            follow=follow.reshape(-1).astype(np.float32),
            near_border=np.repeat(np.clip(1 - steps / FOLLOWING_RINGS, 0, 1), count).astype(np.float32),
            bend=_smooth(bend).reshape(-1).astype(np.float32),
            neck=(
                _between_heights(rings[1:, :, 1], NECK_BEGINS) * _between_heights(rings[1:, :, 1], NECK_ENDS)
            )
            .reshape(-1)
            .astype(np.float32),
            triangles=_between(numbers),
        )

    def __repr__(self) -> str:
        """Sizes: the arrays would fill the screen."""
        return f"BodyMesh(vertices={len(self.rest_model)}, triangles={len(self.triangles)})"

    def vertices_model(self, model: MorphableModel, shape: Array, *, neck: float = 1.0) -> Array:
        """(V, 3) the tube of a shaped face (N, 3), mm, before the neck bends.

        Args:
            model: the face model.
            shape: (N, 3) mm.
            neck: factor on the neck's width.
        """
        moved = shape[self.column] - model.neutral_model[self.column]
        tube = self.rest_model + moved * self.follow[:, None]
        tube[:, 0] *= 1 + np.float32(neck - 1) * self.neck
        return tube

    def bent(self, vertices_model: Array, head: Array, shoulders: Array) -> Array:
        """(V, 3) the tube turned, mm, axes of the model frame: head and shoulders by their rotations."""
        pivot = PIVOT.astype(np.float32)
        with_head = vertices_model @ head.T.astype(np.float32)
        with_body = (vertices_model - pivot) @ shoulders.T.astype(np.float32) + head.astype(
            np.float32
        ) @ pivot
        return with_head + (with_body - with_head) * self.bend[:, None]


def _smooth(fraction: Array) -> Array:
    return fraction * fraction * (3 - 2 * fraction)


def _between_heights(y: Array, heights: tuple[float, float]) -> Array:
    """0 at the first height, 1 at the second, smooth between."""
    return _smooth(np.clip((y - heights[0]) / (heights[1] - heights[0]), 0, 1))


def _rings(border: Array) -> Array:
    """(R, B, 3) rings of points, the first of them the border itself.

    The rings of the head lie in half-planes that swing about an axis in the throat, from the border's own
    angles to the horizontal: so the tube leaves the border across it everywhere, at the temples, behind the
    ears and along the jaw.
    """
    offset = border - HINGE
    first = np.arctan2(-offset[:, 2], offset[:, 1])
    tilt = first + (np.pi / 2 - first) * np.linspace(0, 1, FAN_RINGS)[:, None]
    up = np.stack([0 * tilt, np.cos(tilt), -np.sin(tilt)], axis=-1)
    fraction = np.clip(tilt / (np.pi / 2), 0, 1)[..., None]
    centre = HINGE + (ARM_MM[0] + (ARM_MM[1] - ARM_MM[0]) * fraction) * up
    outward = border - centre[0]
    around = _angles(np.stack([outward[:, 0], (outward * up[0]).sum(axis=1)], axis=1))
    aside = np.array([1.0, 0, 0])
    direction = np.cos(around)[:, None] * aside + np.sin(around)[:, None] * up
    fall = _following(border, FAN_RINGS)[..., None]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    # Rays swing from the border's own points to even steps around, so that the tube slides along the skull.
    direction = direction + fall * (outward - direction[0])
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    reach = _reach(centre, direction)
    reach = ndimage.gaussian_filter(reach, (1.2, 2), mode=("nearest", "wrap"))
    head = centre + reach[..., None] * direction
    head += (border - head[0]) * fall
    neck = head[-1] + np.linspace(0, NECK_MM, NECK_RINGS + 1)[1:, None, None] * np.array([0.0, -1.0, 0.0])
    return np.concatenate([head, neck, _shoulder_rings(around)])


def _following(border: Array, rings: int) -> Array:
    """(R, B) how much of the border's shape each ring has: little behind ears, as they stand out."""
    ear = np.clip((np.abs(border[:, 0]) - EAR_MM[0]) / (EAR_MM[1] - EAR_MM[0]), 0, 1)
    ear *= border[:, 1] < EAR_TOP_MM
    count = FOLLOWING_RINGS + (EAR_RINGS - FOLLOWING_RINGS) * ear
    return np.clip(1 - np.arange(rings)[:, None] / count, 0, 1) ** 2


def _angles(offset: Array) -> Array:
    """(B,) directions of offsets (B, 2), evened out so that they only ever go on."""
    angle = np.unwrap(np.arctan2(offset[:, 1], offset[:, 0]))
    turn = np.sign(angle[-1] - angle[0]) * 2 * np.pi
    count = len(angle)
    line = angle[0] + turn * np.arange(count) / count
    return line + ndimage.gaussian_filter1d(angle - line, 3, mode="wrap")


def _reach(centre: Array, direction: Array) -> Array:
    """(R, B) how far rays from (R, B, 3) along (R, B, 3) leave skull or neck, whichever is farther."""
    reaches = []
    for solid, longest, power in zip((SKULL, SLIM_NECK), LONGEST_RAYS, (ROUND, SQUARE), strict=True):
        start = (centre - solid.center_mm) / solid.semiaxes_mm
        along = direction / solid.semiaxes_mm
        # The last of many steps that is inside is near enough.
        steps = np.linspace(0, longest, 400)[:, None, None]
        inside = (np.abs(start + steps[..., None] * along) ** power).sum(-1) < 1
        reaches.append(np.where(inside, steps, 0).max(axis=0))
    return np.maximum(*reaches)


def _shoulder_rings(around: Array) -> Array:
    height, half_width, half_depth = SHOULDERS.T[..., None]
    cosine, sine = np.cos(around), np.sin(around)
    power = np.interp(half_width, [70, 180], [1.0, 0.75])
    x = half_width * np.sign(cosine) * np.abs(cosine) ** power
    z = SLIM_NECK.center_mm[2] - half_depth * sine
    return np.stack([x, np.broadcast_to(height, x.shape), z], axis=-1)


def _between(numbers: IntArray) -> NDArray[np.int32]:
    """Two triangles for each pair of neighbours on neighbouring rings (R, B), turned outward."""
    a, b = numbers[:-1], numbers[1:]
    a_next, b_next = np.roll(a, -1, axis=1), np.roll(b, -1, axis=1)
    pairs = [np.stack([a, b, a_next], -1), np.stack([b, b_next, a_next], -1)]
    return np.concatenate([pair.reshape(-1, 3) for pair in pairs]).astype(np.int32)
