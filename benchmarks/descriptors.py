"""How well descriptors match places: ``python -m benchmarks.descriptors --samples FOLDER --run RUN``.

Mean error of the nearest neighbour, percent of the root of the face box's area, between two pictures of one
photograph and between people, on pairs of people kept from training (``train/dff/matching.py``). Compared
are a trained network (runs of ``lineament train dff-descriptor``), the same network with random weights, the
colours themselves, and an early layer of a regressor (``--encoder``, a run of ``lineament train regressor``).
Pictures are of the run's size. ``--picture FILE.png`` draws matches across people.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn

from lineament.data.crops.augment import AugmentConfig
from lineament.train.batches.samples import Folders, crops_as_input
from lineament.train.dff.descriptor_pairs import OpenPairs, PairSource
from lineament.train.dff.descriptors import DescriptorChoice, RawColours, trained_descriptor
from lineament.train.dff.matching import matching_figures
from lineament.train.networks.dff.descriptor import COMPACT

MATCHES, ZOOM = 24, 3
CPU = torch.device("cpu")


def descriptors_of(run: Path | None, encoder: Path | None) -> dict[str, nn.Module]:
    """What is compared, by name."""
    found: dict[str, nn.Module] = {"colours": RawColours(), "random": DescriptorChoice("random").open()}
    if encoder is not None:
        found["early layer"] = DescriptorChoice("encoder", str(encoder)).open()
    if run is not None:
        found["trained"] = DescriptorChoice("trained", str(run)).open()
    return found


@torch.no_grad()
def draw_matches(describe: nn.Module, pairs: OpenPairs, rows: int) -> Image.Image:
    """Pairs side by side; a match has one colour in both, places of the first spread over the face."""
    batch = pairs.rows([np.random.default_rng([23, row]) for row in range(rows)])
    size = batch["crop"].shape[2]
    sheet = Image.new("RGB", (2 * size * ZOOM, rows * size * ZOOM))
    for row in range(rows):
        crops = crops_as_input(torch.as_tensor(batch["crop"][row]))
        maps = nn.functional.interpolate(describe(crops), (size, size), mode="bilinear")
        first, second = (np.flatnonzero(face) for face in batch["face"][row])
        asked = first[np.linspace(0, len(first) - 1, MATCHES).astype(int)]
        likeness = maps[0].flatten(1)[:, asked].T @ maps[1].flatten(1)[:, second]
        found = second[likeness.argmax(1).numpy()]
        for side, places in enumerate((asked, found)):
            picture = Image.fromarray(batch["crop"][row, side]).resize((size * ZOOM, size * ZOOM))
            draw = ImageDraw.Draw(picture)
            for number, place in enumerate(places):
                x, y = (place % size + 0.5) * ZOOM, (place // size + 0.5) * ZOOM
                hue = f"hsl({360 * number // MATCHES}, 90%, 55%)"
                draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=hue, outline="black")
            sheet.paste(picture, (side * size * ZOOM, row * size * ZOOM))
    return sheet


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", nargs="+", required=True)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--pairs", type=int, default=128)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    compared = descriptors_of(given.run, given.encoder)
    size = trained_descriptor(given.run).config.crop_size if given.run else COMPACT.crop_size
    source = PairSource(Folders(tuple(given.samples)), AugmentConfig(crop_size=size), "lfm")
    pairs = source.steady(validation=True).open()
    print("| descriptors | views of one photograph, % | people, % |\n|---|---|---|")
    for name, describe in compared.items():
        figures = matching_figures(describe.eval(), pairs, given.pairs, CPU)
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in figures.values()) + " |", flush=True)
    if given.picture is not None:
        draw_matches(compared.get("trained", compared["colours"]), pairs, 6).save(given.picture)


if __name__ == "__main__":
    main()
