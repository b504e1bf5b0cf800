"""CPRFA (Wu, Ha, Xu, Kakadiaris 2018): the network of maps and the networks of updates, as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lineament.geometry.morphable import MorphableModel
from lineament.methods.cprfa_points import FaceCodes
from lineament.methods.cprfa_pose import SCHEME, START, UnitFrame
from lineament.train.networks.cprfa.config import CprfaConfig
from lineament.train.networks.cprfa.hsunet import HsUnet, Maps
from lineament.train.networks.cprfa.residual_unet import ResidualHsUnet
from lineament.train.networks.cprfa.rounds import Observations, Round, Shapes, ShapeTable


@dataclass(frozen=True, slots=True)
class Updated:
    """Parameters after every stage of every round.

    Attributes:
        pose: a list a round, of (B, 6) a stage.
        alpha: the same, (B, K) whitened.
    """

    pose: list[list[Tensor]]
    alpha: list[list[Tensor]]


class CprfaNet(nn.Module):
    """All of the method.

    Which vertices are chosen, and how many rounds have been trained, is part of the weights.

    Args:
        config: sizes and switches.
        model: the face model, with at least as many modes as are asked for.
    """

    def __init__(self, config: CprfaConfig, model: MorphableModel) -> None:
        super().__init__()
        self.config, self.codes = config, FaceCodes.of(model.mesh)
        self.frame = UnitFrame.of(model.mesh, config.crop_margin)
        self.maps: nn.Module = (
            HsUnet(config.unet)
            if config.unet.encoder == "plain"
            else ResidualHsUnet(config.unet, config.crop_size)
        )
        channels = channel_places(config.cpr.side)
        self.rounds = nn.ModuleList(
            Round(config, channels, alpha=number == 0, line_search=number == 1 and config.capu.enabled)
            for number in range(config.updates.rounds)
        )
        self.register_buffer("chosen", torch.arange(config.cpr.vertices))
        self.register_buffer("trained_rounds", torch.tensor(0))
        self.trained_part: int | None = None
        self._tables(model)

    def _tables(self, model: MorphableModel) -> None:
        """Mean and modes of all vertices with a code, and of the landmarks, in units and whitened."""
        config, landmarks = self.config, model.landmark_points(SCHEME)
        weights = np.repeat([1.0, config.expression_std], [config.identity, config.expression])
        for name, of, places in (("skin", model, self.codes.vertex), ("landmark", landmarks, slice(None))):
            modes = np.concatenate(
                [
                    of.identity_basis[: config.identity, places],
                    of.expression_basis[: config.expression, places],
                ]
            )
            modes = modes * (self.frame.units_per_mm * weights)[:, None, None]
            mean = self.frame.units(of.neutral_model[places].astype(np.float64))
            self.register_buffer(f"{name}_mean", torch.as_tensor(mean).float(), persistent=False)
            self.register_buffer(f"{name}_modes", torch.as_tensor(modes).float(), persistent=False)
        self.register_buffer("weights", torch.as_tensor(weights).float(), persistent=False)

    def only(self, part: int) -> None:
        """From now on train the maps alone (0), or one round (1, 2); the rest stays as it is."""
        self.trained_part = part
        for number, module in enumerate([self.maps, *self.rounds]):
            module.requires_grad_(number == part)
        self.train(self.training)

    def train(self, mode: bool = True) -> CprfaNet:
        """Training mode of what is trained; what stays as it is keeps its statistics too."""
        super().train(mode)
        if self.trained_part is not None:
            for number, module in enumerate([self.maps, *self.rounds]):
                module.train(mode and number == self.trained_part)
        return self

    def forward(self, seen: Tensor | Observations) -> list[Maps] | Updated:
        """(B, 3, S, S) crops to maps, or observations to parameters."""
        return self.maps(seen) if isinstance(seen, Tensor) else self.updated(seen)

    def updated(self, seen: Observations, *, rounds: int | None = None) -> Updated:
        """All stages of so many rounds, those that are not trained without gradients.

        Args:
            seen: what the crops show.
            rounds: None takes those up to the one in training, or all.
        """
        if rounds is None:
            rounds = self.trained_part or len(self.rounds)
        kind = seen.points.device.type
        half = torch.is_autocast_enabled(kind)
        # A hundredth of a crop side is lost in bf16: only the networks' own products may have it.
        with torch.autocast(kind, enabled=False):
            return self._rounds(seen, rounds, half=half)

    def _rounds(self, seen: Observations, rounds: int, *, half: bool) -> Updated:
        rows = len(seen.points)
        pose = seen.points.new_tensor(START).expand(rows, -1)
        alpha = seen.points.new_zeros(rows, len(self.weights))
        poses, alphas = [], []
        table = self.table()
        for number in range(rounds):
            shapes = table if number == 0 else self.shapes(alpha, seen, table)
            with torch.set_grad_enabled(torch.is_grad_enabled() and self._trains(number + 1)):
                after = self.rounds[number](seen, pose, alpha, shapes, half=half)
            pose, alpha = after[-1]
            poses.append([each for each, _ in after])
            alphas.append([each for _, each in after])
        return Updated(poses, alphas)

    def _trains(self, part: int) -> bool:
        return self.trained_part in (None, part)

    def table(self) -> ShapeTable:
        """Of the chosen vertices."""
        table = ShapeTable(
            (self.skin_mean[self.chosen], self.skin_modes[:, self.chosen]),
            (self.landmark_mean, self.landmark_modes),
        )
        return table.to(self.skin_mean.device)

    def shapes(self, alpha: Tensor, seen: Observations, table: ShapeTable) -> Shapes:
        """Of (B, K) coefficients that stay: chosen vertices, landmarks, and those of the line search."""
        found = table(alpha)
        path = None
        if self.config.capu.enabled and seen.path_vertex is not None:
            moved = torch.einsum("bk,kbpc->bpc", alpha, self.skin_modes[:, seen.path_vertex])
            path = self.skin_mean[seen.path_vertex] + moved
        return Shapes(found.chosen, found.landmarks, path)

    def skin(self, alpha: Tensor, places: Tensor) -> Tensor:
        """(B, n, 3) some vertices of faces of coefficients, before the pose."""
        modes = self.skin_modes[:, places].flatten(1)
        return self.skin_mean[places] + (alpha @ modes).unflatten(1, (-1, 3))

    def coefficients(self, alpha: Tensor) -> tuple[Tensor, Tensor]:
        """Identity and expression of whitened (B, K)."""
        plain = alpha * self.weights
        return plain[:, : self.config.identity], plain[:, self.config.identity :]


def channel_places(side: int) -> Tensor:
    """(3, N) places among 2 N chosen vertices, of which N of one side come first: one, the other, both."""
    one = torch.arange(side)
    both = torch.stack([one[::2], one[::2] + side], 1).flatten()
    return torch.stack([one, one + side, both])
