"""From weights to a method, and the way back: what a method was made from, so that it can travel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lineament.bundle import Bundle, same_bundle
from lineament.errors import WeightsError
from lineament.methods import METHODS
from lineament.methods.closeup_networks import CloseUpNetworks
from lineament.methods.method import Method
from lineament.models import load_model


def open_method(bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Method:
    """The method of weights, its networks opened.

    Args:
        bundle: the weights.
        threads: CPU threads a network may use; None takes what the bundle says, or else all cores.
        device: "cpu", "cuda" or "auto".

    Raises:
        WeightsError: they belong to no known method, or are damaged.
        ConfigError: `threads` is below one, or this ONNX Runtime does not have the device.
    """
    name = bundle.manifest.method
    if name not in METHODS:
        raise WeightsError(
            f"{bundle.path.name} belongs to the method {name!r}, which is not one of "
            f"{', '.join(sorted(METHODS))}. Upgrade lineament."
        )
    return METHODS[name].from_bundle(bundle, threads=threads, device=device)


def open_close_ups(bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> CloseUpNetworks:
    """The close-ups of eyes and mouth that weights have, to be lent to another method.

    Args:
        bundle: the weights.
        threads: as in :func:`open_method`.
        device: as there.

    Raises:
        WeightsError: they have none, or are damaged.
        ConfigError: as in :func:`open_method`.
    """
    face_model = bundle.manifest.face_model
    networks = None
    if face_model is not None:
        model = load_model(face_model.name)
        networks = CloseUpNetworks.from_bundle(bundle, model, threads=threads, device=device)
    if networks is None or not networks.parts:
        raise WeightsError(f"{bundle.path.name} has no close-ups to lend: name other weights.")
    return networks


@dataclass(frozen=True, slots=True)
class Recipe:
    """What something was made from; pickles in its place.

    Attributes:
        source: name of installed weights, or absolute path.
        sha256: checksum of the bundle.
        threads: as given.
        device: as given.
        lent: whether it is the weights' close-ups alone, and not their method.
    """

    source: str
    sha256: str
    threads: int | None
    device: str
    lent: bool = False

    def open(self) -> Any:  # noqa: ANN401
        """The same method or close-ups here.

        Raises:
            WeightsError: the weights are not here, or differ.
            ConfigError: this ONNX Runtime does not have the device.
        """
        bundle = same_bundle(self.source, self.sha256)
        made_by = open_close_ups if self.lent else open_method
        return made_by(bundle, threads=self.threads, device=self.device)


def opened_parts(bundle: Bundle, threads: int | None, device: str) -> dict[str, tuple[Any, Recipe]]:
    """What an aligner of weights is made of, by its attribute: the method, and what other weights lend it.

    Raises:
        WeightsError: as :func:`opened`, or weights that these name are not installed.
        ConfigError: as :func:`opened`.
    """
    parts = {"method": opened(bundle, threads, device)}
    if bundle.manifest.first_look is not None:
        parts["first_look"] = opened(Bundle.open(bundle.manifest.first_look), threads, device)
    if bundle.manifest.close_ups is not None:
        parts["close_ups"] = opened(Bundle.open(bundle.manifest.close_ups), threads, device, lent=True)
    return parts


def opened(bundle: Bundle, threads: int | None, device: str, *, lent: bool = False) -> tuple[Any, Recipe]:
    """The method of weights, or the close-ups that they lend, and what it was made from.

    Raises:
        WeightsError: they belong to no known method, have no close-ups, or are damaged.
        ConfigError: `threads` is below one, or this ONNX Runtime does not have the device.
    """
    made = (open_close_ups if lent else open_method)(bundle, threads=threads, device=device)
    return made, Recipe(bundle.source, bundle.sha256, threads, device, lent)
