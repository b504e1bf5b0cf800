"""CPRFA's configuration, what a new network begins with, and what a trained one says of crops."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lineament.bundle import Bundle
from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.methods.cprfa_landmarks import LandmarkDetector, MethodLandmarks
from lineament.methods.cprfa_points import Observed, depths_at
from lineament.methods.cprfa_pose import unit_from_crop
from lineament.methods.cprfa_solvers import PointSolver, Solved
from lineament.methods.regressor import MorphableRegressor
from lineament.train.batches.alignment_figures import CropEstimate
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import CropSource, plain_batches
from lineament.train.cprfa.corruption import CorruptionConfig
from lineament.train.cprfa.loss import MapLossConfig, UpdateLossConfig
from lineament.train.cprfa.observations import ObserveConfig, seen_faces, seen_in
from lineament.train.cprfa.selection import DetectionCounts, choose_vertices
from lineament.train.cprfa.targets import SkinRegion
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.networks.cprfa.config import COMPACT, CprfaConfig
from lineament.train.networks.cprfa.network import CprfaNet
from lineament.train.networks.cprfa.residual_unet import ResidualHsUnet
from lineament.train.networks.cprfa.rounds import Observations
from lineament.train.regressor.training import first_crops, regressor_weights
from lineament.train.regressor.warm_start import ExportedNetwork, take_layers, take_own
from lineament.train.runs.crop_method import begin_with_run

log = logging.getLogger(__name__)

METHOD = "cprfa"
Stage = Literal["maps", "round_1", "round_2", "all"]
STAGES: tuple[Stage, ...] = ("maps", "round_1", "round_2")
OURS = LoopConfig(steps=12500, batch=32, optimiser=OptimiserConfig(learning_rate=2.0e-3, weight_decay=0.01))
OUR_ROUNDS = LoopConfig(
    steps=12500,
    batch=16,
    optimiser=OptimiserConfig(learning_rate=5e-4, weight_decay=0.0),
    max_grad_norm=1.0,
    precision="float32",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CprfaTrainConfig(CropTrainConfig):
    """All of a training run; see :class:`CropTrainConfig` for the rest.

    Attributes:
        loop: of maps.
        round_loop: of each round.
        stage: what is trained: the maps; the first round, with `start` at a run of maps; the second, with
            `start` at a run of the first; or all, one after the other, each in a folder of its name.
        network: sizes and switches; the compact preset unless something else is asked for.
        loss: of maps.
        update_loss: of rounds.
        region: which part of the skin has codes.
        observe: crops that rounds learn on.
        corruption: how these are spoilt.
        reference_crops: undisturbed ones of people kept from training, on which vertices are chosen.
    """

    loop: LoopConfig = OURS
    round_loop: LoopConfig = OUR_ROUNDS
    stage: Stage = "maps"
    network: CprfaConfig = COMPACT
    loss: MapLossConfig = MapLossConfig()
    update_loss: UpdateLossConfig = UpdateLossConfig()
    augment: AugmentConfig = AugmentConfig(
        crop_size=COMPACT.crop_size, crop_margin=COMPACT.crop_margin, occluder_probability=0.5
    )
    region: SkinRegion = "full"
    observe: ObserveConfig = ObserveConfig()
    corruption: CorruptionConfig = CorruptionConfig()
    reference_crops: int = 500
    validation_crops: int = 256

    def __post_init__(self) -> None:
        """Refuse a stage without what it begins with."""
        CropTrainConfig.__post_init__(self)
        if self.augment.crop_margin != self.network.crop_margin:
            raise ConfigError(
                f"augment.crop_margin is {self.augment.crop_margin} and network.crop_margin "
                f"{self.network.crop_margin}: make them equal."
            )
        if self.stage not in (*STAGES, "all"):
            raise ConfigError(f"stage is {', '.join(STAGES)} or all, not {self.stage!r}.")
        if self.part > self.network.updates.rounds:
            raise ConfigError(f"There is no {self.stage}: network.updates.rounds is 1.")
        if self.part and not self.start:
            before = STAGES[self.part - 1]
            raise ConfigError(f"{self.stage} begins with a run of the stage {before}: set start.")

    @property
    def part(self) -> int:
        """0 for maps, with which all begins too, or the round's number."""
        return 0 if self.stage == "all" else STAGES.index(self.stage)

    @property
    def start_graphs(self) -> tuple[str, ...]:
        """Of exported weights: maps, or the network of a regressor."""
        return ("maps", "network")

    @property
    def loop_of_stage(self) -> LoopConfig:
        """Of maps, or of rounds."""
        return self.round_loop if self.part else self.loop


