"""The mosaics that a training of the detector makes for itself: to look at, and to quantise with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lineament.config_file import read_config
from lineament.data.mosaics.mosaic_shards import Row
from lineament.train.detector.live_mosaics import LiveMosaics
from lineament.train.detector.training import DetectorTrainConfig


def live_mosaics(config: Path, *, changes: Sequence[str] = (), held_out: bool = False) -> LiveMosaics:
    """What makes the mosaics of a training's TOML file, such as ``docs/runs/configs/detector_open.toml``.

    Raises:
        ConfigError: the file is no configuration of a detector, or names no packs of faces.
    """
    settings = read_config(config, DetectorTrainConfig, changes=changes)
    return LiveMosaics(settings.live, settings.turn_probability, held_out=held_out)


def live_rows(source: LiveMosaics, *, count: int, seed: tuple[int, int]) -> Iterator[Row]:
    """So many mosaics, composed as for the training; the same of the same seed."""
    batch = source.rows([np.random.default_rng([*seed, number]) for number in range(count)])
    return zip(batch["mosaic"], batch["labels"], strict=True)
