"""The parts of a head in a file that moves: skin, eyeballs that turn, the inside of the mouth, teeth.

Only skin has the photograph's colours. What lies behind lids and lips is seen there now and then, and never
whole: its colours smear as soon as the jaw opens, and shut eyes show lids. It has colours of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.by_identity import ByIdentity
from lineament.export.files import png_bytes
from lineament.export.teeth import JAW_SHAPES, Teeth
from lineament.geometry.eye_turns import LOOKS, sphere_centre, turn_of
from lineament.geometry.morphable import MorphableModel

Array: TypeAlias = NDArray[Any]
IntArray: TypeAlias = NDArray[np.integer]

IRIS_SINE, PUPIL = 0.40, 0.38  # sine of the angle between the eye's axis and the iris' rim; pupil over iris
SIDE_PX = 256
EYE, TOOTH, GUM, BAG = (0, 0, 256, 256), (256, 0, 128, 128), (384, 0, 128, 128), (256, 128, 256, 128)
"""Left, top, width, height of each part of the picture, px."""
SCLERA_RGB, IRIS_RGB, PUPIL_RGB = (216, 208, 202), (92, 62, 40), (14, 11, 10)
TOOTH_RGB, GUM_RGB, LIP_RGB, DEEP_RGB, TONGUE_RGB = (
    (212, 202, 184),
    (164, 92, 88),
    (128, 66, 62),
    (34, 16, 15),
    (138, 76, 74),
)


@dataclass(frozen=True, slots=True, repr=False)
class HeadPart:
    """One surface of a head.

    Attributes:
        name: "skin", "eyes", "mouth" or "teeth".
        at_rest: (V, 3) mm, model frame.
        differences: (E, V, 3) mm, what each of the model's expressions adds at weight 1.
        triangles: (M, 3) int, of its own vertices.
        uv: (V, 2) right and down, or None; on the photograph's texture for skin, else on :func:`inside_rgb`.
    """

    name: str
    at_rest: Array
    differences: Array
    triangles: IntArray
    uv: Array | None


def head_parts(model: MorphableModel, at_rest: Array) -> list[HeadPart]:
    """The parts of a face at rest, (N, 3) mm; those of the built-in model in the order of its vertices.

    Other models are one part: where their eyeballs and mouths are is their own affair.
    """
    ranges = _ranges(model)
    if not ranges:
        return [HeadPart("skin", at_rest, model.expression_basis, model.triangles, model.uv)]
    skin, eyes, mouth = (_slice(model, at_rest, name, *own) for name, own in ranges.items())
    teeth = _teeth(ByIdentity(model))
    return [
        skin,
        _looking(eyes, model.expression_names),
        _inside(mouth),
        HeadPart(
            "teeth",
            teeth.at_rest(model, at_rest),
            teeth.differences,
            teeth.triangles,
            teeth_uv(teeth),
        ),
    ]


@lru_cache(maxsize=2)
def _teeth(key: ByIdentity[MorphableModel]) -> Teeth:
    """Those of a model, which are the same for all faces."""
    return Teeth.of(key.value)


def teeth_uv(teeth: Teeth) -> Array:
    """(V, 2) places of teeth and gums on the picture of :func:`inside_rgb`, right and down."""
    return np.where(teeth.is_gum[:, None], _placed(teeth.place_uv, GUM), _placed(teeth.place_uv, TOOTH))


def _ranges(model: MorphableModel) -> dict[str, tuple[slice, slice]]:
    """Vertices and triangles of the built-in model's parts; empty for other models."""
    names = {"face": "skin", "eyeballs": "eyes", "mouth": "mouth"}
    needed = {*JAW_SHAPES, *(look + side for look in LOOKS for side in ("Left", "Right"))}
    if model.name != "lfm" or tuple(model.parts) != tuple(names) or needed - {*model.expression_names}:
        return {}
    ranges = {}
    for part, name in names.items():
        first, last = model.parts[part]
        used = model.triangles[first:last]
        ranges[name] = (slice(int(used.min()), int(used.max()) + 1), slice(first, last))
    return ranges


def _slice(model: MorphableModel, at_rest: Array, name: str, vertices: slice, triangles: slice) -> HeadPart:
    assert model.uv is not None
    own = model.triangles[triangles] - vertices.start
    return HeadPart(name, at_rest[vertices], model.expression_basis[:, vertices], own, model.uv[vertices])


def _looking(eyes: HeadPart, names: tuple[str, ...]) -> HeadPart:
    """Eyeballs that turn with the expressions of looking, and their places on the picture of an eye.

    A target is where weight 1 turns the eye to; between, vertices go straight: at half the weight the iris
    lies 0.6 mm deep in the eyeball.
    """
    differences = eyes.differences.copy()
    uv = np.zeros((len(eyes.at_rest), 2))
    for side, own in _sides(eyes).items():
        centre = sphere_centre(eyes.at_rest[own])
        away = eyes.at_rest[own] - centre
        uv[own] = _placed(0.5 + 0.47 * _direction(away)[:, :2] * [1, -1], EYE)
        for look, (out_deg, up_deg) in LOOKS.items():
            turn = turn_of(np.radians(out_deg) * (1 if side == "Left" else -1), np.radians(up_deg))
            differences[names.index(look + side), own] += away @ turn.T - away
    return HeadPart(eyes.name, eyes.at_rest, differences, eyes.triangles, uv)