def new_network(config: CprfaTrainConfig, model: MorphableModel) -> CprfaNet:
    """The network of a run, with random weights.

    Raises:
        ConfigError: the model has fewer modes than are asked for, or no chart.
    """
    wanted = (config.network.identity, config.network.expression)
    found = (len(model.identity_basis), len(model.expression_basis))
    if found[0] < wanted[0] or found[1] < wanted[1]:
        raise ConfigError(
            f"The network is to give {wanted[0]} identity and {wanted[1]} expression values, but {model!r} "
            f"has {found[0]} and {found[1]}: set network.identity and network.expression."
        )
    if model.uv is None:
        raise ConfigError(f"The face model {model.name!r} has no UV chart: choose another face_model.")
    network = CprfaNet(config.network, model)
    network.only(config.part)
    return network


def prepare(network: CprfaNet, config: CprfaTrainConfig, source: CropSource) -> None:
    """Give a new network the weights of `config.start`, and the first round its vertices.

    A run folder is one of CPRFA. A name or a file are weights of CPRFA, whose maps are taken; or, for maps
    whose encoder is residual, of the compact regressor, with which that encoder begins.

    Raises:
        ConfigError: the start does not fit, or is of an earlier stage than needed.
        DataError: the start is no run folder.
        WeightsError: no such weights.
    """
    weights = None if not config.start or Path(config.start).is_dir() else Bundle.open(config.start)
    if weights is not None and weights.manifest.method == METHOD and config.part < 2:
        _take_maps(network, weights, config, source)
    elif weights is not None and not config.part:
        exported = regressor_weights(
            config.start,
            fits=isinstance(network.maps, ResidualHsUnet),
            only='maps with network.unet.encoder = "residual"',
        )
        take_layers(network.maps.encoder, exported, first_crops(source, config.loop))
    elif config.start:
        begin_with_run(network, Path(config.start), config)
    if int(network.trained_rounds) < config.part - 1:
        raise ConfigError(
            f"{config.start} has trained {int(network.trained_rounds)} rounds; {config.stage} begins with "
            f"{config.part - 1}: train the stage before first."
        )
    network.trained_rounds.fill_(config.part)
    if config.stage == "round_1":
        choose(network, source.sampler(validation=True), config.reference_crops)


def _take_maps(network: CprfaNet, weights: Bundle, config: CprfaTrainConfig, source: CropSource) -> None:
    """Give a network the maps of weights of CPRFA.

    Raises:
        ConfigError: they are of other sizes, or for another size of crops.
    """
    exported = ExportedNetwork.of_graph(weights, "maps")
    if exported is None:
        raise ConfigError(f"{weights.path} has no maps: there is nothing to start from.")
    if exported.crop_size != config.network.crop_size:
        raise ConfigError(
            f"{weights.path} looks at crops of {exported.crop_size} px: set network.crop_size to that, "
            f"it is {config.network.crop_size}."
        )
    take_own(network.maps, exported, first_crops(source, config.loop))


def choose(network: CprfaNet, sampler: CropSampler, count: int) -> None:
    """Choose the vertices of the matrices on people kept from training.

    Args:
        network: with trained maps.
        sampler: of their crops.
        count: of crops.

    Raises:
        DataError: a side of the face has too few vertices.
    """
    counts, codes = DetectionCounts(len(network.codes)), network.codes
    training = network.training
    network.eval()
    device = network.chosen.device

    for face in seen_faces(network, sampler.model, plain_batches(sampler, count, device)):
        counts.add(face.seen.points_crop, face.truth, face.size)
    network.train(training)
    log.info("maps detect %.1f %% of the vertices", 100 * counts.detected.mean() / max(counts.faces, 1))
    if counts.good.max(initial=0) < 1:
        log.warning("maps find no vertex well: updates would learn of nothing, so train the maps for longer")
    places = codes.low_mm + codes.code * codes.extent_mm
    cpr = network.config.cpr
    chosen = choose_vertices(counts.score, places, cpr.side, spacing_mm=cpr.spacing_mm)
    network.chosen.copy_(torch.as_tensor(chosen))


def landmark_detector(config: CprfaTrainConfig) -> LandmarkDetector | None:
    """The external detector of a run; None where the true landmarks with noise stand for it.

    Raises:
        WeightsError: its weights are not there.
    """
    if not (config.network.updates.fusion and config.observe.landmarks):
        return None
    method = MorphableRegressor.from_bundle(Bundle.open(config.observe.landmarks), threads=1)
    return MethodLandmarks(method, config.network.crop_margin)


