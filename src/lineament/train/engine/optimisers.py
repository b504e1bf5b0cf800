"""The optimisers that the papers use, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import nn

RATE = "rate_factor"
"""Of a group of parameters: its learning rate over the run's."""


@runtime_checkable
class BeginsWithOthers(Protocol):
    """A network of which parts may begin with weights that were trained before."""

    def begun(self) -> Iterable[nn.Parameter]:
        """The parameters of these parts."""


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
        begun_rate: factor of the learning rate of parts that begin with trained weights, in networks that
            tell them apart (:class:`BeginsWithOthers`).
    """

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.03
    decay_vectors: bool = False
    momentum: float = 0.9
    nesterov: bool = True
    betas: tuple[float, float] = (0.9, 0.999)
    begun_rate: float = 1.0


def make_optimiser(network: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """An optimiser whose first group are the matrices and whose second the vectors.

    Two more groups are those of parts that were begun, where these have a rate of their own.
    """
    apart = config.begun_rate != 1 and isinstance(network, BeginsWithOthers)
    begun = {id(p) for p in network.begun()} if apart else set()
    new = [p for p in network.parameters() if id(p) not in begun]
    groups = _groups(new, config, 1.0)
    if begun:
        others = [p for p in network.parameters() if id(p) in begun]
        groups += _groups(others, config, config.begun_rate)
    if config.kind == "sgd":
        return torch.optim.SGD(
            groups, lr=config.learning_rate, momentum=config.momentum, nesterov=config.nesterov
        )
    kind = torch.optim.AdamW if config.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, betas=config.betas)


def _groups(parameters: list[nn.Parameter], config: OptimiserConfig, rate: float) -> list[dict[str, Any]]:
    decays = {"weight_decay": config.weight_decay}
    vectors_decay = decays if config.decay_vectors else {"weight_decay": 0.0}
    return [
        {"params": [p for p in parameters if p.ndim > 1], RATE: rate, **decays},
        {"params": [p for p in parameters if p.ndim <= 1], RATE: rate, **vectors_decay},
    ]
