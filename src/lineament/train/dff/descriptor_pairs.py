"""Pairs of crops between which it is known which pixel shows which place of the face.

Half are two pictures of one photograph: it itself and turned, or twice the same with other disturbances; the
others are of different people. Correspondence is that of the face model's chart, through the fitted meshes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.crops.augment import AugmentConfig, disturb, random_crop_box
from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import image_maps, posed
from lineament.data.samples.sample import Sample
from lineament.data.samples.shards import read_manifest
from lineament.data.samples.store import SampleStore
from lineament.errors import DataError
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model
from lineament.train.batches.samples import Arrays, Folders

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class PairSource:
    """A :class:`lineament.train.batches.samples.SourceConfig`.

    Batches have "crop" (B, 2, S, S, 3) uint8; "place" (B, 2, S, S, 3) float32, mm, model frame, where on the
    mean face each pixel is; "face" (B, 2, S, S) bool, where it shows the face; "size" (B, 2) float32, px,
    root of the area of the landmarks' box; "same" (B,) bool, whether both are of one photograph.

    Attributes:
        folders: of samples of fitted faces.
        augment: crops and disturbances, drawn for each picture by itself.
        face_model: the model of their coefficients.
        same_photo: fraction of pairs that are of one photograph.
        validation: of people kept from training.
        disturbed: whether pictures are disturbed as for training, beyond where they are cut.
    """

    folders: Folders
    augment: AugmentConfig
    face_model: str
    same_photo: float = 0.5
    validation: bool = False
    disturbed: bool = True

    def open(self) -> OpenPairs:
        """The pairs themselves.

        Raises:
            DataError: no sample is of a fitted face.
        """
        stores = [SampleStore(folder, validation=self.validation) for folder in _paths(self)]
        return OpenPairs(self, stores, load_model(self.face_model))

    def steady(self, *, validation: bool) -> PairSource:
        """The same without disturbances, of one side of the split."""
        return replace(self, disturbed=False, validation=validation)


def _paths(source: PairSource) -> list[Path]:
    """The folders that have samples of the side asked for."""
    folders = [Path(folder) for folder in source.folders.samples]
    if source.validation:
        folders = [f for f in folders if any(entry.validation for entry in read_manifest(f)[1])]
    if not folders:
        raise DataError(
            "There is nothing to make pairs of: name folders with samples of people of that side."
        )
    return folders


class OpenPairs:
    """Draws pairs.

    Args:
        source: what is drawn.
        stores: the samples.
        model: of their coefficients.
    """

    def __init__(self, source: PairSource, stores: Sequence[SampleStore], model: MorphableModel) -> None:
        self._source, self._stores, self._model = source, stores, model
        self._surface = LabelSurface.of(model, size=64)
        self._points = model.landmark_points("300w-lp")
        used = model.neutral_model[np.unique(self._surface.triangles)]
        self._low, self._extent = used.min(axis=0), np.ptp(used, axis=0)
        fitted = [np.flatnonzero(store.has_coefficients()) for store in stores]
        self._numbers = [(which, int(n)) for which, numbers in enumerate(fitted) for n in numbers]
        if not self._numbers:
            raise DataError("No sample is of a fitted face: descriptors are learnt from correspondences.")
        photos: dict[tuple[str, str], list[int]] = {}
        for at, (which, number) in enumerate(self._numbers):
            photo = stores[which].collection(number), stores[which].photo(number)
            photos.setdefault(photo, []).append(at)
        self._views = {at: views for views in photos.values() for at in views}

    def rows(self, rngs: Sequence[np.random.Generator]) -> Arrays:
        """A batch of a pair a generator."""
        pairs = [self._pair(rng) for rng in rngs]
        return {name: np.stack([pair[name] for pair in pairs]) for name in pairs[0]}

    def _pair(self, rng: np.random.Generator) -> Arrays:
        first = int(rng.integers(len(self._numbers)))
        same = rng.uniform() < self._source.same_photo
        views = self._views[first]
        second = int(rng.choice(views) if same else rng.integers(len(self._numbers)))
        made = [self._picture(number, rng) for number in (first, second)]
        both = {name: np.stack([one[name] for one in made]) for name in made[0]}
        return {**both, "same": np.array(second in views)}

    def _picture(self, number: int, rng: np.random.Generator) -> Arrays:
        """One disturbed crop and what is known of its pixels."""
        augment, sample = self._source.augment, self._sample(number)
        if rng.uniform() < 0.5:
            sample = sample.mirrored(self._model)
        landmarks = self._landmarks(sample)
        sample = sample.cropped(random_crop_box(landmarks, augment, rng))
        image, labels = sample.image, sample.labels
        if self._source.disturbed:
            other = int(rng.integers(len(self._numbers)))
            made = disturb(image, lambda: self._sample(other).image, augment, rng)
            image, labels = made.image, labels.hidden_by(made.covered)
        size = augment.crop_size
        maps = image_maps(posed(labels, self._model, size_hw=(size, size)), self._surface)
        box = np.ptp(self._landmarks(sample)[:, :2], axis=0)
        return {
            "crop": image,
            "place": np.float32(self._low + maps.ncc * self._extent),
            "face": maps.face,
            "size": np.float32(np.sqrt(np.prod(box))),
        }

    def _sample(self, number: int) -> Sample:
        which, row = self._numbers[number]
        return self._stores[which].sample(row)

    def _landmarks(self, sample: Sample) -> Array:
        points = self._points.vertices_model(sample.identity, sample.expression)
        return sample.camera.image_from_model(points)
