"""Things that come before a face without belonging to the head: hands, objects, microphones, phones, sticks.

Each function draws one :class:`Layer` of the picture's size at a place in px. Sizes are of real things, in
mm, times the picture's px per mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.occlusion.drawing import Layer, Light, chain, draw_outline, draw_tubes, stacked
from lineament.data.occlusion.textures import cloth_color, mottle, random_color

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]
SizeHW: TypeAlias = tuple[int, int]

# A right hand, fingers up, mm from the wrist (x right, y down): knuckle, three bones, radii at root and tip.
_KNUCKLES = np.array([[-27.0, -86], [-9, -93], [9, -90], [26, -80]])
_BONES = np.array([[40.0, 25, 21], [45, 29, 22], [41, 28, 21], [32, 21, 19]])
_RADII = np.array([[10.5, 8.0], [10.8, 8.2], [10.2, 7.8], [9.2, 7.0]])
_THUMB = np.array([[-19.0, -20], [-43, -50], [-60, -78], [-69, -102]])
_THUMB_RADII = np.array([17.0, 13, 11, 9.5])
SKIN, SHADED, NAIL, SLEEVE = range(4)


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a thing is, and how large.

    Attributes:
        target_xy: px, where its middle (a hand's fingers) lies.
        angle: radians, clockwise to the viewer, 0 for a thing that stands upright.
        px_per_mm: of the thing.
        mirrored: left hands.
    """

    target_xy: Array
    angle: float
    px_per_mm: float
    mirrored: bool = False

    def image_from_mm(self, points: Array, origin: Array) -> Array:
        """(P, 3) px of points in mm whose `origin` (2,) arrives at the target."""
        xy = (points[:, :2] - origin) * ([-1.0, 1.0] if self.mirrored else [1.0, 1.0])
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        rotated = xy @ np.array([[cosine, sine], [-sine, cosine]]) * self.px_per_mm + self.target_xy
        return np.column_stack([rotated, points[:, 2] * self.px_per_mm])


def hand(
    rng: np.random.Generator,
    size_hw: SizeHW,
    placing: Placing,
    skin: Array,
    light: Light,
    *,
    reach: float = 1.0,
) -> Layer:
    """A hand with its forearm, its fingers together, spread, bent or closed to a fist.

    Args:
        rng: source of all choices.
        size_hw: of the picture.
        placing: the target is between knuckles (reach 0) and finger tips (reach 1).
        skin: (3,) colour, 0 to 255.
        light: what shades it.
        reach: which part of the hand is at the target.
    """
    points, radii, parts, links = _hand_shape(rng)
    origin = np.array([0.0, -88 - 55 * reach])
    xyz = placing.image_from_mm(points, origin)
    ends = np.concatenate([xyz, radii[:, None] * placing.px_per_mm], axis=1)
    sleeve = cloth_color(rng)
    colors = np.stack(
        [skin, skin * rng.uniform(0.82, 0.95), np.minimum(skin * [1.12, 1.08, 1.1], 255), sleeve]
    )
    tubes = np.concatenate([ends[links[:, 0]], ends[links[:, 1]]], axis=1)
    layer = draw_tubes(size_hw, tubes, parts, colors, light, roundness=0.62)
    return layer.tinted(mottle(rng, size_hw, strength=0.1))


