"""What a face model lacks of a head, as ellipsoids in the head's frame: skull, neck and torso.

The one place of their sizes, measured on the whole head of ICT-FaceKit's neutral face. Rotated views
(:mod:`lineament.data.heads.skull_and_neck`, :mod:`lineament.data.heads.surroundings`), accessories
(:mod:`lineament.data.heads.shell`) and rendered bodies (:mod:`lineament.data.render.body`) stand on them,
each
with a surface that suits it: a lattice that takes colours from the photograph, a grid that follows the face's
vertices, a tube that leaves the skin's border without a seam.

:mod:`lineament.data.labels.label_surface` does not. Labels must not depend on how large a skull is guessed,
so it only closes the head by a cone behind the skin's own border, in as few triangles as possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Ellipsoid:
    """A solid whose axes are the head's.

    Attributes:
        center_mm: (3,) model frame.
        semiaxes_mm: (3,).
    """

    center_mm: Array
    semiaxes_mm: Array


SKULL = Ellipsoid(np.array([0.0, 42.0, -20.0]), np.array([79.0, 104.0, 95.0]))
NECK = Ellipsoid(np.array([0.0, -140.0, -34.0]), np.array([55.0, 105.0, 56.0]))
TORSO = Ellipsoid(np.array([0.0, -330.0, -55.0]), np.array([230.0, 200.0, 95.0]))
