"""CPRFA as graphs: maps off the crop, and a stage of each trained round.

The stages of a round share their weights, so that one graph serves them all: it takes what the stage before
has left, pose, coefficients and memory, and gives them anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lineament.methods.cprfa import CONSTANTS
from lineament.methods.cprfa_points import MODES, SUBPIXELS
from lineament.methods.cprfa_pose import START
from lineament.methods.cprfa_switches import SOLVERS
from lineament.train.batches.pictures import Pictures
from lineament.train.cprfa.mirrored_maps import mirrored_maps
from lineament.train.cprfa.observations import seen_in
from lineament.train.cprfa.training import path_count, plain_observations
from lineament.train.networks.cprfa.network import CprfaNet
from lineament.train.networks.cprfa.rounds import Observations, Shapes
from lineament.train.onnx.exporter import Arrays, Exporter
from lineament.train.onnx.graph import SEEDED_ROWS, Graph, crop_graph

TOLERANCE = {
    "code": 2e-3,
    "face_mask": 5e-3,
    "depth": 5e-3,
    "moved_pose": 5e-3,
    "moved_alpha": 0.05,
    "next_memory": 5e-3,
}
HALF_TOLERANCE = {name: 20 * value for name, value in TOLERANCE.items()}
BEFORE = ("pose", "alpha", "memory")
PATH = ("path_points", "path_valid", "path_shape")
SPREAD = 0.3
"""Crop sides: of the points of noise that graphs are compared on."""
GREY = 128


def graphs(network: CprfaNet) -> dict[str, Graph]:
    """The maps, and the rounds that have been trained."""
    names = ("code", "face_mask", *(["depth"] if network.config.unet.depth else []))
    made = {
        "maps": crop_graph(
            network,
            network.config.crop_size,
            _maps,
            outputs=names,
            tolerance=TOLERANCE,
            half_tolerance=HALF_TOLERANCE,
        )
    }
    trained = int(network.trained_rounds)
    if trained > 0:
        made["round_1"] = _graph(network, _First(network), ("moved_pose", "moved_alpha", "next_memory"))
    if trained > 1:
        made["round_2"] = _graph(network, _Second(network), ("moved_pose", "next_memory"))
    return made


def _maps(network: CprfaNet, crop: Tensor) -> tuple[Tensor, ...]:
    finest = network.maps(crop)[-1].enlarged(network.config.crop_size)
    dense = (finest.code, torch.sigmoid(finest.face))
    return dense if finest.depth is None else (*dense, finest.depth)


def _graph(network: CprfaNet, module: _First | _Second, outputs: tuple[str, ...]) -> Graph:
    size = network.config.crop_size
    return Graph(
        module=module,
        outputs=outputs,
        tolerance=TOLERANCE,
        half_tolerance=HALF_TOLERANCE,
        # Of pictures that show nothing; what rounds read are points, which are noise there.
        seeded=(np.full((SEEDED_ROWS, size, size, 3), GREY, np.uint8),),
        inputs_of=lambda pictures: module.inputs(network, pictures),
        takes_int8=False,
    )


class _First(nn.Module):
    """Observations and what the stage before has left to pose, coefficients and memory."""

    def __init__(self, network: CprfaNet) -> None:
        super().__init__()
        self.round, self.table = network.rounds[0], network.table()
        self.fusion = network.config.updates.fusion

    def forward(self, points: Tensor, valid: Tensor, *others: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        landmarks, (pose, alpha, memory) = _parted(others, self.fusion)
        seen = _observations(points, valid, landmarks)
        return self.round.stage(seen, pose, alpha, memory, self.table)

    @torch.no_grad()
    def inputs(self, network: CprfaNet, pictures: Pictures) -> dict[str, np.ndarray]:
        """What crops show, and what a stage has left; where they show nothing, points of noise."""
        inputs, seen = _seen(network, pictures)
        pose = seen.points.new_tensor(START).expand(len(pictures), -1)
        alpha = seen.points.new_zeros(len(pictures), len(network.weights))
        after = self.round.stage(seen, pose, alpha, self.round.start(pose), self.table)
        return inputs | {name: each.numpy() for name, each in zip(BEFORE, after, strict=True)}


class _Second(nn.Module):
    """Observations, what the stage before has left and shapes to pose and memory."""

    def __init__(self, network: CprfaNet) -> None:
        super().__init__()
        self.round = network.rounds[1]
        self.fusion, self.search = network.config.updates.fusion, network.config.capu.enabled

    def forward(self, points: Tensor, valid: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        landmarks, (pose, memory, chosen, *rest) = _parted(others, self.fusion)
        seen = _observations(points, valid, landmarks)
        shape, rest = (rest[0], rest[1:]) if self.fusion else (0 * chosen[:, :1], rest)
        path = None
        if self.search:
            path_points, path_valid, path = rest
            seen = replace(seen, path_points=path_points, path_valid=path_valid)
        moved, _, memory = self.round.stage(seen, pose, pose[:, :0], memory, Shapes(chosen, shape, path))
        return moved, memory

    @torch.no_grad()
    def inputs(self, network: CprfaNet, pictures: Pictures) -> dict[str, np.ndarray]:
        """What crops show, what the first round makes of it, and what a stage of the second has left."""
        inputs, seen = _seen(network, pictures)
        found = network.updated(seen, rounds=1)
        pose, alpha = found.pose[-1][-1], found.alpha[-1][-1]
        rows, count, rng = len(pictures), path_count(network), np.random.default_rng(1)
        seen = replace(
            seen,
            path_points=torch.as_tensor(rng.normal(0, SPREAD, (rows, count, 2))).float(),
            path_valid=torch.as_tensor(rng.uniform(size=(rows, count)) < 0.5).float(),
            path_vertex=torch.as_tensor(rng.permutation(len(network.codes))[:count]).expand(rows, -1),
        )
        shapes = network.shapes(alpha, seen, network.table())
        moved, _, memory = self.round.stage(seen, pose, alpha, self.round.start(pose), shapes)
        inputs |= {"pose": moved.numpy(), "memory": memory.numpy(), "chosen_shape": shapes.chosen.numpy()}
        if self.fusion:
            inputs["landmark_shape"] = shapes.landmarks.numpy()
        if shapes.path is not None:
            both = (seen.path_points, seen.path_valid, shapes.path)
            inputs |= {name: values.numpy() for name, values in zip(PATH, both, strict=True)}
        return inputs


def _parted(others: tuple[Tensor, ...], fusion: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Landmarks and whether they are known, where they are fused, and the rest."""
    return (others[:2], others[2:]) if fusion else ((), others)


