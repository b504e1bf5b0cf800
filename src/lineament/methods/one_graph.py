"""Weights of one ONNX graph whose metadata say what a bundle says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from lineament.errors import WeightsError
from lineament.network import OnnxNetwork


@dataclass(frozen=True, slots=True)
class OneGraph:
    """A :class:`lineament.methods.method.MethodBundle` with a single network.

    Attributes:
        method: key of ``METHODS``.
        crop_size: px.
        crop_margin: side of a crop over the longer side of the landmarks' box.
        face_model: what `load_model` takes.
        graph: the network.
    """

    method: str
    crop_size: int
    crop_margin: float
    face_model: str
    graph: OnnxNetwork

    @classmethod
    def of(cls, network: OnnxNetwork) -> Self:
        """What a network's metadata describe.

        Raises:
            WeightsError: they lack crop_size, crop_margin or face_model.
        """
        try:
            return cls(
                method=network.metadata.get("method", "morphable-regressor"),
                crop_size=int(network.metadata["crop_size"]),
                crop_margin=float(network.metadata["crop_margin"]),
                face_model=network.metadata["face_model"],
                graph=network,
            )
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"{network.path.name} lacks readable metadata ({error}); a method's network states "
                f"crop_size, crop_margin and face_model. It is no network of lineament's: export it again."
            ) from error

    def network(self, name: str = "network") -> OnnxNetwork:
        """The one graph.

        Raises:
            WeightsError: another one is asked for.
        """
        if name != "network":
            raise WeightsError(f"{self.graph.path.name} is a single network, without the graph {name!r}.")
        return self.graph
