"""Faces drawn so that the picture has a gradient in shape, pose, camera, colour and light.

Visibility is hard and has no gradient (Genova et al. 2018, as the paper uses it): a z-buffer says which
triangle each pixel shows, and its barycentric weights are then computed again, perspective-correct, out of
the projected corners. Silhouettes do not move anything. The readable twin is
:mod:`lineament.train.dff.reference_renderer`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lineament.geometry.harmonics import BAND_FACTORS, BASIS_FACTORS
from lineament.train.dff.rasterisers import Rasteriser, rasteriser_for

MIN_AREA = 1e-6
"""px^2, of a triangle's doubled area; pixels of smaller ones, slivers at the silhouette, are left out."""


@dataclass(frozen=True, slots=True)
class ProjectedMesh:
    """The vertices of B faces as a camera sees them.

    Attributes:
        xy: (B, N, 2) px of the picture.
        inverse_depth: (B, N) 1 / depth, any unit, for perspective-correct weights; equal for a weak camera.
        depth: (B, N) grows away from the viewer; decides what hides what, has no gradient.
    """

    xy: Tensor
    inverse_depth: Tensor
    depth: Tensor


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was drawn.

    Attributes:
        rgb: (B, 3, S, S); zero where nothing was drawn, and not clipped.
        mask: (B, S, S) bool, where the mesh is seen from its outside.
    """

    rgb: Tensor
    mask: Tensor


class Renderer(nn.Module):
    """Draws attributes of vertices.

    Args:
        triangles: (M, 3) int, counter-clockwise seen from outside.
        rasteriser: finds the triangles; None takes the quickest of the device.
    """

    def __init__(self, triangles: Tensor, rasteriser: Rasteriser | None = None) -> None:
        super().__init__()
        self.register_buffer("triangles", triangles.long(), persistent=False)
        self._rasteriser = rasteriser

    def forward(self, mesh: ProjectedMesh, colors: Tensor, size: int) -> Rendered:
        """Draw B meshes.

        Args:
            mesh: where the vertices are.
            colors: (B, N, C) of the vertices, lit.
            size: S, px.
        """
        batch = len(mesh.xy)
        pixel, corners = self._visible(mesh, size)
        values = torch.cat([mesh.xy, mesh.inverse_depth[..., None], colors], dim=2).flatten(0, 1)
        at = values.index_select(0, corners.flatten()).view(len(corners), 3, values.shape[1])
        place = torch.stack([pixel % size, pixel // size % size], dim=1) + 0.5
        weights, solid = perspective_weights(at[..., :2], at[..., 2], place)
        drawn = (weights[..., None] * at[..., 3:]).sum(1)
        pixel, drawn = pixel[solid], drawn[solid]
        channels = colors.shape[2]
        flat = drawn.new_zeros(batch * size * size, channels).index_copy(0, pixel, drawn)
        mask = torch.zeros(batch * size * size, dtype=torch.bool, device=drawn.device)
        mask[pixel] = True
        rgb = flat.view(batch, size, size, channels).permute(0, 3, 1, 2)
        return Rendered(rgb, mask.view(batch, size, size))

    @torch.no_grad()
    def _visible(self, mesh: ProjectedMesh, size: int) -> tuple[Tensor, Tensor]:
        """(K,) pixels that show something, counted through the batch, and (K, 3) rows of their corners."""
        rasteriser = self._rasteriser or rasteriser_for(mesh.xy.device)
        vertices = torch.cat([mesh.xy, mesh.depth[..., None]], dim=2).detach()
        index = rasteriser(vertices, self.triangles, size).flatten()
        pixel = torch.nonzero(index >= 0)[:, 0]
        first = torch.div(pixel, size * size, rounding_mode="floor") * mesh.xy.shape[1]
        return pixel, self.triangles[index[pixel]] + first[:, None]


def perspective_weights(corners_xy: Tensor, inverse_depth: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Weights of a triangle's corners at a place of the picture, as they are on the surface.

    Args:
        corners_xy: (K, 3, 2) px.
        inverse_depth: (K, 3).
        place: (K, 2) px.

    Returns:
        (K, 3) weights that sum to one, and (K,) bool, whether the triangle is large enough to have them.
    """
    (ax, ay), (bx, by), (cx, cy) = ((corners_xy - place[:, None])[:, n].unbind(1) for n in range(3))
    u, v, w = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    area = u + v + w
    solid = area.detach().abs() >= MIN_AREA
    area = torch.where(solid, area, torch.ones_like(area))
    weights = torch.stack([u, v, w], dim=1) / area[:, None] * inverse_depth
    total = weights.sum(1, keepdim=True)
    usable = solid & (total.detach()[:, 0].abs() > torch.finfo(total.dtype).tiny)
    return weights / torch.where(usable[:, None], total, torch.ones_like(total)), usable


class VertexNormals(nn.Module):
    """Unit normals of vertices; the torch twin of :func:`lineament.geometry.mesh.vertex_normals`.

    Args:
        triangles: (M, 3) int.
        count: of vertices.
    """

    def __init__(self, triangles: Tensor, count: int) -> None:
        super().__init__()
        self.register_buffer("triangles", triangles.long(), persistent=False)
        around = np.bincount(triangles.numpy().ravel(), minlength=count)
        width = int(around.max())
        order = np.argsort(triangles.numpy().ravel(), kind="stable")
        table = np.full((count, width), len(triangles), np.int64)  # the row behind the last is zero
        start = np.concatenate([[0], np.cumsum(around)[:-1]])
        row = np.repeat(np.arange(count), around)
        table[row, np.arange(len(order)) - start[row]] = order // 3
        self.register_buffer("around", torch.as_tensor(table), persistent=False)

    def forward(self, vertices: Tensor) -> Tensor:
        """(B, N, 3) normals of (B, N, 3) vertices in any right-handed frame; zero where there is no area."""
        batch = len(vertices)
        rows = vertices.transpose(0, 1).flatten(1)  # (N, 3B): a vertex of all faces is one row of memory
        a, b, c = (rows.index_select(0, self.triangles[:, n]).view(-1, batch, 3) for n in range(3))
        areas = torch.linalg.cross(b - a, c - a).flatten(1)
        areas = torch.cat([areas, areas.new_zeros(1, areas.shape[1])])
        summed = areas.new_zeros(len(rows), areas.shape[1])
        for column in self.around.unbind(1):
            summed = summed + areas.index_select(0, column)
        normals = summed.view(-1, batch, 3).transpose(0, 1)
        return normals / torch.sqrt(normals.square().sum(2, keepdim=True) + 1e-20)


def harmonics(normals: Tensor) -> Tensor:
    """(..., 9) basis functions at (..., 3) unit normals.

    Torch twin of :func:`lineament.geometry.harmonics.harmonics`.
    """
    x, y, z = normals.unbind(-1)
    zeroth, first, second = (float(a * c) for a, c in zip(BAND_FACTORS, BASIS_FACTORS, strict=True))
    root = 3**-0.5
    terms = (
        torch.full_like(x, zeroth),
        first * y,
        first * z,
        first * x,
        second * x * y,
        second * y * z,
        second * root / 2 * (3 * z * z - 1),
        second * x * z,
        second / 2 * (x * x - y * y),
    )
    return torch.stack(terms, dim=-1)
