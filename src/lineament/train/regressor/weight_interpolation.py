"""Weights between where a run began and where it ended.

``python -m lineament.train.regressor.weight_interpolation RUN --out FILE``

A run that begins with given weights and sees other pictures forgets some of what those could do. The mean of
both networks' weights keeps more of it than either (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
models"). Normalisation is measured anew, for its statistics do not mix.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from lineament.errors import ConfigError
from lineament.train.batches.samples import CropSource, Folders, StepBatches, crops_as_input
from lineament.train.engine.config_file import from_table
from lineament.train.engine.run_folder import CONFIG, DATA, about_crops, about_training
from lineament.train.networks.regressor import Regressor
from lineament.train.regressor.export import export_regressor, load_averaged
from lineament.train.regressor.training import TrainConfig
from lineament.train.regressor.warm_start import ExportedRegressor, start_from
from lineament.weights import locate, sha256_of

log = logging.getLogger(__name__)

BATCHES, ROWS = 24, 128
"""Batches of training crops, and most of their rows, on which normalisation is measured."""


def blended(first: Regressor, last: Regressor, share: float, crops: Iterable[Tensor]) -> Regressor:
    """A network in evaluation mode with weights between those of two.

    Args:
        first: for a share of 0.
        last: for a share of 1; of the same sizes and units as the first.
        share: from 0 to 1.
        crops: batches of (B, 3, S, S) float crops as in training.

    Raises:
        ConfigError: the share is outside of 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"The share of the trained weights is {share}; expected 0 to 1.")
    network = Regressor(last.config)
    begin, end = first.state_dict(), last.state_dict()
    network.load_state_dict(
        {
            name: torch.lerp(begin[name], values, share) if values.dtype.is_floating_point else values
            for name, values in end.items()
        }
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean over all batches
    network.train()
    with torch.no_grad():
        for batch in crops:
            network(batch)
    return network.eval()


def blend_of_run(run: Path, share: float, *, samples: Sequence[str] = ()) -> Regressor:
    """The network between a run's start and its averaged end.

    Args:
        run: folder.
        share: of the end.
        samples: folders on whose crops normalisation is measured, for a run from another machine; the run's
            own when empty.

    Raises:
        ConfigError: the run began with random weights, or with other ones than now have their name.
        DataError: the samples cannot be read.
    """
    config = from_table(TrainConfig, json.loads((run / CONFIG).read_text(encoding="utf-8")))
    if not config.start:
        raise ConfigError(f"{run} began with random weights: there is nothing to blend its end with.")
    _check_start(run, config.start)
    folders = Folders(tuple(samples)) if samples else config.data
    source = CropSource(folders, config.augment, config.face_model)
    first_step = max(config.loop.steps - BATCHES, 0)
    batches = StepBatches(source, config.loop, first=first_step, rows=range(min(ROWS, config.loop.batch)))
    crops = [crops_as_input(torch.as_tensor(batches[n]["crop"])) for n in range(len(batches))]
    last = load_averaged(run)
    first = Regressor(last.config)
    first.load_state_dict(last.state_dict())  # for its units: the means and spreads that numbers are in
    start_from(first, ExportedRegressor.read(config.start), crops)
    return blended(first, last, share, crops)


def _check_start(run: Path, start: str) -> None:
    began = ((json.loads((run / DATA).read_text(encoding="utf-8"))).get("start") or {}).get("sha256")
    if began is not None and began != sha256_of(locate(start)):
        raise ConfigError(
            f"{run} began with other weights than {start!r} is now (checksums differ): name the file it "
            f"began with as `start` in {run / CONFIG}."
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--share", type=float, default=0.9, help="of the run's end")
    parser.add_argument("--samples", nargs="+", default=[], help="folders; those of the run when left out")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    network = blend_of_run(given.run, given.share, samples=given.samples)
    about = about_training(given.run) | about_crops(given.run)
    log.info("%s", export_regressor(network, given.out, about=about))


if __name__ == "__main__":
    main()
