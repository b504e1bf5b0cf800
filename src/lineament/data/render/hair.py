"""Hair of rendered faces: where it grows, which way it is combed, its colours; beards too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.solids import SKULL

Array = NDArray[np.floating]

HAIR_RGB = {
    "black": (0.010, 0.009, 0.009),
    "dark brown": (0.030, 0.019, 0.012),
    "brown": (0.075, 0.043, 0.024),
    "light brown": (0.16, 0.10, 0.055),
    "blond": (0.40, 0.28, 0.14),
    "red": (0.22, 0.075, 0.028),
    "grey": (0.25, 0.24, 0.235),
    "white": (0.60, 0.59, 0.57),
}
HAIR_PROBABILITIES = (0.26, 0.22, 0.16, 0.09, 0.09, 0.04, 0.09, 0.05)
# Height of the hairline at rest places along the head from back to front, mm.
LINE_Z = (-120, -62, -50, -42, -18, -12, 2, 14, 30, 46, 62, 110)
LINE_Y = (-78, -72, -48, 36, 38, 16, 18, 42, 64, 82, 91, 94)


@dataclass(frozen=True, slots=True)
class HairStyle:
    """How the hair of a head is cut and combed.

    Attributes:
        name: such as "short back".
        length_mm: of strands.
        rgb: (3,) linear colour.
        recede_mm: how far the hairline has moved up at the front.
        bald_top: True where only the sides and the back bear hair.
        lift: how far strands stand off the head where they start, 0 to 1.
        weight: how fast they sink, a piece of a strand.
        curl_mm: radius of curls.
        cling: how far it lies on the head, 0 to 1.
        volume_mm: depth of the hair on the skull.
        taper: True where neck and temples are cut short.
        part_x: mm, where the hair is parted.
    """

    name: str
    length_mm: float
    rgb: Array
    recede_mm: float = 0.0
    bald_top: bool = False
    lift: float = 0.4
    weight: float = 0.08
    curl_mm: float = 0.0
    cling: float = 0.0
    volume_mm: float = 8.0
    taper: bool = False
    part_x: float = 0.0

    @property
    def bald(self) -> bool:
        """Whether there is none at all."""
        return self.length_mm <= 0


# Length (least, most), lift, weight, curl, cling, volume, cut short at the sides, fraction of all heads.
STYLES = {
    "bald": ((0, 0), 0, 0, 0, 0, 0, False, 0.06),
    "buzz": ((3, 7), 0.5, 0.02, 0.2, 0.0, 2, True, 0.12),
    "short back": ((18, 42), 0.14, 0.06, 0.5, 0.6, 8, True, 0.16),
    "side part": ((35, 75), 0.12, 0.08, 0.7, 0.6, 9, True, 0.16),
    "fringe": ((40, 66), 0.12, 0.10, 0.7, 0.5, 8, False, 0.10),
    "curly": ((20, 42), 0.55, 0.03, 4.5, 0.1, 16, False, 0.10),
    "medium": ((110, 190), 0.08, 0.22, 1.5, 0.15, 12, False, 0.11),
    "long": ((230, 340), 0.08, 0.40, 2.5, 0.06, 12, False, 0.12),
    "tied": ((70, 130), 0.05, 0.0, 0.5, 0.7, 4, False, 0.07),
}


def random_style(rng: np.random.Generator) -> HairStyle:
    """A random cut and colour."""
    names = list(STYLES)
    name = names[rng.choice(len(names), p=[STYLES[n][-1] for n in names])]
    (minimum, maximum), lift, weight, curl, cling, volume, taper, _ = STYLES[name]
    colours = list(HAIR_RGB.values())
    rgb = np.array(colours[rng.choice(len(colours), p=HAIR_PROBABILITIES)]) * np.exp(
        rng.normal(0, 0.15, 3) * (1, 0.4, 0.4)
    )
    wavy = rng.uniform(0.3, 1.6) + (rng.uniform() < 0.15) * rng.uniform(1, 4)
    short = name in ("buzz", "short back", "side part")
    return HairStyle(
        name=name,
        length_mm=float(rng.uniform(minimum, maximum)),
        rgb=np.clip(rgb, 0.004, 0.7),
        recede_mm=float(rng.exponential(5.0) if short else rng.exponential(1.5)),
        bald_top=bool(short and rng.uniform() < 0.14),
        lift=lift * rng.uniform(0.6, 1.4),
        weight=weight * rng.uniform(0.7, 1.4),
        curl_mm=curl * wavy,
        cling=cling * rng.uniform(0.6, 1.2),
        volume_mm=volume * rng.uniform(0.5, 1.5),
        taper=taper,
        part_x=float(rng.choice([-1, 0, 1]) * rng.uniform(10, 35)),
    )


def hair_field(rest: Array, style: HairStyle) -> NDArray[np.float32]:
    """(V,) from 0, skin that bears no hair, to 1, at rest places (V, 3) of head and body, mm."""
    if style.bald:
        return np.zeros(len(rest), np.float32)
    x, y, z = rest.T
    aside = np.abs(x)
    line = np.interp(z, LINE_Z, LINE_Y)
    front = np.clip((z - 35) / 25, 0, 1)
    line = line + front * (style.recede_mm * (1 + 0.6 * np.clip((aside - 15) / 35, 0, 1)))
    field = np.clip((y - line) / 7 + 0.5, 0, 1)
    # The ears stand out from the skull; nothing grows on them.
    field *= ~((aside > 75) & (y < 33) & (y > -30) & (z > -50) & (z < -8))
    if style.bald_top:
        field *= np.clip((72 - y) / 14, 0, 1)
    return field.astype(np.float32)


def combed(rest: Array, normals: Array, style: HairStyle, rng: np.random.Generator) -> Array:
    """(S, 3) unit vectors: the way strands start at rest places (S, 3) with unit normals (S, 3)."""
    x, _, z = rest.T
    ones, zeros = np.ones_like(x), np.zeros_like(x)
    side = np.tanh((x - style.part_x) / 14)
    front = np.clip((z - 5) / 40, 0, 1)
    if style.name in ("short back", "buzz"):
        flow = np.stack([0.25 * side, 0.2 * ones - 0.5 * (1 - front), -ones], 1)
    elif style.name == "side part":
        flow = np.stack([side, -0.25 * ones, -0.5 * ones], 1)
    elif style.name == "fringe":
        flow = np.stack(
            [0.35 * side * (1 - front) + 0.15 * front, -0.5 * ones - 0.3 * front, 1.3 * front - 0.3], 1
        )
    elif style.name == "tied":
        flow = np.array([0.0, 70.0, -118.0]) - rest
    elif style.name == "curly":
        flow = np.stack([zeros, 0.2 * ones, zeros], 1) + rng.normal(0, 0.5, rest.shape)
    else:
        flow = np.stack([1.2 * side, -0.45 * ones, -0.5 * ones - 0.6 * front], 1)
    flow = flow / np.maximum(np.linalg.norm(flow, axis=1, keepdims=True), 1e-6)
    flow = flow - (flow * normals).sum(1, keepdims=True) * normals
    jitter = rng.normal(0, 0.07 + 0.015 * style.curl_mm, rest.shape)
    start = flow * (1 - 0.5 * style.lift) + normals * style.lift + jitter
    return start / np.linalg.norm(start, axis=1, keepdims=True)


def strand_lengths(rest: Array, style: HairStyle, rng: np.random.Generator) -> Array:
    """(S,) mm of strands at rest places: shorter at neck and temples where the style tapers."""
    lengths = style.length_mm * rng.uniform(0.65, 1.1, len(rest))
    if style.taper:
        height = rest[:, 1] - SKULL.center_mm[1]
        lengths = np.minimum(lengths, 4 + style.length_mm * np.clip((height + 25) / 75, 0, 1))
    if style.name == "fringe":
        lengths = np.where(rest[:, 2] > 30, np.minimum(lengths, 62), lengths)
    return lengths


def beard_field(rest: Array, kind: str) -> NDArray[np.float32]:
    """(V,) where a beard of a kind ("full", "goatee", "moustache", "stubble") grows, 0 to 1, at rest."""
    x, y, z = rest.T
    aside = np.abs(x)
    lips = ((aside / 27) ** 2 + ((y + 41) / 10.5) ** 2) < 1
    moustache = (y < -21) & (y > -36) & (aside < 31 - 0.5 * (y + 36)) & (z > 60)
    chin = (y < -52) & (aside < 26) & (z > 25)
    cheek_line = -18 - 0.35 * np.clip(z - 20, 0, 60) - 0.15 * (70 - aside)
    jaw = (y < cheek_line) & (z > 4) & (aside > 18)
    field = {
        "moustache": moustache,
        "goatee": moustache | chin,
        "full": moustache | chin | jaw,
        "stubble": moustache | chin | jaw,
    }[kind]
    return (field & ~lips).astype(np.float32)
