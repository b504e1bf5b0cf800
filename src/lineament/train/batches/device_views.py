"""All views of training folders in the memory of the device, from which any of them is cut there.

A process decodes, cuts and disturbs about 500 crops a second; a GPU trains on thirty times as many. So for
GPUs each picture is decoded once, and the rest is done where the network is (:mod:`device_crops`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from lineament.data.crops.sampler import joined_labels
from lineament.data.samples.mixture import Mixture
from lineament.data.samples.sample import Sample
from lineament.geometry.morphable import MorphableModel
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
        has_coefficients: (N,) bool.
        points: (N, 68, 3) px, as in :class:`lineament.train.batches.labels.LabelBatch`.
        point_weights: (N, 68).
        point_source: (N,) int64.
        is_rendered: (N,) bool, whose coefficients are exact.
        is_changed: (N,) bool, photographs that were changed through their mesh.
        occlusion: (N, H, W) bool, True where something hides the face; None where nobody asks for it.
    """

    picture: Tensor
    size_hw: Tensor
    rotation: Tensor
    scale: Tensor
    translation: Tensor
    identity: Tensor
    expression: Tensor
    has_coefficients: Tensor
    points: Tensor
    point_weights: Tensor
    point_source: Tensor
    is_rendered: Tensor
    is_changed: Tensor
    occlusion: Tensor | None = None

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
        pixels = self._between(self.picture, numbers, position_xy)
        return pixels.permute(0, 3, 1, 2).contiguous()

    def hidden(self, numbers: Tensor, position_xy: Tensor) -> Tensor:
        """(B, S, S) bool, where something hides the face: the masks read as pictures are, and cut at half."""
        assert self.occlusion is not None
        return self._between(self.occlusion[..., None], numbers, position_xy)[..., 0] >= 0.5

    def _between(self, stored: Tensor, numbers: Tensor, position_xy: Tensor) -> Tensor:
        """(B, S, S, C) float32 values of (N, H, W, C) pictures between their pixels."""
        height, width = (self.size_hw[numbers, axis][:, None, None] for axis in (0, 1))
        x, y = (position_xy - 0.5).unbind(-1)
        left, top = x.floor(), y.floor()
        across, down = (x - left)[..., None], (y - top)[..., None]
        columns = [_reflected(left.long() + step, width) for step in (0, 1)]
        rows = [_reflected(top.long() + step, height) for step in (0, 1)]
        pixels = stored.view(-1, stored.shape[-1])
        first = numbers[:, None, None] * stored.shape[1]
        upper, lower = (
            torch.lerp(*(pixels[(first + row) * stored.shape[2] + c].float() for c in columns), across)
            for row in rows
        )
        return torch.lerp(upper, lower, down)


def _reflected(index: Tensor, count: Tensor) -> Tensor:
    """What any index shows of a row of `count` that continues as its own mirror image."""
    index = index.remainder(2 * count)
    return torch.where(index < count, index, 2 * count - 1 - index)


def read_views(
    folders: Folders,
    device: torch.device,
    model: MorphableModel,
    *,
    workers: int = 0,
    occlusion: bool = False,
) -> DeviceViews:
    """The training side of some folders, numbered as :meth:`Folders.opened` numbers it.

    Args:
        folders: of samples.
        device: where they are to be.
        model: the face model of their labels.
        workers: processes that decode.
        occlusion: whether the masks of what hides the faces are kept too; they take a third of the room of
            the pictures.

    Raises:
        DataError: a folder or a sample cannot be read.
    """
    counts = [len(basis) for basis in (model.identity_basis, model.expression_basis)]
    chunks = _Chunks(folders, len(folders.opened(validation=False)), (counts[0], counts[1]), occlusion)
    loader: DataLoader[Arrays] = DataLoader(chunks, batch_size=None, num_workers=workers)
    names = ("size_hw", *LABELS)
    labels: dict[str, list[Tensor]] = {name: [] for name in names}
    pictures = {
        name: torch.zeros((chunks.count, 0, 0, channels), dtype=dtype, device=device)
        for name, channels, dtype in chunks.pictures
    }
    for number, chunk in enumerate(loader):
        for name, picture in pictures.items():
            rows = chunk[name]
            picture = _with_room(picture, rows.shape[1], rows.shape[2])
            picture[number * CHUNK : number * CHUNK + len(rows), : rows.shape[1], : rows.shape[2]] = rows.to(
                device
            )
            pictures[name] = picture
        for name in names:  # copies: what comes from a process lies in memory shared with it
            labels[name].append(chunk[name].to(device, copy=True))
    return DeviceViews(
        picture=pictures["picture"],
        occlusion=pictures["occlusion"][..., 0] if occlusion else None,
        **{name: torch.cat(values) for name, values in labels.items()},
    )


def _with_room(picture: Tensor, height: int, width: int) -> Tensor:
    """(N, H, W, C) pictures of at least a size, those that are there in the upper left corner."""
    below, beside = max(height - picture.shape[1], 0), max(width - picture.shape[2], 0)
    return functional.pad(picture, (0, 0, 0, beside, 0, below)) if below or beside else picture


class _Chunks(Dataset[Arrays]):
    """Consecutive views, opened in the process that reads them."""

    def __init__(self, folders: Folders, count: int, counts: tuple[int, int], occlusion: bool) -> None:
        self.count = count
        self._folders, self._counts, self._occlusion = folders, counts, occlusion
        self._opened: Mixture | None = None

    @property
    def pictures(self) -> list[tuple[str, int, torch.dtype]]:
        """Name, channels and type of what is stored pixel by pixel."""
        picture = ("picture", 3, torch.uint8)
        return [picture, ("occlusion", 1, torch.bool)] if self._occlusion else [picture]

    def __len__(self) -> int:
        return -(-self.count // CHUNK)

    def __getitem__(self, number: int) -> Arrays:
        if number >= len(self):
            raise IndexError(number)
        if self._opened is None:
            self._opened = self._folders.opened(validation=False)
        numbers = range(number * CHUNK, min((number + 1) * CHUNK, self.count))
        samples = [self._opened.sample(n, with_mask=self._occlusion) for n in numbers]
        return _arrays(samples, self._counts, self._occlusion)


def _arrays(samples: list[Sample], counts: tuple[int, int], occlusion: bool) -> Arrays:
    size_hw = np.array([sample.size_hw for sample in samples], np.int64)
    picture = np.zeros((len(samples), *size_hw.max(0), 3), np.uint8)
    hidden = np.zeros((*picture.shape[:3], 1), bool)
    for row, mask, sample in zip(picture, hidden, samples):
        height, width = sample.size_hw
        row[:height, :width] = sample.image
        if sample.occlusion is not None:
            mask[:height, :width, 0] = sample.occlusion
    labels = joined_labels(samples, counts)
    return {"picture": picture, "size_hw": size_hw, **labels, **({"occlusion": hidden} if occlusion else {})}
