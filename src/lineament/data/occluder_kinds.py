"""The kinds of things that come before a face, each drawn by chance into one layer of the picture.

Every function takes a :class:`Scene` and a generator and gives a layer; :data:`KINDS` lists them by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data import occluder_things as things
from lineament.data.head_shell import HeadShell
from lineament.data.occluder_drawing import Layer, Light
from lineament.data.occluder_textures import (
    any_texture,
    cloth_texture,
    hair_color,
    photo_texture,
    random_color,
    skin_color,
)
from lineament.data.occluder_things import Placing
from lineament.data.occluder_wear import (
    GlassesStyle,
    Worn,
    band,
    cap,
    draw_worn,
    glasses,
    strands,
    with_loops,
)
from lineament.data.warp import warp_reflecting
from lineament.geometry.camera import WeakPerspective

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]

CHEEK = (2, 14, 31, 35, 48, 54, 29, 30)
"""Landmarks around which a face's own skin is looked up."""


@dataclass(frozen=True, slots=True, repr=False)
class Donor:
    """Another person's face: a picture and the part of it that is to be shown.

    Attributes:
        image: (H, W, 3) uint8.
        center_xy: px, middle of the face.
        size: px, longer side of its 68 landmarks' box.
    """

    image: Image8
    center_xy: tuple[float, float]
    size: float


@dataclass(frozen=True, slots=True, repr=False)
class Scene:
    """A face in a picture, and what things may be made of.

    Attributes:
        image: (H, W, 3) uint8.
        camera: of the head.
        landmarks_model: (68, 3) mm.
        landmarks_image: (68, 3) px.
        front: (H, W) depth of the head, px, infinite where it is not.
        shell: of the head.
        light: what shades things.
        pictures: textures, (h, w, 3) uint8 each.
        donors: other people's faces.
    """

    image: Image8
    camera: WeakPerspective
    landmarks_model: Array
    landmarks_image: Array
    front: Array
    shell: HeadShell
    light: Light
    pictures: Sequence[Image8]
    donors: Sequence[Donor]

    @property
    def size_hw(self) -> tuple[int, int]:
        """Of the picture."""
        height, width = self.image.shape[:2]
        return height, width

    @property
    def up_angle(self) -> float:
        """Radians, clockwise to the viewer, from the picture's up to the head's."""
        x, y = self.camera.image_from_model_matrix[:2, 1]
        return float(np.arctan2(x, -y))

    def color_at(self, points_xy: Array) -> Array:
        """(3,) median colour of the picture around points (P, 2) px."""
        height, width = self.size_hw
        x = np.clip(points_xy[:, 0].astype(int), 0, width - 1)
        y = np.clip(points_xy[:, 1].astype(int), 0, height - 1)
        return np.median(self.image[y, x].astype(np.float32), axis=0)

    def worn(self, thing: Worn) -> Layer:
        """A worn thing, drawn."""
        return draw_worn(thing, self.camera, self.size_hw, self.front, self.light)


Kind: TypeAlias = Callable[[Scene, np.random.Generator], Layer]


def draw_hand(scene: Scene, rng: np.random.Generator) -> Layer:
    """A hand on cheek, mouth, eye or brow; of the face's own skin or another's."""
    skin = scene.color_at(scene.landmarks_image[CHEEK, :2]) * rng.uniform(0.85, 1.12)
    if rng.random() < 0.35:
        skin = skin_color(rng)
    target = scene.landmarks_image[rng.integers(0, 68), :2] + rng.normal(0, 9, 2) * scene.camera.scale
    side = rng.choice([-1.0, 1.0])
    angle = (
        scene.up_angle + side * abs(rng.normal(0.45, 0.5))
        if rng.random() < 0.85
        else rng.uniform(-np.pi, np.pi)
    )
    placing = Placing(target, angle, scene.camera.scale * rng.uniform(0.85, 1.15), bool(rng.random() < 0.5))
    return things.hand(rng, scene.size_hw, placing, skin, scene.light, reach=rng.uniform(-0.1, 1.0))


def draw_object(scene: Scene, rng: np.random.Generator) -> Layer:
    """A blob or polygon with the texture of a photograph, noise, cloth or one colour."""
    placing = _anywhere(scene, rng)
    half = 100 * np.exp(rng.uniform(np.log(0.2), np.log(0.8), 2))
    corners = things.blob(rng, placing, half) if rng.random() < 0.6 else things.polygon(rng, placing, half)
    texture = any_texture(rng, scene.pictures, max(scene.size_hw))
    return things.textured(rng, scene.size_hw, corners, texture)


