"""What stands behind, beside and in front of faces on a training canvas, and must not be taken for one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.face_sets import FaceSet
from lineament.data.paste import Mask, Owner, Picture, affine, paste

Array = NDArray[np.floating]

LEFT_EYE, RIGHT_EYE, MOUTH = slice(36, 42), slice(42, 48), slice(48, 68)
LEFT_EAR, RIGHT_EAR, JAW, BROWS = slice(0, 2), slice(15, 17), slice(4, 13), slice(17, 27)
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
        canvas[:] = _coarse_noise(rng, canvas.shape[0], canvas.shape[1])
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
    kind = rng.choice(["glasses", "hat", "hand", "hair", "microphone", "thing", "thing"])
    size = float(np.max(np.ptp(landmarks, axis=0)))
    up = landmarks[BROWS].mean(axis=0) - landmarks[JAW].mean(axis=0)
    up = up / (np.linalg.norm(up) + 1e-6)
    if kind == "glasses":
        color = random_color(rng, high=70)
        for eye in (LEFT_EYE, RIGHT_EYE):
            half = size * np.array([rng.uniform(0.13, 0.2), rng.uniform(0.09, 0.15)])
            _blob(canvas, owner, color, landmarks[eye].mean(axis=0), half, up, power=3.0, feather=0.1)
    elif kind == "hat":
        center = landmarks[BROWS].mean(axis=0) + up * size * rng.uniform(0.25, 0.4)
        half = size * np.array([rng.uniform(0.55, 0.85), rng.uniform(0.2, 0.35)])
        _blob(canvas, owner, random_color(rng), center, half, up, power=2.5, feather=0.1)
    elif kind == "hand":
        _hand(rng, canvas, owner, landmarks[JAW][rng.integers(9)], size)
    elif kind == "hair":
        color = random_color(rng, high=110)
        for _ in range(int(rng.integers(2, 7))):
            center = landmarks[rng.choice([17, 0, 16, 26, 36, 45])] + rng.normal(0, 0.12 * size, 2)
            lean = up + rng.normal(0, 0.25, 2)
            half = size * np.array([rng.uniform(0.02, 0.08), rng.uniform(0.3, 0.7)])
            _blob(canvas, owner, color, center, half, lean, power=2.0, feather=0.4)
    elif kind == "microphone":
        center = landmarks[MOUTH].mean(axis=0) - up * size * rng.uniform(0.1, 0.3)
        half = size * np.array([rng.uniform(0.08, 0.16), rng.uniform(0.12, 0.3)])
        _blob(canvas, owner, random_color(rng, high=90), center, half, up + rng.normal(0, 0.3, 2), power=3.0)
    else:
        _thing(rng, canvas, owner, landmarks, size, backgrounds)


def random_color(rng: np.random.Generator, *, high: int = 256) -> NDArray[np.uint8]:
    """(3,) uint8: a grey or a colour, each channel below `high`."""
    color = np.full(3, rng.integers(high)) if rng.random() < 0.4 else rng.integers(0, high, 3)
    return color.astype(np.uint8)


def _thing(
    rng: np.random.Generator,
    canvas: Picture,
    owner: Owner,
    landmarks: Array,
    size: float,
    backgrounds: list[Picture],
) -> None:
    picture = backgrounds[rng.integers(len(backgrounds))]
    half = np.array(picture.shape[1::-1]) * rng.uniform(0.1, 0.5, 2)
    center = rng.uniform(0.2, 0.8, 2) * picture.shape[1::-1]
    edge_xy = landmarks[rng.integers(27)] + rng.normal(0, 0.1 * size, 2)
    scale = size * rng.uniform(0.25, 0.5) / float(half.max())
    placing = affine(
        scale=scale, angle=rng.uniform(-3.1, 3.1), mirrored=False, source_xy=center, target_xy=edge_xy
    )
    paste(canvas, owner, picture, placing, random_mask(rng, center, half), label=OCCLUDER)


def _hand(rng: np.random.Generator, canvas: Picture, owner: Owner, root: Array, size: float) -> None:
    skin = np.array([214, 164, 134]) * rng.uniform(0.35, 1.1) + rng.normal(0, 12, 3)
    direction = rng.normal(0, 1, 2)
    direction /= np.linalg.norm(direction) + 1e-6
    across = np.array([-direction[1], direction[0]])
    for finger in range(4):
        shade = np.clip(skin * rng.uniform(0.85, 1.1), 0, 255).astype(np.uint8)
        center = root + across * (finger - 1.5) * size * 0.11 + rng.normal(0, 0.02 * size, 2)
        half = size * np.array([0.055, rng.uniform(0.22, 0.34)])
        _blob(canvas, owner, shade, center, half, direction + rng.normal(0, 0.08, 2), power=3.0, feather=0.25)


def _blob(
    canvas: Picture,
    owner: Owner,
    color: NDArray[np.uint8],
    center_xy: Array,
    half_xy: Array,
    up_xy: Array,
    *,
    power: float = 2.5,
    feather: float = 0.15,
) -> None:
    plain = np.broadcast_to(color, (2, 2, 3)).copy()
    angle = float(np.arctan2(-up_xy[0], -up_xy[1]))
    placing = affine(scale=1.0, angle=angle, mirrored=False, source_xy=np.ones(2), target_xy=center_xy)
    mask = Mask((1.0, 1.0), (float(half_xy[0]), float(half_xy[1])), power, feather)
    paste(canvas, owner, plain, placing, mask, label=OCCLUDER, reflect=True)


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


def _coarse_noise(rng: np.random.Generator, height: int, width: int) -> Picture:
    cells = rng.integers(2, 24, 2)
    small = rng.integers(0, 256, (*cells, 3)).astype(np.float32)
    rows = np.linspace(0, cells[0] - 1, height)
    columns = np.linspace(0, cells[1] - 1, width)
    if rng.random() < 0.5:
        return small[rows.astype(int)][:, columns.astype(int)].astype(np.uint8)
    top, left = np.minimum(rows.astype(int), cells[0] - 2), np.minimum(columns.astype(int), cells[1] - 2)
    dy, dx = (rows - top)[:, None, None], (columns - left)[None, :, None]
    upper = small[top][:, left] * (1 - dx) + small[top][:, left + 1] * dx
    lower = small[top + 1][:, left] * (1 - dx) + small[top + 1][:, left + 1] * dx
    return (upper * (1 - dy) + lower * dy).astype(np.uint8)
