"""How well descriptors find a place of one picture in another: error of the nearest neighbour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.batches.samples import Arrays, crops_as_input
from lineament.train.dff.descriptor_pairs import OpenPairs

EXACT_MM = 3.0
"""Distance on the mean face up to which two pixels show one place."""
PIXELS = 128
"""Looked for in each pair."""
ROWS = 4
VIEWS, PEOPLE = "matching_views_percent", "matching_people_percent"
"""Mean distance between the match and the right pixel, percent of the root of the face box's area: between
two pictures of one photograph, and between people."""


@torch.no_grad()
def matching_figures(
    describe: nn.Module, pairs: OpenPairs, count: int, device: torch.device, *, seed: int = 17
) -> dict[str, float]:
    """The errors of descriptors.

    Args:
        describe: crops in 0..255, (B, 3, S, S), to (B, C, s, s) unit descriptors; in evaluation mode.
        pairs: undisturbed.
        count: of pairs.
        device: to compute on.
        seed: of the pairs and of the pixels.

    Returns:
        :data:`VIEWS` and :data:`PEOPLE`, those of them that pairs were drawn for.
    """
    errors: dict[str, list[float]] = {VIEWS: [], PEOPLE: []}
    for batch in _batches(pairs, count, seed):
        crops = crops_as_input(torch.as_tensor(batch["crop"]).flatten(0, 1).to(device))
        size = crops.shape[-1]
        maps = describe(crops).float()
        if maps.shape[-1] != size:
            maps = functional.interpolate(maps, (size, size), mode="bilinear", align_corners=False)
        maps = functional.normalize(maps, dim=1).unflatten(0, (-1, 2))
        for row, same in enumerate(batch["same"].tolist()):
            truth = {name: torch.as_tensor(batch[name][row]).to(device) for name in ("place", "face", "size")}
            error = match_error(maps[row], truth, seed + row)
            if np.isfinite(error):
                errors[VIEWS if same else PEOPLE].append(error)
    return {name: float(np.mean(found)) for name, found in errors.items() if found}


def match_error(maps: Tensor, truth: Mapping[str, Tensor], seed: int) -> float:
    """Mean error of the pixels of one pair, percent; NaN where the pictures share no place.

    Args:
        maps: (2, C, S, S) unit descriptors.
        truth: "place" (2, S, S, 3), "face" (2, S, S) and "size" (2,) of the pair.
        seed: of the choice of pixels.
    """
    side = maps.shape[-1]
    inside = [torch.nonzero(face.flatten())[:, 0] for face in truth["face"]]
    if not all(map(len, inside)):
        return float("nan")
    chosen = torch.randperm(len(inside[0]), generator=torch.Generator().manual_seed(seed))[:PIXELS]
    asked = inside[0][chosen.to(inside[0].device)]
    places = [place.flatten(0, 1) for place in truth["place"]]
    distance, right = torch.cdist(places[0][asked], places[1][inside[1]]).min(1)
    known = distance < EXACT_MM
    if not known.any():
        return float("nan")
    likeness = maps[0].flatten(1)[:, asked[known]].T @ maps[1].flatten(1)[:, inside[1]]
    found, wanted = inside[1][likeness.argmax(1)], inside[1][right[known]]
    across = (found % side - wanted % side).float()
    down = (found // side - wanted // side).float()
    return float(100 * torch.hypot(across, down).mean() / truth["size"][1])


def _batches(pairs: OpenPairs, count: int, seed: int) -> Iterator[Arrays]:
    for first in range(0, count, ROWS):
        rows = range(first, min(first + ROWS, count))
        yield pairs.rows([np.random.default_rng([seed, row]) for row in rows])
