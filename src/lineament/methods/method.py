"""What every method can do, and what it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.geometry.morphable import MorphableModel
from lineament.image import Picture
from lineament.methods.estimate import Estimate
from lineament.network import OnnxNetwork, finite_rows

Array: TypeAlias = NDArray[Any]
Crops: TypeAlias = NDArray[np.uint8]


class Method(Protocol):
    """Turns crops into estimates of the faces in them; which crops, and how often, the predictor decides."""

    @property
    def crop_rule(self) -> CropRule:
        """How its crops are cut."""
        ...

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """The method that weights were trained for, its networks opened.

        Args:
            bundle: with the graphs, and the constants that the method needs.
            threads: CPU threads a network may use; None takes what the bundle says, or else all cores.
            device: "cpu", "cuda" or "auto".

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


@runtime_checkable
class FinishingMethod(Protocol):
    """A :class:`Method` that looks at the photo itself once faces are found."""

    def finish(self, image: Picture, estimates: Sequence[Estimate]) -> list[Estimate]:
        """Better estimates of the same faces, in order.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            estimates: of the last pass; what is not finite stays as it is.
        """
        ...


@runtime_checkable
class MeshMethod(Protocol):
    """A :class:`Method` that says of which face model all its faces are."""

    @property
    def model(self) -> MorphableModel:
        """Whose mesh, and so whose landmark schemes, its faces have."""
        ...


def crop_rule_and_model(bundle: Bundle, *, of: str) -> tuple[CropRule, str]:
    """How crops are cut for weights, and what their face model is loaded by.

    Args:
        bundle: the weights.
        of: the method that needs both, for the error.

    Raises:
        WeightsError: the weights do not say.
    """
    crop, face_model = bundle.manifest.crop, bundle.manifest.face_model
    if crop is None or face_model is None:
        raise WeightsError(
            f"{bundle.path.name} does not state how crops are cut (crop: size, margin) and whose faces it "
            f"gives (face_model), as weights of {of} do. They belong to another method, or must be "
            f"exported again."
        )
    return CropRule(crop.size, crop.margin), face_model.name


def finite_outputs(
    network: OnnxNetwork, shapes: Mapping[str, tuple[int | None, ...]], **arrays: Array
) -> dict[str, Array]:
    """What a network gives, a row a crop, in which a row is either finite or NaN throughout.

    A face of which any number is NaN or infinite is not believed; the others are not affected.

    Args:
        network: to run.
        shapes: the outputs that are needed and their shapes without the rows; None where any length fits.
        **arrays: its inputs.

    Raises:
        WeightsError: an output is missing or of another shape, or no output has a finite value: the weights
            or the device are broken.
    """
    outputs = network(**arrays)
    broken = ~finite_rows(outputs, shapes, source=network.path.name)
    if not broken.any():
        return {name: outputs[name] for name in shapes}
    if not any(np.isfinite(outputs[name]).any() for name in shapes):
        raise WeightsError(
            f"Every output of {network.path} is NaN or infinite. The weights are damaged, or were converted "
            f"to a precision that cannot hold them: reinstall them, or run them on another device."
        )
    return {name: _without(outputs[name], broken) for name in shapes}


def _without(values: Array, broken: NDArray[np.bool_]) -> Array:
    """The values with NaN in the rows that are broken."""
    values = values.copy()
    values[broken] = np.nan
    return values
