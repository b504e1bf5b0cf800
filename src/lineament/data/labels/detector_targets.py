"""What the detector should answer at every cell of its three maps for a labelled mosaic.

A face belongs to the scale whose range holds the longer side of its box, or to both where ranges overlap.
Its cell is the one under the middle of what the mosaic shows of the box: a face cut by the border has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.compiled import compiled
from lineament.detect import BASES_PX, STRIDES

Array = NDArray[np.float32]

# Longer side of the box, px of the mosaic, that each scale answers for.
SIZE_RANGES = np.array([[0.0, 46.0], [36.0, 128.0], [100.0, 1e6]])
TARGET_CHANNELS = 9  # heat, weight of the heat, weight of the rest, l, t, r, b in log units, up x, up y


@dataclass(frozen=True, slots=True)
class DetectorTargets:
    """Targets of a batch, all cells of all scales in one row (the finest scale first).

    Attributes:
        values: (n, cells, 9) float32: heat in 0..1 (1 at a face's own cell), weight of the heat, weight of
            the rest, log distances to the box's sides in units of the scale's base, direction to the top of
            the head.
        centers_xy: (cells, 2) px, the middle of each cell.
        bases: (cells, 1) px, unit of the distances.
    """

    values: Array
    centers_xy: Array
    bases: Array


def make_targets(labels: Array, *, size: int) -> DetectorTargets:
    """Targets for labels (n, faces, 8) of :mod:`lineament.data.mosaics.composites`, mosaics of `size` px."""
    counts = [(size // stride) ** 2 for stride in STRIDES]
    values = np.zeros((len(labels), sum(counts), TARGET_CHANNELS), np.float32)
    values[..., 1] = 1.0
    offset = 0
    centers, bases = [], []
    for level, (stride, base) in enumerate(zip(STRIDES, BASES_PX)):
        cells = size // stride
        part = values[:, offset : offset + cells * cells].reshape(len(labels), cells, cells, TARGET_CHANNELS)
        _fill_level(part, labels.astype(np.float64), stride, base, *SIZE_RANGES[level])
        values[:, offset : offset + cells * cells] = part.reshape(len(labels), -1, TARGET_CHANNELS)
        offset += cells * cells
        grid = (np.arange(cells) + 0.5) * stride
        centers.append(np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2))
        bases.append(np.full((cells * cells, 1), base))
    return DetectorTargets(
        values, np.concatenate(centers).astype(np.float32), np.concatenate(bases).astype(np.float32)
    )


@compiled()
def _fill_level(
    values: Array, labels: NDArray[np.float64], stride: int, base: float, low: float, high: float
) -> None:
    cells = values.shape[1]
    size = cells * stride
    for sample in range(labels.shape[0]):
        for face in range(labels.shape[1]):
            x0, y0, x1, y1, up_x, up_y, _, kind = labels[sample, face]
            if kind == 0.0:
                continue
            extent = max(x1 - x0, y1 - y0)
            if kind < 0:
                _ignore_box(values[sample], x0, y0, x1, y1, stride)
                continue
            if extent < low / 1.5 or extent > high * 1.5:
                continue
            column = int((max(x0, 0.0) + min(x1, size)) / 2 / stride)
            row = int((max(y0, 0.0) + min(y1, size)) / 2 / stride)
            column, row = min(max(column, 0), cells - 1), min(max(row, 0), cells - 1)
            sigma = max(0.6, 0.12 * extent / stride)
            reach = int(3 * sigma) + 1
            inside = low <= extent <= high
            for y in range(max(0, row - reach), min(cells, row + reach + 1)):
                for x in range(max(0, column - reach), min(cells, column + reach + 1)):
                    heat = np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * sigma * sigma))
                    cell = values[sample, y, x]
                    if not inside:  # nearly of this scale: whatever it answers is right
                        if heat > 0.3 and cell[0] < 0.3:
                            cell[1] = 0.0
                        continue
                    if heat <= cell[0]:
                        continue
                    cell[0] = heat
                    if heat > 0.9999:
                        cell[1] = 1.0
                    center_x, center_y = (x + 0.5) * stride, (y + 0.5) * stride
                    if heat > 0.45:
                        cell[2] = heat
                        cell[3] = np.log(max(center_x - x0, 0.05 * extent) / base)
                        cell[4] = np.log(max(center_y - y0, 0.05 * extent) / base)
                        cell[5] = np.log(max(x1 - center_x, 0.05 * extent) / base)
                        cell[6] = np.log(max(y1 - center_y, 0.05 * extent) / base)
                        cell[7], cell[8] = up_x, up_y
                    else:
                        cell[2] = 0.0


@compiled()
def _ignore_box(values: Array, x0: float, y0: float, x1: float, y1: float, stride: int) -> None:
    cells = values.shape[0]
    for y in range(max(0, int(y0 / stride)), min(cells, int(y1 / stride) + 1)):
        for x in range(max(0, int(x0 / stride)), min(cells, int(x1 / stride) + 1)):
            if values[y, x, 0] < 0.3:
                values[y, x, 1] = 0.0
