"""The optimisers that the papers use, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class OptimiserConfig:
    """One optimiser for all of a network.

    Attributes:
        kind: "adamw", "adam" or "sgd".
        learning_rate: at its highest.
        weight_decay: on matrices and kernels.
        decay_vectors: also on biases and normalisation, as most released codes do.
        momentum: of "sgd".
        nesterov: of "sgd".
        betas: of the others.
    """

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.03
    decay_vectors: bool = False
    momentum: float = 0.9
    nesterov: bool = True
    betas: tuple[float, float] = (0.9, 0.999)


def make_optimiser(network: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """An optimiser whose first group are the matrices and whose second the vectors."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": config.weight_decay if config.decay_vectors else 0.0},
    ]
    if config.kind == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.nesterov
        )
    kind = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, betas=config.betas)