def draw_plain(scene: Scene, rng: np.random.Generator) -> Layer:
    """A rectangle or ellipse of one colour, noise or texture, upright or turned, as the papers have it."""
    angle = 0.0 if rng.random() < 0.5 else rng.uniform(-np.pi, np.pi)
    placing = Placing(_target(scene, rng), angle, scene.camera.scale)
    half = 100 * np.exp(rng.uniform(np.log(0.2), np.log(0.7), 2))
    corners = things.rounded(placing, half, power=rng.choice([2.0, 40.0], p=[0.3, 0.7]), count=48)
    if rng.random() < 0.5:
        return things.flat(scene.size_hw, corners, random_color(rng))
    texture = any_texture(rng, scene.pictures, max(scene.size_hw))
    return things.textured(rng, scene.size_hw, corners, texture, sheen=0.0)


def draw_phone(scene: Scene, rng: np.random.Generator) -> Layer:
    """A phone before one half of the face, at times held by a hand."""
    side = rng.choice([-1.0, 1.0])
    middle = scene.landmarks_image[[27, 33]].mean(axis=0)[:2]
    away = np.array([side * rng.uniform(15, 75), rng.uniform(-40, 40)]) * scene.camera.scale
    placing = Placing(
        middle + away, scene.up_angle + rng.normal(0, 0.25), scene.camera.scale * rng.uniform(0.85, 1.2)
    )
    layer = things.phone(rng, scene.size_hw, placing)
    if rng.random() < 0.6:
        layer = _held(scene, rng, layer, placing)
    return layer


def _held(scene: Scene, rng: np.random.Generator, layer: Layer, placing: Placing) -> Layer:
    """A thing with fingers around it from below."""
    skin = scene.color_at(scene.landmarks_image[CHEEK, :2]) * rng.uniform(0.85, 1.1)
    scale = scene.camera.scale
    at = placing.target_xy + np.array([0.0, 55.0]) * scale
    grip = Placing(at, placing.angle + rng.normal(0, 0.3), scale, bool(rng.random() < 0.5))
    fingers = things.hand(rng, scene.size_hw, grip, skin, scene.light, reach=rng.uniform(0.0, 0.6))
    return things.stacked(layer, fingers) if rng.random() < 0.6 else things.stacked(fingers, layer)


def draw_microphone(scene: Scene, rng: np.random.Generator) -> Layer:
    """A microphone before mouth or chin, its handle towards below."""
    mouth = scene.landmarks_image[48:68, :2].mean(axis=0)
    away = np.array([rng.normal(0, 30), rng.uniform(-5, 70)]) * scene.camera.scale
    placing = Placing(mouth + away, rng.normal(0, 0.5), scene.camera.scale * rng.uniform(0.8, 1.25))
    return things.microphone(rng, scene.size_hw, placing, scene.light)


def draw_stick(scene: Scene, rng: np.random.Generator) -> Layer:
    """A pen, straw, cable or bar across the face."""
    return things.stick(rng, scene.size_hw, _anywhere(scene, rng), scene.light)


def draw_other_face(scene: Scene, rng: np.random.Generator) -> Layer:
    """Another person's head that covers a part of this one from the side or below."""
    if not scene.donors:
        return draw_object(scene, rng)
    donor = scene.donors[int(rng.integers(len(scene.donors)))]
    size = float(np.ptp(scene.landmarks_image[:, :2], axis=0).max())
    zoom = size / donor.size * rng.uniform(0.8, 1.25)
    angle = (
        rng.uniform(-np.pi, np.pi)
        if rng.random() < 0.3
        else rng.choice([0.0, np.pi, np.pi / 2]) + rng.normal(0, 0.3)
    )
    away = size * rng.uniform(0.6, 1.05) * np.array([np.cos(angle), np.sin(angle)])
    middle = scene.landmarks_image[:, :2].mean(axis=0) + away
    mirrored = -1.0 if rng.random() < 0.5 else 1.0
    return _pasted_head(donor, scene.size_hw, middle, zoom, mirrored)


def _pasted_head(
    donor: Donor, size_hw: tuple[int, int], middle: Array, zoom: float, mirrored: float
) -> Layer:
    side = max(size_hw)
    linear = np.array([[mirrored / zoom, 0.0], [0.0, 1 / zoom]])
    shift = np.array(donor.center_xy) - linear @ middle
    texture = warp_reflecting(donor.image, np.column_stack([linear, shift]), side)
    placing = Placing(np.add(middle, [0.0, -0.12 * donor.size * zoom]), 0.0, donor.size * zoom)
    outline = things.rounded(placing, np.array([0.56, 0.78]), power=2.6, count=48)
    return Layer(
        texture[: size_hw[0], : size_hw[1]].astype(np.float32), things.draw_outline(size_hw, outline)
    )


