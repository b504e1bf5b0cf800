"""CPRFA as graphs: maps off the crop, and each trained round with all of its stages."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lineament.methods.cprfa import CONSTANTS
from lineament.methods.cprfa_points import MODES, SUBPIXELS
from lineament.methods.cprfa_switches import SOLVERS
from lineament.train.batches.pictures import Pictures
from lineament.train.cprfa.observations import seen_in
from lineament.train.cprfa.training import path_count, plain_observations
from lineament.train.networks.cprfa.network import CprfaNet
from lineament.train.networks.cprfa.rounds import Observations, Shapes
from lineament.train.onnx.exporter import Arrays, Exporter
from lineament.train.onnx.graph import SEEDED_ROWS, Graph, crop_graph, noise

TOLERANCE = {"code": 2e-3, "face_mask": 5e-3, "depth": 5e-3, "moved_pose": 5e-3, "alpha": 0.05}
HALF_TOLERANCE = {name: 20 * value for name, value in TOLERANCE.items()}
SEEN = ("points", "valid")
LANDMARKS = ("landmarks", "landmark_valid")
PATH = ("path_points", "path_valid", "path_shape")
SPREAD = 0.3
"""Crop sides: of the points of noise that graphs are compared on."""


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
        made["round_1"] = _graph(network, _First(network), ("moved_pose", "alpha"))
    if trained > 1:
        made["round_2"] = _graph(network, _Second(network), ("moved_pose",))
    return made


def _maps(network: CprfaNet, crop: Tensor) -> tuple[Tensor, ...]:
    finest = network.maps(crop)[-1]
    dense = (finest.code, torch.sigmoid(finest.face))
    return dense if finest.depth is None else (*dense, finest.depth)


def _graph(network: CprfaNet, module: _First | _Second, outputs: tuple[str, ...]) -> Graph:
    size = network.config.crop_size
    return Graph(
        module=module,
        outputs=outputs,
        tolerance=TOLERANCE,
        half_tolerance=HALF_TOLERANCE,
        seeded=(noise(SEEDED_ROWS, size, size, 3),),
        inputs_of=lambda pictures: module.inputs(network, pictures),
        takes_int8=False,
    )


class _First(nn.Module):
    """Observations to pose and coefficients."""

    def __init__(self, network: CprfaNet) -> None:
        super().__init__()
        self.round, self.table = network.rounds[0], network.table()
        self.fusion = network.config.updates.fusion
        self.register_buffer("start", torch.tensor([0.0, 0, 0, 1, 0, 0]))
        self.register_buffer("nothing", torch.zeros(len(network.weights)))

    def forward(self, points: Tensor, valid: Tensor, *landmarks: Tensor) -> tuple[Tensor, Tensor]:
        seen = _observations(points, valid, landmarks)
        rows = 0 * points[:, 0, :1]
        pose, alpha = self.round(seen, rows + self.start, rows + self.nothing, self.table)[-1]
        return pose, alpha

    def inputs(self, network: CprfaNet, pictures: Pictures) -> dict[str, np.ndarray]:
        """What crops show; where they show nothing, points of noise."""
        return _first_inputs(network, pictures)


class _Second(nn.Module):
    """Observations, a pose and shapes to the pose."""

    def __init__(self, network: CprfaNet) -> None:
        super().__init__()
        self.round = network.rounds[1]
        self.fusion, self.search = network.config.updates.fusion, network.config.capu.enabled

    def forward(self, points: Tensor, valid: Tensor, *others: Tensor) -> Tensor:
        landmarks, others = (others[:2], others[2:]) if self.fusion else ((), others)
        pose, chosen, others = others[0], others[1], others[2:]
        landmark_shape, others = (others[0], others[1:]) if self.fusion else (0 * chosen[:, :1], others)
        seen = _observations(points, valid, landmarks)
        path = None
        if self.search:
            path_points, path_valid, path = others
            seen = Observations(points, valid, seen.landmarks, seen.landmark_valid, path_points, path_valid)
        shapes = Shapes(chosen, landmark_shape, path)
        return self.round(seen, pose, pose[:, :0], shapes)[-1][0]

    @torch.no_grad()
    def inputs(self, network: CprfaNet, pictures: Pictures) -> dict[str, np.ndarray]:
        """What crops show, and what the first round makes of it."""
        first = _first_inputs(network, pictures)
        seen = _observations(*(torch.as_tensor(first[name]) for name in SEEN), _landmarks(network, first))
        found = network.updated(seen, rounds=1)
        table = network.table()(found.alpha[-1][-1])
        inputs = {**first, "pose": found.pose[-1][-1].numpy(), "chosen_shape": table.chosen.numpy()}
        if self.fusion:
            inputs["landmark_shape"] = table.landmarks.numpy()
        if not self.search:
            return inputs
        rows, count, rng = len(pictures), path_count(network), np.random.default_rng(1)
        places = torch.as_tensor(rng.permutation(len(network.codes))[:count])
        inputs["path_points"] = rng.normal(0, SPREAD, (rows, count, 2)).astype(np.float32)
        inputs["path_valid"] = (rng.uniform(size=(rows, count)) < 0.5).astype(np.float32)
        inputs["path_shape"] = network.skin(found.alpha[-1][-1], places).numpy()
        return inputs


def _landmarks(network: CprfaNet, inputs: dict[str, np.ndarray]) -> tuple[Tensor, ...]:
    return tuple(torch.as_tensor(inputs[name]) for name in LANDMARKS if network.config.updates.fusion)


def _observations(points: Tensor, valid: Tensor, landmarks: tuple[Tensor, ...]) -> Observations:
    nothing = 0 * valid[:, :1]
    places, there = landmarks if landmarks else (0 * points[:, :1, :2], nothing)
    return Observations(points, valid, places, there, 0 * points[:, :1, :2], nothing)


@torch.no_grad()
def _first_inputs(network: CprfaNet, pictures: Pictures) -> dict[str, np.ndarray]:
    rng, rows = np.random.default_rng(0), len(pictures)
    seen, depth = seen_in(network, torch.as_tensor(pictures))
    found = plain_observations(network, seen, depth)
    points, valid = found.points.numpy(), found.valid.numpy()
    empty = valid.sum(axis=1) < 2
    points[empty] = rng.normal(0, SPREAD, points[empty].shape)
    valid[empty] = rng.uniform(size=valid[empty].shape) < 0.6
    inputs = {"points": points, "valid": valid}
    if network.config.updates.fusion:
        truth = network.landmark_mean.numpy()[None, :, :2]
        inputs["landmarks"] = (truth + rng.normal(0, 0.02, (rows, 68, 2))).astype(np.float32)
        inputs["landmark_valid"] = (rng.uniform(size=(rows, 68)) < 0.9).astype(np.float32)
    return inputs


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


EXPORTER = Exporter(method="cprfa", graphs=graphs, arrays=arrays)
