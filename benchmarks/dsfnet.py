"""What DSFNet costs: parameters, multiplications, crops a second of training, milliseconds a face.

Run it as

    python -m benchmarks.dsfnet [--preset compact] [--batch 16] [--steps 6] [--threads 1]

Weights are random, crops are noise: only time is measured. The segmentation is pushed to "visible" so that
the image-space branch and the fusion really run.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from lineament.bundle import Bundle, CropSpec, FaceModelSpec, Manifest
from lineament.crop import CropBox
from lineament.data.crops.augment import AugmentConfig
from lineament.methods.dsfnet import DsfNet as DsfMethod
from lineament.models import load_model
from lineament.train.batches.labels import LabelBatch
from lineament.train.dsfnet.export import EXPORTER
from lineament.train.dsfnet.training import DsfTrainConfig, loss_of, new_network
from lineament.train.networks.dsfnet.config import PRESETS
from lineament.train.networks.dsfnet.network import DsfNet
from lineament.train.onnx.exporter import export


def multiplications(network: DsfNet, size: int) -> int:
    """Of all convolutions and linear layers, for one crop."""
    counts = []

    def count(layer: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        if isinstance(layer, nn.Linear):
            counts.append(layer.weight.numel())
        else:
            places = given[0] if isinstance(layer, nn.ConvTranspose2d) else made
            counts.append(layer.weight[0].numel() * places[0].numel())

    layers = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, layers)]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size))
    for handle in handles:
        handle.remove()
    return sum(counts)


def batch_of(config: DsfTrainConfig, rows: int) -> tuple[torch.Tensor, LabelBatch]:
    """Crops of noise with the labels of frontal mean faces."""
    size, numbers = config.network.crop_size, torch.Generator().manual_seed(0)
    crops = 255 * torch.rand(rows, 3, size, size, generator=numbers)
    faces = torch.zeros(rows, size, size, dtype=torch.bool)
    faces[:, size // 4 : -size // 4, size // 4 : -size // 4] = True
    truth = LabelBatch(
        rotation=torch.eye(3).expand(rows, 3, 3),
        scale=torch.full((rows,), size / 256),
        translation=torch.full((rows, 2), size / 2),
        identity=torch.zeros(rows, config.network.identity),
        expression=torch.zeros(rows, config.network.expression),
        has_coefficients=torch.ones(rows, dtype=torch.bool),
        is_rendered=torch.ones(rows, dtype=torch.bool),
        is_changed=torch.zeros(rows, dtype=torch.bool),
        points=torch.zeros(rows, 68, 3),
        point_weights=torch.zeros(rows, 68),
        point_source=torch.zeros(rows, dtype=torch.int64),
        targets={
            "correspondence": torch.zeros(rows, 2, size, size),
            "depth": torch.zeros(rows, size, size),
            "face_mask": faces,
        },
    )
    return crops, truth


def training(config: DsfTrainConfig, network: DsfNet, rows: int, steps: int) -> dict[str, float]:
    """Crops a second of a step in float32 and in bf16: forward, loss, backward, optimiser."""
    loss = loss_of(config, network, load_model(config.face_model))
    crops, truth = batch_of(config, rows)
    crops = crops.contiguous(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-6)
    found = {}
    for precision in ("float32", "bf16"):
        times = []
        for _ in range(steps + 1):
            before = time.perf_counter(), time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                output = network(crops)
            optimiser.zero_grad()
            loss(output, truth)["loss"].backward()
            optimiser.step()
            times.append((time.perf_counter() - before[0], time.process_time() - before[1]))
        wall, processor = np.min(times[1:], axis=0)
        found[f"{precision} crops/s (wall, best step)"] = rows / wall
        found[f"{precision} crops per core second"] = rows / processor
    return found


def inference(network: DsfNet, config: DsfTrainConfig, threads: int, steps: int) -> dict[str, float]:
    """Milliseconds a face: all of it, and apart the graphs and the alignments."""
    size = config.network.crop_size
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    with torch.no_grad():  # places all over the chart, or no point would be drawn
        network.heads.segmentation.last.bias[0] = 5.0
        network.heads.correspondence.last.weight.normal_(std=0.05)
        for norm in norms:
            norm.momentum = 1.0
        network.train()(batch_of(config, 8)[0])
        network.pose_mean.copy_(torch.tensor([0.2, 0, 0, 0, 0, 0.2, 0, 0, 0, 0, 0.2, 0]))
    manifest = Manifest(
        name="random",
        method="dsfnet",
        crop=CropSpec(size, AugmentConfig().crop_margin),
        face_model=FaceModelSpec(config.face_model),
        data="none",
        licence="none",
        research=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        network.float().to(memory_format=torch.contiguous_format).eval()
        path = export(EXPORTER, network, Path(folder) / "a.lineament", manifest=manifest, pictures=None)
        method = DsfMethod.from_bundle(Bundle.open(path), threads=threads)
    crops = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    boxes = [CropBox(center_xy=(size / 2, size / 2), side=size, size=size)]
    method.estimate(crops, boxes)
    times, processor = [], time.process_time()
    profile = cProfile.Profile(time.process_time)
    for _ in range(steps):
        before = time.perf_counter()
        (face,) = method.estimate(crops, boxes)
        times.append(time.perf_counter() - before)
    processor = (time.process_time() - processor) / steps
    for _ in range(steps):
        profile.runcall(method.estimate, crops, boxes)
    assert face.branch == config.network.output
    apart = {"network.py:__call__": "graphs", "alignment.py:align_points": "alignments"}
    apart |= {"nearest_coefficients.py:fit": "nearest coefficients", "uv.py:vertices": "map to vertices"}
    found = {
        "ms a face, best": 1e3 * min(times),
        "ms a face, median": 1e3 * float(np.median(times)),
        "ms a face, of the processor": 1e3 * processor,
    }
    for (file, _, name), (_, _, _, total, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        key = f"{os.path.basename(file)}:{name}"
        if key in apart:
            found[f"ms a face of it, {apart[key]} (processor)"] = 1e3 * total / steps
    return found


def main() -> None:
    """Print what one preset costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="compact")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    size = PRESETS[given.preset].crop_size
    config = DsfTrainConfig(network=PRESETS[given.preset], augment=AugmentConfig(crop_size=size))
    network = new_network(config, load_model(config.face_model))
    print(f"{given.preset}: load {os.getloadavg()[0]:.1f}, {given.threads} threads")
    print(f"parameters {sum(p.numel() for p in network.parameters()) / 1e6:.2f} million")
    print(f"multiplications {multiplications(network, size) / 1e9:.3f} billion")
    figures = training(config, network, given.batch, given.steps)
    for name, value in (figures | inference(network, config, given.threads, 5 * given.steps)).items():
        print(f"{name}: {value:.2f}")


if __name__ == "__main__":
    main()
