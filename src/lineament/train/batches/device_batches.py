"""Batches for training, made where the network is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model
from lineament.train.batches.device_close_ups import DeviceCloseUps
from lineament.train.batches.device_crops import DeviceCrops
from lineament.train.batches.device_draws import Draws
from lineament.train.batches.device_views import read_views
from lineament.train.batches.samples import CropSource
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.processes import Processes


class DeviceTargets(Protocol):
    """What a method learns beside a face's own numbers, made on the device.

    The twin of :class:`lineament.data.labels.target_generator.TargetGenerator`.
    """

    def make(self, labels: Mapping[str, Tensor], crop_size: int) -> dict[str, Tensor]:
        """Tensors of B rows by name, as the twin's, from the labels of B crops."""


@runtime_checkable
class DeviceTargetConfig(Protocol):
    """A :class:`lineament.data.labels.target_generator.TargetConfig` whose targets need no worker process."""

    def on_device(self, model: MorphableModel, device: torch.device) -> DeviceTargets:
        """What makes them, with its tables of a face model."""


def device_batches(
    source: CropSource, loop: LoopConfig, first: int, *, processes: Processes, workers: int
) -> Iterator[dict[str, Tensor]]:
    """The batches of the remaining steps, made on the device when asked for.

    Args:
        source: of the crops.
        loop: seed, batch and steps.
        first: the step of the first batch.
        processes: that train together; each makes its own rows.
        workers: processes that decode pictures, before the first batch.

    Raises:
        ConfigError: the source swaps faces, makes dense targets or draws raised keys more often, which only
            worker processes can.
        DataError: the samples cannot be read.
    """
    if source.swap_probability:
        raise ConfigError(
            "Faces are swapped by worker processes only: set face_swap = 0, or crops_by = 'workers'."
        )
    if source.targets is not None and not isinstance(source.targets, DeviceTargetConfig):
        raise ConfigError("Dense targets are made by worker processes only: set crops_by = 'workers'.")
    if any(source.folders.raised):
        raise ConfigError(
            "Raised keys are drawn more often by worker processes only: leave data.raised out, or set "
            "crops_by = 'workers'."
        )
    store, model = source.folders.opened(validation=False), load_model(source.face_model)
    device = processes.device
    views = read_views(source.folders, device, model, workers=workers, occlusion=source.occlusion)
    kind = DeviceCloseUps if source.augment.close_up else DeviceCrops
    crops = kind(views, store.probabilities, store.counts, model, source.augment)
    targets = None if source.targets is None else source.targets.on_device(model, device)
    rows = len(processes.rows_of(loop.batch))
    for step in range(first, loop.steps):
        batch = crops.batch(rows, Draws(device, [loop.seed, step, processes.rank]))
        yield batch if targets is None else batch | targets.make(batch, source.augment.crop_size)
