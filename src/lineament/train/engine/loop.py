"""One training run, whatever it trains: steps that are functions of their number, so it can be resumed."""

from __future__ import annotations

import copy
import errno
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from lineament.errors import ConfigError, DataError
from lineament.files import replace_durably
from lineament.foreign import foreign
from lineament.train.engine.optimisers import RATE, OptimiserConfig, make_optimiser
from lineament.train.engine.processes import Processes, synchronise_normalisation
from lineament.train.engine.progress import Pace, ProgressLine
from lineament.train.engine.run_folder import FIGURES, RunFolder, read_table
from lineament.train.engine.schedules import ScheduleConfig

log = logging.getLogger(__name__)

Terms: TypeAlias = dict[str, Tensor]
TermsOf: TypeAlias = Callable[[nn.Module, Any], Terms]
"""Losses of a batch: "loss" is minimised, the others are logged."""
Validate: TypeAlias = Callable[[nn.Module], dict[str, float]]

ALONE = Processes(0, 1, torch.device("cpu"))
MAX_SKIPPED_IN_A_ROW = 100


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How a run goes, whatever it trains.

    Attributes:
        steps: optimiser steps in all.
        batch: samples a step, of all processes together.
        optimiser: and its highest learning rate.
        schedule: of the learning rate.
        max_grad_norm: greatest norm of the gradient.
        ema_decay: decay of the exponential moving average of the weights; it is what is used afterwards.
        precision: of the network's multiplications; losses and weights are always float32.
        save_every: steps between checkpoints.
        log_every: steps between lines of the log.
        seed: of weights and data.
        tensorboard: write event files too.
    """

    steps: int = 12000
    batch: int = 80
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    max_grad_norm: float = 5.0
    ema_decay: float = 0.9995
    precision: Literal["bf16", "float32"] = "bf16"
    save_every: int = 1000
    log_every: int = 50
    seed: int = 1
    tensorboard: bool = False

    def rate_at(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        return self.optimiser.learning_rate * self.schedule.factor(step, self.steps)

    def autocast(self, device: torch.device) -> torch.autocast:
        """What the network is to be called in."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16")


CHECKPOINT = "checkpoint.pt"


def is_finished(run: Path, loop: LoopConfig) -> bool:
    """Whether a run folder holds the figures of a run's last step."""
    return (run / FIGURES).exists() and bool(read_table(run, FIGURES).get("step", 0) >= loop.steps)


