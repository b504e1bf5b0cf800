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


class PairConvolution(nn.Module):
    """5 x 5 with stride 2 over folded matrices of a kernel and over where these are known.

    Which entries are known is the same in every stage, so that their part of the sum is made once. On folded
    matrices the convolution is one of 3 x 3 without a stride, whose gradients are several times as fast.

    Args:
        values: channels of matrices.
        known: channels of where they are known; may be 0.
        width: of the output.
    """

    def __init__(self, values: int, known: int, width: int) -> None:
        super().__init__()
        plain = nn.Conv2d(values + known, width, 5)
        self.weight, self.bias = plain.weight, plain.bias
        self._values = values

    def of_known(self, known: Tensor) -> Tensor:
        """(B, C, 2, 2, N/2, N/2) to their part of the output, with the bias."""
        assert self.bias is not None
        if self.weight.shape[1] == self._values:
            return self.bias[:, None, None]
        return self._folded(known, slice(self._values, None), self.bias)

    def forward(self, values: Tensor, of_known: Tensor) -> Tensor:
        """(B, C, 2, 2, N/2, N/2) and the known part to (B, W, N/2, N/2)."""
        return self._folded(values, slice(0, self._values), None) + of_known

    def _folded(self, matrices: Tensor, channels: slice, bias: Tensor | None) -> Tensor:
        # Output o reads places 2 o - 2 to 2 o + 2, of the cells o - 1, o and, by half, o + 1.
        weight = self.weight[:, channels]
        width, count = weight.shape[:2]
        taps = functional.pad(weight, (0, 1, 0, 1)).reshape(width, count, 3, 2, 3, 2)
        # pixel_unshuffle, written out so that an exported graph knows its sizes
        cells = taps.permute(0, 1, 3, 5, 2, 4).reshape(width, 4 * count, 3, 3)
        return functional.conv2d(matrices.flatten(1, 3), cells, bias, padding=1)


class Trunk(nn.Module):
    """Matrices to (B, W, 4, 4).

    Args:
        values: channels of matrices.
        known: channels of where they are known.
        widths: of the layers.
        strided: so many of the layers halve the size.
    """

    def __init__(self, values: int, known: int, widths: Sequence[int], *, strided: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = widths[0]
        for number, width in enumerate(widths):
            layers += [
                nn.Conv2d(before, width, 3, 2 if number < strided else 1, 1)
                if number
                else PairConvolution(values, known, width),
                nn.GroupNorm(min(GROUPS, width), width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.layers = nn.Sequential(*layers)

    def of_known(self, known: Tensor) -> Tensor:
        """What the first layer makes of where the matrices are known."""
        first = self.layers[0]
        assert isinstance(first, PairConvolution)
        return first.of_known(known)

    def forward(self, values: Tensor, of_known: Tensor) -> Tensor:
        """Folded matrices to the fusion's places."""
        first, *others = self.layers
        features = first(values, of_known)
        for layer in others:
            features = layer(features)
        return _pooled(features)


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
        channels: of vertices' matrices; landmarks, where they are fused, have one.
        masked: whether the networks also read where matrices are known.
        config: sizes.
        count: parameters of the group.
    """

    def __init__(self, channels: int, config: UpdateConfig, count: int, *, masked: bool) -> None:
        super().__init__()
        width = config.widths[-1]
        trunks = [Trunk(channels, channels * masked, config.widths, strided=len(config.widths) - 1)]
        if config.fusion:
            trunks.append(Trunk(1, int(masked), config.landmark_widths, strided=LANDMARK_STRIDED))
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

    def of_known(self, known: Sequence[Tensor]) -> list[Tensor]:
        """What each branch's first layer makes of where its matrices are known, the same in all stages."""
        return [trunk.of_known(each) for trunk, each in zip(self.trunks, known, strict=True)]

    def forward(
        self, matrices: Sequence[Tensor], of_known: Sequence[Tensor], states: Sequence[Tensor]
    ) -> Increments:
        """Folded matrices of each branch, what is made of where they are known, and states to increments."""
        features = [trunk(*both) for trunk, *both in zip(self.trunks, matrices, of_known, strict=True)]
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
