"""Whether the skin of a face is shown, asked at places on its mesh that are turned to the viewer."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.errors import ConfigError
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.train.batches.device_points import DevicePoints
from lineament.train.batches.labels import LabelBatch

PLACES = 600
"""Vertices of the skin that are asked about."""
MIN_FACING = 0.2
"""Cosine between a vertex' normal and the viewer's direction, below which the head may hide it itself."""


@dataclass(frozen=True, slots=True)
class OcclusionLossConfig:
    """Weights of the terms.

    Attributes:
        hidden: how much more a hidden place counts than a shown one; there are fewer of them.
        doubt: q of the generalised cross entropy (Zhang and Sabuncu 2018), 0 to 1, at shown places of
            photographs: nobody marked the hair and the hands that were in front of them before anything was
            drawn there. 0 is the cross entropy; at 1 a place that the network calls hidden hardly counts.
    """

    hidden: float = 2.0
    doubt: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a doubt beyond its range."""
        if not 0 <= self.doubt <= 1:
            raise ConfigError(f"loss.doubt is 0 to 1, found {self.doubt}.")


@dataclass(frozen=True, slots=True)
class Places:
    """What is known of P places on B faces.

    Attributes:
        at: (B, P, 2) where they lie in the crop, -1 to 1.
        counted: (B, P) bool, those that are in the crop and turned to the viewer, of faces with coefficients.
        shown: (B, P) float, 1 where nothing lies in front of them.
    """

    at: Tensor
    counted: Tensor
    shown: Tensor


class SkinPlaces(nn.Module):
    """Vertices of the skin, spread over it.

    Args:
        model: whose mesh they are of.
        size: of the crops, px.
    """

    def __init__(self, model: MorphableModel, size: int) -> None:
        super().__init__()
        skin = np.unique(model.triangles[slice(*model.parts.get("face", (0, len(model.triangles))))])
        some = np.random.default_rng(0).permutation(skin)[:PLACES]
        normals = vertex_normals(model.neutral_model.astype(float), model.triangles)[some]
        self.size = size
        scheme = LandmarkScheme.of_vertices("places", some)
        points = replace(model, schemes={scheme.name: scheme}).landmark_points(scheme.name)
        self.points = DevicePoints(points, torch.device("cpu"))
        self.register_buffer("normals", torch.tensor(normals, dtype=torch.float32))

    def forward(self, truth: LabelBatch) -> Places:
        """Where they lie, which count, and what is known of them."""
        if truth.occlusion is None:
            raise ValueError("the batch was made without masks of what hides the faces")
        points = self.points(truth.rotation, truth.scale, truth.translation, truth.identity, truth.expression)
        facing = truth.rotation[:, 2] @ self.normals.T >= MIN_FACING
        inside = ((points >= 0) & (points < self.size)).all(-1)
        column, row = points.long().clamp(0, self.size - 1).unbind(-1)
        hidden = truth.occlusion.flatten(1).gather(1, row * self.size + column)
        counted = facing & inside & truth.has_coefficients[:, None]
        return Places(points * (2 / self.size) - 1, counted, 1 - hidden.float())


def read_at(mask: Tensor, places: Places) -> Tensor:
    """(B, P) values of (B, A, A) masks at places, between the centres of cells."""
    grid = places.at[:, None]
    found = functional.grid_sample(mask[:, None], grid, padding_mode="border", align_corners=False)
    return found[:, 0, 0]


class OcclusionLoss(nn.Module):
    """Cross entropy at the places, generalised where photographs may show what nobody marked.

    Args:
        model: whose mesh the places are on.
        size: of the crops, px.
        config: weights.
    """

    def __init__(self, model: MorphableModel, size: int, config: OcclusionLossConfig) -> None:
        super().__init__()
        self.config = config
        self.places = SkinPlaces(model, size)

    def forward(self, predicted: Tensor, truth: LabelBatch) -> dict[str, Tensor]:
        """The one term under "loss": mean over all places that count."""
        places = self.places(truth)
        said = read_at(predicted, places)
        wrong = functional.binary_cross_entropy_with_logits(said, places.shown, reduction="none")
        if self.config.doubt:
            unmarked = places.shown * (~truth.is_rendered)[:, None]
            doubted = -torch.expm1(self.config.doubt * functional.logsigmoid(said)) / self.config.doubt
            wrong = torch.lerp(wrong, doubted, unmarked)
        weight = places.counted * torch.lerp(
            torch.full_like(wrong, self.config.hidden), torch.ones_like(wrong), places.shown
        )
        return {"loss": (wrong * weight).sum() / weight.sum().clamp(min=1)}
