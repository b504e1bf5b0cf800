"""Making the scores of the three scales mean the same: 0.5 gives each scale the same rate of false faces."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.detect import BASES_PX, STRIDES, decode_level, keep_best, overlap
from lineament.train.networks.detector import FaceDetectorNetwork

Array = NDArray[np.floating]

LOWEST_SCORE = 0.1
SAME_FACE = 0.4  # overlap from which a detection belongs to a face, whether asked for or ignored


def calibrate(
    network: FaceDetectorNetwork,
    mosaics: Iterable[tuple[NDArray[np.uint8], NDArray[np.float32]]],
    *,
    false_rate: float = 0.01,
) -> tuple[float, ...]:
    """Shift the logits of each scale, in place, so that `false_rate` false faces a mosaic score above 0.5.

    Args:
        network: trained; its three last biases change.
        mosaics: batches of mosaics (n, size, size, 3) and labels (n, faces, 8), of people never trained on.
        false_rate: false faces a mosaic and scale.

    Returns:
        What was added to the logits at strides 8, 16 and 32.
    """
    network.eval()
    device = next(network.parameters()).device
    false_scores: list[list[float]] = [[] for _ in STRIDES]
    count = 0
    for pictures, labels in mosaics:
        with torch.inference_mode():
            tensor = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float() / 255
            maps = [level.float().cpu().numpy() for level in network(tensor)]
        for row in range(len(pictures)):
            for level, score in _false_faces([level[row] for level in maps], labels[row]):
                false_scores[level].append(score)
        count += len(pictures)
    shifts = tuple(-_logit(_nth_largest(scores, false_rate * count)) for scores in false_scores)
    for head, shift in zip(network.heads, shifts):
        head[1].bias.data[0] += shift
    return shifts


def _false_faces(maps: list[Array], labels: Array) -> list[tuple[int, float]]:
    """Scale and score of each detection that is on no labelled face."""
    found = [
        decode_level(level, stride=stride, base_px=base, min_score=LOWEST_SCORE)
        for level, stride, base in zip(maps, STRIDES, BASES_PX)
    ]
    scale = np.repeat(np.arange(len(STRIDES)), [len(rows) for rows in found])
    rows = np.concatenate(found)
    faces = labels[labels[:, 7] != 0, :4]
    false = []
    for best in keep_best(rows[:, :4], rows[:, 4], max_overlap=SAME_FACE):
        if overlap(rows[best, :4], faces).max(initial=0) < SAME_FACE:
            false.append((int(scale[best]), float(rows[best, 4])))
    return false


def _nth_largest(scores: list[float], rank: float) -> float:
    place = int(rank)
    ordered = sorted(scores, reverse=True)
    return ordered[place] if place < len(ordered) else LOWEST_SCORE


def _logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))
