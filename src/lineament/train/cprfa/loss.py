"""Losses of CPRFA: of maps at three scales, and of the parameters after each stage (sections 3 and 9)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.methods.cprfa_pose import POSE
from lineament.train.batches.labels import LabelBatch
from lineament.train.cprfa.targets import CODE, DEPTH, FACE
from lineament.train.networks.cprfa.hsunet import Maps
from lineament.train.networks.cprfa.network import CprfaNet, Updated
from lineament.train.networks.cprfa.rounds import projected

SHOWN = 0.5
"""Least fraction of a coarse pixel that shows the face, for its code to be compared."""


@dataclass(frozen=True, slots=True)
class MapLossConfig:
    """Weights of the terms of maps.

    Attributes:
        code: of the codes' L1, where the face is seen.
        mask: of the masks' cross-entropy, everywhere.
        depth: of the depths' L1.
        scales: of the groups of outputs, coarsest first.
    """

    code: float = 10.0
    mask: float = 1.0
    depth: float = 10.0
    scales: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class UpdateLossConfig:
    """Weights and units of the terms of updates; the paper gives none.

    Attributes:
        pose: of the pose's smooth L1.
        vertices: of the vertices' distances, over the size of the landmarks' box.
        alpha: of the coefficients' mean square.
        stage: each earlier stage counts so much of the next.
        angle: unit of r_x and r_z, radians.
        yaw: unit of r_y, radians.
        scale: unit of s.
        shift_px: unit of t, px of 256.
        sampled: vertices that are compared.
    """

    pose: float = 1.0
    vertices: float = 10.0
    alpha: float = 0.1
    stage: float = 0.5
    angle: float = 0.2
    yaw: float = 0.4
    scale: float = 0.1
    shift_px: float = 10.0
    sampled: int = 1024


class MapLoss(nn.Module):
    """The terms of a batch of maps; rows without coefficients have no weight.

    Args:
        config: weights.
    """

    def __init__(self, config: MapLossConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, found: list[Maps], truth: LabelBatch) -> dict[str, Tensor]:
        """Each term and scale, weighted, and their sum under "loss"."""
        rows, terms = truth.fitted_weights, {}
        for maps, weight in zip(found, self.config.scales, strict=True):
            for name, value in self._of_scale(maps, truth, rows).items():
                terms[f"{name}_{maps.face.shape[-1]}"] = weight * value
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _of_scale(self, maps: Maps, truth: LabelBatch, rows: Tensor) -> dict[str, Tensor]:
        config, targets, side = self.config, truth.targets, maps.face.shape[-1]
        share, code = coarser(targets[CODE], targets[FACE], side)
        seen = (share >= SHOWN).float() * rows[:, None, None]
        mask = functional.binary_cross_entropy_with_logits(maps.face, share, reduction="none")
        terms = {
            "code": config.code * _over((maps.code - code).abs().mean(1), seen),
            "mask": config.mask * (mask.mean((1, 2)) * rows).mean(),
        }
        if maps.depth is not None:
            depth = coarser(targets[DEPTH][:, None], targets[FACE], side)[1][:, 0]
            terms["depth"] = config.depth * _over((maps.depth - depth).abs(), seen)
        return terms


def coarser(values: Tensor, mask: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """(B, s, s) what fraction of each cell a mask covers, and (B, C, s, s) means of values over that part.

    Codes of both sides of a border are so never mixed with what is no face.
    """
    step = mask.shape[-1] // side
    weights = mask.to(values.dtype)[:, None]
    if step == 1:
        return weights[:, 0], values
    share = functional.avg_pool2d(weights, step)
    return share[:, 0], functional.avg_pool2d(values * weights, step) / share.clamp(min=1e-6)


def _over(values: Tensor, weights: Tensor) -> Tensor:
    """The mean over the weights of each row, and over the rows."""
    return ((values * weights).sum((1, 2)) / weights.sum((1, 2)).clamp(min=1)).mean()


class UpdateLoss(nn.Module):
    """The terms of the round in training.

    Args:
        config: weights and units.
        network: whose tables are used; not kept as a child.
    """

    def __init__(self, config: UpdateLossConfig, network: CprfaNet) -> None:
        super().__init__()
        self.config = config
        self._network = (network,)
        units = [config.angle, config.yaw, config.angle, config.scale, *[config.shift_px / 256] * 2]
        assert len(units) == len(POSE)
        self.register_buffer("units", torch.tensor(units))

    def forward(self, found: Updated, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Each term over all stages, weighted, and their sum under "loss"."""
        config, network = self.config, self._network[0]
        poses, alphas = found.pose[-1], found.alpha[-1]
        pose, alpha, size = batch["pose"], batch["alpha"], batch["box_size"]
        places = torch.randint(len(network.codes), (config.sampled,), device=pose.device)
        # All stages and the truth at once: taking these vertices' modes costs more than the product.
        shapes = network.skin(torch.cat([*alphas, alpha]), places)
        *made, truth = projected(shapes, torch.cat([*poses, pose])).chunk(len(poses) + 1)
        terms = {name: pose.new_zeros(()) for name in ("pose", "vertices", "alpha")}
        for number, (own, coefficients, points) in enumerate(zip(poses, alphas, made, strict=True)):
            share = config.stage ** (len(poses) - 1 - number)
            away = torch.cat([_wrapped(own[:, :3] - pose[:, :3]), own[:, 3:] - pose[:, 3:]], dim=1)
            close = functional.smooth_l1_loss(away / self.units, torch.zeros_like(away))
            distance = ((points - truth).square().sum(-1) + 1e-8).sqrt().mean(1) / size
            terms["pose"] = terms["pose"] + share * config.pose * close
            terms["vertices"] = terms["vertices"] + share * config.vertices * distance.mean()
            terms["alpha"] = terms["alpha"] + share * config.alpha * (coefficients - alpha).square().mean()
        return {"loss": terms["pose"] + terms["vertices"] + terms["alpha"], **terms}


def _wrapped(angle: Tensor) -> Tensor:
    """Within half a turn."""
    return torch.atan2(torch.sin(angle), torch.cos(angle))
