"""One training run: steps that are functions of their number, checkpoints, averaged weights, a log."""

from __future__ import annotations

import copy
import json
import logging
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How a run goes, whatever it trains.

    Attributes:
        steps: optimiser steps in all.
        batch: samples a step.
        learning_rate: at its highest, of AdamW.
        warm_up: steps of linear rise; a cosine falls to zero from there.
        weight_decay: of AdamW, on matrices and kernels only.
        clip: greatest norm of the gradient.
        average: decay of the exponential moving average of the weights.
        save_every: steps between checkpoints.
        log_every: steps between lines of the log.
        seed: of weights and data.
    """

    steps: int = 12000
    batch: int = 80
    learning_rate: float = 1.2e-3
    warm_up: int = 300
    weight_decay: float = 0.03
    clip: float = 5.0
    average: float = 0.9995
    save_every: int = 1000
    log_every: int = 50
    seed: int = 1

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        if step < self.warm_up:
            return self.learning_rate * (step + 1) / self.warm_up
        share = (step - self.warm_up) / max(self.steps - self.warm_up, 1)
        return 0.5 * self.learning_rate * (1 + math.cos(math.pi * min(share, 1.0)))


class Run:
    """A run folder and the state in it.

    Args:
        folder: gets ``checkpoint.pt`` and ``log.jsonl``; a checkpoint that is there is resumed.
        network: trained in place.
        config: how.
    """

    def __init__(self, folder: Path, network: nn.Module, config: LoopConfig) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.network, self.config = folder, network, config
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        matrices = [p for p in network.parameters() if p.ndim > 1]
        vectors = [p for p in network.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": config.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
        )
        self.step = 0
        self.skipped = 0
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        """Where the state is kept."""
        return self.folder / "checkpoint.pt"

    def save(self) -> None:
        """Write the state under a temporary name, then move it into place."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "skipped": self.skipped,
        }
        temporary = self.checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint)

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True, map_location="cpu")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.skipped = state["step"], state["skipped"]

    def log(self, record: dict[str, float]) -> None:
        """Append a line to ``log.jsonl`` and tell it to whoever listens to the logger."""
        line = json.dumps({name: round(value, 5) for name, value in record.items()})
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(line + "\n")
        log.info("%s", line)

    def train(
        self,
        batches: Iterable[object],
        terms_of: Callable[[object], dict[str, Tensor]],
        validate: Callable[[nn.Module], dict[str, float]] | None = None,
    ) -> None:
        """Take the remaining steps.

        Args:
            batches: one a step, starting at the present step.
            terms_of: the losses of a batch; "loss" is minimised, the others are logged.
            validate: figures of the averaged network, logged with every checkpoint.
        """
        started, first = time.monotonic(), self.step
        for batch in batches:
            terms = self._take_step(terms_of, batch)
            if self.step % self.config.log_every == 0:
                pace = (self.step - first) * self.config.batch / (time.monotonic() - started)
                self.log(
                    {"step": self.step, "samples_a_second": pace, "skipped": self.skipped}
                    | {name: float(term) for name, term in terms.items()}
                )
            if self.step % self.config.save_every == 0 or self.step == self.config.steps:
                self.save()
                if validate is not None:
                    self.log({"step": self.step} | validate(self.average))

    def _take_step(self, terms_of: Callable[[object], dict[str, Tensor]], batch: object) -> dict[str, Tensor]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate_at(self.step)
        self.network.train()
        buffers = [buffer.clone() for buffer in self.network.buffers()]
        terms = terms_of(batch)
        self.optimiser.zero_grad(set_to_none=True)
        terms["loss"].backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        if torch.isfinite(norm):
            self.optimiser.step()
            self._update_average()
        else:
            self.skipped += 1
            self._restore(buffers)
        self.step += 1
        return {name: term.detach() for name, term in terms.items()}

    @torch.no_grad()
    def _restore(self, buffers: list[Tensor]) -> None:
        # Statistics of normalisation have seen the batch already; what is not finite would stay in them.
        for buffer, before in zip(self.network.buffers(), buffers, strict=True):
            buffer.copy_(before)

    @torch.no_grad()
    def _update_average(self) -> None:
        # Early on the average follows quickly, or it would remember the first random weights for long.
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        for kept, new in zip(
            self.average.state_dict().values(), self.network.state_dict().values(), strict=True
        ):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
