"""DSFNet's losses: the paper's terms, with the weights of the released graph where it prints none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.methods.dsfnet_points import CLOUD_SIDES
from lineament.train.batches.labels import LabelBatch
from lineament.train.dsfnet.targets import CORRESPONDENCE, DEPTH, FACE
from lineament.train.networks.dsfnet.faces import DsfOutput, Face, ImageBranch
from lineament.train.networks.dsfnet.heads import Coefficients, CropMaps
from lineament.train.networks.dsfnet.network import DsfNet

EPSILON = 1e-8
"""Inside of roots, so that they have a gradient at zero; as released."""


@dataclass(frozen=True, slots=True)
class DsfLossConfig:
    """Weights and forms of the terms.

    Attributes:
        identity: of both branches' identity.
        expression: of both branches' expression.
        pose: of the model-space branch's twelve numbers, and of the points' where nothing is aligned.
        correspondence: of places on the chart, over visible pixels.
        depth: over visible pixels.
        segmentation: over all pixels.
        confidence: over visible pixels.
        cons: between where a visible pixel is and where the image-space face has its place on the chart.
        offset: of the fusion's offsets.
        position: of the fusion's positions.
        coefficients: "root" of the mean square of each row, as released, or "squares" as printed.
        correspondence_scale: error of the correspondence at which confidence falls to exp(-1/2).
        depth_scale: error of the depth at which it does.
    """

    identity: float = 10.0
    expression: float = 50.0
    pose: float = 1.0
    correspondence: float = 50.0
    depth: float = 100.0
    segmentation: float = 1.0
    confidence: float = 0.1
    cons: float = 1.0
    offset: float = 5.0
    position: float = 1.0
    coefficients: Literal["root", "squares"] = "root"
    correspondence_scale: float = 0.05
    depth_scale: float = 0.05


class DsfLoss(nn.Module):
    """The terms of a batch; rows without coefficients have no weight.

    Args:
        network: whose frames and whitening are used; not kept as a child.
        config: weights and forms.
        position_weights: (T,) of the texels in the loss of positions, mean 1.
    """

    def __init__(self, network: DsfNet, config: DsfLossConfig, position_weights: Tensor) -> None:
        super().__init__()
        self.config = config
        self._network = (network,)  # in a tuple, or its weights would count as the loss's own
        self.register_buffer("position_weights", position_weights.float())

    def forward(self, found: DsfOutput, truth: LabelBatch) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss"; all are means over the batch."""
        network, rows = self._network[0], truth.fitted_weights
        expected = network.standardised(network.coefficients_of_labels(truth.face))
        with torch.no_grad():
            face = network.posed_by_numbers(expected)
        terms = self._coefficients("ms", found.model_coefficients, expected, rows, pose=True)
        terms |= self._maps(found.maps, truth, rows)
        if found.image is not None:
            terms |= self._image(found.image, found.maps, expected, truth, rows)
        if found.fused is not None:
            terms |= self._fused(found.fused, face, rows)
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _coefficients(
        self, branch: str, found: Coefficients, expected: Coefficients, rows: Tensor, *, pose: bool
    ) -> dict[str, Tensor]:
        names = ("identity", "expression", *(["pose"] if pose else []))
        return {
            f"{branch}_{name}": getattr(self.config, name)
            * (self._distance(getattr(found, name) - getattr(expected, name)) * rows).mean()
            for name in names
        }

    def _distance(self, difference: Tensor) -> Tensor:
        mean_square = difference.square().mean(1)
        return mean_square if self.config.coefficients == "squares" else torch.sqrt(mean_square + EPSILON)

    def _maps(self, maps: CropMaps, truth: LabelBatch, rows: Tensor) -> dict[str, Tensor]:
        config, targets = self.config, truth.targets
        visible = targets[FACE].float() * rows[:, None, None]
        correspondence = _norm(maps.correspondence - targets[CORRESPONDENCE], 1)
        depth = torch.sqrt((maps.depth - targets[DEPTH]).square() + EPSILON)
        confidence = confidence_target(correspondence, depth, config) * targets[FACE]
        seg = functional.binary_cross_entropy_with_logits(
            maps.segmentation, targets[FACE].float(), reduction="none"
        )
        return {
            "correspondence": config.correspondence * _over(correspondence, visible),
            "depth": config.depth * _over(depth, visible),
            "segmentation": config.segmentation * (seg.mean((1, 2)) * rows).mean(),
            "confidence": config.confidence * _over((maps.confidence - confidence).abs(), visible),
        }

    def _image(
        self, image: ImageBranch, maps: CropMaps, expected: Coefficients, truth: LabelBatch, rows: Tensor
    ) -> dict[str, Tensor]:
        network, config = self._network[0], self.config
        posed = not network.config.align.enabled
        terms = self._coefficients("is", image.coefficients, expected, rows, pose=posed)
        if not posed:  # the pose's layer has a share in the gradient of every process
            terms["is_identity"] = terms["is_identity"] + 0 * image.coefficients.pose.sum()
        if config.cons:
            visible = truth.targets[FACE].float() * rows[:, None, None]
            position = network.tables.as_map(_with_ones(image.face.position))
            terms["cons"] = config.cons * consistency(maps, position, visible)
        return terms

    def _fused(self, fused: tuple[Tensor, Tensor], face: Face, rows: Tensor) -> dict[str, Tensor]:
        offset, position = fused
        offset_error = _norm(offset - face.offset, 2).mean(1)
        position_error = (_norm(position - face.position, 2) * self.position_weights).mean(1)
        return {
            "offset": self.config.offset * (offset_error * rows).mean(),
            "position": self.config.position * (position_error * rows).mean(),
        }