def draw_glasses(scene: Scene, rng: np.random.Generator) -> Layer:
    """Reading glasses, tinted glasses, sunglasses, mirrored ones."""
    dark = rng.random() < 0.6
    half = (rng.uniform(23, 30), rng.uniform(14, 24))
    lens = np.broadcast_to(random_color(rng, high=60 if dark else 256), (8, 8, 3)).astype(np.float32)
    opacity = rng.uniform(0.8, 1.0) if dark else rng.uniform(0.02, 0.3)
    if dark and rng.random() < 0.3 and len(scene.pictures):  # the world in the glass
        lens = 0.5 * lens + 0.5 * photo_texture(rng, scene.pictures, 8)
    elif dark:
        lens = np.minimum(lens + np.linspace(rng.uniform(0, 70), 0, 8)[:, None, None], 255)
    style = GlassesStyle(
        half_wh=(half[0], min(half[1], half[0])),
        power=rng.uniform(2.0, 4.5),
        frame=0.0 if rng.random() < 0.1 else np.exp(rng.uniform(np.log(0.7), np.log(3.4))),
        opacity=opacity,
        lens=lens.astype(np.uint8),
        color=random_color(rng, high=90 if rng.random() < 0.7 else 256),
        drop=rng.uniform(0, 5),
    )
    return scene.worn(glasses(scene.shell, scene.landmarks_model, style))


def draw_hat(scene: Scene, rng: np.random.Generator) -> Layer:
    """A cap with its visor, a woollen hat, a brimmed hat."""
    kind = rng.choice(["cap", "beanie", "hat"], p=[0.45, 0.3, 0.25])
    texture = _cloth(scene, rng)
    other = texture if rng.random() < 0.5 else _cloth(scene, rng)
    low = rng.uniform(0.16, 0.48)
    made = cap(
        scene.shell,
        brow=low,
        tilt=rng.uniform(0.1, 0.5),
        height={"cap": 8.0, "beanie": 14.0, "hat": 25.0}[kind] * rng.uniform(0.6, 1.8),
        visor={"cap": 72.0, "beanie": 0.0, "hat": 70.0}[kind] * rng.uniform(0.7, 1.15),
        texture=texture,
        visor_texture=other,
        brim=kind == "hat",
    )
    return scene.worn(made)


def draw_headband(scene: Scene, rng: np.random.Generator) -> Layer:
    """A band around the forehead, or a bandage askew that covers a brow or an eye."""
    askew = rng.normal(0, 12) if rng.random() < 0.6 else rng.normal(0, 40)
    columns = np.linspace(-1, 1, 25)
    low = rng.uniform(50, 88) + askew * columns
    high = low + rng.uniform(15, 45)
    return scene.worn(
        band(scene.shell, low, high, reach=np.radians(94), offset=3.0, texture=_cloth(scene, rng))
    )


def draw_mask(scene: Scene, rng: np.random.Generator) -> Layer:
    """A surgical or cloth mask over mouth and nose, at times only over the mouth."""
    columns, reach = np.linspace(-1, 1, 25), np.radians(rng.uniform(52, 66))
    top = 12.0 + rng.normal(0, 5) if rng.random() < 0.85 else -22.0
    high = top - rng.uniform(14, 24) * np.abs(columns) ** 1.6
    low = -94.0 + rng.uniform(22, 36) * np.abs(columns) ** 2.0
    texture = _pleated(rng) if rng.random() < 0.6 else _cloth(scene, rng)
    mask = band(scene.shell, low, high, reach=reach, offset=rng.uniform(4, 8), texture=texture)
    if rng.random() < 0.9:
        mask = with_loops(
            mask,
            scene.shell,
            color=texture.mean(axis=(0, 1)),
            heights=(high[-1] - 3, low[-1] + 6),
            reach=reach,
        )
    return scene.worn(mask)


