"""The kinds of things that heads wear, each drawn by chance into one layer of the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.occlusion.accessories import (
    Accessory,
    GlassesStyle,
    band,
    cap,
    glasses,
    strands,
    with_loops,
)
from lineament.data.occlusion.drawing import Layer
from lineament.data.occlusion.scene import Scene
from lineament.data.occlusion.textures import cloth_texture, hair_color, photo_texture, random_color

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]


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
    return scene.accessory(glasses(scene.shell, scene.landmarks_model, style))


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
    return scene.accessory(made)


def draw_headband(scene: Scene, rng: np.random.Generator) -> Layer:
    """A band around the forehead, or a bandage askew that covers a brow or an eye."""
    askew = rng.normal(0, 12) if rng.random() < 0.6 else rng.normal(0, 40)
    columns = np.linspace(-1, 1, 25)
    low = rng.uniform(50, 88) + askew * columns
    high = low + rng.uniform(15, 45)
    return scene.accessory(
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
    return scene.accessory(mask)


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
    return scene.accessory(Accessory((replace(sheet, vertices_model=points.reshape(-1, 3)),)))


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
    return scene.accessory(strands(scene.shell, azimuth, top, length, lean, radius, colors))


def _own_hair(scene: Scene) -> Array:
    """(3,) colour of the picture where the top of the skull is."""
    azimuth, elevation = np.radians([-40.0, -15, 15, 40]), np.radians([60.0, 65, 65, 60])
    top = scene.camera.image_from_model(scene.shell.skull(azimuth, elevation))
    return np.clip(scene.color_at(top[:, :2]), 8, 250)


def _cloth(scene: Scene, rng: np.random.Generator) -> Image8:
    if rng.random() < 0.2 and len(scene.pictures):
        return photo_texture(rng, scene.pictures, 64, fraction=(0.1, 0.5))
    return cloth_texture(rng, 64)


def _pleated(rng: np.random.Generator) -> Image8:
    """(64, 64, 3) a plain mask, white, blue, black or another colour, with its folds."""
    colors = np.float32([[236, 240, 242], [150, 196, 222], [28, 28, 32], [186, 214, 206]])
    color = colors[rng.integers(4)] if rng.random() < 0.8 else random_color(rng).astype(np.float32)
    folds = 1 - 0.2 * (np.sin(np.linspace(0, 2 * np.pi * rng.uniform(2, 4), 64)) > 0.8)
    return np.clip(color * folds[:, None, None] * np.ones((1, 64, 1)), 0, 255).astype(np.uint8)