def confidence_target(correspondence: Tensor, depth: Tensor, config: DsfLossConfig) -> Tensor:
    """(B, S, S) how far pixels with these errors are to be believed; errors have no gradient through it."""
    error = correspondence / config.correspondence_scale + depth / config.depth_scale
    return torch.exp(-0.5 * error.detach())


def consistency(maps: CropMaps, position: Tensor, visible: Tensor) -> Tensor:
    """How far the visible pixels' points are from where the image-space face has them, mean square.

    The paper undoes with the printed inverse what the printed alignment did, which gives the points
    themselves and a loss of zero. Here the other side is the face of the coefficients, looked up at each
    pixel's correspondence.

    Args:
        maps: of B crops.
        position: (B, 4, M, M) the face in the cloud frame, and 1 where the chart shows it.
        visible: (B, S, S) weights of the pixels.
    """
    places = maps.correspondence.permute(0, 2, 3, 1)
    interpolated = functional.grid_sample(position, places, align_corners=False, padding_mode="zeros")
    known = interpolated[:, 3]
    expected = interpolated[:, :3] / known.clamp(min=0.5)[:, None]
    side = maps.depth.shape[-1]
    middle = (torch.arange(side, device=maps.depth.device, dtype=maps.depth.dtype) + 0.5 - side / 2) / (
        CLOUD_SIDES * side
    )
    x, y = middle.expand(side, side), -middle[:, None].expand(side, side)
    plane = torch.stack([x, y]).expand(len(places), -1, -1, -1)
    points = torch.cat([plane, maps.depth[:, None]], dim=1)
    return _over((points - expected).square().sum(1), visible * (known.detach() > 0.5))


def _with_ones(points: Tensor) -> Tensor:
    return torch.cat([points, torch.ones_like(points[..., :1])], dim=2)


def _norm(difference: Tensor, axis: int) -> Tensor:
    return torch.sqrt(difference.square().sum(axis) + EPSILON)


def _over(values: Tensor, weights: Tensor) -> Tensor:
    """The mean over the weights of each row, and over the rows."""
    total = (values * weights).sum((1, 2)) / weights.sum((1, 2)).clamp(min=1)
    return total.mean()
