"""From weights to a method, and the way back: what a method was made from, so that it can travel."""

from __future__ import annotations

from dataclasses import dataclass

from lineament.bundle import Bundle, same_bundle
from lineament.errors import WeightsError
from lineament.methods import METHODS
from lineament.methods.borrowed_close_ups import BorrowedCloseUps
from lineament.methods.method import Method


def open_method(bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Method:
    """The method of weights, its networks opened.

    Args:
        bundle: the weights.
        threads: CPU threads a network may use; None takes what the bundle says, or else all cores.
        device: "cpu", "cuda" or "auto".

    Raises:
        WeightsError: they belong to no known method, are damaged, or name close-ups that are not there.
        ConfigError: `threads` is below one, or this ONNX Runtime does not have the device.
    """
    name = bundle.manifest.method
    if name not in METHODS:
        raise WeightsError(
            f"{bundle.path.name} belongs to the method {name!r}, which is not one of "
            f"{', '.join(sorted(METHODS))}. Upgrade lineament."
        )
    method = METHODS[name].from_bundle(bundle, threads=threads, device=device)
    if bundle.manifest.close_ups is None:
        return method
    return BorrowedCloseUps.from_bundle(bundle, method, threads=threads, device=device)


@dataclass(frozen=True, slots=True)
class MethodRecipe:
    """What a method was made from; pickles in its place.

    Attributes:
        source: name of installed weights, or absolute path.
        sha256: checksum of the bundle.
        threads: as given.
        device: as given.
    """

    source: str
    sha256: str
    threads: int | None
    device: str

    def open(self) -> Method:
        """The same method here.

        Raises:
            WeightsError: the weights are not here, or differ.
            ConfigError: this ONNX Runtime does not have the device.
        """
        return open_method(same_bundle(self.source, self.sha256), threads=self.threads, device=self.device)


def opened(bundle: Bundle, threads: int | None, device: str) -> tuple[Method, MethodRecipe]:
    """The method of weights, and what it was made from.

    Raises:
        WeightsError: they belong to no known method, or are damaged.
        ConfigError: `threads` is below one, or this ONNX Runtime does not have the device.
    """
    method = open_method(bundle, threads=threads, device=device)
    return method, MethodRecipe(bundle.source, bundle.sha256, threads, device)
