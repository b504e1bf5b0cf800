"""SynergyNet's networks on 68 points: landmarks refined by attributes, and coefficients back from them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

LOCAL, GLOBAL = 64, 1024


class PointFeatures(nn.Module):
    """(B, 3, P) points to features of each (B, 64, P) and of all (B, 1024)."""

    def __init__(self) -> None:
        super().__init__()
        self.local = nn.Sequential(*_layers((3, LOCAL, LOCAL)))
        self.whole = nn.Sequential(*_layers((LOCAL, LOCAL, 128, GLOBAL)))

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Features of each point and of the set."""
        local = self.local(points)
        return local, self.whole(local).amax(2)


class MultiAttributeFeatureAggregation(nn.Module):
    """Multi-attribute feature aggregation (section 3.2 of the paper): a correction of each landmark.

    Args:
        attributes: widths of what is known of the whole face, beside its points.
        released: end as the released code does, with normalisation and a ReLU, so that corrections are never
            negative; otherwise with a plain layer that starts at zero.
    """

    def __init__(self, attributes: Sequence[int], *, released: bool) -> None:
        super().__init__()
        self.points = PointFeatures()
        self.mix = nn.Conv1d(LOCAL + GLOBAL + sum(attributes), 512, 1)
        self.mix_norm = nn.BatchNorm1d(512)
        self.rest = nn.Sequential(*_layers((512, 256, 128)))
        last = nn.Conv1d(128, 3, 1)
        if released:
            self.last: nn.Module = nn.Sequential(last, nn.BatchNorm1d(3), nn.ReLU())
        else:
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.last = nn.Sequential(last)

    def forward(self, points: Tensor, attributes: Sequence[Tensor]) -> Tensor:
        """(B, 3, P) points and (B, n) attributes to (B, 3, P) corrections."""
        local, whole = self.points(points)
        shared = torch.cat([whole, *attributes], dim=1)
        # The same as a convolution of local and repeated shared features, in a thirtieth of the work.
        weight = self.mix.weight[:, :, 0]
        mixed = functional.conv1d(local, weight[:, :LOCAL, None])
        mixed = mixed + functional.linear(shared, weight[:, LOCAL:], self.mix.bias)[:, :, None]
        return self.last(self.rest(functional.relu(self.mix_norm(mixed))))


class LandmarksTo3dmm(nn.Module):
    """Landmarks to standardised parameters (section 3.3).

    Args:
        outputs: widths of pose, identity and expression.
        attributes: widths of what is known of the whole face, beside its points.
        released: end as the released code does, with normalisation and a ReLU.
    """

    def __init__(self, outputs: Sequence[int], attributes: Sequence[int], *, released: bool) -> None:
        super().__init__()
        self.points = PointFeatures()
        width = GLOBAL + sum(attributes)
        self.heads = nn.ModuleList(_head(width, count, released=released) for count in outputs)

    def forward(self, points: Tensor, attributes: Sequence[Tensor]) -> Tensor:
        """(B, 3, P) points and (B, n) attributes to (B, all outputs)."""
        _, whole = self.points(points)
        shared = torch.cat([whole, *attributes], dim=1)[:, :, None]
        return torch.cat([head(shared)[:, :, 0] for head in self.heads], dim=1)


def _head(before: int, after: int, *, released: bool) -> nn.Sequential:
    layer = nn.Conv1d(before, after, 1)
    if released:
        return nn.Sequential(layer, nn.BatchNorm1d(after), nn.ReLU())
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return nn.Sequential(layer)


def _layers(widths: Sequence[int]) -> list[nn.Module]:
    """Convolutions of one point each, with normalisation and ReLU."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv1d(before, after, 1), nn.BatchNorm1d(after), nn.ReLU()]
    return layers
