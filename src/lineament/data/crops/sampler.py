"""Crops drawn from training samples at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.crops.augment import AugmentConfig, disturb, framed, random_crop_box
from lineament.data.crops.face_swap import FaceSwap
from lineament.data.samples.mixture import Mixture, Views
from lineament.data.samples.view import View, crop_view, mirrored_view
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

BOX_SCHEME = "300w-lp"


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
        """Given views, cropped exactly around the landmarks; nothing is disturbed, a black frame stays."""
        steady = AugmentConfig(
            crop_size=self.config.crop_size,
            crop_margin=self.config.crop_margin,
            tight_share=1.0,
            tight_shift=0.0,
            tight_scale=0.0,
            tight_roll=0.0,
        )
        rng = np.random.default_rng(0)
        views = [self.store.view(int(number)) for number in numbers]
        crops = [crop_view(v, random_crop_box(self._landmarks(v), steady, rng)) for v in views]
        return _joined([replace(v, image=framed(v.image, self.config.black_frame)) for v in crops])

    def _sample(self, rng: np.random.Generator) -> View:
        view = self.store.view(self.store.draw(rng))
        if self._swap is not None and rng.uniform() < self._swap_share:
            view = self._swap(view, self.store.view(self.store.draw(rng)))
        if rng.uniform() < 0.5:
            view = mirrored_view(view, self.model)
        view = crop_view(view, random_crop_box(self._landmarks(view), self.config, rng))
        other = self.store.draw(rng)
        image = disturb(view.image, lambda: self.store.view(other).image, self.config, rng)
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
