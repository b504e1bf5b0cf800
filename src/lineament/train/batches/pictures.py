"""Real pictures for a trained network, to calibrate and to check what is made of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.sampler import CropSampler
from lineament.models import load_model
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.batches.samples import Folders

Pictures: TypeAlias = NDArray[np.uint8]

MILD = AugmentConfig(
    occluder_probability=0.1,
    grey_probability=0.1,
    blur_probability=0.2,
    noise_probability=0.1,
    jpeg_probability=0.1,
    border_probability=0.05,
)


class PictureSource(Protocol):
    """Where the pictures of a run are."""

    def calibration(self, count: int) -> Pictures:
        """(count, H, W, 3) pictures like those that the network was trained on.

        Raises:
            DataError: they are not here.
        """

    def check(self, count: int) -> Pictures:
        """(count, H, W, 3) pictures of people that it was not trained on.

        Raises:
            DataError: they are not here.
        """


@dataclass(frozen=True, slots=True)
class CropPictures:
    """Crops of training samples, half of them steady and half mildly disturbed.

    Attributes:
        config: of the run.
        samples: folders to take them from; those of the run when empty.
    """

    config: CropTrainConfig
    samples: tuple[str, ...] = ()

    def calibration(self, count: int) -> Pictures:
        """See :class:`PictureSource`."""
        return self._crops(count, validation=False)

    def check(self, count: int) -> Pictures:
        """See :class:`PictureSource`."""
        return self._crops(count, validation=True)

    def _crops(self, count: int, *, validation: bool) -> Pictures:
        augment, folders = self.config.augment, Folders(self.samples) if self.samples else self.config.data
        mild = replace(
            MILD,
            crop_size=augment.crop_size,
            crop_margin=augment.crop_margin,
            close_up=augment.close_up,
        )
        store = folders.opened(validation=validation)
        sampler = CropSampler(store, load_model(self.config.face_model), mild)
        rng = np.random.default_rng(0)
        steady = sampler.plain_batch(rng.integers(len(sampler.store), size=count - count // 2)).crop
        return np.concatenate([steady, sampler.batch(count // 2, rng).crop]) if count > 1 else steady
