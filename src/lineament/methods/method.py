"""What every method can do, and what it is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.methods.estimate import Estimate
from lineament.network import OnnxNetwork

Array: TypeAlias = NDArray[Any]
Crops: TypeAlias = NDArray[np.uint8]


class MethodBundle(Protocol):
    """What weights say of themselves, as far as a method asks."""

    @property
    def method(self) -> str:
        """Key of ``METHODS``."""
        ...

    @property
    def crop_size(self) -> int:
        """Side of a crop, px."""
        ...

    @property
    def crop_margin(self) -> float:
        """Side of a crop over the longer side of the landmarks' box."""
        ...

    @property
    def face_model(self) -> str:
        """What :func:`lineament.models.load_model` takes."""
        ...

    def network(self, name: str = "network") -> OnnxNetwork:
        """One of the graphs, opened.

        Raises:
            WeightsError: there is no such graph, or it is damaged.
        """
        ...


class Method(Protocol):
    """Turns crops into estimates of the faces in them; which crops, and how often, the predictor decides."""

    @property
    def crop_rule(self) -> CropRule:
        """How its crops are cut."""
        ...

    @classmethod
    def from_bundle(cls, bundle: MethodBundle) -> Self:
        """The method that weights were trained for.

        Raises:
            WeightsError: the weights belong to another method.
            ModelError: the face model cannot be loaded.
        """
        ...

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> Sequence[Estimate]:
        """One estimate a crop, in order, by any number of networks and whatever lies between them.

        Args:
            crops: (n, S, S, 3) uint8 RGB, S the size of the crop rule; n is at least 1 and bounded.
            crop_boxes: n, of that size: where each crop lies in the photo.

        Raises:
            WeightsError: the networks' outputs do not fit, or are all not finite.
        """
        ...


def finite_outputs(network: OnnxNetwork, **arrays: Array) -> dict[str, Array]:
    """What a network gives, unless it gives nothing but NaN and infinity.

    Values that are not finite here and there stay: only the faces they belong to are not believed.

    Raises:
        WeightsError: no output has a finite value: the weights or the device are broken.
    """
    outputs = network(**arrays)
    floats = [values for values in outputs.values() if values.dtype.kind == "f" and values.size]
    if floats and not any(np.isfinite(values).any() for values in floats):
        raise WeightsError(
            f"Every output of {network.path} is NaN or infinite. The weights are damaged, or were converted "
            f"to a precision that cannot hold them: reinstall them, or run them on another device."
        )
    return outputs
