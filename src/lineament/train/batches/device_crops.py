"""Crops for training, cut and disturbed on the device: the twin of :mod:`lineament.data.crops.sampler`.

A batch is a function of the seed, the step and the process, as it is where worker processes make it; the same
views are drawn as often, and cut and disturbed in the same ranges. Labels are exact.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lineament.data.crops.augment import AugmentConfig
from lineament.data.crops.framing import framing_landmarks
from lineament.data.crops.sampler import BOX_SCHEME
from lineament.data.samples.view import FLIP_X
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import MIRROR_68
from lineament.train.batches.device_draws import Draws
from lineament.train.batches.device_effects import random_effects
from lineament.train.batches.device_occluders import occluded
from lineament.train.batches.device_points import DevicePoints
from lineament.train.batches.device_views import DeviceViews
from lineament.train.batches.samples import LABELS

AT_ONCE = 4096
"""Views whose landmarks are computed at once."""


class DeviceCrops:
    """Draws batches of disturbed crops.

    Args:
        views: in the memory of the device.
        probabilities: how often each part of the views is drawn from; together 1.
        counts: of views of each part, in order.
        model: the face model of their labels; it must be symmetric.
        config: crops and disturbances.
    """

    def __init__(
        self,
        views: DeviceViews,
        probabilities: np.ndarray,
        counts: np.ndarray,
        model: MorphableModel,
        config: AugmentConfig,
    ) -> None:
        self.views, self.config = views, config
        device = views.device
        self._cumulative_probabilities = torch.tensor(
            np.cumsum(probabilities)[:-1], dtype=torch.float32, device=device
        )
        self._counts = torch.tensor(counts, device=device)
        self._firsts = torch.tensor(np.cumsum([0, *counts])[:-1], device=device)
        # Mirrored, an identity of ones gives the signs, and counted expressions give the order.
        sign, order = model.mirrored(np.ones(views.identity.shape[1]), np.arange(views.expression.shape[1]))
        self._sign = torch.tensor(sign, dtype=torch.float32, device=device)
        self._order = torch.tensor(order, dtype=torch.int64, device=device)
        flip = np.diag(FLIP_X)
        self._flip = torch.tensor(np.outer(flip, flip), dtype=torch.float32, device=device)
        self._point_order = torch.tensor(MIRROR_68, device=device)
        self._landmarks = _landmarks_of(views, model)

    def batch(self, size: int, draws: Draws) -> dict[str, Tensor]:
        """A batch of random views, mirrored half of the time, cropped and disturbed.

        Returns:
            crop (B, S, S, 3) uint8, and the labels of :class:`lineament.data.crops.sampler.CropBatch`; with
            `occlusion` where the views have it.
        """
        numbers, mirrored = self._drawn(size, draws), draws.happens(size, 0.5)
        picture, labels = self.cut(numbers, mirrored, draws)
        hidden = labels.get("occlusion")

        def textures(count: int) -> Tensor:
            return self._pieces(count, draws)

        picture = occluded(picture, self.config.occluder_probability, textures, draws, hidden=hidden)
        picture = random_effects(picture, self.config, draws, hidden=hidden)
        return {"crop": picture.permute(0, 2, 3, 1).to(torch.uint8), **labels}

    def _drawn(self, size: int, draws: Draws) -> Tensor:
        """(size,) numbers of views: a part by its probability, then any of its views."""
        part = (draws.uniform((size, 1)) >= self._cumulative_probabilities).sum(1)
        count = self._counts[part]
        return self._firsts[part] + (draws.uniform((size,)) * count).long().minimum(count - 1)

    def cut(self, numbers: Tensor, mirrored: Tensor, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops as one of the two passes would cut them, with their labels."""
        config, count = self.config, len(numbers)
        tight = draws.happens(count, config.tight_probability)
        far = draws.happens(count, 1 / 3)
        loose = torch.where(
            far,
            draws.uniform((count,), -config.max_roll, config.max_roll),
            draws.normal((count,), config.loose_roll),
        )
        roll = torch.where(tight, draws.normal((count,), config.tight_roll), loose)
        shift = torch.where(
            tight[:, None],
            draws.normal((count, 2), config.tight_shift),
            draws.uniform((count, 2), -config.loose_shift, config.loose_shift),
        )
        scale = torch.where(
            tight,
            draws.normal((count,), config.tight_scale),
            draws.uniform((count,), -config.loose_scale, config.loose_scale),
        )
        center, side = self._boxes(numbers, mirrored, roll)
        center = center + shift * side[:, None]
        return self._crops(numbers, mirrored, center, side * scale.exp(), roll)

    def _boxes(self, numbers: Tensor, mirrored: Tensor, roll: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2) centers and (B,) sides, px, of crop boxes around landmarks, rotated by `roll` radians."""
        points = self._landmarks[numbers]
        points = torch.where(mirrored[:, None, None], self._mirror_xy(points, numbers), points)
        turn = _turns(roll)
        rotated = _product(points, turn)
        low, high = rotated.amin(1), rotated.amax(1)
        center = _product(turn, ((low + high) / 2)[..., None])[..., 0]
        return center, self.config.crop_margin * (high - low).amax(1)

    def _crops(
        self, numbers: Tensor, mirrored: Tensor, center: Tensor, side: Tensor, roll: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """What crops of views, or of their mirror images, show, and the labels there."""
        size, views = self.config.crop_size, self.views
        turn, growth = _turns(roll), size / side
        place = torch.arange(size, device=views.device) + 0.5 - size / 2
        at = torch.stack(torch.meshgrid(place, place, indexing="xy"), dim=-1).view(1, -1, 2)
        position = _product(at, turn.transpose(1, 2)) / growth[:, None, None] + center[:, None]
        position = torch.where(mirrored[:, None, None], self._mirror_xy(position, numbers), position)
        position = position.view(-1, size, size, 2)
        labels = self._labels(numbers, mirrored)
        moved = (labels["translation"] - center)[:, None], labels["points"][..., :2] - center[:, None]
        shift, points = (_product(xy, turn) * growth[:, None, None] + size / 2 for xy in moved)
        depth = labels["points"][..., 2:] * growth[:, None, None]
        rotation = labels["rotation"]
        labels |= {
            "rotation": torch.cat([_product(turn, rotation[:, :2]), rotation[:, 2:]], dim=1),
            "scale": labels["scale"] * growth,
            "translation": shift[:, 0],
            "points": torch.cat([points, depth], dim=2) * (labels["point_weights"][..., None] > 0),
        }
        if views.occlusion is not None:
            labels["occlusion"] = views.hidden(numbers, position)
        return views.sampled(numbers, position), labels

    def _labels(self, numbers: Tensor, mirrored: Tensor) -> dict[str, Tensor]:
        """Labels of views or of their mirror images."""
        labels = {name: getattr(self.views, name)[numbers] for name in LABELS}
        twins = {
            "rotation": labels["rotation"] * self._flip,
            "translation": self._mirror_xy(labels["translation"][:, None], numbers)[:, 0],
            "identity": labels["identity"] * self._sign,
            "expression": labels["expression"][:, self._order],
            "points": self._mirrored_points(labels["points"], numbers),
            "point_weights": labels["point_weights"][:, self._point_order],
        }
        for name, twin in twins.items():
            chosen = mirrored.view(-1, *[1] * (twin.ndim - 1))
            labels[name] = torch.where(chosen, twin, labels[name])
        return labels

    def _mirrored_points(self, points: Tensor, numbers: Tensor) -> Tensor:
        """(B, 68, 3) landmarks of mirror images, each again at its own number."""
        points = points[:, self._point_order]
        return torch.cat([self._mirror_xy(points[..., :2], numbers), points[..., 2:]], dim=2)

    def _pieces(self, count: int, draws: Draws) -> Tensor:
        """(count, 3, S, S) crops of any views, from a third to all of their pixels' size."""
        numbers, size = self._drawn(count, draws), self.config.crop_size
        place = torch.arange(size, device=self.views.device) + 0.5
        at = torch.stack(torch.meshgrid(place, place, indexing="xy"), dim=-1)
        corner = draws.uniform((count, 1, 1, 2)) * self.views.size_hw[numbers].flip(1)[:, None, None]
        return self.views.sampled(numbers, at * draws.uniform((count, 1, 1, 1), 0.3, 1.0) + corner)

    def _mirror_xy(self, points: Tensor, numbers: Tensor) -> Tensor:
        """(B, P, 2) px of views as px of their mirror images, and back."""
        width = self.views.size_hw[numbers, 1].float()[:, None]
        return torch.stack([width - points[..., 0], points[..., 1]], dim=-1)


