"""Self-alignment: the pose that carries the shape's landmarks over those of the pose-dependent face.

The torch twin of what :mod:`lineament.methods.sadrnet` does in numpy, and the landmarks of the figures.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lineament.geometry.morphable import MorphableModel
from lineament.geometry.uv import make_uv_map
from lineament.methods.sadrnet_tables import MIN_WEIGHT, MODEL_TO_MAP, POSITION_UNIT, SHAPE_PER_MM
from lineament.train.batches.alignment_figures import SCHEME, CropEstimate
from lineament.train.networks.alignment import Alignment, align_points
from lineament.train.networks.regressor import rotation_from_six
from lineament.train.networks.sadrnet import SadrConfig, SadrOutput
from lineament.train.sadrnet.chart import SadrChart

SAMPLED = 400  # texels that coefficients are read off
NOISE_MM, INDEPENDENT, EXPRESSION_STD = 0.5, 150.0, 0.5
"""As in :class:`lineament.geometry.nearest_coefficients.NearestCoefficients`."""


class SelfAlignment(nn.Module):
    """What a network's answers say of the pose.

    Args:
        config: of the network.
        chart: its tables.
    """

    def __init__(self, config: SadrConfig, chart: SadrChart) -> None:
        super().__init__()
        self.config = config
        for name in ("texels", "neighbours"):
            self.register_buffer(name, torch.as_tensor(getattr(chart, name)), persistent=False)
        mean = chart.mean_map.reshape(3, -1)[:, chart.texels].T
        self.register_buffer("mean", torch.as_tensor(np.ascontiguousarray(mean)), persistent=False)
        self.register_buffer("axes", torch.as_tensor(MODEL_TO_MAP).float(), persistent=False)

    def forward(self, found: SadrOutput) -> Alignment:
        """The alignment of the shape, y turned down, with the face map, row by row."""
        if found.pose is not None:
            flat = torch.nn.functional.pad(found.pose[:, 7:], (0, 1))
            return Alignment(found.pose[:, 6].exp(), rotation_from_six(found.pose[:, :6]), flat)
        assert found.face_map is not None
        face = found.face_map.flatten(2)[:, :, self.texels].transpose(1, 2)
        if found.shape_map is None:
            source = self.mean.expand_as(face)
        else:
            source = found.shape_map.flatten(2)[:, :, self.texels].transpose(1, 2)
        return align_points(source * self.axes, face, self.weights(found.face_map, found.attention))

    @torch.no_grad()
    def weights(self, face_map: Tensor, attention: Tensor | None) -> Tensor:
        """(B, 68), see :func:`lineament.methods.sadrnet_tables.landmark_weights`.

        As in the official code its form leaves the attention out while training.
        """
        places = face_map.flatten(2)[:, :2]
        left, right, above, below = (places[:, :, at] for at in self.neighbours)
        across, down = right - left, below - above
        turn = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
        code = self.config.weight == "code"
        visible = torch.ones_like(turn)
        if attention is not None and not (code and self.training):
            size = attention.shape[-1]
            cell = (places[:, :, self.texels] * POSITION_UNIT * size).nan_to_num().floor()
            column, row = cell.clamp(0, size - 1).long().unbind(1)
            visible = torch.sigmoid(attention).flatten(1).gather(1, row * size + column)
        if code:
            return visible * torch.where(turn > 0, 1.0, torch.where(turn < 0, MIN_WEIGHT, 0.0))
        return torch.where(turn >= 0, visible, 0.0) + MIN_WEIGHT

    def aligned(self, found: SadrOutput, place: Alignment) -> Tensor:
        """(B, 3, M, M) the paper's G: the shape where the pose puts it, or the face map itself."""
        if found.shape_map is None:
            assert found.face_map is not None
            return found.face_map
        return place.of_map(found.shape_map * self.axes[:, None, None])


