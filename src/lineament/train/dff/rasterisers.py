"""Which triangle each pixel shows: hard visibility, without any gradient.

A rasteriser is anything that is called like the two here; a user who has one installed passes it to
:class:`lineament.train.dff.renderer.Renderer`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from lineament.data.drawing.zbuffer import draw_mesh, facing_mask

EDGE = 1e-6
"""Barycentric weights this far below zero still count as inside: no crack opens along shared edges."""
DEPTH_LEVELS = 2**30
BOXES = (4, 16)
"""Sides, px, of the boxes that triangles are looked for in; larger triangles take the whole picture."""
ROWS_AT_ONCE = 2**22
"""Pixels that are tried at once, to bound the memory."""


class Rasteriser(Protocol):
    """Finds the nearest triangle of each pixel."""

    def __call__(self, vertices: Tensor, triangles: Tensor, size: int) -> Tensor:
        """The triangle that each pixel's centre shows.

        Args:
            vertices: (B, N, 3) x and y in px, and a depth that grows away from the viewer.
            triangles: (M, 3) int64, counter-clockwise seen from outside.
            size: S, px along a side of the picture.

        Returns:
            (B, S, S) int64; -1 where there is none, or where the nearest shows its inside.
        """


class ZBuffer:
    """The compiled z-buffer of the data wing, one picture a thread; for the CPU."""

    def __call__(self, vertices: Tensor, triangles: Tensor, size: int) -> Tensor:
        """See :class:`Rasteriser`."""
        meshes = vertices.detach().cpu().double().numpy()
        corners = np.ascontiguousarray(triangles.cpu().numpy(), np.int32)
        if len(meshes) == 1:
            found = [_nearest(meshes[0], corners, size)]
        else:
            with ThreadPoolExecutor(max_workers=torch.get_num_threads()) as pool:
                found = list(pool.map(lambda mesh: _nearest(mesh, corners, size), meshes))
        return torch.as_tensor(np.stack(found), dtype=torch.int64, device=vertices.device)


def _nearest(vertices: np.ndarray, triangles: np.ndarray, size: int) -> np.ndarray:
    raster = draw_mesh(vertices, triangles, size_hw=(size, size))
    raster.triangle_index[~facing_mask(raster, triangles, vertices)] = -1
    return raster.triangle_index


class ScatterRasteriser:
    """A z-buffer of plain tensor operations: for devices that the compiled one does not know.

    Each triangle is tried on all pixels of a small box around it; the nearest is found by a scattered minimum
    of depth and number together, so that the result does not depend on the order.
    """

    def __call__(self, vertices: Tensor, triangles: Tensor, size: int) -> Tensor:
        """See :class:`Rasteriser`."""
        with torch.no_grad():
            return torch.stack([self._one(mesh, triangles, size) for mesh in vertices])

    def _one(self, vertices: Tensor, triangles: Tensor, size: int) -> Tensor:
        corners = vertices[triangles].double()  # (M, 3, 3)
        low = (corners[..., :2].amin(1) - 0.5).ceil()
        high = (corners[..., :2].amax(1) - 0.5).floor()
        finite = corners.isfinite().all((1, 2))
        low, high = (each.nan_to_num().clamp(-1, size) for each in (low, high))
        first, last = low.clamp(min=0), high.clamp(max=size - 1)
        extent = torch.where(finite, (last - first + 1).amax(1), 0.0)
        extent = torch.where((last < first).any(1), 0.0, extent)
        depth = torch.where(corners[..., 2].isfinite(), corners[..., 2], 0.0)
        near, far = depth.min(), depth.max()
        span = (far - near).clamp(min=torch.finfo(torch.float64).tiny)
        best = torch.full((size * size,), DEPTH_LEVELS * len(triangles), device=vertices.device)
        smallest = 0
        for box in (*BOXES, size):
            chosen = torch.nonzero((extent > smallest) & (extent <= box))[:, 0]
            smallest = box
            for part in chosen.split(max(ROWS_AT_ONCE // box**2, 1)):
                self._draw(corners[part], part, first[part], box, (near, span), best, len(triangles), size)
        index = torch.where(best < DEPTH_LEVELS * len(triangles), best % len(triangles), -1)
        return self._facing(index, corners).view(size, size)

    @staticmethod
    def _draw(
        corners: Tensor,
        numbers: Tensor,
        first: Tensor,
        box: int,
        depths: tuple[Tensor, Tensor],
        best: Tensor,
        count: int,
        size: int,
    ) -> None:
        """Write depth and number of some triangles into `best` where they are nearer."""
        step = torch.arange(box, device=corners.device, dtype=corners.dtype)
        column = first[:, 0, None, None] + step
        row = first[:, 1, None, None] + step[:, None]
        a, b, c = (corners[:, n, :, None, None] for n in range(3))
        x, y = column + 0.5, row + 0.5
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        inverse = 1 / torch.where(area == 0, torch.nan, area)
        u = ((b[:, 0] - x) * (c[:, 1] - y) - (b[:, 1] - y) * (c[:, 0] - x)) * inverse
        v = ((c[:, 0] - x) * (a[:, 1] - y) - (c[:, 1] - y) * (a[:, 0] - x)) * inverse
        w = 1 - u - v
        depth = u * a[:, 2] + v * b[:, 2] + w * c[:, 2]
        inside = (u >= -EDGE) & (v >= -EDGE) & (w >= -EDGE) & (column < size) & (row < size)
        level = ((depth - depths[0]) / depths[1]).clamp(0, 1)[inside] * (DEPTH_LEVELS - 1)
        key = level.long() * count + numbers[:, None, None].expand_as(inside)[inside]
        place = (row * size + column)[inside].long()
        best.scatter_reduce_(0, place, key, "amin")

    @staticmethod
    def _facing(index: Tensor, corners: Tensor) -> Tensor:
        """The numbers with -1 where the triangle shows its inside."""
        a, b, c = corners[index.clamp(min=0), :, :2].unbind(1)
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        return torch.where(area < 0, index, -1)


def rasteriser_for(device: torch.device) -> Rasteriser:
    """The rasteriser that is quickest on a device."""
    return ZBuffer() if device.type == "cpu" else ScatterRasteriser()
