"""How wrong the detector is: focal loss for where faces are, overlap for boxes, direction for roll."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lineament.data.labels.detector_targets import DetectorTargets
from lineament.train.networks.detector import CHANNELS, decode_boxes


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the parts.

    Attributes:
        heat: focal loss a face.
        overlap: 1 - generalised IoU.
        distance: L1 on the log distances.
        direction: squared error of the unit vector to the top of the head.
    """

    heat: float = 1.0
    overlap: float = 1.5
    distance: float = 0.5
    direction: float = 1.0


def detector_loss(
    maps: tuple[Tensor, ...], targets: DetectorTargets, weights: LossWeights
) -> dict[str, Tensor]:
    """The parts of the loss and their weighted sum, `total`.

    Args:
        maps: three (n, 7, h, w), the finest first, as the network gives them.
        targets: of the same mosaics.
        weights: of the parts.
    """
    answer = torch.cat([m.float().flatten(2).transpose(1, 2) for m in maps], dim=1)
    assert answer.shape[-1] == CHANNELS
    device = maps[0].device
    values = torch.from_numpy(targets.values).to(device)
    heat = _focal(answer[..., 0], values[..., 0], values[..., 1])
    chosen = values[..., 2] > 0
    weight = values[..., 2][chosen]
    fraction = weight / weight.sum().clamp(min=1e-6)
    centers = torch.from_numpy(targets.centers_xy).to(device).expand(len(values), -1, -1)[chosen]
    bases = torch.from_numpy(targets.bases).to(device).expand(len(values), -1, -1)[chosen]
    log_found, log_true = answer[..., 1:5][chosen], values[..., 3:7][chosen]
    found, true = (decode_boxes(logs, centers, bases) for logs in (log_found, log_true))
    parts = {
        "heat": heat,
        "overlap": (fraction * (1 - generalised_iou(found, true))).sum(),
        "distance": (
            fraction * functional.smooth_l1_loss(log_found, log_true, reduction="none", beta=0.1).mean(-1)
        ).sum(),
        "direction": (
            fraction * (answer[..., 5:7][chosen] - values[..., 7:9][chosen]).square().sum(-1)
        ).sum(),
    }
    total = sum(getattr(weights, name) * part for name, part in parts.items())
    return {"total": torch.as_tensor(total), **parts}


def generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised intersection over union (..., ) of boxes (..., 4) xyxy, in -1..1."""
    overlap = (
        torch.minimum(first[..., 2:], second[..., 2:]) - torch.maximum(first[..., :2], second[..., :2])
    ).clamp(0)
    around = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    shared, hull = overlap.prod(-1), around.prod(-1).clamp(min=1e-6)
    union = (first[..., 2:] - first[..., :2]).prod(-1) + (second[..., 2:] - second[..., :2]).prod(-1) - shared
    return shared / union.clamp(min=1e-6) - (hull - union) / hull


def _focal(logits: Tensor, heat: Tensor, weight: Tensor) -> Tensor:
    """Penalty-reduced focal loss a face (CornerNet eq. 1: powers 2 and 4)."""
    logits = logits.clamp(-12, 12)
    probability = torch.sigmoid(logits)
    own = (heat > 0.9999).float()
    positive = (1 - probability).square() * functional.softplus(-logits) * own
    negative = (1 - heat).pow(4) * probability.square() * functional.softplus(logits) * (1 - own)
    return ((positive + negative) * weight).sum() / own.sum().clamp(min=1.0)
