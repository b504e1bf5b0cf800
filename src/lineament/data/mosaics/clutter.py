"""What stands behind, beside and in front of faces on a training canvas, and must not be taken for one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.paste import Mask, Owner, Picture, affine, paste
from lineament.data.occlusion.drawing import Layer, Light, stacked
from lineament.data.occlusion.textures import (
    any_texture,
    cloth_texture,
    hair_color,
    noise_texture,
    random_color,
    skin_color,
)
from lineament.data.occlusion.things import (
    Placing,
    blob,
    flat,
    hand,
    locks,
    microphone,
    polygon,
    rounded,
    textured,
)
from lineament.data.photographs.face_sets import FaceSet

Array = NDArray[np.floating]

LEFT_EYE, RIGHT_EYE, MOUTH = slice(36, 42), slice(42, 48), slice(48, 68)
LEFT_EAR, RIGHT_EAR, JAW, BROWS = slice(0, 2), slice(15, 17), slice(4, 13), slice(17, 27)
FACE_MM = 165.0
"""Longer side of the box of a face's 68 landmarks, about: the size of things of known size."""
OCCLUDER = -2  # in an owner map: something in front that is no face


@dataclass(frozen=True, slots=True)
class Cutting:
    """A piece of a picture: what to paste and which part of it to show."""

    picture: Picture
    center_xy: Array  # px of the picture
    half_xy: Array  # px of the picture


def fill_background(
    rng: np.random.Generator, canvas: Picture, owner: Owner, backgrounds: list[Picture]
) -> None:
    """Cover the whole canvas with a plain colour, coarse noise, or a background or two in any colours."""
    kind = rng.random()
    if kind < 0.08:
        canvas[:] = random_color(rng)
    elif kind < 0.16:
        canvas[:] = noise_texture(rng, max(canvas.shape[:2]))[: canvas.shape[0], : canvas.shape[1]]
    else:
        _fill_scene(rng, canvas, owner, backgrounds)
        if rng.random() < 0.2:  # a double exposure: textures that no single picture has
            second = np.zeros_like(canvas)
            _fill_scene(rng, second, owner, backgrounds)
            weight = rng.uniform(0.3, 0.7)
            canvas[:] = (weight * canvas + (1 - weight) * second).astype(np.uint8)
        if rng.random() < 0.15:
            canvas[:] = canvas[..., rng.permutation(3)]


def _fill_scene(rng: np.random.Generator, canvas: Picture, owner: Owner, backgrounds: list[Picture]) -> None:
    picture = backgrounds[rng.integers(len(backgrounds))]
    size = max(canvas.shape[:2])
    scale = size / min(picture.shape[:2]) * np.exp(rng.uniform(np.log(0.7), np.log(3.0)))
    placing = affine(
        scale=scale,
        angle=rng.normal(0, 0.15) + rng.choice([0, 0, 0, np.pi / 2, np.pi]),
        mirrored=rng.random() < 0.5,
        source_xy=rng.uniform(0.1, 0.9, 2) * picture.shape[1::-1],
        target_xy=np.array(canvas.shape[1::-1]) / 2,
    )
    middle = (picture.shape[1] / 2, picture.shape[0] / 2)
    everything = Mask(middle, (1e5, 1e5), power=20.0, feather=1e-3)
    paste(canvas, owner, picture, placing, everything, label=0, reflect=True)


def cut_nothing(
    rng: np.random.Generator, faces: FaceSet, backgrounds: list[Picture], *, size: float
) -> Cutting:
    """A piece in which no face is: of a background, of what is beside a face, or an eye, ear or mouth.

    Args:
        rng: where chance comes from.
        faces: photographs to cut from.
        backgrounds: pictures to cut from.
        size: px at which it will be shown, to read no more of the photograph than needed.
    """
    kind = rng.random()
    if kind < 0.45:
        picture = backgrounds[rng.integers(len(backgrounds))]
        half = min(picture.shape[:2]) * np.exp(rng.uniform(np.log(0.06), np.log(0.5), 2))
        return Cutting(picture, rng.uniform(0, 1, 2) * picture.shape[1::-1], half)
    index = int(rng.integers(len(faces)))
    landmarks = faces.landmarks_image[index]
    face_size = float(np.max(np.ptp(landmarks, axis=0)))
    picture, factor = faces.picture(index, scale=1.5 * size / face_size)
    if kind < 0.60:
        part = (LEFT_EYE, RIGHT_EYE, MOUTH, LEFT_EAR, RIGHT_EAR)[rng.integers(5)]
        center = landmarks[part].mean(axis=0)
        half = np.full(2, face_size * rng.uniform(0.10, 0.17)) * rng.uniform(0.8, 1.2, 2)
    else:
        center, half = _beside_face(rng, landmarks, np.array(picture.shape[1::-1]) / factor)
    return Cutting(picture, center * factor, half * factor)


def paste_cutting(
    rng: np.random.Generator, canvas: Picture, owner: Owner, cutting: Cutting, *, size: float, label: int = 0
) -> None:
    """Put a cutting somewhere on the canvas, `size` px across, turned, with an edge like those of faces."""
    placing = affine(
        scale=size / (2 * float(cutting.half_xy.max())),
        angle=rng.normal(0, 0.6),
        mirrored=rng.random() < 0.5,
        source_xy=cutting.center_xy,
        target_xy=rng.uniform(-0.05, 1.05, 2) * canvas.shape[1::-1],
    )
    mask = random_mask(rng, cutting.center_xy, cutting.half_xy)
    paste(canvas, owner, cutting.picture, placing, mask, label=label)


