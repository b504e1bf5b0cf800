"""Training of the face detector, on one CPU core.

    python tools/make_detector_canvases.py --out CANVASES ...
    python -m lineament.train.detector --canvases CANVASES --validation HELD_OUT --out RUN --minutes 45

The run folder holds `config.json`, `log.jsonl`, `checkpoint.pt` (the same command goes on from it) and
`face_detector.onnx`. The budget is a time, so the learning rate falls with the share of it that is spent.
"""

from __future__ import annotations

import argparse
import json
import logging
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.data.detector_targets import make_targets
from lineament.errors import DataError
from lineament.train.detector_calibration import calibrate
from lineament.train.detector_export import export_detector
from lineament.train.detector_loss import LossWeights, detector_loss
from lineament.train.networks.detector import DetectorConfig, FaceDetectorNetwork

log = logging.getLogger(__name__)

Batch: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Canvases (n, size, size, 3) and labels (n, faces, 8)."""


@dataclass(frozen=True, slots=True)
class DetectorTrainConfig:
    """How to train.

    Attributes:
        minutes: time to spend, over all runs that went on from one another.
        batch: canvases a step.
        learning_rate: at its highest, after `warmup` of the time; then it falls along a cosine.
        warmup: share of the time.
        weight_decay: of AdamW.
        turned: share of the canvases turned by quarters, besides the turns that faces have in them.
        average: decay of the running mean of the weights, which is what is exported.
        save_every: steps between checkpoints.
        seed: of everything random.
        network: widths and depths.
        loss: weights of the parts of the loss.
    """

    minutes: float = 45.0
    batch: int = 32
    learning_rate: float = 2.5e-3
    warmup: float = 0.02
    weight_decay: float = 0.02
    turned: float = 0.25
    average: float = 0.998
    save_every: int = 500
    seed: int = 0
    network: DetectorConfig = field(default_factory=DetectorConfig)
    loss: LossWeights = field(default_factory=LossWeights)


class Shards:
    """Canvases and labels of a folder, read from disk as they are asked for."""

    def __init__(self, folder: Path) -> None:
        """Open the shards that are complete.

        Raises:
            DataError: when there is none.
        """
        self.paths = sorted(path for path in folder.glob("*.npy") if not path.name.endswith(".labels.npy"))
        if not self.paths:
            raise DataError(
                f"There are no canvases in {folder}: make some with tools/make_detector_canvases.py."
            )
        self.canvases = [np.load(path, mmap_mode="r") for path in self.paths]
        self.labels = [np.load(path.with_suffix(".labels.npy")) for path in self.paths]
        self.rows = np.array([(s, row) for s, part in enumerate(self.labels) for row in range(len(part))])

    def batch(self, rows: NDArray[np.int_]) -> Batch:
        """Canvases (n, size, size, 3) and labels (n, faces, 8)."""
        canvases = np.stack([self._read(shard, row) for shard, row in rows])
        return canvases, np.stack([self.labels[shard][row] for shard, row in rows])

    def _read(self, shard: int, row: int) -> NDArray[np.uint8]:
        """One canvas in one read: a memory map fetches it page by page, a hundred times slower from disk."""
        stored = self.canvases[shard]
        size = int(np.prod(stored.shape[1:]))
        flat = np.fromfile(self.paths[shard], np.uint8, size, offset=stored.offset + int(row) * size)
        return flat.reshape(stored.shape[1:])


def train(config: DetectorTrainConfig, *, canvases: Path, validation: Path, out: Path) -> Path:
    """Train, or go on training, and return the exported graph."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(asdict(config), indent=1))
    torch.manual_seed(config.seed)
    network = FaceDetectorNetwork(config.network).to(memory_format=torch.channels_last)
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(config.average), use_buffers=True
    )
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}],
        lr=config.learning_rate,
    )
    spent, step = _resume(out / "checkpoint.pt", network, average, optimizer)
    started = time.monotonic() - spent
    rng = np.random.default_rng([config.seed, step])
    batches = _ahead(_batches(canvases, config.batch, config.turned, rng))
    means: dict[str, list[float]] = {}
    while (share := (time.monotonic() - started) / (60 * config.minutes)) < 1:
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _rate(share, config.warmup)
        parts = _step(network, optimizer, *next(batches), config.loss)
        average.update_parameters(network)
        step += 1
        for name, value in parts.items():
            means.setdefault(name, []).append(value)
        if step % 50 == 0:
            _write(out, {"step": step, "share": share, **{k: float(np.mean(v)) for k, v in means.items()}})
            means.clear()
        if step % config.save_every == 0:
            _save(out / "checkpoint.pt", network, average, optimizer, time.monotonic() - started, step)
            _write(
                out, {"step": step, "validation": validate(average.module, Shards(validation), config.loss)}
            )
    _save(out / "checkpoint.pt", network, average, optimizer, time.monotonic() - started, step)
    shifts = calibrate(average.module, _in_order(Shards(validation)))
    _write(out, {"step": step, "validation": validate(average.module, Shards(validation), config.loss)})
    _write(out, {"calibration": shifts})
    return export_detector(average.module, out / "face_detector.onnx")


def _in_order(shards: Shards, *, size: int = 32) -> Iterator[Batch]:
    for start in range(0, len(shards.rows), size):
        yield shards.batch(shards.rows[start : start + size])