class MapLandmarks(nn.Module):
    """The 68 landmarks of maps, as the figures of all methods have them.

    Where 300W-LP has a landmark depends on the coefficients a little; these are read off the shape map by a
    ridge solution that is a matrix.

    Args:
        model: the face model.
        chart: of the maps.
        crop_size: side of the crops, px.
    """

    def __init__(self, model: MorphableModel, chart: SadrChart, *, crop_size: int) -> None:
        super().__init__()
        self._side = POSITION_UNIT * crop_size
        layout, size = model.schemes[SCHEME], chart.size
        first, last = model.parts.get("face", (0, len(model.triangles)))
        assert model.uv is not None
        uv_map = make_uv_map(model.uv, model.triangles[first:last], size=size)
        texels = uv_map.texel[layout.vertex_index].reshape(len(layout.weights), -1)
        weights = np.nan_to_num(uv_map.texel_weights[layout.vertex_index] * layout.weights[..., None])
        chosen, matrix = _offsets_of_shape(model, chart)
        tables = {
            "texels": texels,
            "weights": np.float32(weights.reshape(len(texels), -1)),
            "rest": np.float32(layout.points_model(model.neutral_model)),
            "sampled": chosen,
            "matrix": np.float32(matrix),
            "mean_map": chart.mean_map,
            "axes": np.float32(MODEL_TO_MAP),
        }
        for name, values in tables.items():
            self.register_buffer(name, torch.as_tensor(values), persistent=False)

    def forward(self, found: SadrOutput, place: Alignment) -> CropEstimate:
        """Landmarks, in crop px, and rotation of B faces."""
        shape = self._shape(found, place)
        moved = ((shape - self.mean_map) / SHAPE_PER_MM).flatten(2)
        own = (moved[:, :, self.texels] * self.weights).sum(3).transpose(1, 2)
        offsets = moved[:, :, self.sampled].transpose(1, 2).flatten(1) @ self.matrix.T
        landmarks = SHAPE_PER_MM * (self.rest + own + offsets.view_as(own)) * self.axes
        in_crop = place.of_map(landmarks.transpose(1, 2)).transpose(1, 2) * self._side
        flip = self.axes[:, None] * self.axes
        return CropEstimate(
            in_crop * torch.tensor([1.0, 1.0, -1.0], device=flip.device), place.rotation * flip
        )

    def _shape(self, found: SadrOutput, place: Alignment) -> Tensor:
        """(B, 3, M, M) the shape, or the face map taken back into the model's frame."""
        if found.shape_map is not None:
            return found.shape_map
        assert found.face_map is not None
        back = (found.face_map - place.translation[:, :, None, None]) / place.scale[:, None, None, None]
        return torch.einsum("bji,bjhw->bihw", place.rotation, back) * self.axes[:, None, None]


def _offsets_of_shape(model: MorphableModel, chart: SadrChart) -> tuple[np.ndarray, np.ndarray]:
    """(T,) flat texels, and the matrix (204, 3T) from a shape's differences there, mm, to the offsets."""
    gather, layout = chart.surface.gather, model.schemes[SCHEME]
    trained = np.flatnonzero(chart.weights.ravel()[gather.texel] > 0)
    rows = trained[np.linspace(0, len(trained) - 1, min(SAMPLED, len(trained))).round().astype(int)]
    bases = [
        (model.identity_basis, layout.identity_offset),
        (model.expression_basis, layout.expression_offset),
    ]
    corners, weights = gather.vertex_index[rows], gather.weights[rows]
    modes = [np.einsum("kpcx,pc->kpx", basis[:, corners], weights) for basis, _ in bases]
    counts = [len(offsets) for _, offsets in bases]
    stds = np.repeat([1.0, EXPRESSION_STD], [len(basis) for basis in modes])
    columns = np.concatenate(modes).reshape(len(stds), -1).T.astype(np.float64)
    ridge = np.diag((NOISE_MM / stds) ** 2) * len(rows) / INDEPENDENT
    coefficients = np.linalg.solve(columns.T @ columns + ridge, columns.T)
    moved = np.zeros((len(stds), layout.offset_model.size))
    moved[: counts[0]] = bases[0][1].reshape(counts[0], -1)
    moved[len(modes[0]) : len(modes[0]) + counts[1]] = bases[1][1].reshape(counts[1], -1)
    return gather.texel[rows].astype(np.int64), moved.T @ coefficients
