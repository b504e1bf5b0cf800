"""Where the points of annotation schemes lie on the built-in face model, and how well people set them.

The places were measured by ``tools/register_points.py`` on training people: faces fitted to MediaPipe's mesh
say which place of the model each hand-set point lies over. Points on the jaw or on the ridge of a profile
belong to no fixed place: they lie on the outline of the head as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError, ModelError
from lineament.foreign import foreign

Array = NDArray[Any]

PLACES_PATH = Path(__file__).with_name("point_places.npz")


class PlaceKind(IntEnum):
    """How a point is held to the face model."""

    UNUSED = 0  # hair, ears, neck, or nobody knows where
    FIXED = 1  # a place of the skin, wherever it is seen
    JAW = 2  # on the outline of the far side, a place of the jaw on the near one
    RIDGE = 3  # a place of the midline from the front, on the outline in profile


@dataclass(frozen=True, slots=True)
class PointPlaces:
    """Where the P points of a scheme lie on the face model.

    Attributes:
        scheme: name of the scheme.
        vertex_index: (P, 3) corners on the model's mesh.
        weights: (P, 3) barycentric weights.
        offset_model: (P, 3) mm, model frame: from there to where people set the point.
        sigma_mm: (P,) how far people scatter, standard deviation per axis.
        kind: (P,) values of :class:`PlaceKind`.
    """

    scheme: str
    vertex_index: Array
    weights: Array
    offset_model: Array
    sigma_mm: Array
    kind: Array

    def __len__(self) -> int:
        """Number of points."""
        return len(self.kind)


FIELDS = ("vertex_index", "weights", "offset_model", "sigma_mm", "kind")


def known_places(path: Path = PLACES_PATH) -> tuple[str, ...]:
    """Names of the schemes whose places are known."""
    return tuple(_all_places(path))


def find_places(scheme: str, path: Path = PLACES_PATH) -> PointPlaces:
    """The places of a scheme's points; DataError where nobody measured them."""
    places = _all_places(path)
    if scheme not in places:
        raise DataError(
            f"Nobody measured where points of {scheme!r} lie on the face model: choose {', '.join(places)}, "
            f"or measure them with tools/register_points.py."
        )
    return places[scheme]


def write_places(places: dict[str, PointPlaces], path: Path = PLACES_PATH) -> None:
    """Write the places of several schemes."""
    arrays = {f"{name}/{field}": getattr(place, field) for name, place in places.items() for field in FIELDS}
    np.savez_compressed(path, **arrays)
    _all_places.cache_clear()


@lru_cache(maxsize=2)
def _all_places(path: Path) -> dict[str, PointPlaces]:
    with foreign(ModelError, f"The table {path} is damaged", "Reinstall lineament."), np.load(path) as data:
        names = sorted({key.split("/")[0] for key in data.files})
        return {
            name: PointPlaces(name, **{field: data[f"{name}/{field}"] for field in FIELDS}) for name in names
        }
