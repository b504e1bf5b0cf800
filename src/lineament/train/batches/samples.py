"""Crops for training out of folders of samples; a batch is a function of the seed and the step's number."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.face_swap import FaceSwap
from lineament.data.crops.sampler import CropBatch, CropSampler
from lineament.data.labels.target_generator import TargetConfig
from lineament.data.samples.mixture import Mixture
from lineament.data.samples.shards import read_manifest
from lineament.data.samples.store import SampleStore
from lineament.errors import DataError
from lineament.models import load_model
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.processes import Processes

Arrays: TypeAlias = dict[str, NDArray[Any]]
FACE = ("rotation", "scale", "translation", "identity", "expression")
"""Labels that the networks of coefficients give too."""
LABELS = (*FACE, "has_coefficients", "points", "point_weights", "point_source", "is_rendered", "is_changed")
"""All labels that every batch has; batches may have `occlusion` and a method's own targets beside them."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where training samples lie.

    Attributes:
        samples: folders of shards (:mod:`lineament.data.samples.shards`).
        weights: how often each folder is drawn from; none draws all samples alike.
        raised: of each folder by how much more often a face is drawn whose key is raised to one than a face
            at rest, in proportion to the key's square; none draws all faces alike. Hardly any photograph
            shows a mouth wide open.
        raised_keys: first parts of the names of the keys of which the strongest counts; none means all.
    """

    samples: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    raised: tuple[float, ...] = ()
    raised_keys: tuple[str, ...] = ()

    def opened(self, *, validation: bool) -> Mixture:
        """All of one side of the split by person.

        Folders that keep nobody from training, such as rendered faces, are left out of the validation side.

        Raises:
            DataError: a folder or a weight is missing.
        """
        folders = [Path(folder) for folder in self.samples]
        if self.weights and len(self.weights) != len(folders):
            raise DataError(f"{len(folders)} folders need as many weights, found {len(self.weights)}.")
        if self.raised and (len(self.raised) != len(folders) or min(self.raised) < 0):
            raise DataError(
                f"{len(folders)} folders need as many numbers of `raised`, none negative, found "
                f"{self.raised}."
            )
        stores, weights, each = [], [], []
        for number, folder in enumerate(folders):
            if not validation or any(entry.validation for entry in read_manifest(folder)[1]):
                stores.append(store := SampleStore(folder, validation=validation))
                weights.append(self.weights[number] if self.weights else 1.0)
                raised = self.raised[number] if self.raised and not validation else 0.0
                each.append(1 + raised * store.strongest_key(self.raised_keys) ** 2 if raised else None)
        if validation and folders and not stores:
            raise DataError(
                f"Nobody is kept from training in {', '.join(self.samples)}, so no figures can be taken: one "
                f"person in fifty is. Make samples of more people, or name a second folder."
            )
        return Mixture(stores, weights if self.weights else None, each)

    def manifest(self) -> list[dict[str, Any]]:
        """What the folders hold, for the run folder: recipes and checksums of shards."""
        entries = []
        for folder in self.samples:
            recipe, shards = read_manifest(Path(folder))
            counts = {
                "samples": sum(s.samples for s in shards),
                "validation": sum(s.validation for s in shards),
            }
            sums = {shard.name: shard.sha256 for shard in shards}
            entries.append({"folder": folder, "recipe": asdict(recipe), **counts, "sha256": sums})
        return json.loads(json.dumps(entries))


class RowSource(Protocol):
    """Makes batches in a worker process."""

    def rows(self, rngs: Sequence[np.random.Generator]) -> Arrays:
        """A batch of a row a generator."""


class SourceConfig(Protocol):
    """What a worker process needs to know in order to open a source; small and picklable."""

    def open(self) -> RowSource:
        """The source itself."""


@dataclass(frozen=True, slots=True)
class CropSource:
    """Disturbed crops and their labels.

    Attributes:
        folders: of samples.
        augment: crops and disturbances.
        face_model: the model their coefficients belong to.
        swap_probability: fraction of training crops that show somebody else's skin
            (:mod:`lineament.data.crops.face_swap`).
        occlusion: whether batches have `occlusion`, (B, S, S) bool masks of what hides the face.
        targets: makes a method's own targets of each crop, which batches have under their names; None for
            none.
    """

    folders: Folders
    augment: AugmentConfig
    face_model: str = "lfm"
    swap_probability: float = 0.0
    occlusion: bool = False
    targets: TargetConfig | None = None

    def open(self) -> OpenCrops:
        """The training side."""
        return OpenCrops(self.sampler(validation=False))

    def sampler(self, *, validation: bool) -> CropSampler:
        """Crops of one side of the split."""
        store, model = self.folders.opened(validation=validation), load_model(self.face_model)
        swap = FaceSwap(model) if self.swap_probability and not validation else None
        return CropSampler(
            store,
            model,
            self.augment,
            swap=swap,
            swap_probability=self.swap_probability,
            occlusion=self.occlusion,
            targets=None if self.targets is None else self.targets.open(model),
        )


class OpenCrops:
    """Crops of a sampler as arrays by name."""

    def __init__(self, sampler: CropSampler) -> None:
        self._sampler = sampler

    def rows(self, rngs: Sequence[np.random.Generator]) -> Arrays:
        """A batch of a row a generator."""
        return arrays_of(self._sampler.rows(rngs))


class StepBatches(Dataset[Arrays]):
    """Batch number `step`, made when asked for.

    Args:
        source: opened in the worker: memory maps and models are not sent between processes.
        loop: seed, batch and steps.
        first: the step of the first batch.
        rows: of each batch that are made here; None for all.
    """

    def __init__(
        self, source: SourceConfig, loop: LoopConfig, first: int, *, rows: range | None = None
    ) -> None:
        self._source, self._loop, self._first = source, loop, first
        self._rows = range(loop.batch) if rows is None else rows
        self._opened: RowSource | None = None

    def __len__(self) -> int:
        """Steps that remain."""
        return max(self._loop.steps - self._first, 0)

    def __getitem__(self, number: int) -> Arrays:
        """The batch of a step as arrays."""
        if self._opened is None:
            self._opened = self._source.open()
        seed = [self._loop.seed, self._first + number]
        return self._opened.rows([np.random.default_rng([*seed, row]) for row in self._rows])


def batches_of(
    source: SourceConfig, loop: LoopConfig, first: int, *, processes: Processes, workers: int
) -> DataLoader[Arrays]:
    """The batches of the remaining steps as tensors, made ahead by worker processes."""
    return DataLoader(
        StepBatches(source, loop, first, rows=processes.rows_of(loop.batch)),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=processes.device.type == "cuda",
    )


def arrays_of(batch: CropBatch) -> Arrays:
    """Crops, labels and targets by name."""
    arrays: Arrays = {name: getattr(batch, name) for name in ("crop", *LABELS)}
    if batch.occlusion is not None:
        arrays["occlusion"] = batch.occlusion
    assert not arrays.keys() & batch.targets.keys(), "targets have names of their own"
    return {**arrays, **batch.targets}


def plain_batches(
    sampler: CropSampler, count: int, device: torch.device, *, size: int = 128
) -> Iterator[dict[str, Tensor]]:
    """Undisturbed crops spread evenly over all fitted faces, each seen once at most."""
    fitted = np.flatnonzero(sampler.store.has_coefficients())
    numbers = fitted[np.unique(np.linspace(0, len(fitted) - 1, count).astype(int))]
    for first in range(0, len(numbers), size):
        arrays = arrays_of(sampler.plain_batch(numbers[first : first + size]))
        yield on_device({name: torch.as_tensor(array) for name, array in arrays.items()}, device)


def on_device(batch: Mapping[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A batch where the network is."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def crops_as_input(crop: Tensor) -> Tensor:
    """(B, S, S, 3) uint8 crops as the network's (B, 3, S, S) float input, channels last in memory."""
    return crop.permute(0, 3, 1, 2).float()
