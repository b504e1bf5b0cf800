"""The row of the face detector: its data are mosaics, and it has no face model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lineament.bundle import Manifest
from lineament.errors import DataError
from lineament.train.batches.pictures import Pictures, PictureSource
from lineament.train.detector.export import ABOUT, EXPORTER
from lineament.train.detector.live_mosaics import LiveMosaics
from lineament.train.detector.mosaics import Shards
from lineament.train.detector.training import (
    CALIBRATION,
    DetectorTrainConfig,
    calibrated,
    train,
)
from lineament.train.engine.loop import ALONE
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import read_json
from lineament.train.networks.detector import FaceDetectorNetwork
from lineament.train.runs.method import TrainableMethod, ema_state


@dataclass(frozen=True, slots=True)
class MosaicPictures:
    """Canvases as a run has them.

    Attributes:
        config: of the run.
        folders: of shards to take them from, calibration from the first and the check from the end of the
            last; those of the run when empty.
    """

    config: DetectorTrainConfig
    folders: tuple[str, ...] = ()

    def calibration(self, count: int) -> Pictures:
        """See :class:`PictureSource`."""
        if self.config.live.faces and not self.folders:
            return self._live(count, held_out=False)
        shards = Shards(Path(self.folders[0] if self.folders else self.config.mosaics))
        wanted = 2 * count if len(set(self.folders)) == 1 else count  # the check takes others
        if len(shards.rows) < wanted:
            raise DataError(
                f"{shards.paths[0].parent} holds {len(shards.rows)} mosaics, {wanted} are needed: make some "
                f"with `lineament data mosaics`."
            )
        return shards.batch(shards.rows[:count])[0]

    def check(self, count: int) -> Pictures:
        """See :class:`PictureSource`."""
        if self.config.live.faces and not self.folders:
            return self._live(count, held_out=True)
        shards = Shards(Path(self.folders[-1] if self.folders else self.config.validation))
        return shards.batch(shards.rows[-count:])[0]

    def _live(self, count: int, *, held_out: bool) -> Pictures:
        source = LiveMosaics(self.config.live, 0.0, held_out=held_out)
        return np.asarray(source.rows([np.random.default_rng([13, row]) for row in range(count)])["mosaic"])


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorMethod(TrainableMethod[DetectorTrainConfig]):
    """Canvases to maps of faces."""

    def train(
        self,
        config: DetectorTrainConfig,
        out: Path,
        *,
        processes: Processes = ALONE,
        seconds: float | None = None,
    ) -> Path:
        """See :class:`TrainableMethod`."""
        return train(config, out, processes=processes, seconds=seconds)

    def trained(self, run: Path) -> FaceDetectorNetwork:
        """See :class:`TrainableMethod`; its scores are calibrated.

        Raises:
            DataError: the run has not come to its end, where scores are calibrated.
        """
        network = FaceDetectorNetwork(self.config_of(run).network)
        network.load_state_dict(ema_state(run))
        if not (run / CALIBRATION).exists():
            raise DataError(f"{run} has not come to its end, where scores are calibrated: go on training it.")
        return calibrated(network, read_json(run, CALIBRATION)).eval()

    def about(self, run: Path) -> Manifest:
        """See :class:`TrainableMethod`."""
        about = TrainableMethod.about(self, run)
        return replace(about, trained={**about.trained, **ABOUT})

    def pictures(self, run: Path, *, samples: tuple[str, ...] = ()) -> PictureSource:
        """See :class:`TrainableMethod`."""
        return MosaicPictures(self.config_of(run), samples)


DETECTOR = DetectorMethod(name="detector", config=DetectorTrainConfig, exporter=EXPORTER)
