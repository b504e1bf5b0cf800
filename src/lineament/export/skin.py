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
from lineament.geometry.uv import ShownTexels
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
    """Judges colours on the chart of one mesh, at its T texels that show the mesh.

    Attributes:
        beside: (T,) float in 0..1, how far a texel lies beside or below the face, where colours are judged.
        skin: (T,) float in 0..1, texels that are no eyeballs and no inside of the mouth.
        sure: (t,) int, texels of cheeks and nose.
    """

    beside: Array
    skin: Array
    sure: NDArray[np.integer]

    @classmethod
    def of_mesh(cls, mesh: FaceMesh, texels: ShownTexels) -> Self | None:
        """The judge for a chart; None for a mesh that has no landmarks to tell where its cheeks are."""
        if DEFAULT_SCHEME not in mesh.schemes:
            return None
        of_vertices = np.stack([_beside(mesh), _skin(mesh), _cheeks_and_nose(mesh)])
        beside, skin, sure = texels.spread(of_vertices)
        return cls(beside, skin, np.flatnonzero(sure > 0.5))

    def likeness(self, colors: NDArray[np.uint8], trust: Array, aslant: Array) -> Array:
        """How far texels may be skin.

        Args:
            colors: (3, T) RGB.
            trust: (T,) in 0..1, how visible each is.
            aslant: (T,) in 0..1, how far each is seen aslant, so that its colour is judged too.

        Returns:
            (T,) in 0..1; 1 where nothing is judged.
        """
        alike = np.ones(len(trust))
        known = self.sure[trust.take(self.sure) > 0.5]
        if len(known) < MIN_TEXELS:
            return alike
        light, hue = _light_and_hue(colors, known)
        dark, bright = np.percentile(light, (5, 95))
        usual = np.median(hue, axis=1)[:, None]
        own = max(float(np.percentile(_length(hue - usual), 90)), MIN_HUE)
        judged = self.skin * np.maximum(self.beside, aslant)
        at = np.flatnonzero(judged)
        light, hue = _light_and_hue(colors, at)
        away = _length(hue - usual)
        fitting = _ramp(light, dark, DARK) * _ramp(light, bright, BRIGHT) * _ramp(away, own, OTHER_HUE)
        alike[at] = 1 - judged.take(at) * (1 - fitting)
        return alike


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


def _light_and_hue(colors: NDArray[np.uint8], at: NDArray[np.integer]) -> tuple[Array, Array]:
    """(t,) means of some texels' red, green and blue, and (3, t) fractions of these.

    Fractions of near black are not meant seriously.
    """
    bands = colors.take(at, axis=1).astype(np.float32)
    total = bands[0] + bands[1] + bands[2]
    return total / np.float32(3), bands / np.maximum(total, 30)


def _length(vectors: Array) -> Array:
    """(t,) of (3, t)."""
    x, y, z = vectors
    return np.asarray(np.sqrt(x * x + y * y + z * z))


def _ramp(values: Array, unit: float, limits: tuple[float, float]) -> Array:
    """0 at the first limit, 1 at the second, in units of `unit`."""
    first, second = limits
    return np.asarray(np.clip((values / max(unit, 1e-6) - first) / (second - first), 0, 1))
