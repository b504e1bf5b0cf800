"""Whether what a photo shows at the borders of a face is its skin: hair, collars and walls are not.

Beside the face, below it and where it is seen aslant, a mesh that lies some pixels wrong, or an ear under
hair, takes colours that are no face's, and what completes a texture would spread them. Cheeks and the bridge
of the nose say which colours the skin has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.face_mesh import FaceMesh
from lineament.geometry.uv import UvMap
from lineament.result import DEFAULT_SCHEME

Array = NDArray[np.floating]

SIDES = (
    0.78,
    0.86,
)  # of half the face's width at the ears: from where on, and from where on fully, colours are judged
BELOW_MM = -2.0, 4.0  # the same below the chin
CHEEK_MM, BRIDGE_MM = 20.0, 12.0  # radii of what is taken for skin
MIN_TEXELS = 50  # of skin that is seen, or nothing is judged
DARK = 0.7, 0.9  # of the skin's darker parts: darker than the first is none, brighter than the second may be
BRIGHT = 1.25, 1.1  # the same of its brighter parts
OTHER_HUE = 1.8, 1.2  # distances in hue, in units of what the skin has itself
MIN_HUE = 0.02  # of fractions of red, green and blue: noise of a grey photo is no hue


@dataclass(frozen=True, slots=True)
class SkinJudge:
    """Judges colours on the chart of one mesh.

    Attributes:
        beside: (S, S) float in 0..1, how far a texel lies beside or below the face, where colours are judged.
        skin: (S, S) float in 0..1, texels that are no eyeballs and no inside of the mouth.
        sure: (S, S) bool, texels of cheeks and nose.
    """

    beside: Array
    skin: Array
    sure: NDArray[np.bool_]

    @classmethod
    def of_mesh(cls, mesh: FaceMesh, uv_map: UvMap) -> Self | None:
        """The judge for a chart; None for a mesh that has no landmarks to tell where its cheeks are."""
        if DEFAULT_SCHEME not in mesh.schemes:
            return None
        beside, skin, sure = (
            uv_map.position_map(of_vertices(mesh)[:, None])[..., 0]
            for of_vertices in (_beside, _skin, _cheeks_and_nose)
        )
        return cls(beside, skin, sure > 0.5)

    def likeness(self, colors: Array, trust: Array, aslant: Array) -> Array:
        """How far texels may be skin.

        Args:
            colors: (S, S, 3) RGB, 0 to 255.
            trust: (S, S) in 0..1, how visible each is.
            aslant: (S, S) in 0..1, how far each is seen aslant, so that its colour is judged too.

        Returns:
            (S, S) in 0..1; 1 where nothing is judged.
        """
        known = self.sure & (trust > 0.5)
        if known.sum() < MIN_TEXELS:
            return np.ones_like(trust)
        light, hue = colors.mean(axis=-1), _hue(colors)
        dark, bright = np.percentile(light[known], (5, 95))
        away = np.linalg.norm(hue - np.median(hue[known], axis=0), axis=-1)
        own = max(float(np.percentile(away[known], 90)), MIN_HUE)
        alike = _ramp(light, dark, DARK) * _ramp(light, bright, BRIGHT) * _ramp(away, own, OTHER_HUE)
        return np.asarray(1 - self.skin * np.maximum(self.beside, aslant) * (1 - alike))


def _beside(mesh: FaceMesh) -> Array:
    """(N,) how far vertices lie beside the face or below it: 0 to 1."""
    landmarks = _landmarks(mesh)
    half = np.abs(landmarks[[0, 16], 0]).mean()
    beside = (np.abs(mesh.mean_model[:, 0]) / half - SIDES[0]) / (SIDES[1] - SIDES[0])
    below = (landmarks[8, 1] - mesh.mean_model[:, 1] - BELOW_MM[0]) / (BELOW_MM[1] - BELOW_MM[0])
    return np.asarray(np.clip(np.maximum(beside, below), 0, 1))


def _skin(mesh: FaceMesh) -> Array:
    """(N,) 1 for vertices of the face's skin."""
    first, last = mesh.parts.get("face", (0, len(mesh.triangles)))
    skin = np.zeros(len(mesh.mean_model))
    skin[mesh.triangles[first:last]] = 1
    return skin


def _cheeks_and_nose(mesh: FaceMesh) -> Array:
    """(N,) 1 for the vertices whose colours are the skin's, whatever hair and beard."""
    landmarks, vertices = _landmarks(mesh), mesh.mean_model
    left, right = (landmarks[marks].mean(axis=0) for marks in ([41, 48, 3], [46, 54, 13]))
    places = ((left, CHEEK_MM), (right, CHEEK_MM), (landmarks[28], BRIDGE_MM))
    near = [np.linalg.norm((vertices - place)[:, :2], axis=1) < radius for place, radius in places]
    return np.any(near, axis=0) * (vertices[:, 2] > vertices[:, 2].mean()) * 1.0


def _landmarks(mesh: FaceMesh) -> Array:
    """(68, 3) mm of the mean face at rest."""
    return np.asarray(mesh.schemes[DEFAULT_SCHEME].points_model(mesh.mean_model), np.float64)


def _hue(colors: Array) -> Array:
    """(..., 3) fractions of red, green and blue; those of near black are not meant seriously."""
    return np.asarray(colors / np.maximum(colors.sum(axis=-1, keepdims=True), 30))


def _ramp(values: Array, unit: float, limits: tuple[float, float]) -> Array:
    """0 at the first limit, 1 at the second, in units of `unit`."""
    first, second = limits
    return np.asarray(np.clip((values / max(unit, 1e-6) - first) / (second - first), 0, 1))
