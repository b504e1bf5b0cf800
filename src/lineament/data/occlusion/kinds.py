"""The kinds of things that come before a face, each drawn by chance into one layer of the picture.

Every function takes a :class:`Scene` and a generator and gives a layer; :data:`KINDS` lists them by name,
with those that heads wear (:mod:`lineament.data.occlusion.accessory_kinds`).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.warp import warp_reflecting
from lineament.data.occlusion import things as things
from lineament.data.occlusion.accessory_kinds import (
    draw_glasses,
    draw_hair,
    draw_hat,
    draw_headband,
    draw_mask,
    draw_scarf,
)
from lineament.data.occlusion.drawing import Layer, draw_outline, stacked
from lineament.data.occlusion.scene import CHEEK, Donor, Kind, Scene
from lineament.data.occlusion.textures import any_texture, random_color, skin_color
from lineament.data.occlusion.things import Placing

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]


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
    return stacked(layer, fingers) if rng.random() < 0.6 else stacked(fingers, layer)


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
    return Layer(texture[: size_hw[0], : size_hw[1]].astype(np.float32), draw_outline(size_hw, outline))


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
