"""SynergyNet's losses (section 5 of the paper), with the released code's in every switch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.batches.labels import LabelBatch
from lineament.train.networks.synergynet import DEPTH_TRANSLATION, POSE, SynergyNet, SynergyOutput

PUBLISHED_CROP = 120.0
OMEGA, EPSILON = 10.0, 2.0


@dataclass(frozen=True, slots=True)
class SynergyLossConfig:
    """Weights and forms of the terms; landmarks are compared in units of a 120 px crop.

    Attributes:
        parameters: of the parameters predicted from the image.
        refined: of the refined landmarks.
        coarse: of the landmarks of the parameters; 0 as in the paper.
        landmarks_to_3dmm: of the parameters predicted from the landmarks.
        consistency: between the two kinds of parameters, both of which follow.
        targets: groups of parameters that the landmark-to-3DMM network is asked for.
        landmarks: "wing" (Feng et al. 2018) or "smooth-l1", of each of the 204 coordinates.
        landmark_reduction: "mean" of the coordinates as released, or "sum" over the 68 points as printed.
        distance: of parameters, "root" of the mean squares of pose and of coefficients as released, or
            "squares" summed as in the paper.
        depth_translation: "masked", or "code" where it is a target like the others.
        index: "right", or "code" where the first values of the landmark-to-3DMM network are compared with the
            last of the others.
    """

    parameters: float = 0.02
    refined: float = 0.05
    coarse: float = 0.05
    landmarks_to_3dmm: float = 0.02
    consistency: float = 0.001
    targets: tuple[Literal["pose", "shape", "expression"], ...] = ("pose", "shape", "expression")
    landmarks: Literal["wing", "smooth-l1"] = "wing"
    landmark_reduction: Literal["mean", "sum"] = "mean"
    distance: Literal["root", "squares"] = "root"
    depth_translation: Literal["masked", "code"] = "masked"
    index: Literal["right", "code"] = "right"


AS_RELEASED = SynergyLossConfig(targets=("shape", "expression"), depth_translation="code", index="code")
AS_PRINTED = SynergyLossConfig(
    refined=0.03, coarse=0.0, landmarks="smooth-l1", landmark_reduction="sum", distance="squares"
)
"""Every term a sum, as the paper prints it: of squares over parameters, of smooth L1 over 68 points."""


class SynergyLoss(nn.Module):
    """The terms of a batch.

    Args:
        network: whose standardisation and landmarks are used; not kept as a child.
        config: weights and forms.
    """

    def __init__(self, network: SynergyNet, config: SynergyLossConfig) -> None:
        super().__init__()
        self.config = config
        self._network = (network,)  # in a tuple, or its weights would count as the loss's own
        self.unit = PUBLISHED_CROP / network.config.crop_size
        _, identity, expression = network.sizes
        counts = {"pose": POSE, "shape": identity, "expression": expression}
        use = torch.cat([torch.full((n,), float(name in config.targets)) for name, n in counts.items()])
        everything = torch.ones(sum(counts.values()))
        if config.depth_translation == "masked":
            everything[DEPTH_TRANSLATION] = 0
        self.register_buffer("everything", everything)
        self.register_buffer("asked_for", use * everything)

    def forward(self, found: SynergyOutput, truth: LabelBatch) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss".

        All are means over the batch. Rows without coefficients have no parameters to be compared with; their
        landmarks are compared with the annotated ones, in the plane.
        """
        network, config, fitted = self._network[0], self.config, truth.fitted_weights
        expected = network.standardised(network.parameters_of(truth.face))
        landmarks, weights = self._expected_landmarks(network.landmarks_of(expected), truth)
        terms = {"parameters": config.parameters * self._distance(found.parameters, expected, rows=fitted)}
        if config.coarse:
            terms["coarse"] = config.coarse * self._landmark_loss(found.coarse, landmarks, weights)
        if found.refined is not None:
            terms["refined"] = config.refined * self._landmark_loss(found.refined, landmarks, weights)
        if found.landmarks_to_3dmm is not None:
            terms["landmarks_to_3dmm"] = config.landmarks_to_3dmm * self._cycle_distance(
                found.landmarks_to_3dmm, expected, fitted
            )
            everywhere = torch.ones_like(fitted)
            terms["consistency"] = config.consistency * self._cycle_distance(
                found.landmarks_to_3dmm, found.parameters, everywhere
            )
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    @staticmethod
    def _expected_landmarks(fitted: Tensor, truth: LabelBatch) -> tuple[Tensor, Tensor]:
        """(B, 68, 3) landmarks of fitted rows and annotated ones of the others, and as many weights.

        The weights are 1 in fitted rows, and as much in all in the others, but for rows without any points.
        """
        known = truth.has_coefficients[:, None, None]
        alone = truth.point_weights_alone
        plane = torch.tensor([1.0, 1.0, 0.0], device=fitted.device)
        fractions = alone / (2 * alone.sum(1, keepdim=True)).clamp(min=1) * fitted[0].numel()
        weights = torch.where(known, torch.ones_like(fitted), fractions[..., None] * plane)
        return torch.where(known, fitted, truth.points), weights

    def _cycle_distance(self, visible: Tensor, expected: Tensor, rows: Tensor) -> Tensor:
        if self.config.index == "right":
            return self._distance(visible, expected, self.asked_for, rows=rows)
        # Released: the first outputs of the landmark-to-3DMM network stand for shape and expression, the last
        # for nothing.
        count = expected.shape[1] - POSE
        return self._rooted((visible[:, :count] - expected[:, POSE:]).square().mean(1), rows)

    def _distance(
        self, found: Tensor, expected: Tensor, weights: Tensor | None = None, *, rows: Tensor
    ) -> Tensor:
        weights = self.everything if weights is None else weights
        square = (found - expected).square() * weights
        if self.config.distance == "squares":
            return (square.sum(1) * rows).mean()
        parts = zip(square.split([POSE, len(weights) - POSE], 1), weights.split([POSE, len(weights) - POSE]))
        return self._rooted(
            torch.stack([part.sum(1) / w.sum().clamp(min=1) for part, w in parts]).sum(0), rows
        )

    def _rooted(self, mean_square: Tensor, rows: Tensor) -> Tensor:
        """Mean root over the batch, with a gradient at zero."""
        if self.config.distance == "squares":
            return (mean_square * rows).mean()
        return (torch.sqrt(mean_square + 1e-8) * rows).mean()

    def _landmark_loss(self, found: Tensor, expected: Tensor, weights: Tensor) -> Tensor:
        distance = (found - expected) * self.unit
        if self.config.landmarks == "smooth-l1":
            costs = functional.smooth_l1_loss(distance, torch.zeros_like(distance), reduction="none")
        else:
            costs = wing(distance)
        counted = (costs * weights).flatten(1)
        if self.config.landmark_reduction == "sum":
            return counted.sum(1).mean()
        return counted.mean()


def wing(difference: Tensor, *, omega: float = OMEGA, epsilon: float = EPSILON) -> Tensor:
    """Steep near zero, linear beyond `omega` (Feng et al. 2018, equation 5)."""
    size = difference.abs()
    offset = omega - omega * math.log1p(omega / epsilon)
    return torch.where(size < omega, omega * torch.log1p(size / epsilon), size - offset)
