"""Training of the face detector.

    python tools/make_detector_canvases.py --out CANVASES ...
    lineament train detector --config FILE --out RUN

The run folder gets ``face_detector.onnx`` when the last step is taken. The shipped weights come from the
loop that this one replaced, whose budget was a time: 10,152 steps in 82 minutes of one core.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.data.detector_targets import make_targets
from lineament.train.canvases import CanvasSource, Shards, in_order
from lineament.train.detector_calibration import calibrate
from lineament.train.detector_export import export_detector
from lineament.train.detector_loss import LossWeights, detector_loss
from lineament.train.loop import ALONE, LoopConfig, Run
from lineament.train.networks.detector import DetectorConfig, FaceDetectorNetwork
from lineament.train.optimisers import OptimiserConfig
from lineament.train.processes import Processes
from lineament.train.samples import batches_of
from lineament.train.schedules import ScheduleConfig

VALIDATION_CANVASES = 320
LOOP = LoopConfig(
    steps=10000,
    batch=32,
    optimiser=OptimiserConfig(learning_rate=2.5e-3, weight_decay=0.02),
    schedule=ScheduleConfig(warm_up=200, floor=0.01),
    average=0.998,
    save_every=500,
)


@dataclass(frozen=True, slots=True)
class DetectorTrainConfig:
    """All of a training run.

    Attributes:
        canvases: folder of shards to train on.
        validation: folder of shards of people never trained on.
        turned: share of the canvases turned by quarters, besides the turns that faces have in them.
        loop: steps, batch, optimiser, schedule.
        network: widths and depths.
        loss: weights of the parts of the loss.
        workers: processes that make batches.
    """

    canvases: str = "canvases"
    validation: str = "validation"
    turned: float = 0.25
    loop: LoopConfig = LOOP
    network: DetectorConfig = field(default_factory=DetectorConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    workers: int = 1


def train(
    config: DetectorTrainConfig, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

    Returns:
        The exported graph; the run folder while steps remain.
    """
    device = processes.device
    held_out = Shards(Path(config.validation))
    torch.manual_seed(config.loop.seed)
    network = FaceDetectorNetwork(config.network).to(device, memory_format=torch.channels_last)
    run = Run(out, network, config.loop, processes=processes)
    if processes.is_first:
        sizes = {path.name: path.stat().st_size for path in Shards(Path(config.canvases)).paths}
        run.folder.begin(config, {"folder": config.canvases, "bytes": sizes}, step=run.step)

    def terms_of(network: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        labels, size = batch["labels"].numpy(), batch["canvas"].shape[1]
        with config.loop.autocast(device):
            maps = network(_tensor(batch["canvas"], device))
        parts = detector_loss(maps, make_targets(labels, size=size), config.loss)
        return {"loss": parts.pop("total"), **parts}

    source = CanvasSource(config.canvases, config.turned)
    batches = batches_of(source, config.loop, run.step, processes=processes, workers=config.workers)
    run.train(batches, terms_of, lambda network: validate(network, held_out, config.loss), seconds=seconds)
    if run.step < config.loop.steps or not processes.is_first:
        return out
    average = run.average.cpu()
    run.folder.write("calibration.json", calibrate(average, in_order(held_out)))
    return export_detector(average, out / "face_detector.onnx")


@torch.no_grad()
def validate(network: FaceDetectorNetwork, shards: Shards, weights: LossWeights) -> dict[str, float]:
    """Mean parts of the loss on canvases of people never trained on, as "validation_..."."""
    device = next(network.parameters()).device
    sums: dict[str, list[float]] = {}
    for canvases, labels in in_order(shards, limit=VALIDATION_CANVASES):
        maps = network(_tensor(torch.from_numpy(canvases), device))
        for name, value in detector_loss(maps, make_targets(labels, size=canvases.shape[1]), weights).items():
            sums.setdefault(f"validation_{name}", []).append(float(value))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _tensor(canvases: Tensor | NDArray[np.uint8], device: torch.device) -> Tensor:
    """(n, 3, H, W) in 0..1, channels last in memory."""
    return canvases.to(device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
