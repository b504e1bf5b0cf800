"""Trains SynergyNet: ``lineament train synergynet --config FILE --out RUN``."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.errors import ConfigError, DataError
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model
from lineament.train.batches.alignment_figures import alignment_figures, joined, landmark_errors
from lineament.train.batches.crop_run import CropMaker, check_crop_sizes, train_on_crops, truth_of
from lineament.train.batches.samples import CropSource, Folders, crops_as_input, plain_batches
from lineament.train.engine.config_file import from_table
from lineament.train.engine.loop import ALONE, LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import CONFIG
from lineament.train.engine.schedules import SYNERGYNET
from lineament.train.networks.synergynet import DEPTH_TRANSLATION, POSE, SynergyConfig, SynergyNet
from lineament.train.regressor.training import LEAST_SPREAD
from lineament.train.synergynet.loss import SynergyLoss, SynergyLossConfig

SCHEME = "300w-lp"
CHECKPOINT = "checkpoint.pt"
PUBLISHED = LoopConfig(
    batch=128,
    optimiser=OptimiserConfig(kind="sgd", learning_rate=0.01, weight_decay=5e-4, decay_vectors=True),
    schedule=replace(SYNERGYNET, warm_up=200),
)
"""0.08 for a batch of 1024, scaled to ours; a warm-up, because our batches are smaller."""


@dataclass(frozen=True, slots=True)
class SynergyTrainConfig:
    """All of a training run.

    Attributes:
        loop: steps, batch, optimiser, schedule.
        network: sizes and switches.
        loss: weights and forms of the terms.
        augment: crops and disturbances; its `crop_size` must be the network's.
        data: where samples lie.
        face_model: the model their coefficients belong to.
        face_swap: share of crops that show somebody else's skin on the fitted mesh.
        start: run folder of a SynergyNet whose averaged weights and whitening the network begins with; layers
            that one lacks begin at random. Empty, all do.
        workers: processes that make batches, or decode pictures for the device.
        crops_by: "device" keeps all pictures in the GPU's memory and makes crops there, without face swaps.
        whitening_crops: drawn to find the spread of poses in crops.
        validation_crops: undisturbed crops of unseen people that figures are taken on.
    """

    loop: LoopConfig = PUBLISHED
    network: SynergyConfig = SynergyConfig()
    loss: SynergyLossConfig = SynergyLossConfig()
    augment: AugmentConfig = AugmentConfig(crop_size=120)
    data: Folders = Folders()
    face_model: str = "lfm"
    face_swap: float = 0.25
    start: str = ""
    workers: int = 1
    crops_by: CropMaker = "workers"
    whitening_crops: int = 1024
    validation_crops: int = 512

    def __post_init__(self) -> None:
        """Refuse crops of another size than the network's."""
        check_crop_sizes(self.augment, self.network)


def new_network(config: SynergyConfig, model: MorphableModel) -> SynergyNet:
    """A network of random weights for a face model.

    Raises:
        ConfigError: the model has fewer modes than the network is to give.
    """
    found = (len(model.identity_basis), len(model.expression_basis))
    if found[0] < config.identity or found[1] < config.expression:
        raise ConfigError(
            f"The network is to give {config.identity} identity and {config.expression} expression values, "
            f"but {model!r} has {found[0]} and {found[1]}: set network.identity and network.expression."
        )
    return SynergyNet(config, model.landmark_points(SCHEME))


def load_averaged(run: Path) -> SynergyNet:
    """The averaged network of a run folder's checkpoint.

    Raises:
        DataError: the folder holds no run.
    """
    try:
        table = json.loads((run / CONFIG).read_text())
        state = torch.load(run / CHECKPOINT, weights_only=True, map_location="cpu")
    except OSError as error:
        raise DataError(f"{run} is no run folder with a checkpoint: {error}.") from error
    network = new_network(from_table(SynergyConfig, table["network"]), load_model(table["face_model"]))
    network.load_state_dict(state["average"])
    return network


