"""How far a SynergyNet's refinement moves landmarks: the histogram of the paper's supplement E.

    python -m benchmarks.refinements RUN --crops 1500

RUN was made by ``lineament train synergynet``. Its network looks at undisturbed crops of people kept from
training, and the distances in the plane between refined and coarse landmarks are counted, px of a 120 px crop
as in the paper, whose histogram peaks at 0.22 px. Beside it: by how much they come nearer to the labels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.errors import ConfigError, LineamentError
from lineament.train.batches.alignment_figures import CropLandmarks, landmark_errors
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import crops_as_input, plain_batches
from lineament.train.networks.synergynet import SynergyNet
from lineament.train.synergynet.loss import PUBLISHED_CROP
from lineament.train.synergynet.method import SYNERGYNET

BIN_PX, END_PX = 0.05, 1.5
PUBLISHED_PEAK_PX = 0.22
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Refinements:
    """What refinement does to the landmarks of some crops.

    Attributes:
        moved_px: (n, 68) distance from coarse to refined landmarks, px of a 120 px crop.
        coarse_nme: (n,) percent.
        refined_nme: (n,) percent.
    """

    moved_px: NDArray[np.floating]
    coarse_nme: NDArray[np.floating]
    refined_nme: NDArray[np.floating]


def peak_px(distances: NDArray[np.floating]) -> float:
    """The middle of the histogram's highest bar."""
    counts, edges = np.histogram(distances, np.arange(0, max(END_PX, distances.max()) + BIN_PX, BIN_PX))
    highest = int(counts.argmax())
    return float(edges[highest] + BIN_PX / 2)


def bars(distances: NDArray[np.floating], *, width: int = 60) -> Iterator[str]:
    """A line for each bar up to 1.5 px, and one for what is beyond."""
    counts, edges = np.histogram(distances, np.arange(0, END_PX + BIN_PX / 2, BIN_PX))
    rows = [(f"{low:.2f}-{low + BIN_PX:.2f}", count) for low, count in zip(edges, counts)]
    rows.append((f"over {END_PX:.1f}", distances.size - counts.sum()))
    most = max(count for _, count in rows)
    for label, count in rows:
        share = 100 * count / distances.size
        yield f"{label:>9} px {share:5.1f} % {'#' * round(width * count / most)}"


def refinements(run: Path, count: int) -> Refinements:
    """What the network of a run does to crops of people that were kept from its training.

    Args:
        run: run folder.
        count: of crops, at most.

    Raises:
        ConfigError: the run's network refines nothing.
        DataError: the folder holds no run, or its samples are not there.
    """
    network = SYNERGYNET.trained(run)
    assert isinstance(network, SynergyNet)
    if network.mafa is None:
        raise ConfigError(f"The network of {run} has no refinement: choose a run with mafa.enabled.")
    sampler = SYNERGYNET.source(SYNERGYNET.config_of(run)).sampler(validation=True)
    landmarks = CropLandmarks(sampler.model)
    moved, errors = [], {"coarse": [], "refined": []}
    for batch in plain_batches(sampler, count, CPU):
        with torch.inference_mode():
            output = network(crops_as_input(batch["crop"]))
            truth = landmarks(LabelBatch.of(batch).face)[..., :2]
        distance = (output.refined - output.coarse)[..., :2].norm(dim=2)
        moved.append(distance * (PUBLISHED_CROP / network.config.crop_size))
        for name, found in errors.items():
            found.append(landmark_errors(getattr(output, name)[..., :2], truth))
    coarse, refined = (torch.cat(errors[name]).numpy() for name in ("coarse", "refined"))
    return Refinements(torch.cat(moved).numpy(), coarse, refined)


def main(arguments: list[str] | None = None) -> None:
    """Print the histogram."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder of lineament train synergynet")
    parser.add_argument("--crops", type=int, default=1500, help="how many, at most")
    chosen = parser.parse_args(arguments)
    try:
        found = refinements(chosen.run, chosen.crops)
    except LineamentError as error:
        sys.exit(f"error: {error}")
    print("\n".join(bars(found.moved_px)))
    print(
        f"{len(found.moved_px)} crops: peak at {peak_px(found.moved_px):.2f} px of 120 (published "
        f"{PUBLISHED_PEAK_PX}), median {np.median(found.moved_px):.2f}; NME {found.coarse_nme.mean():.2f} % "
        f"coarse, {found.refined_nme.mean():.2f} % refined"
    )


if __name__ == "__main__":
    main()
