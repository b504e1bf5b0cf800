"""Losses of coefficient regressors, measured where a person looks: on the projected face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lineament.data.fitting.layout import PointLayout
from lineament.data.fitting.layouts import mesh_layout
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import GAP_PAIRS_68, LID_PAIRS_68
from lineament.train.batches.labels import LabelBatch
from lineament.train.networks.regressor import RegressorOutput


@dataclass(frozen=True, slots=True)
class FaceLossConfig:
    """Weights of the terms; distances are in hundredths of the crop's side.

    Attributes:
        landmarks: mean distance of the 68 landmarks in 300W-LP's convention.
        vertices: mean distance of vertices spread over the face.
        lids: error of the openings of the eyes, in the model frame. Eyes are small: at an equal weight a
            network leaves them half open.
        lips: error of the opening of the mouth, in the model frame.
        shape: mean distance of landmarks and vertices in the model frame. As long as the pose is wrong by
            more than an expression moves a lip, distances in the crop say nothing about the lip; these do.
        coefficients: mean squared error of coefficients in units of their standard deviation.
        points: mean distance of annotated landmarks from the face's, in rows without coefficients.
        mesh: mean distance, across the picture, of the points that MediaPipe's mesh has on the face: what
            fits of photographs were made from, and know best. Those of lids, irises and lips count `fine`
            times.
        fine: see `mesh`.
        rest: mean of the expression keys of photographs that no fit can tell from others, see `fitted_keys`:
            what is not seen is at rest.
        fitted_keys: first parts of the names of keys that fits of photographs are believed in; of the others
            only rendered faces, whose labels are exact, say how far they are raised. None believes all.
        rotation: mean squared difference of the rotation matrices' entries.
        depth: weight of the depth in distances.
        vertex_count: how many vertices are compared.
    """

    landmarks: float = 2.0
    vertices: float = 1.0
    lids: float = 8.0
    lips: float = 4.0
    shape: float = 4.0
    coefficients: float = 1.0
    rotation: float = 2.0
    depth: float = 0.5
    points: float = 2.0
    mesh: float = 0.0
    fine: float = 3.0
    rest: float = 0.0
    fitted_keys: tuple[str, ...] | None = None
    vertex_count: int = 320


UNIT_PER_MM = 100.0 / 212.0
"""Hundredths of the side of a crop, which shows about 212 mm of a usual face, in a millimetre."""


class FaceLoss(nn.Module):
    """Distance between predicted and true faces in the crop.

    Args:
        model: the face model of the coefficients.
        crop_size: px.
        identity_std: (K,) standard deviations that the coefficient term divides by.
        expression_std: (E,).
        config: weights.
    """

    def __init__(
        self,
        model: MorphableModel,
        crop_size: int,
        identity_std: np.ndarray,
        expression_std: np.ndarray,
        config: FaceLossConfig,
    ) -> None:
        super().__init__()
        self.config = config
        self.unit = 100.0 / crop_size
        labelled, registered = (model.landmark_points(name) for name in ("300w-lp", "lfm-68"))
        first, last = model.parts["face"]
        skin = np.unique(model.triangles[first:last])
        std = skin[np.linspace(0, len(skin) - 1, config.vertex_count).astype(int)]
        upper, lower = np.array(GAP_PAIRS_68).T
        groups = [
            (labelled.neutral_model, labelled.identity_basis, labelled.expression_basis),
            tuple(
                registered_part[..., [*upper, *lower], :]
                for registered_part in (
                    registered.neutral_model,
                    registered.identity_basis,
                    registered.expression_basis,
                )
            ),
            (model.neutral_model[std], model.identity_basis[:, std], model.expression_basis[:, std]),
        ]
        if config.mesh:
            layout = mesh_layout()
            bases = (model.neutral_model, model.identity_basis, model.expression_basis)
            groups.append(
                tuple(barycentric_points(part, layout.vertex_index, layout.weights) for part in bases)
            )
            self.register_buffer("mesh_weights", torch.as_tensor(_mesh_weights(layout, config.fine)))
        rest, identity, expression = (np.concatenate(parts, axis=-2) for parts in zip(*groups, strict=True))
        self.vertex_end = 68 + 2 * len(upper) + len(std)
        keys = config.fitted_keys
        believed = [keys is None or name.startswith(tuple(keys)) for name in model.expression_names]
        self.register_buffer("believed_keys", torch.tensor(believed, dtype=torch.float32))
        self.landmark_count, self.gap_count = 68, len(upper)
        self.register_buffer("rest", torch.as_tensor(rest))
        self.register_buffer("identity_basis", torch.as_tensor(identity).flatten(1))
        self.register_buffer("expression_basis", torch.as_tensor(expression).flatten(1))
        self.register_buffer("identity_std", torch.as_tensor(identity_std))
        self.register_buffer("expression_std", torch.as_tensor(expression_std))
        self.register_buffer("axes", torch.tensor([1.0, -1.0, -1.0]))

    def points_model(self, face: RegressorOutput) -> Tensor:
        """(B, P, 3) landmarks, gap pairs (upper, then lower points) and vertices, mm, model frame."""
        flat = face.identity @ self.identity_basis + face.expression @ self.expression_basis
        return self.rest + flat.view(len(flat), -1, 3)

    def points_crop(self, face: RegressorOutput) -> Tensor:
        """The same points in the crop, px, depth from the model's origin."""
        points = self.points_model(face)
        rotated = points @ face.rotation.transpose(1, 2) * self.axes
        moved = torch.cat([face.translation, torch.zeros_like(face.translation[:, :1])], dim=1)
        return face.scale[:, None, None] * rotated + moved[:, None]

    def forward(self, predicted: RegressorOutput, truth: LabelBatch) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss".

        All are means over the batch, in which a row counts for nothing where it has no such label.
        """
        face, fitted, config = truth.face, truth.fitted_weights, self.config
        points = self.points_crop(predicted)
        difference = (points - self.points_crop(face)) * self.unit
        own_difference = (self.points_model(predicted) - self.points_model(face)) * UNIT_PER_MM
        marks = self.landmark_count
        pairs = slice(marks, marks + 2 * self.gap_count)
        weigh = torch.tensor([1.0, 1.0, config.depth], device=difference.device)
        distance = _length(difference * weigh) * fitted[:, None]
        own_distance = _length(own_difference) * fitted[:, None]
        upper, lower = own_difference[:, pairs].chunk(2, dim=1)
        gaps = _length(upper - lower) * fitted[:, None]
        turn = ((predicted.rotation - face.rotation) ** 2).sum((1, 2)) * fitted
        terms = {
            "landmarks": config.landmarks * distance[:, :marks].mean(),
            "vertices": config.vertices * distance[:, pairs.stop : self.vertex_end].mean(),
            "lids": config.lids * gaps[:, : len(LID_PAIRS_68)].mean(),
            "lips": config.lips * gaps[:, len(LID_PAIRS_68) :].mean(),
            "shape": config.shape
            * 0.5
            * (own_distance[:, :marks].mean() + own_distance[:, pairs.stop : self.vertex_end].mean()),
            "coefficients": config.coefficients * self._coefficient_error(predicted, truth).mean(),
            "rotation": config.rotation * turn.mean(),
        }
        if config.mesh:
            apart = _length(difference[:, self.vertex_end :, :2]) * fitted[:, None]
            terms["mesh"] = config.mesh * (apart @ self.mesh_weights).mean()
        if config.rest:
            shown = predicted.expression.abs() @ (1 - self.believed_keys)
            photographs = fitted * (1 - truth.is_rendered.to(fitted.dtype))
            terms["rest"] = config.rest * (shown * photographs).mean()
        annotated = config.points * self._point_distance(points, truth)
        return {"loss": torch.stack(list(terms.values())).sum() + annotated, **terms, "points": annotated}

    def _coefficient_error(self, predicted: RegressorOutput, truth: LabelBatch) -> Tensor:
        """(B, K + E) squared errors in standard deviations of the coefficients; 0 where none is believed."""
        fitted = truth.fitted_weights[:, None]
        exact = truth.is_rendered.to(fitted.dtype)[:, None]
        errors = [
            (predicted.identity - truth.identity) / self.identity_std * fitted,
            (predicted.expression - truth.expression)
            / self.expression_std
            * fitted
            * torch.maximum(exact, self.believed_keys),
        ]
        return torch.cat(errors, dim=1) ** 2

    def _point_distance(self, points: Tensor, truth: LabelBatch) -> Tensor:
        """Mean over the batch of how far landmarks are from annotated ones; depth is not compared."""
        weights = truth.point_weights_alone
        apart = (points[:, : self.landmark_count, :2] - truth.points[..., :2]) * self.unit
        return ((_length(apart) * weights).sum(1) / weights.sum(1).clamp(min=1)).mean()


def _mesh_weights(layout: PointLayout, fine: float) -> np.ndarray:
    """(P,) float32 weights of the points, of sum one."""
    weights = np.where(layout.trust > 0, 1.0, 0.0)
    for opening in layout.openings:
        weights[[*opening.upper, *opening.lower, *opening.corners, *opening.hidden_points]] = fine
    return (weights / weights.sum()).astype(np.float32)


def _length(vectors: Tensor) -> Tensor:
    """Length of (..., D) vectors, with a gradient at zero."""
    return torch.sqrt((vectors**2).sum(-1) + 1e-6)
