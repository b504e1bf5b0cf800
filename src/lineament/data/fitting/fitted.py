"""What passes between the stations of the data factory: fitted photographs in, labelled pictures out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.face_labels import AnnotatedPoints
from lineament.data.samples.sample import Kind, Provenance
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FittedPhoto:
    """An upright photograph and the face fitted to it.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        camera: of the head in the photograph, px per mm.
        identity: (K,) standard deviations.
        expression: (E,) weights.
        provenance: where the photograph comes from.
        points: that people set in the photograph; None where nobody did.
    """

    image: Image8
    camera: WeakPerspective
    identity: Array
    expression: Array
    provenance: Provenance
    points: AnnotatedPoints | None = None


@dataclass(frozen=True, slots=True)
class MadeView:
    """A labelled picture that the factory made; with the photograph's provenance it is a sample.

    Attributes:
        view: picture, camera and coefficients.
        kind: how the picture came to be.
        occlusion: (H, W) bool, True where something is in front of the head; None where nothing is.
        points: that people set, where the picture is the photograph itself.
    """

    view: View
    kind: Kind
    occlusion: Mask | None = None
    points: AnnotatedPoints | None = None


ViewGenerator: TypeAlias = Callable[[FittedPhoto, np.random.Generator], list[MadeView]]
"""Makes any number of pictures of one photograph."""
Occluder: TypeAlias = Callable[[MadeView, np.random.Generator], MadeView]
"""Puts something in front of the head, or leaves the picture as it is."""
Renderer: TypeAlias = Callable[[np.random.Generator], MadeView]
"""Draws a face that nobody has."""
