"""What CPRFA costs: parameters, multiplications, crops a second of training, milliseconds of a face's parts.

Run it as

    python -m benchmarks.cprfa [--preset compact] [--batch 16] [--steps 4] [--threads 1] [--part inference]

Weights are random: only time is measured. What follows the maps is timed on true maps of a turned head, since
random ones show nothing. "wall" is the best step; "core seconds" say what a quiet machine would do, where
others compute beside.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lineament.bundle import Bundle, CropSpec, FaceModelSpec, Manifest
from lineament.crop import CropBox
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.methods.cprfa import Cprfa
from lineament.methods.cprfa_points import random_order
from lineament.methods.predictor import landmark_detection
from lineament.models import load_model
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import LABELS
from lineament.train.cprfa.export import EXPORTER
from lineament.train.cprfa.loss import MapLoss, MapLossConfig, UpdateLoss, UpdateLossConfig
from lineament.train.cprfa.selection import choose_vertices
from lineament.train.cprfa.targets import CODE, DEPTH, FACE, CprfaTargets
from lineament.train.cprfa.training import path_count
from lineament.train.networks.cprfa.config import PRESETS
from lineament.train.networks.cprfa.network import CprfaNet
from lineament.train.networks.cprfa.rounds import Observations
from lineament.train.onnx.exporter import export

Clocks = tuple[float, float]


def turned_head(network: CprfaNet, model: MorphableModel) -> FaceLabels:
    """A mean face that fills a crop, turned by 25 degrees."""
    config = network.config
    camera = network.frame.camera(np.array([0.1, 0.45, 0.1, 1.0, 0, 0]), config.crop_size)
    place = np.array([*camera.translation[:2], 0.0])
    nothing = (
        np.zeros(len(model.identity_basis), np.float32),
        np.zeros(len(model.expression_basis), np.float32),
    )
    return FaceLabels(WeakPerspective(camera.rotation, camera.scale, place), *nothing)


def new_network(preset: str, model: MorphableModel) -> CprfaNet:
    """Random weights, increments that are not zero, vertices apart from each other."""
    torch.manual_seed(0)
    network = CprfaNet(PRESETS[preset], model)
    codes, cpr = network.codes, network.config.cpr
    places = codes.low_mm + codes.code * codes.extent_mm
    chosen = choose_vertices(places[:, 2], places, cpr.side, spacing_mm=cpr.spacing_mm)
    network.chosen.copy_(torch.as_tensor(chosen))
    network.trained_rounds.fill_(network.config.updates.rounds)
    for name, value in network.named_parameters():
        if ".out." in name:
            nn.init.normal_(value, std=0.01)
    return network


def observations(network: CprfaNet, rows: int) -> Observations:
    """What crops of frontal mean faces show, three of four vertices of it."""
    points, every = network.table()(torch.zeros(rows, len(network.weights))), len(network.codes)
    order = torch.as_tensor(random_order(every)[: path_count(network)]).expand(rows, -1)
    rng = torch.Generator().manual_seed(0)
    path = network.skin(torch.zeros(rows, len(network.weights)), order[0])
    return Observations(
        points=points.chosen[..., : 2 + network.config.unet.depth],
        valid=(torch.rand(rows, len(network.chosen), generator=rng) < 0.75).float(),
        landmarks=points.landmarks[..., :2],
        landmark_valid=torch.ones(rows, 68),
        path_points=path[..., :2],
        path_valid=torch.ones(rows, len(order[0])),
        path_vertex=order,
    )


def multiplications(module: nn.Module, call: Callable[[], object]) -> float:
    """Of all convolutions and full layers while `call` runs, in thousands of millions."""
    counts: list[int] = []

    def count(layer: nn.Module, _: object, made: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        counts.append(layer.weight[0].numel() * made.numel())

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        call()
    for handle in handles:
        handle.remove()
    return sum(counts) / 1e9


def clocked(call: Callable[[], object], steps: int) -> Clocks:
    """Best wall time and least processor time of so many calls, s, after one that does not count."""
    call()
    times = []
    for _ in range(steps):
        before = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - before[0], time.process_time() - before[1]))
    wall, processor = np.min(times, axis=0)
    return float(wall), float(processor)


def training(network: CprfaNet, labels: FaceLabels, model: MorphableModel, rows: int, steps: int) -> None:
    """Crops a second of a step of each stage: forward, loss, backward, optimiser."""
    config = network.config
    size, count = config.crop_size, len(network.weights)
    made = CprfaTargets(config.unet.depth, config.crop_margin).open(model).make(labels, size)
    targets = {name: torch.as_tensor(values).expand(rows, *values.shape) for name, values in made.items()}
    nothing, fitted = torch.zeros(rows), torch.ones(rows, dtype=torch.bool)
    known = dict.fromkeys(LABELS, nothing) | {
        "has_coefficients": fitted,
        "is_rendered": fitted,
        "is_changed": ~fitted,
    }
    truth = LabelBatch(**known, targets=targets)
    crops = (255 * torch.rand(rows, 3, size, size)).contiguous(memory_format=torch.channels_last)
    network.to(memory_format=torch.channels_last)
    seen, map_loss = observations(network, rows), MapLoss(MapLossConfig())
    batch = {
        "pose": torch.tensor([[0.1, 0.2, 0, 1, 0, 0]]).expand(rows, -1),
        "alpha": torch.zeros(rows, count),
    }
    batch["box_size"] = torch.full((rows,), 0.6)
    for part, name in enumerate(("maps", "round 1", "round 2")[: 1 + config.updates.rounds]):
        network.only(part)
        network.train()
        loss = UpdateLoss(UpdateLossConfig(), network)
        trained = [p for p in network.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(trained, lr=1e-6)

        def step(part: int = part, loss: UpdateLoss = loss, optimiser: torch.optim.AdamW = optimiser) -> None:
            terms = loss(network(seen), batch) if part else map_loss(network(crops), truth)
            optimiser.zero_grad()
            terms["loss"].backward()
            optimiser.step()

        wall, processor = clocked(step, steps)
        print(f"training of {name}, float32: {rows / wall:.1f} crops/s, {rows / processor:.1f} a core second")
    network.trained_part = None
    network.to(memory_format=torch.contiguous_format).eval()


def exported(network: CprfaNet) -> Cprfa:
    """The method of a network's graphs."""
    manifest = Manifest(
        name="random",
        method="cprfa",
        crop=CropSpec(network.config.crop_size, network.config.crop_margin),
        face_model=FaceModelSpec("lfm"),
        data="none",
        licence="none",
        research=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = export(EXPORTER, network, Path(folder) / "a.lineament", manifest=manifest, pictures=None)
        return Cprfa.from_bundle(Bundle.open(path), threads=torch.get_num_threads())


def inference(method: Cprfa, labels: FaceLabels, steps: int) -> None:
    """Milliseconds of each part of one face, and of all of it by each solver."""
    size = method.crop_rule.size
    made = (
        CprfaTargets("depth" in method._networks["maps"].output_names).open(method.model).make(labels, size)
    )
    maps = {"code": made[CODE][None], "face_mask": made[FACE][None].astype(np.float32)}
    if DEPTH in made:
        maps["depth"] = made[DEPTH][None]
    crops = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    box = CropBox(center_xy=(size / 2, size / 2), side=float(size), size=size)
    seen = [method.observed(maps, 0)]
    landmarks = method.landmarks(crops, [box])
    depth = maps.get("depth")
    ways = {name: method.changed(solver=name) for name in ("pnp", "least_squares", "cpr")}
    ways["one round"] = method.changed(solver="cpr", rounds=1)
    parts: dict[str, Callable[[], object]] = {
        "maps": lambda: method.maps(crops),
        "retrieval": lambda: method.observed(maps, 0),
        "landmarks of the detector": lambda: method.landmarks(crops, [box]),
        "pnp": lambda: ways["pnp"].solve(seen, depth, landmarks),
        "least squares": lambda: ways["least_squares"].solve(seen, depth, landmarks),
        "round 1": lambda: ways["one round"].solve(seen, depth, landmarks),
        "both rounds": lambda: ways["cpr"].solve(seen, depth, landmarks),
    }
    print(f"detected: {seen[0].detected.mean():.0%} of the vertices")
    spent = {}
    for name, call in parts.items():
        spent[name] = clocked(call, steps)
    solved = ways["least_squares"].solve(seen, depth, landmarks)[0]
    estimate = method._estimate(maps, 0, seen[0], solved, box)

    def result() -> object:
        face = estimate.result(crop_box=box, detection=landmark_detection(estimate))
        return face.vertices_image, face.visibility

    spent["mesh and visibility"] = clocked(result, steps)
    spent["correspondence, when asked for"] = clocked(
        lambda: estimate.result(crop_box=box, detection=landmark_detection(estimate)).correspondence, steps
    )
    for name, (wall, processor) in spent.items():
        print(f"{name}: {1e3 * wall:.1f} ms, {1e3 * processor:.1f} ms of the processor")
    common = [spent[n] for n in ("maps", "retrieval", "landmarks of the detector", "mesh and visibility")]
    for name in ("pnp", "least squares", "both rounds"):
        wall, processor = np.sum([*common, spent[name]], axis=0)
        print(f"a face by {name}: {1e3 * wall:.1f} ms, {1e3 * processor:.1f} ms of the processor")


def main() -> None:
    """Print what one preset costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", choices=PRESETS, default="compact")
    parser.add_argument("--part", choices=("all", "sizes", "training", "inference"), default="all")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    model = load_model("lfm")
    network = new_network(given.preset, model).eval()
    labels = turned_head(network, model)
    print(f"{given.preset}: load {os.getloadavg()[0]:.1f}, {given.threads} threads")
    size, one = network.config.crop_size, observations(network, 1)
    for name, module, call in (
        ("maps", network.maps, lambda: network.maps(torch.zeros(1, 3, size, size))),
        ("updates of all rounds", network.rounds, lambda: network.updated(one)),
    ):
        parameters = sum(p.numel() for p in module.parameters()) / 1e6
        print(f"{name}: {parameters:.2f} M parameters, {multiplications(module, call):.2f} G multiplications")
    if given.part in ("all", "training"):
        training(network, labels, model, given.batch, given.steps)
    if given.part in ("all", "inference"):
        inference(exported(network), labels, given.steps)


if __name__ == "__main__":
    main()
