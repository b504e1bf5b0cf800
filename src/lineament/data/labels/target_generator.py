"""What a method learns beside a face's own numbers: its targets, made by the processes that make crops.

A method's row names a :class:`TargetConfig`, small enough to be sent to worker processes; each of them opens
it once and makes the targets of each crop, when all that happens to the crop has happened to its labels::

    class SadrTargets:
        def open(self, model: MorphableModel) -> TargetMaker: ...
"""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]


class TargetGenerator(Protocol):
    """Makes the targets of one crop."""

    def make(self, labels: FaceLabels, crop_size: int) -> dict[str, Array]:
        """Arrays by name; the names, shapes and types are the same for all labels.

        Args:
            labels: of the face in the crop, px of the crop; its occlusion mask is what the crop shows. Where
                it has no coefficients the arrays are zeros, which losses give no weight.
            crop_size: side of the crop, px.
        """


class TargetConfig(Protocol):
    """What a worker process needs to know in order to make targets; small and picklable."""

    def open(self, model: MorphableModel) -> TargetGenerator:
        """The generator itself, with its tables of a face model."""
