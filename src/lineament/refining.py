"""The door to the fit that improves a face on its photograph: it needs torch, and opens when asked for."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from lineament.errors import ConfigError
from lineament.image import Picture
from lineament.result import FaceResult, MorphableResult

NEEDS = ("torch", "numba")
MODULE = "lineament.train.dff.refinement"


class FaceRefiner(Protocol):
    """Improves faces; :class:`lineament.train.dff.refinement.Refiner` is ours."""

    def __call__(self, photo: Picture, face: FaceResult, *, steps: int) -> MorphableResult:
        """The face, nearer to what the photo shows.

        Args:
            photo: (H, W, 3) uint8 RGB, or Pillow's picture of it: the one that the face was aligned on.
            face: with coefficients of a face model.
            steps: of the fit.
        """
        ...


def check_refining() -> None:
    """Refuse to refine where what it needs is not installed; loads nothing.

    Raises:
        ConfigError: says what is missing, and the extra that brings it.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"Refining a face needs {' and '.join(missing)}, which the extras bring: pip install "
            f"'lineament[train,data]'. Everything else works without."
        )


def open_refiner() -> FaceRefiner:
    """Ours; loads torch.

    Raises:
        ConfigError: torch or numba is not installed.
    """
    check_refining()
    refiner: FaceRefiner = import_module(MODULE).Refiner()
    return refiner
