"""From weights to what they are of: a method, or the close-ups that they lend to another."""

from __future__ import annotations

from lineament.bundle import Bundle
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
