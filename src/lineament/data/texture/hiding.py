"""What a photograph hides of a face's texture, drawn anew: the far side of a turned head, halves, spots."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.export.texture import FaceTexturer
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import matrix_from_angles
from lineament.result import Detection, MorphableResult

Array = NDArray[np.floating]

PICTURE_PX, SCALE = 256, 1.0
"""Side of the plain picture in which turned heads are drawn, and px a mm."""
SOFT = 0.03
"""Width of the border of halves and spots, of the chart's side."""


@dataclass(frozen=True, slots=True)
class HidingConfig:
    """How often textures are hidden in which way.

    Attributes:
        turned: what a turned head hides of itself.
        half: about one side, beyond a line that need not be upright.
        quarter: the upper or lower part of that.
        spots: one to three ellipses, as of hands, hair or glasses.
        turns: poses that `turned` takes, drawn once.
        max_yaw: of them, radians; at least 0.35.
        max_pitch: of them, radians.
    """

    turned: float = 0.5
    half: float = 0.2
    quarter: float = 0.1
    spots: float = 0.2
    turns: int = 96
    max_yaw: float = 1.4
    max_pitch: float = 0.35


class Hiding:
    """Masks of what is left to see.

    Args:
        model: whose mean face is turned.
        texturer: of its mesh; masks are of its size.
        config: how often what.
    """

    def __init__(self, model: MorphableModel, texturer: FaceTexturer, config: HidingConfig) -> None:
        self._model, self._texturer, self._config = model, texturer, config
        self._size = texturer.size
        self._turned = lru_cache(maxsize=None)(self._turned_anew)

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """(S, S) in 0..1, how far each texel stays visible; a function of the generator's state."""
        config = self._config
        shares = np.array([config.turned, config.half, config.quarter, config.spots])
        kind = int(np.searchsorted(np.cumsum(shares / shares.sum())[:-1], rng.uniform(), side="right"))
        if kind == 0:
            return self._turned(int(rng.integers(config.turns)))
        if kind == 3:
            return self._spots(rng)
        half = self._half(rng)
        return half if kind == 1 else np.maximum(half, self._half(rng, upright=False))

    def left_half(self) -> NDArray[np.float32]:
        """(S, S) the left half alone stays: what figures are taken on."""
        columns = (np.arange(self._size) + 0.5) / self._size
        return np.tile(np.float32(columns < 0.5), (self._size, 1))

    def _turned_anew(self, number: int) -> NDArray[np.float32]:
        rng = np.random.default_rng([17, number])
        yaw = rng.uniform(0.35, self._config.max_yaw) * rng.choice([-1, 1])
        pitch = rng.uniform(-1, 1) * self._config.max_pitch
        return self._texturer.visible(
            np.full((PICTURE_PX, PICTURE_PX, 3), 128, np.uint8), self._face(float(yaw), float(pitch))
        )[1]

    def _face(self, yaw: float, pitch: float) -> MorphableResult:
        middle = PICTURE_PX / 2
        camera = WeakPerspective(matrix_from_angles(yaw, pitch, 0.0), SCALE, np.array([middle, middle, 0.0]))
        return placed(self._model, camera, np.zeros(0, np.float32), np.zeros(0, np.float32))

    def _half(self, rng: np.random.Generator, *, upright: bool = True) -> NDArray[np.float32]:
        tilt = rng.uniform(-0.5, 0.5) + (0 if upright else np.pi / 2)
        x, y = self._centred()
        away = (x * np.cos(tilt) + y * np.sin(tilt)) * rng.choice([-1, 1]) - rng.uniform(-0.08, 0.12)
        return np.clip(0.5 - away / SOFT, 0, 1).astype(np.float32)

    def _spots(self, rng: np.random.Generator) -> NDArray[np.float32]:
        x, y = self._centred()
        left = np.ones_like(x)
        for _ in range(int(rng.integers(1, 4))):
            centre, radius = rng.uniform(-0.3, 0.3, 2), rng.uniform(0.06, 0.25, 2)
            turn = rng.uniform(0, np.pi)
            u = (x - centre[0]) * np.cos(turn) + (y - centre[1]) * np.sin(turn)
            v = (y - centre[1]) * np.cos(turn) - (x - centre[0]) * np.sin(turn)
            away = (np.hypot(u / radius[0], v / radius[1]) - 1) * radius.min()
            left = np.minimum(left, np.clip(0.5 + away / SOFT, 0, 1))
        return left.astype(np.float32)

    def _centred(self) -> tuple[Array, Array]:
        """Columns and rows (S, S) of the chart, of its side, from its middle."""
        at = (np.arange(self._size) + 0.5) / self._size - 0.5
        return np.broadcast_to(at[None], (self._size,) * 2), np.broadcast_to(at[:, None], (self._size,) * 2)


def placed(
    model: MorphableModel, camera: WeakPerspective, identity: Array, expression: Array
) -> MorphableResult:
    """A fitted face as if an aligner had found it, so that its texture can be taken."""
    identity = np.pad(identity, (0, len(model.identity_basis) - len(identity))).astype(np.float32)
    expression = np.pad(expression, (0, len(model.expression_basis) - len(expression))).astype(np.float32)
    middle = (float(camera.translation[0]), float(camera.translation[1]))
    return MorphableResult.from_coefficients(
        model,
        identity,
        expression,
        camera=camera,
        crop_box=CropBox(middle, 1.0, 1),
        detection=Detection(np.array([*middle, *middle], np.float32), 1.0),
    )
