"""Training of the face detector.

    lineament data mosaics --out MOSAICS ...
    lineament train detector --config FILE --out RUN
    lineament export RUN --out detector.lineament

When the last step is taken the run folder gets ``calibration.json``: what makes the scores of all scales mean
the same. The shipped weights come from the loop that this one replaced, whose budget was a time: 10,152 steps
in 82 minutes of one core.

With ``live.faces`` mosaics are made meanwhile (:mod:`lineament.train.detector.live_mosaics`), no folders
are read.
With ``pace_steps`` the number of steps is what the time allows, so that the schedule ends with the time.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.data.labels.detector_targets import make_targets
from lineament.data.mosaics.record import about_mosaics
from lineament.errors import ConfigError
from lineament.files import sha256_of
from lineament.train.batches.samples import SourceConfig, batches_of
from lineament.train.detector.calibration import calibrate
from lineament.train.detector.live_mosaics import LiveMosaicConfig, LiveMosaics, held_out_batches
from lineament.train.detector.loss import LossWeights, detector_loss
from lineament.train.detector.mosaics import Batch, MosaicSource, Shards, in_order
from lineament.train.engine.loop import ALONE, LoopConfig, Run, TermsOf, Validate
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.processes import Processes
from lineament.train.engine.schedules import ScheduleConfig
from lineament.train.networks.detector import DetectorConfig, FaceDetectorNetwork

log = logging.getLogger(__name__)

VALIDATION_MOSAICS, TRAIN_MOSAICS = 320, 32
CALIBRATION = "calibration.json"
PLANS = 6
ENDLESS = 2**31
"""Steps that nobody takes: how many there are is planned meanwhile."""
LATE = 8.0  # seconds after which a schedule that is not at its end is given up
LOOP = LoopConfig(
    steps=10000,
    batch=32,
    optimiser=OptimiserConfig(learning_rate=2.5e-3, weight_decay=0.02),
    schedule=ScheduleConfig(warm_up=200, floor=0.01),
    ema_decay=0.998,
    save_every=500,
)


@dataclass(frozen=True, slots=True)
class DetectorTrainConfig:
    """All of a training run.

    Attributes:
        mosaics: folder of shards to train on.
        validation: folder of shards of people never trained on.
        turn_probability: fraction of the mosaics rotated by quarters, besides the turns that faces have in
            them.
        loop: steps, batch, optimiser, schedule.
        network: widths and depths.
        loss: weights of the parts of the loss.
        workers: processes that make batches.
        live: mosaics made while training, from packs of faces; without packs the folders are read.
        pace_steps: steps after which the pace is measured and the number of steps is set to what the time
            given allows; 0 leaves it as it is.
        reserve: seconds of the time given that are kept for calibration and export.
    """

    mosaics: str = "canvases"
    validation: str = "validation"
    turn_probability: float = 0.25
    loop: LoopConfig = LOOP
    network: DetectorConfig = field(default_factory=DetectorConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    workers: int = 1
    live: LiveMosaicConfig = field(default_factory=LiveMosaicConfig)
    pace_steps: int = 0
    reserve: float = 30.0


def train(
    config: DetectorTrainConfig, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

    Returns:
        The run folder.

    Raises:
        ConfigError: the number of steps is to be planned, which several processes cannot agree on.
        DataError: mosaics or packs cannot be read.
    """
    started, device = time.monotonic(), processes.device
    timed = seconds is not None and config.pace_steps > 0
    if timed and processes.count > 1:
        raise ConfigError(
            "pace_steps is for one process: set it to 0, and loop.steps to what the time allows."
        )
    data = MosaicData.opened(config)
    torch.manual_seed(config.loop.seed)
    network = FaceDetectorNetwork(config.network).to(device, memory_format=torch.channels_last)
    run = Run(out, network, config.loop, processes=processes)
    if processes.is_first:
        run.folder.begin(config, data.about, step=run.step, about={"method": "detector"})

    def terms_of(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        labels, size = batch["labels"].numpy(), batch["mosaic"].shape[1]
        with config.loop.autocast(device):
            maps = network(_tensor(batch["mosaic"], device))
        parts = detector_loss(maps, make_targets(labels, size=size), config.loss)
        return {"loss": parts.pop("total"), **parts}

    loop = replace(config.loop, steps=ENDLESS) if timed else config.loop
    batches = batches_of(data.source, loop, run.step, processes=processes, workers=config.workers)
    known = data.some(min(TRAIN_MOSAICS, config.live.held_out))
    figures_of = partial(figures, data=data, known=known, weights=config.loss)
    if seconds is not None and timed:
        ends = started + seconds - config.reserve
        _train_for_a_time(run, iter(batches), terms_of, figures_of, ends=ends, pace_steps=config.pace_steps)
    else:
        run.train(batches, terms_of, figures_of, seconds=seconds)
    if processes.is_first and (run.step >= run.config.steps or timed):
        run.folder.write(CALIBRATION, calibrate(run.ema, in_order_of(data.held_out)))
    return out


def calibrated(network: FaceDetectorNetwork, shifts: Sequence[float]) -> FaceDetectorNetwork:
    """The network, its scores shifted in place as :func:`calibrate` found it right."""
    for head, shift in zip(network.heads, shifts, strict=True):
        head[1].bias.data[0] += shift
    return network


@dataclass(frozen=True, slots=True)
class MosaicData:
    """What a run reads.

    Attributes:
        source: of training mosaics.
        held_out: batches of people never trained on, for figures and calibration.
        about: for the run folder: files, and what weights trained on them say, "trained_on" and "licence".
    """

    source: SourceConfig
    held_out: Sequence[Batch] | Shards
    about: dict[str, Any]

    @classmethod
    def opened(cls, config: DetectorTrainConfig) -> MosaicData:
        """Live mosaics, or folders of them."""
        live = config.live
        if live.faces:
            held_out = held_out_batches(live, workers=config.workers)
            files = {path: sha256_of(Path(path)) for path in (*live.faces, *live.behind)}
            return cls(LiveMosaics(live, config.turn_probability), held_out, {**live.about, "sha256": files})
        shards = Shards(Path(config.mosaics))
        sizes = {path.name: path.stat().st_size for path in shards.paths}
        about = {**about_mosaics(Path(config.mosaics)), "folder": config.mosaics, "bytes": sizes}
        return cls(
            MosaicSource(config.mosaics, config.turn_probability), Shards(Path(config.validation)), about
        )

    def some(self, count: int) -> list[Batch]:
        """As many training mosaics, always the same."""
        rows = self.source.open().rows([np.random.default_rng([11, row]) for row in range(count)])
        return [(rows["mosaic"], rows["labels"])]


def in_order_of(batches: Sequence[Batch] | Shards, *, limit: int | None = None) -> Iterable[Batch]:
    """All mosaics in batches, or about the first `limit`."""
    if isinstance(batches, Shards):
        return in_order(batches, limit=limit)
    count = len(batches) if limit is None else -(-limit // len(batches[0][0]))
    return batches[:count]


def _train_for_a_time(
    run: Run,
    batches: Iterator[Any],
    terms_of: TermsOf,
    figures_of: Validate,
    *,
    ends: float,
    pace_steps: int,
) -> None:
    """Take as many steps as there is time for, to the schedule's end; plan anew as the pace changes.

    Args:
        run: its number of steps changes.
        batches: from the present step on.
        terms_of: the losses of a batch.
        figures_of: validation figures.
        ends: monotonic clock, s, when the last step is to be taken.
        pace_steps: taken before the pace is measured, and once more to measure it.
    """
    run.train(itertools.islice(batches, pace_steps), terms_of)  # while processes and kernels begin
    count = pace_steps
    for plans_left in range(PLANS, 0, -1):
        begun, first = time.monotonic(), run.step
        run.train(itertools.islice(batches, count), terms_of, figures_of)
        now = time.monotonic()
        more = max(int((ends - now) * (run.step - first) / (now - begun)), 1)
        run.config = replace(run.config, steps=run.step + more)
        log.info("%d steps fit the time", run.config.steps)
        if more <= pace_steps:
            break
        count = max(more // plans_left - 1, 1)
    left = ends - time.monotonic() + LATE
    run.train(itertools.islice(batches, run.config.steps - run.step), terms_of, figures_of, seconds=left)


def figures(
    network: FaceDetectorNetwork, data: MosaicData, known: Sequence[Batch], weights: LossWeights
) -> dict[str, float]:
    """Mean parts of the loss on people never trained on, "validation_...", and on the others, "train_...".

    Args:
        network: in evaluation mode.
        data: of the run.
        known: some of its training mosaics.
        weights: of the parts.
    """
    sides = {"validation": in_order_of(data.held_out, limit=VALIDATION_MOSAICS), "train": known}
    return {
        f"{side}_{name}": value
        for side, batches in sides.items()
        for name, value in _mean_parts(network, batches, weights).items()
    }


@torch.no_grad()
def _mean_parts(
    network: FaceDetectorNetwork, batches: Iterable[Batch], weights: LossWeights
) -> dict[str, float]:
    device = next(network.parameters()).device
    sums: dict[str, list[float]] = {}
    for mosaics, labels in batches:
        maps = network(_tensor(torch.from_numpy(mosaics), device))
        for name, value in detector_loss(maps, make_targets(labels, size=mosaics.shape[1]), weights).items():
            sums.setdefault(name, []).append(float(value))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _tensor(mosaics: Tensor | NDArray[np.uint8], device: torch.device) -> Tensor:
    """(n, 3, H, W) in 0..1, channels last in memory."""
    return mosaics.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