def validate(
    network: FaceDetectorNetwork, shards: Shards, weights: LossWeights, *, limit: int = 320
) -> dict[str, float]:
    """Mean parts of the loss on canvases of people never trained on."""
    network.eval()
    sums: dict[str, list[float]] = {}
    with torch.inference_mode():
        for start in range(0, min(limit, len(shards.rows)), 32):
            canvases, labels = shards.batch(shards.rows[start : start + 32])
            parts = detector_loss(
                network(_tensor(canvases)), make_targets(labels, size=canvases.shape[1]), weights
            )
            for name, value in parts.items():
                sums.setdefault(name, []).append(float(value))
    return {name: float(np.mean(values)) for name, values in sums.items()}


def mirror(canvas: NDArray[np.uint8], labels: NDArray[np.float32]) -> Batch:
    """A canvas and its labels with left and right exchanged."""
    labels = labels.copy()
    used = labels[:, 7] != 0
    width = canvas.shape[1]
    labels[used, 0], labels[used, 2] = width - labels[used, 2], width - labels[used, 0]
    labels[used, 4] *= -1
    return canvas[:, ::-1], labels


def turn(canvas: NDArray[np.uint8], labels: NDArray[np.float32]) -> Batch:
    """A canvas and its labels turned counter-clockwise by a quarter."""
    turned = labels.copy()
    used = labels[:, 7] != 0
    width = canvas.shape[1]
    turned[used, 0], turned[used, 1] = labels[used, 1], width - labels[used, 2]
    turned[used, 2], turned[used, 3] = labels[used, 3], width - labels[used, 0]
    turned[used, 4], turned[used, 5] = labels[used, 5], -labels[used, 4]
    return np.rot90(canvas), turned


def _batches(folder: Path, size: int, turned: float, rng: np.random.Generator) -> Iterator[Batch]:
    """Endless batches; shards that have come since are seen every 100 batches."""
    while True:
        shards = Shards(folder)
        order = rng.permutation(len(shards.rows))[: 100 * size]
        for start in range(0, len(order) - size + 1, size):
            canvases, labels = shards.batch(shards.rows[np.sort(order[start : start + size])])
            for row in range(size):
                canvases[row], labels[row] = _vary(rng, canvases[row].copy(), labels[row], turned)
            yield canvases, labels


def _vary(
    rng: np.random.Generator, canvas: NDArray[np.uint8], labels: NDArray[np.float32], turned: float
) -> Batch:
    if rng.random() < 0.5:
        canvas, labels = mirror(canvas, labels)
    if rng.random() < turned:
        for _ in range(int(rng.integers(1, 4))):
            canvas, labels = turn(canvas, labels)
    return canvas, labels


def _ahead(batches: Iterator[Batch], *, waiting: int = 3) -> Iterator[Batch]:
    """The same batches, read from disk by a second thread while the first one computes."""
    ready: queue.Queue[Batch] = queue.Queue(waiting)

    def read() -> None:
        for batch in batches:
            ready.put(batch)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield ready.get()


def _step(
    network: FaceDetectorNetwork,
    optimizer: torch.optim.Optimizer,
    canvases: NDArray[np.uint8],
    labels: NDArray[np.float32],
    weights: LossWeights,
) -> dict[str, float]:
    network.train()
    targets = make_targets(labels, size=canvases.shape[1])
    with torch.autocast("cpu", torch.bfloat16):
        maps = network(_tensor(canvases))
    parts = detector_loss(maps, targets, weights)
    optimizer.zero_grad(set_to_none=True)
    parts["total"].backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()
    return {name: float(value.detach()) for name, value in {**parts, "norm": norm}.items()}


def _tensor(canvases: NDArray[np.uint8]) -> torch.Tensor:
    """(n, 3, H, W) in 0..1, channels last in memory."""
    return torch.from_numpy(canvases).permute(0, 3, 1, 2).float() / 255


def _rate(share: float, warmup: float) -> float:
    if share < warmup:
        return max(share / warmup, 0.01)
    fallen = min(1.0, (share - warmup) / (1 - warmup))
    return float(0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * fallen)))


def _resume(
    path: Path, network: torch.nn.Module, average: torch.nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[float, int]:
    if not path.exists():
        return 0.0, 0
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    return state["spent"], state["step"]


def _save(
    path: Path,
    network: torch.nn.Module,
    average: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    spent: float,
    step: int,
) -> None:
    states = {"network": network, "average": average, "optimizer": optimizer}
    unfinished = path.with_suffix(".part")
    torch.save(
        {**{name: part.state_dict() for name, part in states.items()}, "spent": spent, "step": step},
        unfinished,
    )
    unfinished.rename(path)


def _write(out: Path, row: dict[str, object]) -> None:
    log.info("%s", row)
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps({"time": time.strftime("%H:%M:%S"), **row}) + "\n")


def main() -> None:
    """The command line."""
    defaults = DetectorTrainConfig()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--canvases", type=Path, required=True, help="folder of shards to train on; may still grow"
    )
    parser.add_argument(
        "--validation", type=Path, required=True, help="folder of shards of people never trained on"
    )
    parser.add_argument("--out", type=Path, required=True, help="run folder")
    parser.add_argument("--minutes", type=float, default=defaults.minutes)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--learning-rate", type=float, default=defaults.learning_rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    config = DetectorTrainConfig(
        minutes=options.minutes, batch=options.batch, learning_rate=options.learning_rate, seed=options.seed
    )
    train(config, canvases=options.canvases, validation=options.validation, out=options.out)


if __name__ == "__main__":
    main()
