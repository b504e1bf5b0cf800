"""Training views on disk, and crops drawn from them at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.augment import AugmentConfig, disturb, random_crop_box
from lineament.data.face_swap import FaceSwap
from lineament.data.mixture import Mixture, Views
from lineament.data.view import View, crop_view, mirrored_view
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

BOX_SCHEME = "300w-lp"
LABEL_FIELDS = ("rotation", "scale", "translation", "identity", "expression", "validation")


@dataclass(frozen=True, slots=True)
class CropBatch:
    """Network inputs and labels of B crops.

    Attributes:
        crop: (B, S, S, 3) uint8 RGB.
        rotation: (B, 3, 3) float32, model frame.
        scale: (B,) float32, crop px per mm.
        translation: (B, 2) float32, crop px.
        identity: (B, K) float32.
        expression: (B, E) float32.
    """

    crop: Array
    rotation: Array
    scale: Array
    translation: Array
    identity: Array
    expression: Array


class ViewStore:
    """All views of a folder that belong to one side of the split.

    Args:
        folder: written by :mod:`lineament.data.views`.
        validation: True for the people kept from training, False for the others.

    Raises:
        DataError: the folder holds no whole shard.
    """

    def __init__(self, folder: Path, *, validation: bool) -> None:
        stems = sorted(path.name.removesuffix("_labels.npz") for path in folder.glob("*_labels.npz"))
        if not stems:
            raise DataError(
                f"{folder} holds no training views: make them with python -m lineament.data.views."
            )
        self._images = [np.load(folder / f"{stem}_images.npy", mmap_mode="r") for stem in stems]
        tables = []
        for stem in stems:
            with np.load(folder / f"{stem}_labels.npz") as data:
                tables.append({field: data[field] for field in LABEL_FIELDS})
        self._labels = {field: np.concatenate([t[field] for t in tables]) for field in LABEL_FIELDS}
        shard = np.repeat(np.arange(len(stems)), [len(images) for images in self._images])
        row = np.concatenate([np.arange(len(images)) for images in self._images])
        chosen = np.flatnonzero(self._labels["validation"] == validation)
        self._place = np.stack([shard, row, np.arange(len(row))], axis=1)[chosen]

    def __len__(self) -> int:
        """Number of views."""
        return len(self._place)

    def view(self, number: int) -> View:
        """One view as stored."""
        shard, row, label = self._place[number]
        labels = self._labels
        translation = np.append(labels["translation"][label].astype(float), 0.0)
        camera = WeakPerspective(
            labels["rotation"][label].astype(float), float(labels["scale"][label]), translation
        )
        return View(self._images[shard][row], camera, labels["identity"][label], labels["expression"][label])

    def coefficient_statistics(self) -> tuple[Array, Array, Array, Array]:
        """Mean and standard deviation of identity (K,), then of expression (E,), over the views."""
        labels = self._place[:, 2]
        identity, expression = self._labels["identity"][labels], self._labels["expression"][labels]
        return identity.mean(0), identity.std(0), expression.mean(0), expression.std(0)


class CropSampler:
    """Draws batches of disturbed crops from a store.

    Args:
        store: the views.
        model: the face model their labels belong to.
        config: crops and disturbances.
        swap: puts another person's skin on faces; None leaves them as they are.
        swap_share: share of the crops that are so changed.
    """

    def __init__(
        self,
        store: Views,
        model: MorphableModel,
        config: AugmentConfig,
        *,
        swap: FaceSwap | None = None,
        swap_share: float = 0.0,
    ) -> None:
        self.store = store if isinstance(store, Mixture) else Mixture([store])
        self.config = config
        self.model = model
        self._swap, self._swap_share = swap, swap_share
        self._landmark_points = model.landmark_points(BOX_SCHEME)

    def batch(self, size: int, rng: np.random.Generator) -> CropBatch:
        """A batch of random views, mirrored half of the time, cropped and disturbed."""
        return self.rows([rng] * size)

    def rows(self, rngs: Sequence[np.random.Generator]) -> CropBatch:
        """A batch whose rows are functions of one generator each."""
        return _joined([self._sample(rng) for rng in rngs])

    def plain_batch(self, numbers: NDArray[np.integer]) -> CropBatch:
        """Given views, cropped exactly around the landmarks."""
        steady = AugmentConfig(
            crop_size=self.config.crop_size, tight_share=1.0, tight_shift=0.0, tight_scale=0.0, tight_roll=0.0
        )
        rng = np.random.default_rng(0)
        views = [self.store.view(int(number)) for number in numbers]
        return _joined([crop_view(v, random_crop_box(self._landmarks(v), steady, rng)) for v in views])

    def _sample(self, rng: np.random.Generator) -> View:
        view = self.store.view(self.store.draw(rng))
        if self._swap is not None and rng.uniform() < self._swap_share:
            view = self._swap(view, self.store.view(self.store.draw(rng)))
        if rng.uniform() < 0.5:
            view = mirrored_view(view, self.model)
        view = crop_view(view, random_crop_box(self._landmarks(view), self.config, rng))
        other = self.store.view(self.store.draw(rng)).image
        image = disturb(view.image, other, self.config, rng)
        return View(image, view.camera, view.identity, view.expression)

    def _landmarks(self, view: View) -> Array:
        points = self._landmark_points.vertices_model(view.identity, view.expression)
        return view.camera.image_from_model(points)


def _joined(views: list[View]) -> CropBatch:
    return CropBatch(
        crop=np.stack([v.image for v in views]),
        rotation=np.float32([v.camera.rotation for v in views]),
        scale=np.float32([v.camera.scale for v in views]),
        translation=np.float32([v.camera.translation[:2] for v in views]),
        identity=np.float32([v.identity for v in views]),
        expression=np.float32([v.expression for v in views]),
    )
