"""Figures of alignment while training, under the same names whatever is trained: the papers' own, by yaw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import angle_between, angles_from_matrix
from lineament.train.networks.regressor import RegressorOutput

SCHEME = "300w-lp"
YAW_BINS_DEG = ((0, 30), (30, 60), (60, 180))
NME = "nme_percent"
TRAIN_NME = "train_nme_percent"
FIGURES = (
    *(f"{NME}_{low}" for low, _ in YAW_BINS_DEG),
    NME,
    "yaw_error_deg",
    "pitch_error_deg",
    "roll_error_deg",
    "rotation_error_deg",
    TRAIN_NME,
)
"""Angles lose their meaning near profiles, where pitch and roll turn about one axis; the rotation's does not.
"""


@dataclass(frozen=True, slots=True)
class CropEstimate:
    """What a network says of B crops, in terms that all methods share.

    Attributes:
        landmarks: (B, 68, 2 or 3) crop px, scheme "300w-lp".
        rotation: (B, 3, 3) proper rotations, model frame.
        others: further (B, 68, 2 or 3) landmarks by name; their NME becomes a figure "NAME_nme_percent".
    """

    landmarks: Tensor
    rotation: Tensor
    others: Mapping[str, Tensor] = field(default_factory=dict)


EstimateOf: TypeAlias = Callable[[Tensor], CropEstimate]
"""(B, S, S, 3) uint8 crops to what is estimated there."""


class CropLandmarks(nn.Module):
    """The 68 landmarks of cameras and coefficients in the crop, px.

    Args:
        model: the face model of the coefficients.
    """

    def __init__(self, model: MorphableModel) -> None:
        super().__init__()
        points = model.landmark_points(SCHEME)
        self.register_buffer("rest", torch.as_tensor(points.neutral_model).float())
        self.register_buffer("identity_basis", torch.as_tensor(points.identity_basis).float().flatten(1))
        self.register_buffer("expression_basis", torch.as_tensor(points.expression_basis).float().flatten(1))
        self.register_buffer("axes", torch.tensor([1.0, -1.0, -1.0]))

    def forward(self, face: RegressorOutput) -> Tensor:
        """(B, 68, 3) crop px, depth from the model's origin; modes that a face lacks are zero."""
        identity, expression = face.identity, face.expression
        moved = identity @ self.identity_basis[: identity.shape[1]]
        moved = moved + expression @ self.expression_basis[: expression.shape[1]]
        points = self.rest + moved.view(len(moved), -1, 3)
        rotated = points @ face.rotation.transpose(1, 2) * self.axes
        origin = torch.cat([face.translation, torch.zeros_like(face.translation[:, :1])], dim=1)
        return face.scale[:, None, None] * rotated + origin[:, None]


def landmark_errors(found: Tensor, expected: Tensor) -> Tensor:
    """(B,) mean distance of (B, P, 2) landmarks, percent of the root of the true box's area."""
    size = (expected.amax(1) - expected.amin(1)).prod(1).sqrt()
    return 100 * (found - expected).norm(dim=-1).mean(1) / size


@torch.no_grad()
def figures_on(
    batches: Iterable[tuple[Tensor, RegressorOutput]], estimate: EstimateOf, landmarks: CropLandmarks
) -> dict[str, float]:
    """The figures of a network on labelled crops.

    Args:
        batches: crops and their labels, on the device of all.
        estimate: of the network.
        landmarks: of labels.

    Returns:
        Those of :func:`alignment_figures`, and the mean NME of other landmarks.
    """
    errors: dict[str, list[Tensor]] = {NME: []}
    rotations: dict[str, list[Tensor]] = {"found": [], "expected": []}
    for crops, truth in batches:
        found, expected = estimate(crops), landmarks(truth)[..., :2]
        errors[NME].append(landmark_errors(found.landmarks[..., :2], expected))
        for name, others in found.others.items():
            errors.setdefault(f"{name}_{NME}", []).append(landmark_errors(others[..., :2], expected))
        rotations["found"].append(found.rotation)
        rotations["expected"].append(truth.rotation)
    own = _joined(errors.pop(NME))
    figures = alignment_figures(own, _joined(rotations["found"]), _joined(rotations["expected"]))
    return figures | {name: float(_joined(values).mean()) for name, values in errors.items()}


def alignment_figures(
    errors: NDArray[np.floating], found: NDArray[np.floating], expected: NDArray[np.floating]
) -> dict[str, float]:
    """NME by yaw, and pose.

    Args:
        errors: (n,) NME of each face, percent.
        found: (n, 3, 3) rotations.
        expected: (n, 3, 3).

    Returns:
        "nme_percent" (the mean of the bins that have faces, as in the papers), "nme_percent_0" and so on by
        the least yaw of the bin, mean absolute errors of the angles and the mean angle between rotations,
        all in degrees.
    """
    true_angles, found_angles = (angles_from_matrix(rotations) for rotations in (expected, found))
    yaw = np.abs(np.degrees(true_angles.yaw))
    bins = {}
    for low, high in YAW_BINS_DEG:
        inside = (yaw >= low) & (yaw < high)
        if inside.any():
            bins[f"{NME}_{low}"] = float(errors[inside].mean())
    figures = {NME: float(np.mean(list(bins.values()))), **bins}
    for name in ("yaw", "pitch", "roll"):
        difference = np.degrees(getattr(found_angles, name) - getattr(true_angles, name))
        figures[f"{name}_error_deg"] = float(np.abs((difference + 180) % 360 - 180).mean())
    turn = np.degrees(angle_between(found, expected))
    figures["rotation_error_deg"] = float(turn.mean())
    return figures


def _joined(parts: list[Tensor]) -> NDArray[np.floating]:
    """Parts of a table as one array on the CPU."""
    return torch.cat(parts).double().cpu().numpy()
