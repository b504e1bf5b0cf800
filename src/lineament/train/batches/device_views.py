"""All views of training folders in the memory of the device, from which any of them is cut there.

A process decodes, cuts and disturbs about 500 crops a second; a GPU trains on thirty times as many. So for
GPUs each picture is decoded once, and the rest is done where the network is (:mod:`device_crops`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from lineament.data.samples.mixture import Mixture
from lineament.train.batches.samples import LABELS, Arrays, Folders

CHUNK = 256
"""Views that are decoded and moved at once."""


@dataclass(frozen=True, slots=True)
class DeviceViews:
    """N views; rows of all tensors belong together.

    Attributes:
        picture: (N, H, W, 3) uint8 RGB; smaller pictures fill the upper left corner.
        size_hw: (N, 2) int64 height and width of each picture.
        rotation: (N, 3, 3) float32, model frame.
        scale: (N,) px per mm.
        translation: (N, 2) px.
        identity: (N, K).
        expression: (N, E).
    """

    picture: Tensor
    size_hw: Tensor
    rotation: Tensor
    scale: Tensor
    translation: Tensor
    identity: Tensor
    expression: Tensor

    def __len__(self) -> int:
        """Number of views."""
        return len(self.scale)

    @property
    def device(self) -> torch.device:
        """Where they are."""
        return self.picture.device

    def sampled(self, numbers: Tensor, position_xy: Tensor) -> Tensor:
        """Pictures read between their pixels; beyond its border each continues as its own mirror image.

        Args:
            numbers: (B,) of the views.
            position_xy: (B, S, S, 2) px of each view; pixel i covers [i, i + 1).

        Returns:
            (B, 3, S, S) float32, 0 to 255.
        """
        height, width = (self.size_hw[numbers, axis][:, None, None] for axis in (0, 1))
        x, y = (position_xy - 0.5).unbind(-1)
        left, top = x.floor(), y.floor()
        across, down = (x - left)[..., None], (y - top)[..., None]
        columns = [_reflected(left.long() + step, width) for step in (0, 1)]
        rows = [_reflected(top.long() + step, height) for step in (0, 1)]
        pixels = self.picture.view(-1, 3)
        first = numbers[:, None, None] * self.picture.shape[1]
        upper, lower = (
            torch.lerp(*(pixels[(first + row) * self.picture.shape[2] + c].float() for c in columns), across)
            for row in rows
        )
        return torch.lerp(upper, lower, down).permute(0, 3, 1, 2).contiguous()


def _reflected(index: Tensor, count: Tensor) -> Tensor:
    """What any index shows of a row of `count` that continues as its own mirror image."""
    index = index.remainder(2 * count)
    return torch.where(index < count, index, 2 * count - 1 - index)


def read_views(folders: Folders, device: torch.device, *, workers: int = 0) -> DeviceViews:
    """The training side of some folders, numbered as :meth:`Folders.opened` numbers it.

    Args:
        folders: of samples.
        device: where they are to be.
        workers: processes that decode.

    Raises:
        DataError: a folder or a sample cannot be read.
    """
    chunks = _Chunks(folders, len(folders.opened(validation=False)))
    loader: DataLoader[Arrays] = DataLoader(chunks, batch_size=None, num_workers=workers)
    names = [field.name for field in fields(DeviceViews) if field.name != "picture"]
    labels: dict[str, list[Tensor]] = {name: [] for name in names}
    picture = torch.zeros((chunks.count, 0, 0, 3), dtype=torch.uint8, device=device)
    for number, chunk in enumerate(loader):
        rows = chunk["picture"]
        picture = _with_room(picture, rows.shape[1], rows.shape[2])
        picture[number * CHUNK : number * CHUNK + len(rows), : rows.shape[1], : rows.shape[2]] = rows.to(
            device
        )
        for name in names:  # copies: what comes from a process lies in memory shared with it
            labels[name].append(chunk[name].to(device, copy=True))
    return DeviceViews(picture, **{name: torch.cat(values) for name, values in labels.items()})


def _with_room(picture: Tensor, height: int, width: int) -> Tensor:
    """(N, H, W, 3) pictures of at least a size, those that are there in the upper left corner."""
    below, beside = max(height - picture.shape[1], 0), max(width - picture.shape[2], 0)
    return functional.pad(picture, (0, 0, 0, beside, 0, below)) if below or beside else picture


class _Chunks(Dataset[Arrays]):
    """Consecutive views, opened in the process that reads them."""

    def __init__(self, folders: Folders, count: int) -> None:
        self.count = count
        self._folders = folders
        self._opened: Mixture | None = None

    def __len__(self) -> int:
        return -(-self.count // CHUNK)

    def __getitem__(self, number: int) -> Arrays:
        if number >= len(self):
            raise IndexError(number)
        if self._opened is None:
            self._opened = self._folders.opened(validation=False)
        return _arrays(self._opened, range(number * CHUNK, min((number + 1) * CHUNK, self.count)))


def _arrays(store: Mixture, numbers: range) -> Arrays:
    views = [store.view(number) for number in numbers]
    size_hw = np.array([view.image.shape[:2] for view in views], np.int64)
    picture = np.zeros((len(views), *size_hw.max(0), 3), np.uint8)
    for row, view in zip(picture, views):
        height, width = view.image.shape[:2]
        row[:height, :width] = view.image
    labels: dict[str, list[Any]] = {
        "rotation": [view.camera.rotation for view in views],
        "scale": [view.camera.scale for view in views],
        "translation": [view.camera.translation[:2] for view in views],
        "identity": [view.identity for view in views],
        "expression": [view.expression for view in views],
    }
    floats: dict[str, NDArray[Any]] = {name: np.float32(labels[name]) for name in LABELS}
    return {"picture": picture, "size_hw": size_hw, **floats}