def _product(one: Tensor, other: Tensor) -> Tensor:
    """(B, M, K) times (B, K, N) in full precision, which GPUs' fast matrix products are not; K is small."""
    columns = range(one.shape[-1])
    return sum(
        (one[..., k : k + 1] * other[..., k : k + 1, :] for k in columns),
        start=torch.zeros((), device=one.device),
    )


def _turns(roll: Tensor) -> Tensor:
    """(B, 2, 2) turns by `roll`, counter-clockwise to the viewer, where y points down."""
    cos, sin = roll.cos(), roll.sin()
    return torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], dim=-2)


def _landmarks_of(views: DeviceViews, model: MorphableModel) -> Tensor:
    """(N, 68, 2) px of the landmarks that crops are cut around."""
    points = model.landmark_points(BOX_SCHEME)
    on_device = DevicePoints(points, views.device)
    rows = [slice(first, first + AT_ONCE) for first in range(0, len(views), AT_ONCE)]
    known = views.rotation, views.scale, views.translation, views.identity, views.expression
    landmarks = torch.cat([on_device(*(labels[some] for labels in known)) for some in rows])
    for row in torch.nonzero(views.point_weights.any(1) & ~views.has_coefficients)[:, 0].tolist():
        marks, weights = views.points[row].cpu().numpy(), views.point_weights[row].cpu().numpy()
        framing = framing_landmarks(marks, weights, points.neutral_model)
        landmarks[row] = torch.as_tensor(framing, dtype=landmarks.dtype)
    return landmarks
