"""The dark line of lashes along the margin of a lid, painted into a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled

Array = NDArray[Any]
Image8 = NDArray[np.uint8]

LONGEST_MM = 4.5, 8.0
"""How far below the margin lashes reach at the temple, least and most."""
NOSE_FRACTION = 0.45
"""How much shorter they are towards the nose."""
ABOVE_MM = 1.4
"""How far above the margin their roots still darken the skin."""
MIN_PX = 1.4
"""A line of lashes is never narrower than the picture can show."""
STRENGTH = 0.5, 0.95
DARK = 0.2
"""Of lashes beside the skin around them."""
FACING = 0.25
"""Cosine to the viewer from which a margin is seen whole."""


@dataclass(frozen=True, slots=True)
class Lashes:
    """What one person's lashes look like.

    Attributes:
        length_mm: at the temple.
        strength: from 0, none, to 1.
    """

    length_mm: float
    strength: float


def random_lashes(rng: np.random.Generator) -> Lashes:
    """Lashes of anybody."""
    return Lashes(float(rng.uniform(*LONGEST_MM)), float(rng.uniform(*STRENGTH)))


def with_lashes(
    image: Image8, margin_xy: Array, visibility: Array, lashes: Lashes, px_per_mm: float, skin_rgb: Array
) -> Image8:
    """The picture with lashes hanging from a lid.

    Args:
        image: (H, W, 3) uint8 of an upright face.
        margin_xy: (P, 2) px along the upper lid, from temple to nose.
        visibility: (P,) how visible each place is, 0 to 1.
        lashes: of the person.
        px_per_mm: scale of the face.
        skin_rgb: (3,) of the skin around.
    """
    # At the resolution of a face of a hundred px lashes are a soft band: darkest at their roots.
    length = max(lashes.length_mm * px_per_mm, MIN_PX)
    above = max(ABOVE_MM * px_per_mm, MIN_PX)
    reach = int(np.ceil(max(length, above))) + 1
    low = np.maximum(np.floor(margin_xy.min(axis=0)).astype(int) - reach, 0)
    high = np.minimum(np.ceil(margin_xy.max(axis=0)).astype(int) + reach, image.shape[1::-1])
    if (high <= low).any():
        return image
    (left, top), (right, bottom) = low, high
    alpha = np.zeros((bottom - top, right - left), np.float32)
    _line(margin_xy - low, visibility, length, above, alpha)
    alpha *= np.float32(lashes.strength)
    part = image[top:bottom, left:right]
    painted = part + alpha[..., None] * (DARK * np.asarray(skin_rgb, np.float32) - part)
    out = image.copy()
    out[top:bottom, left:right] = np.clip(np.rint(painted), 0, 255).astype(np.uint8)
    return out


@compiled()
def _line(margin: Array, visibility: Array, length: float, above: float, alpha: Array) -> None:
    """How dark each pixel becomes, by its place beside the nearest piece of a line (P, 2)."""
    count = len(margin) - 1
    for row in range(alpha.shape[0]):
        for column in range(alpha.shape[1]):
            nearest, at, below, visible = 1e9, 0.0, 0.0, 0.0
            for piece in range(count):
                ax, ay = margin[piece, 0], margin[piece, 1]
                ux, uy = margin[piece + 1, 0] - ax, margin[piece + 1, 1] - ay
                x, y = column + 0.5 - ax, row + 0.5 - ay
                along = (x * ux + y * uy) / (ux * ux + uy * uy + 1e-9)
                along = min(max(along, 0.0), 1.0)
                dx, dy = x - along * ux, y - along * uy
                distance = np.sqrt(dx * dx + dy * dy)
                if distance < nearest:
                    nearest, at = distance, (piece + along) / count
                    below = dy
                    visible = visibility[piece] * (1 - along) + visibility[piece + 1] * along
            ends = min(at / 0.06, (1 - at) / 0.15, 1.0)
            hanging = length * (1 - NOSE_FRACTION * at) if below > 0 else above
            alpha[row, column] = visible * max(ends, 0.0) * max(1 - nearest / hanging, 0.0) ** 1.3