def draw_scarf(scene: Scene, rng: np.random.Generator) -> Layer:
    """A scarf or bandana from mouth or nose down over the chin and to both sides."""
    columns = np.linspace(-1, 1, 25)
    high = rng.uniform(-55, 8) + rng.uniform(-18, 10) * np.abs(columns) + rng.normal(0, 6) * columns
    low = np.full(25, -95.0)
    scarf = band(
        scene.shell, low, high, reach=np.radians(88), offset=rng.uniform(5, 12), texture=_cloth(scene, rng)
    )
    sheet = scarf.sheets[0]
    points = sheet.vertices_model.reshape(12, 25, 3).copy()
    hang = np.linspace(0, 1, 12)[:, None] ** 2
    points[..., 1] -= hang * rng.uniform(30, 80)
    points[..., 2] += 3 * np.sin(np.linspace(0, rng.uniform(8, 20), 12))[:, None] + hang * rng.uniform(
        -10, 15
    )
    return scene.worn(Worn((replace(sheet, vertices_model=points.reshape(-1, 3)),)))


def draw_hair(scene: Scene, rng: np.random.Generator) -> Layer:
    """A fringe, single locks before the face, or long hair over one or both cheeks."""
    color = _own_hair(scene) if rng.random() < 0.5 else hair_color(rng)
    kind = rng.choice(["fringe", "locks", "curtain"], p=[0.45, 0.2, 0.35])
    count = int(rng.integers(2, 12)) if kind == "locks" else int(rng.integers(110, 260))
    if kind == "curtain":
        side = rng.choice([-1.0, 1.0], size=1 if rng.random() < 0.5 else count)
        azimuth = side * np.radians(rng.uniform(rng.uniform(25, 55), 94, count))
        top, length = rng.uniform(60, 114, count), rng.uniform(110, 260) * rng.uniform(0.75, 1.05, count)
    else:
        azimuth = np.clip(rng.normal(0, 0.35) + rng.uniform(-0.95, 0.95, count), -1.5, 1.5)
        top = 114 - 14 * np.abs(azimuth) + rng.normal(0, 3, count)
        length = rng.uniform(35, 100) * rng.uniform(0.75, 1.1, count)
    lean = rng.normal(rng.normal(0, 0.2), 0.05, count)
    radius = np.exp(rng.uniform(np.log(0.7), np.log(5.0 if kind == "locks" else 2.6), count))
    colors = np.clip(color * rng.uniform(0.7, 1.3, (count, 1)), 0, 255)
    return scene.worn(strands(scene.shell, azimuth, top, length, lean, radius, colors))


def _own_hair(scene: Scene) -> Array:
    """(3,) colour of the picture where the top of the skull is."""
    azimuth, elevation = np.radians([-40.0, -15, 15, 40]), np.radians([60.0, 65, 65, 60])
    top = scene.camera.image_from_model(scene.shell.skull(azimuth, elevation))
    return np.clip(scene.color_at(top[:, :2]), 8, 250)


def _cloth(scene: Scene, rng: np.random.Generator) -> Image8:
    if rng.random() < 0.2 and len(scene.pictures):
        return photo_texture(rng, scene.pictures, 64, share=(0.1, 0.5))
    return cloth_texture(rng, 64)


def _pleated(rng: np.random.Generator) -> Image8:
    """(64, 64, 3) a plain mask, white, blue, black or another colour, with its folds."""
    colors = np.float32([[236, 240, 242], [150, 196, 222], [28, 28, 32], [186, 214, 206]])
    color = colors[rng.integers(4)] if rng.random() < 0.8 else random_color(rng).astype(np.float32)
    folds = 1 - 0.2 * (np.sin(np.linspace(0, 2 * np.pi * rng.uniform(2, 4), 64)) > 0.8)
    return np.clip(color * folds[:, None, None] * np.ones((1, 64, 1)), 0, 255).astype(np.uint8)


def _target(scene: Scene, rng: np.random.Generator) -> Array:
    """(2,) px: somewhere on or beside the face."""
    return scene.landmarks_image[rng.integers(0, 68), :2] + rng.normal(0, 14, 2) * scene.camera.scale


def _anywhere(scene: Scene, rng: np.random.Generator) -> Placing:
    return Placing(_target(scene, rng), rng.uniform(-np.pi, np.pi), scene.camera.scale)


KINDS: dict[str, Kind] = {
    "hand": draw_hand,
    "object": draw_object,
    "plain": draw_plain,
    "phone": draw_phone,
    "microphone": draw_microphone,
    "stick": draw_stick,
    "other_face": draw_other_face,
    "glasses": draw_glasses,
    "hat": draw_hat,
    "headband": draw_headband,
    "mask": draw_mask,
    "scarf": draw_scarf,
    "hair": draw_hair,
}
