"""From B crops' maps to points on the chart; torch twin of :mod:`lineament.methods.dsfnet_points`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lineament.geometry.morphable import MorphableModel
from lineament.methods.dsfnet_points import CLOUD_SIDES, NOSE_TIP, UNITS_PER_MM, FaceChart
from lineament.train.networks.dsfnet.heads import CropMaps

SCHEME = "300w-lp"
NOSE_SCHEME = "lfm-68"


@dataclass(frozen=True, slots=True)
class Cloud:
    """What B crops show of each of T texels.

    Attributes:
        points: (B, T, 3) cloud frame; zero where no pixel shows the texel.
        hit: (B, T) bool.
        confidence: (B, T), zero where there is no hit.
    """

    points: Tensor
    hit: Tensor
    confidence: Tensor


class ChartTables(nn.Module):
    """A face model on its chart, as tensors; nothing of it is part of a checkpoint.

    Args:
        model: the face model.
        chart: its chart.
        identity: number of coefficients.
        expression: number of coefficients.
    """

    def __init__(self, model: MorphableModel, chart: FaceChart, identity: int, expression: int) -> None:
        super().__init__()
        self.size = chart.size
        modes = np.concatenate([model.identity_basis[:identity], model.expression_basis[:expression]])
        points = model.landmark_points(SCHEME)
        landmark_modes = np.concatenate(
            [points.identity_basis[:identity], points.expression_basis[:expression]]
        )
        on_mesh = np.stack([model.schemes[SCHEME].points_on(mode) for mode in modes])
        nose = model.landmark_points(NOSE_SCHEME if NOSE_SCHEME in model.schemes else SCHEME)
        nose_modes = np.concatenate([nose.identity_basis[:identity], nose.expression_basis[:expression]])
        on_chart = np.stack([chart.gathered(mode) for mode in modes])
        self._keep("texel", chart.texel)
        self._keep("mean", chart.mean)
        self._keep("basis", on_chart.reshape(len(modes), -1) * UNITS_PER_MM)
        self._keep("landmark_mean", points.neutral_model * UNITS_PER_MM)
        self._keep("landmark_basis", landmark_modes.reshape(len(modes), -1) * UNITS_PER_MM)
        moves = landmark_modes - on_mesh
        self._keep("scheme_basis", moves.reshape(len(modes), -1) * UNITS_PER_MM)
        self._keep("nose_mean", nose.neutral_model[NOSE_TIP] * UNITS_PER_MM)
        self._keep("nose_basis", nose_modes[:, NOSE_TIP] * UNITS_PER_MM)
        row, column = np.divmod(chart.texel, chart.size)
        self._keep("place", np.stack([row, column], axis=1) * 2.0 / (chart.size - 1) - 1)
        self._landmark_texels(model, chart)

    def _landmark_texels(self, model: MorphableModel, chart: FaceChart) -> None:
        """Which texels an attribute at the landmarks is read from: (68, 12) places among T and weights."""
        layout = model.schemes[SCHEME]
        texels = chart.uv_map.texel[layout.vertex_index].reshape(len(layout.vertex_index), -1)
        weights = np.nan_to_num(chart.uv_map.texel_weights[layout.vertex_index] * layout.weights[..., None])
        weights = weights.reshape(texels.shape)
        place = np.full(chart.size**2, -1)
        place[chart.texel] = np.arange(len(chart.texel))
        self._keep("landmark_texel", np.maximum(place[texels], 0))
        self._keep("landmark_weights", weights * (place[texels] >= 0))

    def _keep(self, name: str, values: np.ndarray) -> None:
        tensor = torch.as_tensor(np.ascontiguousarray(values))
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        self.register_buffer(name, tensor, persistent=False)

    def offsets(self, coefficients: Tensor) -> Tensor:
        """(B, T, 3) units, how faces of (B, K + E) coefficients differ from the mean at the texels."""
        return (coefficients @ self.basis).view(len(coefficients), -1, 3)

    def landmarks(self, coefficients: Tensor) -> Tensor:
        """(B, 68, 3) units, landmarks of faces of coefficients."""
        return self.landmark_mean + (coefficients @ self.landmark_basis).view(len(coefficients), -1, 3)

    def nose_tip(self, coefficients: Tensor) -> Tensor:
        """(B, 3) units."""
        return self.nose_mean + coefficients @ self.nose_basis

    def landmarks_of_offsets(self, offsets: Tensor, coefficients: Tensor) -> Tensor:
        """(B, 68, 3) units, landmarks of faces of (B, T, 3) offsets at the texels.

        Coefficients say how far the scheme's points lie from the mesh's own.
        """
        read = (offsets[:, self.landmark_texel] * self.landmark_weights[..., None]).sum(2)
        moves = (coefficients @ self.scheme_basis).view(len(coefficients), -1, 3)
        return self.landmark_mean + read + moves

    def as_map(self, values: Tensor) -> Tensor:
        """(B, C, M, M) maps of (B, T, C) values; zero off the face."""
        flat = values.new_zeros(len(values), values.shape[2], self.size**2)
        return flat.index_copy(2, self.texel, values.transpose(1, 2)).unflatten(2, (self.size, self.size))

    def of_map(self, maps: Tensor) -> Tensor:
        """(B, T, C) at the texels of (B, C, M, M) maps."""
        return maps.flatten(2)[:, :, self.texel].transpose(1, 2)

    def observed(self, maps: CropMaps, visible: Tensor) -> Cloud:
        """The visible pixels of (B, S, S), scattered over the chart."""
        rows, side = len(maps.depth), maps.depth.shape[-1]
        visible = visible.flatten(1)
        visible = visible | ~visible.any(1, keepdim=True)
        place = ((maps.correspondence + 1) / 2 * self.size).floor().clamp(0, self.size - 1).long().flatten(2)
        texel = torch.where(visible, place[:, 1] * self.size + place[:, 0], self.size**2)
        pixels = torch.arange(side * side, device=texel.device).expand(rows, -1)
        winner = torch.full((rows, self.size**2 + 1), -1, device=texel.device)
        winner = winner.scatter_reduce(1, texel, pixels, "amax")[:, self.texel]
        hit, pixel = winner >= 0, winner.clamp(min=0)
        plane = torch.stack([pixel % side + 0.5 - side / 2, side / 2 - pixel // side - 0.5], dim=2)
        depth = maps.depth.flatten(1).gather(1, pixel)
        points = torch.cat([plane.float() / (CLOUD_SIDES * side), depth[..., None]], dim=2)
        confidence = maps.confidence.flatten(1).gather(1, pixel) * hit
        return Cloud(points * hit[..., None], hit, confidence)


def drawn(valid: Tensor, uniform: Tensor) -> Tensor:
    """(B, m) places among (B, T) valid ones, with replacement, by (B or 1, m) numbers in [0, 1)."""
    valid = valid | ~valid.any(1, keepdim=True)
    count = valid.sum(1, keepdim=True)
    wanted = torch.minimum((uniform.double() * count).floor().long(), count - 1)
    return torch.searchsorted(valid.cumsum(1), wanted + 1)


def taken(values: Tensor, places: Tensor) -> Tensor:
    """(B, m, ...) of (B, T, ...) values at (B, m) places."""
    if values.ndim == 2:
        return values.gather(1, places)
    return values.gather(1, places[..., None].expand(-1, -1, values.shape[2]))
