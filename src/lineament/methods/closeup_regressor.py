"""A regressor that looks twice: at the whole face, then at eyes and mouth at the photo's own resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from lineament.bundle import Bundle
from lineament.crop import CropRule
from lineament.errors import WeightsError
from lineament.geometry.morphable import MorphableModel
from lineament.image import Picture
from lineament.methods.closeup_networks import PARTS, CloseUpNetworks, moved_by
from lineament.methods.estimate import Estimate
from lineament.methods.regressor import MorphableRegressor
from lineament.network import OnnxNetwork


class CloseUpRegressor(MorphableRegressor):
    """Crop -> camera, identity and expression; then close-ups, which correct them.

    Graphs: ``network``, as :class:`MorphableRegressor` takes it; ``eye`` and ``mouth``, close-ups
    (n, S, S, 3) uint8 RGB to ``points`` (n, P, 2), sides of the close-up from its middle, and ``keys``
    (n, K); ``occlusion``, a crop of the whole face (n, S, S, 3) to ``shown`` (n, A, A), how surely each cell
    shows the face itself. Constants: ``eye`` and ``mouth``, each a :class:`CloseUpTable` and its ``noise``;
    ``network``, with ``prior``, the covariance of that network's errors; ``occlusion``, ``size`` and
    ``margin`` of its crops.

    Attributes:
        close_ups: of eyes and mouth, and of what is in front of a face.
    """

    def __init__(
        self,
        network: OnnxNetwork,
        model: MorphableModel,
        *,
        crop_rule: CropRule,
        close_ups: CloseUpNetworks,
    ) -> None:
        """Join networks.

        Args:
            network: see :class:`MorphableRegressor`.
            model: see there.
            crop_rule: of the whole face.
            close_ups: of eyes and mouth, of what is in front of a face, or of nothing.

        Raises:
            WeightsError: see :class:`MorphableRegressor`.
        """
        super().__init__(network, model, crop_rule=crop_rule)
        self.close_ups = close_ups

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """What a bundle describes; see :class:`Method`.

        Raises:
            WeightsError: the bundle lacks a graph or a table, or belongs to another method.
            ModelError: the face model cannot be loaded.
        """
        whole = MorphableRegressor.from_bundle(bundle, threads=threads, device=device)
        close_ups = CloseUpNetworks.from_bundle(bundle, whole.model, threads=threads, device=device)
        if not close_ups.parts and close_ups.occlusion is None:
            raise WeightsError(
                f"{bundle.path.name} has no close-ups ({' or '.join(PARTS)}), as a {cls.__name__} has. These "
                f"weights belong to another method."
            )
        return cls(whole.network, whole.model, crop_rule=whole.crop_rule, close_ups=close_ups)

    def finish(self, image: Picture, estimates: Sequence[Estimate]) -> list[Estimate]:
        """Faces as close-ups of their eyes and mouths have them; see :class:`FinishingMethod`.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            estimates: of the whole faces; what is not finite stays as it is.
        """
        return moved_by(self.close_ups, image, estimates)