class Run:
    """A run folder and the state in it.

    Args:
        folder: gets ``checkpoint.pt`` and ``log.jsonl``; a checkpoint that is there is resumed.
        network: trained in place; already on its device.
        config: how.
        processes: that train together.
    """

    def __init__(
        self, folder: Path, network: nn.Module, config: LoopConfig, *, processes: Processes = ALONE
    ) -> None:
        self.folder = RunFolder(folder, tensorboard=config.tensorboard and processes.is_first)
        self.config, self.processes = config, processes
        self.network = synchronise_normalisation(network, processes)
        self.ema = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser = make_optimiser(self.network, config.optimiser)
        self.step = 0
        self.skipped = 0
        self._skipped_in_a_row = 0
        if self.checkpoint.exists():
            self._resume()
        self._joined = processes.joined(self.network)

    @property
    def checkpoint(self) -> Path:
        """Where the state is kept."""
        return self.folder.path / CHECKPOINT

    def save(self) -> None:
        """Write the state under a temporary name, then move it into place."""
        if not self.processes.is_first:
            return
        state = {
            "network": self.network.state_dict(),
            "average": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "skipped": self.skipped,
        }
        temporary = self.checkpoint.with_suffix(".part")
        try:
            torch.save(state, temporary)
            replace_durably(temporary, self.checkpoint)
        except (RuntimeError, OSError) as error:  # torch's writer does not say that the disk is full
            with suppress(OSError):
                temporary.unlink()
            if isinstance(error, OSError):
                raise
            raise OSError(errno.ENOSPC, "a checkpoint cannot be written", str(self.checkpoint)) from error

    def _resume(self) -> None:
        advice = "It is damaged or of another network: move it away to begin anew."
        with foreign(DataError, f"{self.checkpoint} cannot be gone on from", advice):
            self._restore_state(torch.load(self.checkpoint, weights_only=True, map_location="cpu"))

    def _restore_state(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["average"])
        if state["optimiser"] is not None:  # a checkpoint that was compressed may lack it
            # It brings its options along: those of the configuration, which may have changed, hold.
            options = [{k: v for k, v in g.items() if k != "params"} for g in self.optimiser.param_groups]
            self.optimiser.load_state_dict(state["optimiser"])
            for group, own in zip(self.optimiser.param_groups, options, strict=True):
                group.update(own)
        self.step, self.skipped = state["step"], state["skipped"]

    def train(
        self,
        batches: Iterable[Any],
        terms_of: TermsOf,
        validate: Validate | None = None,
        *,
        seconds: float | None = None,
    ) -> None:
        """Take the remaining steps.

        Args:
            batches: one a step, starting at the present step.
            terms_of: the losses of a batch.
            validate: figures of the averaged network, kept with every checkpoint.
            seconds: after which to stop at a checkpoint; the same call goes on from there another time.

        Raises:
            ConfigError: the loss has not been finite for a hundred steps.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        pace = Pace(self.config.batch)
        shown = self.processes.is_first
        with closing(self.folder), ProgressLine(self.config.steps, step=self.step, shown=shown) as line:
            if self.step >= self.config.steps and (self.folder.read(FIGURES) or {}).get("step") != self.step:
                self._keep(validate)  # stopped after its last step, before its figures
            for batch, waited in _timed(batches):
                terms = self._take_step(terms_of, batch)
                pace.stepped(waited=waited)
                line.show(self.step)
                logged = self.step % self.config.log_every == 0
                if logged:
                    line.show(self.step, self._log(terms, pace))
                ended = logged and deadline is not None and self._is_past(deadline)
                if self.step % self.config.save_every == 0 or self.step == self.config.steps or ended:
                    self._keep(validate)
                if ended:
                    log.info("time is up at step %d of %d", self.step, self.config.steps)
                    return

    def _keep(self, validate: Validate | None) -> None:
        self.save()
        if validate is not None and self.processes.is_first:
            self.folder.figures(self.step, validate(self.ema))

    def _log(self, terms: Terms, pace: Pace) -> dict[str, float]:
        """Write the means over all processes into the log."""
        values = self.processes.mean(torch.stack([term.float() for term in terms.values()]))
        figures = pace.read(self.config.steps - self.step) | dict(zip(terms, values.tolist()))
        if self.processes.is_first:
            self.folder.log({"step": self.step, "skipped": self.skipped, **figures})
        return figures

    def _is_past(self, deadline: float) -> bool:
        """Whether the time of any process is up, which all of them agree about."""
        late = torch.tensor(float(time.monotonic() > deadline), device=self.processes.device)
        return bool(self.processes.mean(late) > 0)

    def _take_step(self, terms_of: TermsOf, batch: object) -> Terms:
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate_at(self.step) * group[RATE]
        self.network.train()
        # What is random in the network (dropout) is a function of the step too.
        torch.manual_seed((self.config.seed * 1_000_003 + self.step) * 64 + self.processes.rank)
        buffers = [buffer.clone() for buffer in self.network.buffers()]
        terms = terms_of(self._joined, batch)
        self.optimiser.zero_grad(set_to_none=True)
        terms["loss"].backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self._finish_step(bool(torch.isfinite(norm)), buffers)
        return {name: term.detach() for name, term in terms.items()}

    def _finish_step(self, finite: bool, buffers: list[Tensor]) -> None:
        if finite:
            self.optimiser.step()
            self._update_ema()
            self._skipped_in_a_row = 0
        else:
            self.skipped += 1
            self._skipped_in_a_row += 1
            self._restore(buffers)
        self.step += 1
        if self._skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise ConfigError(
                f"The gradient has not been finite for {MAX_SKIPPED_IN_A_ROW} steps, the last one "
                f"{self.step}. Lower the learning rate, or train with precision float32."
            )

    @torch.no_grad()
    def _restore(self, buffers: list[Tensor]) -> None:
        # Statistics of normalisation have seen the batch already; what is not finite would stay in them.
        for buffer, before in zip(self.network.buffers(), buffers, strict=True):
            buffer.copy_(before)

    @torch.no_grad()
    def _update_ema(self) -> None:
        # Early on the average follows quickly, or it would remember the first random weights for long.
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        pairs = list(zip(self.ema.state_dict().values(), self.network.state_dict().values(), strict=True))
        floats = [(kept, new) for kept, new in pairs if kept.dtype.is_floating_point]
        get_ema_multi_avg_fn(decay)(*map(list, zip(*floats)), None)
        for kept, new in pairs:
            if not kept.dtype.is_floating_point:
                kept.copy_(new)


def _timed(batches: Iterable[Any]) -> Iterator[tuple[Any, float]]:
    """Each batch and the seconds it was waited for."""
    waiting_since = time.monotonic()
    for batch in batches:
        yield batch, time.monotonic() - waiting_since
        waiting_since = time.monotonic()
