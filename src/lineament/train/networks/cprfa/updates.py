"""Update networks: matrices to an increment of one group of parameters (section 6 of the paper).

Six convolutions, a pooled vector, a recurrent cell, a layer that begins with zeros. Normalisation is by
group, not by batch: batches may be of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.cprfa.config import UpdateConfig

GROUPS = 8
FUSED = 4
"""Places along a side of the sixth layer."""
LANDMARK_STRIDED = 3
"""Convolutions of stride 2 over landmarks' matrices; the last three keep their size."""


class Trunk(nn.Module):
    """(B, C, N, N) matrices to (B, W, 4, 4)."""

    def __init__(self, channels: int, widths: Sequence[int], *, strided: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, width in enumerate(widths):
            size, stride = (5 if number == 0 else 3), (2 if number < strided else 1)
            layers += [
                nn.Conv2d(channels, width, size, stride, size // 2),
                nn.GroupNorm(min(GROUPS, width), width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        self.layers = nn.Sequential(*layers)

    def forward(self, matrices: Tensor) -> Tensor:
        """To the fusion's places."""
        return _pooled(self.layers(matrices))


class Cell(nn.Module):
    """A recurrent cell of plain products, so that it becomes a plain graph.

    A GRU (Cho et al. 2014) or an LSTM (Hochreiter and Schmidhuber 1997), whose hidden state and cell are one
    vector here.
    """

    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.width, self.kind = width, kind
        gates = 3 if kind == "gru" else 4
        self.from_input = nn.Linear(width, gates * width)
        self.from_state = nn.Linear(width, gates * width)

    @property
    def state_width(self) -> int:
        """Numbers of a state."""
        return self.width if self.kind == "gru" else 2 * self.width

    def forward(self, features: Tensor, state: Tensor) -> Tensor:
        """(B, W) and the (B, state_width) state to the next state, whose first W are what it says."""
        if self.kind == "gru":
            ours, theirs = self.from_input(features).chunk(3, 1), self.from_state(state).chunk(3, 1)
            reset, update = torch.sigmoid(ours[0] + theirs[0]), torch.sigmoid(ours[1] + theirs[1])
            candidate = torch.tanh(ours[2] + reset * theirs[2])
            return candidate + update * (state - candidate)
        said, memory = state.chunk(2, 1)
        gates = (self.from_input(features) + self.from_state(said)).chunk(4, 1)
        kept = torch.sigmoid(gates[0]) * memory + torch.sigmoid(gates[1]) * torch.tanh(gates[2])
        return torch.cat([torch.sigmoid(gates[3]) * torch.tanh(kept), kept], dim=1)


class Head(nn.Module):
    """Sixth layer to increment, with the memory of the stages before."""

    def __init__(self, width: int, hidden: int, kind: str, count: int) -> None:
        super().__init__()
        self.read = nn.Linear(2 * width, hidden)
        self.cell = Cell(hidden, kind)
        self.out = nn.Linear(hidden, count)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """(B, W, 4, 4) and a state to (B, count) and the next state."""
        flat = torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)
        state = self.cell(torch.relu(self.read(flat)), state)
        return self.out(state[:, : self.cell.width]), state


@dataclass(frozen=True, slots=True)
class Increments:
    """What one stage of a group says.

    Attributes:
        steps: (B, count) of each branch: vertices, and landmarks where they are fused.
        states: of each branch.
    """

    steps: list[Tensor]
    states: list[Tensor]


class UpdateNet(nn.Module):
    """One group of parameters.

    Args:
        channels: of vertices' matrices.
        landmark_channels: of landmarks' matrices; 0 without fusion.
        config: sizes.
        count: parameters of the group.
    """

    def __init__(self, channels: int, landmark_channels: int, config: UpdateConfig, count: int) -> None:
        super().__init__()
        width = config.widths[-1]
        trunks = [Trunk(channels, config.widths, strided=len(config.widths) - 1)]
        if landmark_channels:
            trunks.append(Trunk(landmark_channels, config.landmark_widths, strided=LANDMARK_STRIDED))
        self.trunks = nn.ModuleList(trunks)
        # Merged crosswise: each branch reads its own sixth layer and the other's.
        branches = len(trunks)
        self.merge = nn.ModuleList(
            nn.Conv2d(branches * width, width, 1) if branches > 1 else nn.Identity() for _ in trunks
        )
        self.heads = nn.ModuleList(Head(width, config.hidden, config.cell, count) for _ in trunks)

    @property
    def state_widths(self) -> list[int]:
        """Numbers of each branch's state, which is zero at the beginning of a round."""
        return [head.cell.state_width for head in self.heads]

    def forward(self, matrices: Sequence[Tensor], states: Sequence[Tensor]) -> Increments:
        """(B, C, N, N) matrices of each branch and its state to increments."""
        features = [trunk(values) for trunk, values in zip(self.trunks, matrices, strict=True)]
        steps, following = [], []
        for number, (merge, head, state) in enumerate(zip(self.merge, self.heads, states, strict=True)):
            if len(features) > 1:
                own = torch.relu(merge(torch.cat([features[number], features[1 - number]], dim=1)))
            else:
                own = features[0]
            step, state = head(own, state)
            steps.append(step)
            following.append(state)
        return Increments(steps, following)


def _pooled(features: Tensor) -> Tensor:
    """At 4 x 4 places, whatever the size: means of cells that may overlap, as a graph can have them."""
    side = features.shape[-1]
    if side == FUSED:
        return features
    if side < FUSED:
        return functional.interpolate(features, size=(FUSED, FUSED), mode="nearest")
    stride = side // FUSED
    return functional.avg_pool2d(features, side - (FUSED - 1) * stride, stride)