def point_solver(network: CprfaNet, model: MorphableModel) -> PointSolver:
    """The simple fits, as the inference core has them."""
    config = network.config
    return PointSolver(
        model,
        network.codes,
        identity=config.identity,
        expression=config.expression,
        expression_std=config.expression_std,
    )


class Estimator:
    """What a network says of crops: the detected vertices, solved in every way that it has been trained for.

    Args:
        network: in evaluation mode.
        model: the face model.
    """

    def __init__(self, network: CprfaNet, model: MorphableModel) -> None:
        self._network, self._model = network, model
        self._solver = point_solver(network, model)
        self._points = model.landmark_points("300w-lp")

    def __call__(self, crops: Tensor) -> CropEstimate:
        """Of (B, S, S, 3) uint8 crops, without an external detector; see :class:`CropEstimate`."""
        network = self._network
        seen, depth = seen_in(network, crops)
        ways = {name: self._fitted(seen, rigid=name == "pnp") for name in ("least_squares", "pnp")}
        if int(network.trained_rounds):
            ways["cpr"] = self._updated(seen, depth)
        own = network.config.solver if network.config.solver in ways else "least_squares"
        device = crops.device
        landmarks = {name: torch.as_tensor(points, device=device) for name, (points, _) in ways.items()}
        return CropEstimate(landmarks[own], torch.as_tensor(ways[own][1], device=device), landmarks)

    def _fitted(self, seen: list[Observed], *, rigid: bool) -> tuple[np.ndarray, np.ndarray]:
        """(B, 68, 2) px and (B, 3, 3) of the simple fits."""
        config = self._network.config
        px_per_mm = self._network.frame.units_per_mm * config.crop_size
        return self._joined([self._solver.fit(each, px_per_mm, rigid=rigid) for each in seen])

    @torch.no_grad()
    def _updated(self, seen: list[Observed], depth: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """The same of the rounds that are trained; what the line search looks at is all that is detected."""
        network = self._network
        found = network.updated(plain_observations(network, seen, depth), rounds=int(network.trained_rounds))
        pose, alpha = found.pose[-1][-1], found.alpha[-1][-1]
        identity, expression = (values.cpu().numpy() for values in network.coefficients(alpha))
        cameras = [network.frame.camera(each, network.config.crop_size) for each in pose.cpu().numpy()]
        return self._joined([Solved(*each) for each in zip(cameras, identity, expression, strict=True)])

    def _joined(self, faces: list[Solved | None]) -> tuple[np.ndarray, np.ndarray]:
        """Landmarks and rotations; a frontal mean face where there is none."""
        config, frame = self._network.config, self._network.frame
        nothing = Solved(
            frame.camera(np.array([0, 0, 0, 1, 0, 0]), config.crop_size),
            np.zeros(config.identity, np.float32),
            np.zeros(config.expression, np.float32),
        )
        faces = [nothing if face is None else face for face in faces]
        points = [
            face.camera.image_from_model(self._points.vertices_model(face.identity, face.expression))
            for face in faces
        ]
        rotations = np.stack([face.camera.rotation for face in faces])
        return np.stack(points)[..., :2].astype(np.float32), rotations.astype(np.float32)


def plain_observations(network: CprfaNet, seen: list[Observed], depth: np.ndarray | None) -> Observations:
    """Observations as they are, without an external detector."""
    size, chosen = network.config.crop_size, network.chosen.cpu().numpy()
    places = np.stack([each.points_crop[chosen] for each in seen])
    points = unit_from_crop(places, size)
    if depth is not None:
        points = np.concatenate([points, depths_at(depth, places)[..., None]], axis=2)
    every = path_order(network)
    path = np.stack([each.points_crop[every] for each in seen])
    arrays = {
        "points": np.nan_to_num(points),
        "valid": np.isfinite(places[..., 0]),
        "landmarks": np.zeros((len(seen), 68, 2)),
        "landmark_valid": np.zeros((len(seen), 68)),
        "path_points": np.nan_to_num(unit_from_crop(path, size)),
        "path_valid": np.isfinite(path[..., 0]),
    }
    device = network.chosen.device
    tensors = {name: torch.as_tensor(each, device=device).float() for name, each in arrays.items()}
    vertex = torch.as_tensor(every, device=device).expand(len(seen), -1)
    return Observations(**tensors, path_vertex=vertex)


def path_count(network: CprfaNet) -> int:
    """P, vertices that the line search looks at: its fraction of all that could be detected."""
    return max(network.config.capu.least, round(network.config.capu.kappa * len(network.codes)))


def path_order(network: CprfaNet) -> np.ndarray:
    """(P,) the same vertices for every face, where a batch needs one list."""
    return np.random.default_rng(0).permutation(len(network.codes))[: path_count(network)]
