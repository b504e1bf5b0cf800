"""A small network that sees what is in front of a face: hands, hair, microphones, masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule, upright_roll
from lineament.errors import BoxError, WeightsError
from lineament.image import Picture
from lineament.methods.estimate import Estimate
from lineament.methods.method import finite_outputs
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result.face_mask import FaceMask

Array: TypeAlias = NDArray[Any]

OCCLUSION = "occlusion"
"""Graph that sees what is in front of a face, and its constants: how its crops are cut."""


class OcclusionNetwork:
    """A network that sees what is in front of a face."""

    def __init__(self, network: OnnxNetwork, rule: CropRule) -> None:
        """Take a network.

        Args:
            network: crops of the whole face (n, S, S, 3) uint8 RGB to ``shown`` (n, S / 2, S / 2).
            rule: how its crops are cut.
        """
        self.network, self.rule = network, rule

    def __call__(self, image: Picture, estimates: Sequence[Estimate]) -> list[FaceMask | None]:
        """What is seen in front of the faces of one photo, all in one run.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            estimates: of the whole faces.

        Returns:
            One each; None of an estimate or an answer that is not finite.
        """
        masks: list[FaceMask | None] = [None] * len(estimates)
        looks: list[tuple[int, CropBox]] = []
        for number, one in enumerate(estimates):
            if one.is_finite:
                with suppress(BoxError):  # all landmarks in one place
                    roll = upright_roll(one.camera.rotation)
                    looks.append((number, self.rule.around_points(one.landmarks_image, roll=roll)))
        if not looks:
            return masks
        cells = self.rule.size // 2
        crops = np.stack([resample_crop(image, box) for _, box in looks])
        shown = finite_outputs(self.network, {"shown": (cells, cells)}, crop=crops)["shown"]
        for (number, box), seen in zip(looks, shown, strict=True):
            if np.isfinite(seen).all():
                masks[number] = FaceMask(seen.astype(np.float32), box)
        return masks


def occlusion_network(
    bundle: Bundle, *, threads: int | None = None, device: str = "cpu"
) -> OcclusionNetwork | None:
    """A bundle's network of what is in front of faces; None where it has none.

    Raises:
        WeightsError: it does not say how crops are cut.
    """
    rule = occlusion_rule(bundle)
    if rule is None:
        return None
    return OcclusionNetwork(bundle.network(OCCLUSION, threads=threads, device=device), rule)


def occlusion_rule(bundle: Bundle) -> CropRule | None:
    """How crops are cut for a bundle's occlusion network; None where it has none.

    Raises:
        WeightsError: it does not say so.
    """
    if OCCLUSION not in bundle.manifest.graphs:
        return None
    return _crop_rule(bundle.arrays(OCCLUSION), bundle)


def _crop_rule(arrays: Mapping[str, Array], bundle: Bundle) -> CropRule:
    """How crops are cut for the occlusion network; WeightsError where it is not said."""
    try:
        size, margin = int(arrays["size"]), float(arrays["margin"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{bundle.path.name} does not state how its occlusion network's crops are cut ({error}): get the "
            f"file again."
        ) from error
    if not (8 <= size <= 512 and 0.5 < margin < 10):
        raise WeightsError(
            f"{bundle.path.name} cuts the occlusion network's crops at {size} px, {margin} times the "
            f"landmarks: get the file again."
        )
    return CropRule(size, margin)