def random_mask(rng: np.random.Generator, center_xy: Array, half_xy: Array) -> Mask:
    """A soft ellipse, or a rectangle with hard edges, of the given extent."""
    center, half = (float(center_xy[0]), float(center_xy[1])), (float(half_xy[0]), float(half_xy[1]))
    if rng.random() < 0.4:
        return Mask(center, half, power=24.0, feather=rng.choice([0.005, 0.05]))
    return Mask(center, half, power=rng.uniform(2.0, 4.0), feather=rng.uniform(0.04, 0.45))


def occlude(
    rng: np.random.Generator, canvas: Picture, owner: Owner, landmarks: Array, backgrounds: list[Picture]
) -> None:
    """Put glasses, a hat, a hand, hair, a microphone or anything in front of one face, in place.

    Args:
        rng: where chance comes from.
        canvas: (H, W, 3) uint8, changed.
        owner: (H, W) int16, changed.
        landmarks: (68, 2) px of the canvas.
        backgrounds: pictures whose pieces serve as things.
    """
    size = float(np.max(np.ptp(landmarks, axis=0)))
    low = np.maximum(landmarks.min(axis=0) - size, 0).astype(int)
    high = np.minimum(landmarks.max(axis=0) + size, canvas.shape[1::-1]).astype(int)
    if np.any(high <= low):
        return
    around = slice(low[1], high[1]), slice(low[0], high[0])
    tile, size_hw = canvas[around], (int(high[1] - low[1]), int(high[0] - low[0]))
    layer = _before_face(rng, size_hw, landmarks - low, size / FACE_MM, backgrounds)
    tile[:] = layer.over(tile)
    owner[around][layer.mask] = OCCLUDER


def _before_face(
    rng: np.random.Generator,
    size_hw: tuple[int, int],
    landmarks: Array,
    px_per_mm: float,
    backgrounds: list[Picture],
) -> Layer:
    """What comes before a face of which only landmarks (68, 2) px are known."""
    kind = rng.choice(["glasses", "hat", "hand", "hair", "microphone", "thing", "thing"])
    up = landmarks[BROWS].mean(axis=0) - landmarks[JAW].mean(axis=0)
    up = up / (np.linalg.norm(up) + 1e-6)
    angle, light = float(np.arctan2(up[0], -up[1])), Light.random(rng)
    brow, mouth = landmarks[BROWS].mean(axis=0), landmarks[MOUTH].mean(axis=0)
    if kind == "glasses":
        return _dark_glasses(rng, size_hw, landmarks, angle, px_per_mm)
    if kind == "hat":
        middle = brow + up * rng.uniform(42, 66) * px_per_mm
        half = np.array([rng.uniform(90, 140), rng.uniform(33, 58)])
        crown = rounded(Placing(middle, angle, px_per_mm), half, power=rng.uniform(2, 4))
        return textured(rng, size_hw, crown, cloth_texture(rng, max(size_hw)))
    if kind == "hair":
        top = Placing(brow + up * rng.uniform(30, 60) * px_per_mm, angle, px_per_mm)
        return locks(rng, size_hw, top, hair_color(rng), light, count=int(rng.integers(3, 60)))
    if kind == "microphone":
        middle = mouth - up * rng.uniform(5, 50) * px_per_mm
        return microphone(rng, size_hw, Placing(middle, angle + rng.normal(0, 0.5), px_per_mm), light)
    target = landmarks[rng.integers(27)] + rng.normal(0, 16 * px_per_mm, 2)
    placing = Placing(target, rng.uniform(-np.pi, np.pi), px_per_mm, bool(rng.random() < 0.5))
    if kind == "hand":
        return hand(rng, size_hw, placing, skin_color(rng), light, reach=rng.uniform(0, 1))
    half = rng.uniform(20, 80, 2)
    shapes = (blob(rng, placing, half), polygon(rng, placing, half), rounded(placing, half, power=24.0))
    return textured(rng, size_hw, shapes[rng.integers(3)], any_texture(rng, backgrounds, max(size_hw)))


def _dark_glasses(
    rng: np.random.Generator, size_hw: tuple[int, int], landmarks: Array, angle: float, px_per_mm: float
) -> Layer:
    color, half = random_color(rng, high=70), np.array([rng.uniform(22, 32), rng.uniform(15, 25)])
    power = rng.uniform(2, 4)
    lenses = [
        flat(
            size_hw, rounded(Placing(landmarks[eye].mean(axis=0), angle, px_per_mm), half, power=power), color
        )
        for eye in (LEFT_EYE, RIGHT_EYE)
    ]
    return stacked(*lenses)


def _beside_face(rng: np.random.Generator, landmarks: Array, size_wh: Array) -> tuple[Array, Array]:
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    face = high - low
    low = low - face * np.array([0.05, 0.25])
    for _ in range(6):
        center = rng.uniform(0.05, 0.95, 2) * size_wh
        room = np.maximum(np.maximum(low - center, center - high), 0)
        half = face.max() * rng.uniform(0.15, 0.8, 2)
        if np.any(room > half):
            return center, half
    corner = np.array([rng.choice([0.0, size_wh[0]]), size_wh[1]])
    return corner, np.maximum(np.abs(corner - (low + high) / 2) - face / 2, 0.08 * face)
