"""The strands of one head: scalp, brows, lashes and beard, grown from their roots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.heads.solids import SKULL
from lineament.data.render.hair import beard_field, combed, hair_field, strand_lengths
from lineament.data.render.kernels import FACE_HAIR, SCALP_HAIR
from lineament.data.render.roots import HeadRoots, Roots
from lineament.data.render.scene import Scene
from lineament.data.render.strands import STEPS, grow

Array = NDArray[np.floating]

HAIR_MM, MAX_STRANDS, MIN_STRANDS = 130_000.0, 6500, 900
"""Length of all strands of a head together: long hair has fewer of them."""
BEARD_MM = {"stubble": (1.0, 2.5), "moustache": (4.0, 9.0), "goatee": (4.0, 12.0), "full": (5.0, 22.0)}


@dataclass(frozen=True, slots=True)
class Strands:
    """Strands of one kind.

    Attributes:
        points_model: (S, STEPS + 1, 3) float32 mm, model frame.
        albedo: (S, 3) float32 linear.
        width_mm: at the roots.
        taper: width of the tips against the roots.
        shine: strength of the highlight.
        root_shade: light at the roots against the tips.
        kind: `render_kernels.SCALP_HAIR` or `FACE_HAIR`.
        lift_mm: by which they count as nearer than they are.
    """

    points_model: Array
    albedo: Array
    width_mm: float
    taper: float
    shine: float
    root_shade: float
    kind: int
    lift_mm: float


def strands_of(scene: Scene, roots: HeadRoots, head: Array, rng: np.random.Generator) -> Iterator[Strands]:
    """All strands of a head whose vertices (face model and body, mm, model frame) are given."""
    down = scene.camera.rotation.T @ np.array([0.0, -1.0, 0.0])
    dark = np.minimum(scene.hair.rgb, 0.12) * 0.75 + 0.16 * scene.skin_rgb
    yield _brows(roots.brows, head, dark, rng)
    yield _lashes(roots.lashes, head, rng)
    if scene.beard:
        yield _beard(scene, roots.beard, head, down, rng)
    if not scene.hair.bald:
        yield _scalp(scene, roots.scalp, head, down, rng)


def _grown(
    start: Array,
    directions: Array,
    lengths: Array,
    down: Array,
    rng: np.random.Generator,
    *,
    weight: float,
    curl: float,
    cling: float = 0.0,
    layers: Array | None = None,
) -> Array:
    count = len(start)
    out = np.empty((count, STEPS + 1, 3), np.float32)
    # Without layers nothing keeps clear of the skull: what grows on the face starts outside of it.
    radii = SKULL.semiaxes_mm if layers is not None else np.full(3, 1e-3)
    layers = np.zeros(count) if layers is None else layers
    phases = rng.uniform(0, 2 * np.pi, (count, 2))
    # Neighbouring strands keep together: their curls differ by where they start, not at random.
    phases = 0.5 * phases + start[:, [0, 1]] * 0.12
    grow(
        start.astype(np.float64), directions.astype(np.float64), lengths.astype(np.float64), down, weight,
        0.5, curl, cling, layers.astype(np.float64), SKULL.center_mm, radii, phases.astype(np.float64), out,
    )  # fmt: skip
    return out


def _shades(rgb: Array, count: int, rng: np.random.Generator, std: float = 0.22) -> NDArray[np.float32]:
    return (rgb * np.exp(rng.normal(0, std, (count, 1)))).astype(np.float32)


def _scalp(scene: Scene, roots: Roots, head: Array, down: Array, rng: np.random.Generator) -> Strands:
    style = scene.hair
    count = int(np.clip(HAIR_MM / style.length_mm, MIN_STRANDS, MAX_STRANDS))
    used = roots.chosen(slice(0, int(count * 1.3)))
    used = used.chosen(hair_field(used.rest, style) > rng.uniform(0.2, 0.8, len(used.rest)))
    directions = combed(used.rest, used.normals, style, rng)
    layers = style.volume_mm * rng.uniform(0.15, 1, len(used.rest)) ** 0.7
    points = _grown(
        used.on(head), directions, strand_lengths(used.rest, style, rng), down, rng,
        weight=style.weight, curl=style.curl_mm, cling=style.cling, layers=layers,
    )  # fmt: skip
    width = 1.3 if style.length_mm > 12 else 0.5
    return Strands(points, _shades(style.rgb, len(points), rng), width, 0.25, 0.5, 0.5, SCALP_HAIR, 0.4)


def _brows(roots: Roots, head: Array, rgb: Array, rng: np.random.Generator) -> Strands:
    used = roots.chosen(slice(0, int(len(roots.rest) * rng.uniform(0.4, 1))))
    aside = np.sign(used.rest[:, 0])
    up = np.clip(1.1 - np.abs(used.rest[:, 0]) / 40, 0.1, 1)
    direction = np.stack([aside, up, 0 * up], 1) + 0.35 * used.normals + rng.normal(0, 0.10, used.rest.shape)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    lengths = rng.uniform(3.5, 7, len(used.rest))
    points = _grown(used.on(head), direction, lengths, np.zeros(3), rng, weight=0.0, curl=0.0)
    return Strands(points, _shades(rgb, len(points), rng, 0.35), 0.38, 0.3, 0.05, 0.9, FACE_HAIR, 1.2)


def _lashes(roots: Roots, head: Array, rng: np.random.Generator) -> Strands:
    upper = roots.normals[:, 1] > 0
    lengths = np.where(upper, rng.uniform(5.0, 7.5), rng.uniform(1.5, 3.0)) * rng.uniform(
        0.7, 1.1, len(upper)
    )
    direction = roots.normals + rng.normal(0, 0.10, roots.normals.shape)
    up = np.array([0.0, 1.0, 0.0])
    points = _grown(roots.on(head), direction, lengths, up, rng, weight=0.05, curl=0.0)
    dark = np.full(3, 0.010)
    return Strands(
        points, _shades(dark, len(points), rng), rng.uniform(0.35, 0.6), 0.3, 0.0, 0.9, FACE_HAIR, 0.3
    )


def _beard(scene: Scene, roots: Roots, head: Array, down: Array, rng: np.random.Generator) -> Strands:
    used = roots.chosen(beard_field(roots.rest, scene.beard) > 0)
    direction = 0.55 * used.normals + [0.0, -0.7, 0.0] + rng.normal(0, 0.25, used.rest.shape)
    direction[:, 0] += 0.01 * used.rest[:, 0]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    lengths = rng.uniform(*BEARD_MM[scene.beard]) * rng.uniform(0.5, 1.1, len(used.rest))
    points = _grown(used.on(head), direction, lengths, down, rng, weight=0.04, curl=0.6)
    bare = 0.35 if scene.beard == "stubble" else 0.08
    rgb = scene.hair.rgb * np.exp(rng.normal(0, 0.2)) * (1 - bare) + bare * scene.skin_rgb
    return Strands(points, _shades(rgb, len(points), rng), 0.38, 0.3, 0.1, 0.7, FACE_HAIR, 0.5)