def _sides(eyes: HeadPart) -> dict[str, NDArray[np.bool_]]:
    """Which vertices are the person's left eye, to the viewer's right, and which the right one."""
    left = eyes.at_rest[:, 0] > eyes.at_rest[:, 0].mean()
    return {"Left": left, "Right": ~left}


def _direction(away: Array) -> Array:
    return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True))


def _inside(mouth: HeadPart) -> HeadPart:
    """The mouth's inside with places on its picture: by height, and by depth from the lips."""
    depth = mouth.at_rest[:, 2].max() - mouth.at_rest[:, 2]
    height = mouth.at_rest[:, 1] - mouth.at_rest[:, 1].min()
    place = np.stack([height / height.max(), np.clip(depth / 30.0, 0, 1)], axis=1)
    return HeadPart(mouth.name, mouth.at_rest, mouth.differences, mouth.triangles, _placed(place, BAG))


def _placed(place: Array, part: tuple[int, int, int, int]) -> Array:
    """Places of 0 to 1 within a part of the picture, a little inside of its border."""
    left, top, width, height = part
    inner = 0.04 + 0.92 * np.clip(place, 0, 1)
    return np.asarray((np.array([left, top]) + inner * [width, height]) / [2 * SIDE_PX, SIDE_PX])


@lru_cache(maxsize=1)
def inside_png() -> bytes:
    """The picture of :func:`inside_rgb` as a file."""
    return png_bytes(inside_rgb())


@lru_cache(maxsize=1)
def inside_rgb() -> NDArray[np.uint8]:
    """(256, 512, 3) an eye, a tooth, gums, and the inside of the mouth."""
    picture = np.zeros((SIDE_PX, 2 * SIDE_PX, 3))
    for part, paint in ((EYE, _eye), (TOOTH, _tooth), (GUM, _gum), (BAG, _bag)):
        left, top, width, height = part
        x = ((np.arange(width) + 0.5) / width - 0.04) / 0.92
        y = ((np.arange(height) + 0.5) / height - 0.04) / 0.92
        picture[top : top + height, left : left + width] = paint(*np.meshgrid(x, y))
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def _eye(x: Array, y: Array) -> Array:
    """White, iris with a dark rim and fibres, pupil, looked at along its axis."""
    sine = np.hypot(x - 0.5, y - 0.5) / 0.47
    angle = np.arctan2(y - 0.5, x - 0.5)
    fibres = 1 + 0.10 * np.sin(23 * angle) + 0.08 * np.sin(41 * angle + 1.3) + 0.25 * (sine / IRIS_SINE - 0.6)
    iris = np.array(IRIS_RGB) * fibres[..., None] * (1 - 0.55 * _step(sine, 0.9 * IRIS_SINE, 0.05))[..., None]
    white = np.array(SCLERA_RGB) * (1 - 0.18 * np.clip(sine - 0.5, 0, 0.5) / 0.5)[..., None]
    eye = _mixed(white, iris, 1 - _step(sine, IRIS_SINE, 0.02))
    return _mixed(eye, np.array(PUPIL_RGB), 1 - _step(sine, PUPIL * IRIS_SINE, 0.02))


def _tooth(x: Array, y: Array) -> Array:
    """Yellower at the gum, darker towards its neighbours."""
    light = (1 - 0.5 * np.clip(np.abs(2 * x - 1), 0, 1) ** 6) * (0.9 + 0.1 * y)
    return (
        np.array(TOOTH_RGB)
        * light[..., None]
        * np.stack([np.ones_like(y), 1 - 0.03 * (1 - y), 1 - 0.1 * (1 - y)], -1)
    )


def _gum(_: Array, y: Array) -> Array:
    return np.array(GUM_RGB) * (1 - 0.45 * np.clip(y, 0, 1))[..., None]


def _bag(height: Array, depth: Array) -> Array:
    """Red at the lips and on the tongue's floor, dark behind."""
    floor = _mixed(np.array(TONGUE_RGB), np.array(DEEP_RGB), np.clip(height / 0.4, 0, 1))
    return _mixed(np.array(LIP_RGB), floor, np.clip(depth / 0.5, 0, 1))


def _step(values: Array, at: float, width: float) -> Array:
    """0 below, 1 above, with a soft edge."""
    return np.asarray(np.clip((values - at) / width + 0.5, 0, 1))


def _mixed(one: Array, other: Array, part: Array) -> Array:
    return np.asarray(one * (1 - part[..., None]) + other * part[..., None])
