"""What descriptors learn: distances like those on the face, and to tell a place from all others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.dff.descriptor import Descriptors

GRID = 2
"""Pixels between those among which a counterpart is looked for."""


@dataclass(frozen=True, slots=True)
class DescriptorLossConfig:
    """Weights and forms of the terms.

    Attributes:
        distance: of the squared difference between the distance of descriptors and its target.
        contrast: of the cross-entropy of each pixel's counterpart among the others' (InfoNCE).
        mask: of the cross-entropy of the face mask.
        pixels: drawn of each picture.
        mm_per_unit: distance on the mean face that asks for a distance of one between descriptors.
        max_distance: the largest that is asked for.
        temperature: of the cross-entropy.
        exact_mm: distance up to which two pixels show one place.
        near_mm: distance from a place up to which others are no counterexamples.
    """

    distance: float = 1.0
    contrast: float = 0.2
    mask: float = 0.1
    pixels: int = 256
    mm_per_unit: float = 25.0
    max_distance: float = 1.6
    temperature: float = 0.07
    exact_mm: float = 3.0
    near_mm: float = 6.0


class DescriptorLoss(nn.Module):
    """The terms of a batch of pairs.

    Args:
        config: weights and forms.
    """

    def __init__(self, config: DescriptorLossConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, found: Descriptors, truth: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss".

        Args:
            found: of the (2B) crops, both of a pair one after the other.
            truth: "place" (B, 2, S, S, 3) and "face" (B, 2, S, S) of a batch.
        """
        config, face = self.config, truth["face"]
        unit = found.unit.unflatten(0, (-1, 2))
        pixels, weights = drawn_pixels(face.flatten(2), config.pixels)
        places = truth["place"].flatten(2, 3).gather(2, pixels[..., None].expand(-1, -1, -1, 3))
        channels = unit.shape[2]
        described = unit.flatten(3).gather(3, pixels[:, :, None].expand(-1, -1, channels, -1)).transpose(2, 3)
        terms = {
            "distance": config.distance * self._distance(described, places, weights),
            "contrast": config.contrast * self._contrast(described, places, weights, unit, truth),
            "mask": config.mask
            * functional.binary_cross_entropy_with_logits(found.face, face.flatten(0, 1).float()),
        }
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _distance(self, described: Tensor, places: Tensor, weights: Tensor) -> Tensor:
        """Mean (|d_a - d_b| - g)^2 within both pictures of each pair and between them."""
        own, at, weight = (values.flatten(1, 2) for values in (described, places, weights))
        squared = (2 - 2 * own @ own.transpose(1, 2)).clamp(min=0)
        found = torch.sqrt(squared + 1e-6)
        wanted = (torch.cdist(at, at) / self.config.mm_per_unit).clamp(max=self.config.max_distance)
        both = weight[:, :, None] * weight[:, None]
        return ((found - wanted).square() * both).sum() / both.sum().clamp(min=1)

    def _contrast(
        self,
        described: Tensor,
        places: Tensor,
        weights: Tensor,
        unit: Tensor,
        truth: Mapping[str, Tensor],
    ) -> Tensor:
        """Cross-entropy of the counterpart in the second picture of each pixel of the first."""
        config = self.config
        grid = truth["place"][:, 1, ::GRID, ::GRID].flatten(1, 2)
        shown = truth["face"][:, 1, ::GRID, ::GRID].flatten(1)
        apart = torch.cdist(places[:, 0], grid).masked_fill(~shown[:, None], torch.inf)
        nearest, counterpart = apart.min(2)
        known = (nearest < config.exact_mm) * weights[:, 0]
        others = unit[:, 1, :, ::GRID, ::GRID].flatten(2)
        theirs = others.gather(2, counterpart[:, None].expand(-1, others.shape[1], -1))
        likeness = described[:, 0] @ theirs / config.temperature  # (B, n, n)
        near = torch.cdist(places[:, 0], places[:, 0]) < config.near_mm
        itself = torch.eye(likeness.shape[1], dtype=torch.bool, device=near.device)
        masked = (near & ~itself) | (known[:, None] == 0) & ~itself
        surprise = torch.logsumexp(likeness.masked_fill(masked, -torch.inf), 2)
        surprise = surprise - likeness.diagonal(dim1=1, dim2=2)
        return (surprise * known).sum() / known.sum().clamp(min=1)


def drawn_pixels(face: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Random pixels of the face.

    Args:
        face: (..., P) bool.
        count: n, to draw.

    Returns:
        (..., n) pixels, and (..., n) weights, 0 for those drawn where there are too few.
    """
    order = torch.rand(face.shape, device=face.device).masked_fill(~face, -1.0)
    chosen = order.topk(count, dim=-1)
    return chosen.indices, (chosen.values >= 0).float()