def _hand_shape(rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Points (P, 3) mm, radii (P,), colour of each tube (L,), its ends (L, 2)."""
    back = rng.random() < 0.65  # the viewer sees the back of the hand, and its nails
    spread = rng.uniform(0.0, 0.22) if rng.random() < 0.6 else 0.03
    bend = rng.choice([0.08, 0.35, 0.9, 1.35], p=[0.4, 0.3, 0.15, 0.15])
    pointing = rng.random() < 0.12
    points: list[list[float]] = [[-17.0, 0, 6], [17, 0, 6], [0, 8, 4], [0, 95, 8], [0, 420, 20]]
    radii = [19.0, 19, 25, 30, 42]
    sleeve = rng.uniform(20, 90)
    points[3][1], points[4][1] = sleeve, sleeve + 350
    links = [(0, 1, SHADED), (2, 3, SKIN), (3, 4, SLEEVE if rng.random() < 0.7 else SKIN)]
    radii[3] = 27 + 0.05 * sleeve
    roots = []
    for finger in range(4):
        root = len(points)
        roots.append(root)
        curl = 0.05 if pointing and finger == 0 else 1.4 if pointing else bend * rng.uniform(0.75, 1.25)
        lean = spread * (finger - 1.5) + rng.normal(0, 0.03)
        _add_finger(points, radii, links, finger, curl, lean, back=back)
        links += [(0 if finger < 2 else 1, root, SHADED), (2, root, SKIN)]
    links += [(one, other, SKIN) for one, other in pairwise(roots)]
    _add_thumb(points, radii, links, rng, back=back)
    table = np.array(links)
    return np.array(points), np.array(radii), table[:, 2], table[:, :2]


def _add_finger(
    points: list[list[float]],
    radii: list[float],
    links: list[tuple[int, int, int]],
    finger: int,
    curl: float,
    lean: float,
    *,
    back: bool,
) -> None:
    """Three bones from the knuckle; a back of the hand bends away from the viewer."""
    x, y = _KNUCKLES[finger]
    z, first = 0.0, len(points)
    thick, thin = _RADII[finger]
    points.append([x, y, z])
    radii.append(thick + 1.5)
    flexed = 0.0
    for bone, length in enumerate(_BONES[finger]):
        flexed += curl * (0.9, 1.1, 0.7)[bone]
        along = length * np.cos(flexed)
        x, y = x + along * np.sin(lean), y - along * np.cos(lean)
        z += length * np.sin(flexed) * (1 if back else -1)
        points.append([x, y, z])
        radii.append(thick + (thin - thick) * (bone + 1) / 3)
        links.append((first + bone, first + bone + 1, SKIN))
    if back and flexed < 1.2:
        _add_nail(points, radii, links, first + 2, first + 3)


def _add_nail(
    points: list[list[float]], radii: list[float], links: list[tuple[int, int, int]], joint: int, tip: int
) -> None:
    start, end = np.array(points[joint]), np.array(points[tip])
    for fraction in (0.72, 1.0):
        at = start + fraction * (end - start)
        points.append([at[0], at[1], at[2] - 0.55 * radii[tip]])
        radii.append(0.58 * radii[tip])
    links.append((len(points) - 2, len(points) - 1, NAIL))


def _add_thumb(
    points: list[list[float]],
    radii: list[float],
    links: list[tuple[int, int, int]],
    rng: np.random.Generator,
    *,
    back: bool,
) -> None:
    first = len(points)
    fold = rng.uniform(0.2, 1.0)  # 1 is spread, less lies along or over the palm
    for place, radius in zip(_THUMB, _THUMB_RADII):
        points.append([place[0] * fold + (1 - fold) * -14, place[1], (8 if back else -8) * (1 - fold)])
        radii.append(radius)
    links += [(first + bone, first + bone + 1, SKIN) for bone in range(3)]
    links.append((0, first + 1, SHADED))


def microphone(rng: np.random.Generator, size_hw: SizeHW, placing: Placing, light: Light) -> Layer:
    """A round or long head on a handle that comes from below; a foam cover in any colour at times."""
    head = rng.uniform(22, 34)
    long = rng.uniform(0, 40)
    points = np.array([[0.0, -long / 2, 0], [0, long / 2, 0], [0, head + long / 2, 0], [0, 260, 30]])
    radii = np.array([head, head, 11.0, 15.0])
    ends = np.concatenate([placing.image_from_mm(points, np.zeros(2)), radii[:, None] * placing.px_per_mm], 1)
    cover = random_color(rng) if rng.random() < 0.3 else random_color(rng, high=90)
    colors = np.stack([cover, np.full(3, rng.uniform(15, 120))])
    tubes = np.concatenate([ends[[2, 0]], ends[[3, 1]]], axis=1)
    layer = draw_tubes(size_hw, tubes, np.array([1, 0]), colors, light)
    grain = rng.integers(70, 131, (*size_hw, 1)).astype(np.float32) / 100
    return layer.tinted(grain)


def stick(rng: np.random.Generator, size_hw: SizeHW, placing: Placing, light: Light) -> Layer:
    """A pen, spoon, cable, straw or bar: one to three long thin tubes, straight or bent."""
    tubes, colors = [], []
    fraction = np.linspace(0, 1, 9)[:, None]
    for number in range(int(rng.choice([1, 1, 2, 3]))):
        start, end = rng.uniform(50, 350, 2)
        bent = rng.normal(0, 0.2) * (start + end)
        points = np.concatenate(
            [bent * 4 * fraction * (1 - fraction), fraction * (start + end) - start, 0 * fraction], 1
        )
        radius = np.exp(rng.uniform(np.log(1.0), np.log(14))) * placing.px_per_mm
        tubes.append(
            chain(
                placing.image_from_mm(points + np.array([40.0 * number, 0, 0]), np.zeros(2)),
                np.full(9, radius),
            )
        )
        colors.append(cloth_color(rng))
    parts = np.repeat(np.arange(len(tubes)), 8)
    return draw_tubes(size_hw, np.concatenate(tubes), parts, np.stack(colors), light)


def locks(
    rng: np.random.Generator, size_hw: SizeHW, placing: Placing, color: Array, light: Light, *, count: int
) -> Layer:
    """Hair that hangs from the target to below, over about a face's width."""
    fraction = np.linspace(0, 1, 5)[:, None]
    tubes = []
    lean = rng.normal(0, 0.2)
    for x, length in zip(rng.uniform(-60, 60, count), rng.uniform(50, 170, count)):
        points = np.concatenate([x + lean * length * fraction**2, length * fraction, 0 * fraction], axis=1)
        radius = rng.uniform(0.8, 4.0) * (1 - 0.8 * fraction[:, 0] ** 2) * placing.px_per_mm
        tubes.append(chain(placing.image_from_mm(points, np.zeros(2)), radius))
    colors = np.clip(color * rng.uniform(0.7, 1.3, (count, 1)), 0, 255)
    return draw_tubes(size_hw, np.concatenate(tubes), np.repeat(np.arange(count), 4), colors, light)


def phone(rng: np.random.Generator, size_hw: SizeHW, placing: Placing) -> Layer:
    """The back or screen of a phone, about 72 x 150 mm, with rounded corners and its lenses."""
    half = np.array([rng.uniform(33, 40), rng.uniform(65, 80)])
    layer = flat(size_hw, rounded(placing, half, power=rng.uniform(6, 14)), 0.8 * cloth_color(rng))
    rim = flat(size_hw, rounded(placing, half - 3, power=10), random_color(rng, high=120))
    layer = stacked(layer, rim)
    if rng.random() < 0.6:
        corner = Placing(placing.target_xy, placing.angle, placing.px_per_mm, placing.mirrored)
        for offset in ([-16.0, -52.0], [-16.0, -34.0], [0.0, -43.0])[: int(rng.integers(1, 4))]:
            lens = rounded(corner, np.full(2, 6.5), power=2, center=np.array(offset) * half / [36, 72])
            layer = stacked(layer, flat(size_hw, lens, np.full(3, 18)))
    return layer.tinted(_sheen(rng, size_hw, 0.35))


def textured(
    rng: np.random.Generator, size_hw: SizeHW, corners_xy: Array, texture: Image8, *, sheen: float = 0.3
) -> Layer:
    """An object: an outline (P, 2) px filled with a texture of at least the picture's size."""
    layer = Layer(texture[: size_hw[0], : size_hw[1]].astype(np.float32), draw_outline(size_hw, corners_xy))
    return layer.tinted(_sheen(rng, size_hw, sheen))


def flat(size_hw: SizeHW, corners_xy: Array, color: Array) -> Layer:
    """An outline (P, 2) px filled with one colour (3,)."""
    colors = np.broadcast_to(np.asarray(color, np.float32), (*size_hw, 3))
    return Layer(np.ascontiguousarray(colors), draw_outline(size_hw, corners_xy))


def rounded(
    placing: Placing, half: Array, *, power: float = 4.0, center: Array | None = None, count: int = 40
) -> Array:
    """(count, 2) px: a superellipse with half axes (2,) mm, from an ellipse (2) to a rectangle (20)."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    unit = unit / (np.abs(unit) ** power).sum(axis=1, keepdims=True) ** (1 / power)
    points = unit * half + (0.0 if center is None else center)
    return placing.image_from_mm(np.column_stack([points, np.zeros(count)]), np.zeros(2))[:, :2]


def blob(rng: np.random.Generator, placing: Placing, half: Array, *, wildness: float = 0.35) -> Array:
    """(64, 2) px: a smooth random outline of about the half axes (2,) mm."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones(64)
    for wave in range(1, 6):
        radius += rng.normal(0, wildness / wave) * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.clip(radius, 0.25, 1.8)[:, None]
    return placing.image_from_mm(np.column_stack([unit * half, np.zeros(64)]), np.zeros(2))[:, :2]


def polygon(rng: np.random.Generator, placing: Placing, half: Array) -> Array:
    """(3 to 9, 2) px: a random polygon of about the half axes (2,) mm."""
    count = int(rng.integers(3, 10))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1) * rng.uniform(0.6, 1.3, (count, 1))
    return placing.image_from_mm(np.column_stack([unit * half, np.zeros(count)]), np.zeros(2))[:, :2]


def _sheen(rng: np.random.Generator, size_hw: SizeHW, strength: float) -> Array:
    """(H, W, 1) a gradient of light across the picture: what makes a flat thing less flat."""
    angle = rng.uniform(0, 2 * np.pi)
    across = np.linspace(-1, 1, size_hw[1], dtype=np.float32) * np.float32(np.cos(angle))
    down = np.linspace(-1, 1, size_hw[0], dtype=np.float32) * np.float32(np.sin(angle))
    return 1 + np.float32(strength * rng.uniform(0.2, 1.0)) * (across + down[:, None])[..., None]