def begin_with(network: SynergyNet, run: Path) -> None:
    """Take over the averaged weights and the whitening of another run.

    Raises:
        DataError: the folder holds no run.
        ConfigError: that run's network has layers that this one lacks, or has in another size.
    """
    other = load_averaged(run)
    if other.config.crop_size != network.config.crop_size:
        raise ConfigError(
            f"{run} was trained on crops of {other.config.crop_size} px, not {network.config.crop_size}: its "
            f"whitening would be wrong. Give both the same crop_size."
        )
    before, own = other.state_dict(), network.state_dict()
    wrong = [name for name in before if name not in own or own[name].shape != before[name].shape]
    if wrong:
        raise ConfigError(
            f"The network cannot begin with that of {run}: {len(wrong)} of its tensors do not fit "
            f"({', '.join(wrong[:3])}). Give both the same backbone, width and numbers of coefficients."
        )
    network.load_state_dict(before, strict=False)


@torch.no_grad()
def whiten(network: SynergyNet, source: CropSource, count: int, *, seed: int = 0) -> None:
    """Set the network's whitening: poses as crops show them, coefficients as samples have them.

    Raises:
        DataError: the samples have fewer coefficients than the network gives.
    """
    rows = [np.random.default_rng([seed, row]) for row in range(count)]
    arrays = source.open().rows(rows)
    truth = truth_of({name: torch.as_tensor(array) for name, array in arrays.items()})
    _, identity_count, expression_count = network.sizes
    if truth.identity.shape[1] < identity_count or truth.expression.shape[1] < expression_count:
        raise DataError(
            f"The samples have {truth.identity.shape[1]} identity and {truth.expression.shape[1]} expression "
            f"coefficients, the network is to give {identity_count} and {expression_count}."
        )
    pose = network.parameters_of(truth)[:, :POSE]
    identity_mean, identity_spread, expression_mean, expression_spread = (
        torch.as_tensor(values, dtype=torch.float32)
        for values in source.folders.opened(validation=False).coefficient_statistics()
    )
    means = (pose.mean(0), identity_mean[:identity_count], expression_mean[:expression_count])
    spreads = (
        pose.std(0),
        identity_spread[:identity_count].clamp(min=LEAST_SPREAD),
        expression_spread[:expression_count].clamp(min=LEAST_SPREAD),
    )
    network.mean.copy_(torch.cat(means))
    network.spread.copy_(torch.cat(spreads))
    network.spread[DEPTH_TRANSLATION] = 0.0  # labels have none: it is constant


@torch.no_grad()
def validation_figures(
    network: SynergyNet, sampler: CropSampler, device: torch.device, count: int
) -> dict[str, float]:
    """NME of the resulting landmarks by yaw, pose, and NME of the coarse and of the refined landmarks."""
    errors: dict[str, list[Tensor]] = {"result": [], "coarse": [], "refined": []}
    rotations: dict[str, list[Tensor]] = {"found": [], "expected": []}
    for batch in plain_batches(sampler, count, device):
        truth, output = truth_of(batch), network(crops_as_input(batch["crop"]))
        expected = network.landmarks_of(network.whitened(network.parameters_of(truth)))[..., :2]
        kinds = {"result": network.result_landmarks(output), "coarse": output.coarse}
        kinds |= {} if output.refined is None else {"refined": output.refined}
        for name, landmarks in kinds.items():
            errors[name].append(landmark_errors(landmarks[..., :2], expected))
        rotations["found"].append(network.face_of(output.parameters).rotation)
        rotations["expected"].append(truth.rotation)
    found, true = joined(rotations["found"]), joined(rotations["expected"])
    figures = alignment_figures(joined(errors["result"]), found, true)
    for name in ("coarse", "refined"):
        if errors[name]:
            figures[f"{name}_nme_percent"] = float(joined(errors[name]).mean())
    return figures


def train(
    config: SynergyTrainConfig, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

    Returns:
        The run folder.
    """
    source = CropSource(config.data, config.augment, config.face_model, swap_share=config.face_swap)
    held_out = source.sampler(validation=True)
    torch.manual_seed(config.loop.seed)
    network = new_network(config.network, held_out.model)
    if not (out / CHECKPOINT).exists():  # or the run's own weights are about to be read
        if config.start:
            begin_with(network, Path(config.start))
        else:
            whiten(network, source, config.whitening_crops, seed=config.loop.seed)

    def validate(averaged: SynergyNet) -> dict[str, float]:
        return validation_figures(averaged, held_out, processes.device, config.validation_crops)

    loss = SynergyLoss(network, config.loss)
    return train_on_crops(config, out, network, loss, source, validate, processes=processes, seconds=seconds)