def _observations(points: Tensor, valid: Tensor, landmarks: tuple[Tensor, ...]) -> Observations:
    nothing = 0 * valid[:, :1]
    places, there = landmarks if landmarks else (0 * points[:, :1, :2], nothing)
    return Observations(points, valid, places, there, 0 * points[:, :1, :2], nothing)


@torch.no_grad()
def _seen(network: CprfaNet, pictures: Pictures) -> tuple[dict[str, np.ndarray], Observations]:
    """What a stage reads of pictures, by name and as one; points of noise where nothing is seen."""
    rng, rows = np.random.default_rng(0), len(pictures)
    observed, depth = seen_in(network, torch.as_tensor(pictures))
    found = plain_observations(network, observed, depth)
    points, valid = found.points.numpy(), found.valid.numpy()
    empty = valid.sum(axis=1) < 2
    points[empty] = rng.normal(0, SPREAD, points[empty].shape)
    valid[empty] = rng.uniform(size=valid[empty].shape) < 0.6
    inputs = {"points": points, "valid": valid}
    if network.config.updates.fusion:
        truth = network.landmark_mean.numpy()[None, :, :2]
        inputs["landmarks"] = (truth + rng.normal(0, 0.02, (rows, 68, 2))).astype(np.float32)
        inputs["landmark_valid"] = (rng.uniform(size=(rows, 68)) < 0.9).astype(np.float32)
    first, second, *landmarks = (torch.as_tensor(values) for values in inputs.values())
    return inputs, _observations(first, second, tuple(landmarks))


def arrays(network: CprfaNet) -> Arrays:
    """What lies between the graphs: chosen vertices, switches."""
    config = network.config
    values: dict[str, Any] = {
        "chosen": network.chosen.numpy().astype(np.int32),
        "identity": config.identity,
        "expression": config.expression,
        "expression_std": config.expression_std,
        "kappa": config.capu.kappa,
        "least": config.capu.least,
        "most": path_count(network),
        "stages": config.updates.stages,
        "landmark_weights": "default" if config.updates.fusion else "",
        "solver": SOLVERS.index(_solver(network)),
        "fusion": config.updates.fusion,
        "radius_mm": config.retrieval.radius_mm,
        "mode": MODES.index(config.retrieval.mode),
        "subpixel": SUBPIXELS.index(config.retrieval.subpixel),
        "erode_px": config.retrieval.erode_px,
    }
    return {CONSTANTS: {name: np.asarray(value) for name, value in values.items()}}


def _solver(network: CprfaNet) -> str:
    """The configured one; updates that are not trained cannot be used."""
    trained = int(network.trained_rounds) > 0
    return network.config.solver if trained or network.config.solver != "cpr" else "least_squares"


EXPORTER = Exporter(method="cprfa", graphs=graphs, arrays=arrays, flip=mirrored_maps, flipped="maps")
