"""CPRFA's constants and switches, as weights hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError
from lineament.methods.cprfa_points import MODES, SUBPIXELS, Retrieval

Array: TypeAlias = NDArray[Any]

SOLVERS = ("cpr", "least_squares", "pnp")


@dataclass(frozen=True, slots=True, kw_only=True)
class CprfaSwitches:
    """What may be chosen when the method runs; the rest is in the graphs.

    Attributes:
        solver: "cpr", the learned updates; "least_squares" of pose and coefficients; "pnp", pose alone.
        fusion: whether an external detector's landmarks are used.
        vertices: whether the detected vertices are; without them the landmarks stand alone.
        rounds: of updates.
        stages: of each round; the networks are trained for so many as their weights say.
        capu: whether the second round searches along its steps.
        retrieval: how vertices are found.
    """

    solver: str = "least_squares"
    fusion: bool = True
    vertices: bool = True
    rounds: int = 2
    stages: int = 3
    capu: bool = True
    retrieval: Retrieval = Retrieval()

    def __post_init__(self) -> None:
        """Refuse what does not exist."""
        if self.solver not in SOLVERS:
            raise ConfigError(f"solver is {', '.join(SOLVERS)}, not {self.solver!r}.")
        if self.rounds not in (1, 2):
            raise ConfigError(f"rounds is 1 or 2, not {self.rounds}.")
        if self.stages < 1:
            raise ConfigError(f"stages is at least 1, not {self.stages}.")
        if not (self.fusion or self.vertices):
            raise ConfigError("Neither vertices nor landmarks are left: set fusion or vertices.")


@dataclass(frozen=True, slots=True, eq=False)
class CprfaTables:
    """Constants of the networks.

    Attributes:
        chosen: (C,) int, places of the vertices of the matrices among those with a code.
        identity: number of identity coefficients.
        expression: number of expression coefficients.
        expression_std: of a weight: what a one of the updates' numbers means.
        kappa: fraction of the detected vertices that the line search looks at.
        least: at least so many.
        most: as many as the graph takes.
        landmark_weights: name of the weights that serve as the external detector; empty for none.
    """

    chosen: Array
    identity: int
    expression: int
    expression_std: float
    kappa: float
    least: int
    most: int
    landmark_weights: str

    @property
    def weights(self) -> Array:
        """(K + E,) what a one of each of the updates' numbers means."""
        return np.repeat([1.0, self.expression_std], [self.identity, self.expression])

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Those among a bundle's constants."""
        return cls(
            chosen=arrays["chosen"].astype(np.int64),
            identity=int(arrays["identity"]),
            expression=int(arrays["expression"]),
            expression_std=float(arrays["expression_std"]),
            kappa=float(arrays["kappa"]),
            least=int(arrays["least"]),
            most=int(arrays["most"]),
            landmark_weights=str(arrays["landmark_weights"]),
        )


def switches_of_arrays(arrays: Mapping[str, Array]) -> CprfaSwitches:
    """The switches that weights were made with."""
    retrieval = Retrieval(
        float(arrays["radius_mm"]),
        MODES[int(arrays["mode"])],
        SUBPIXELS[int(arrays["subpixel"])],
        int(arrays["erode_px"]),
    )
    return CprfaSwitches(
        solver=SOLVERS[int(arrays["solver"])],
        fusion=bool(arrays["fusion"]),
        stages=int(arrays["stages"]),
        retrieval=retrieval,
    )
