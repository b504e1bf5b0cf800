"""SynergyNet's losses (section 5 of the paper), with the released code's in every switch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.train.networks.regressor import RegressorOutput
from lineament.train.networks.synergynet import DEPTH_TRANSLATION, POSE, SynergyNet, SynergyOutput

PUBLISHED_CROP = 120.0
OMEGA, EPSILON = 10.0, 2.0


@dataclass(frozen=True, slots=True)
class SynergyLossConfig:
    """Weights and forms of the terms; landmarks are compared in units of a 120 px crop.

    Attributes:
        parameters: of the parameters seen in the image.
        refined: of the refined landmarks.
        coarse: of the landmarks of the parameters; 0 as in the paper.
        reverse: of the parameters seen in the landmarks.
        consistency: between the two kinds of parameters, both of which follow.
        targets: groups of parameters that the way back is asked for.
        landmarks: "wing" (Feng et al. 2018) or "smooth-l1", on all 204 coordinates.
        distance: of parameters, "root" of the mean squares of pose and of coefficients as released, or
            "squares" summed as in the paper.
        depth_translation: "masked", or "code" where it is a target like the others.
        index: "right", or "code" where the way back's first values are compared with the last of the others.
    """

    parameters: float = 0.02
    refined: float = 0.05
    coarse: float = 0.05
    reverse: float = 0.02
    consistency: float = 0.001
    targets: tuple[Literal["pose", "shape", "expression"], ...] = ("pose", "shape", "expression")
    landmarks: Literal["wing", "smooth-l1"] = "wing"
    distance: Literal["root", "squares"] = "root"
    depth_translation: Literal["masked", "code"] = "masked"
    index: Literal["right", "code"] = "right"


AS_RELEASED = SynergyLossConfig(targets=("shape", "expression"), depth_translation="code", index="code")
AS_PRINTED = SynergyLossConfig(refined=0.03, coarse=0.0, landmarks="smooth-l1", distance="squares")


class SynergyLoss(nn.Module):
    """The terms of a batch.

    Args:
        network: whose whitening and landmarks are used; not kept as a child.
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

    def forward(self, found: SynergyOutput, truth: RegressorOutput) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss"; all are means over the batch."""
        network, config = self._network[0], self.config
        expected = network.whitened(network.parameters_of(truth))
        landmarks = network.landmarks_of(expected)
        terms = {"parameters": config.parameters * self._distance(found.parameters, expected)}
        if config.coarse:
            terms["coarse"] = config.coarse * self._landmark_loss(found.coarse, landmarks)
        if found.refined is not None:
            terms["refined"] = config.refined * self._landmark_loss(found.refined, landmarks)
        if found.reverse is not None:
            terms["reverse"] = config.reverse * self._way_back(found.reverse, expected)
            terms["consistency"] = config.consistency * self._way_back(found.reverse, found.parameters)
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _way_back(self, seen: Tensor, expected: Tensor) -> Tensor:
        if self.config.index == "right":
            return self._distance(seen, expected, self.asked_for)
        # Released: the first outputs of the way back stand for shape and expression, the last for nothing.
        count = expected.shape[1] - POSE
        return self._rooted((seen[:, :count] - expected[:, POSE:]).square().mean(1))

    def _distance(self, found: Tensor, expected: Tensor, weights: Tensor | None = None) -> Tensor:
        weights = self.everything if weights is None else weights
        square = (found - expected).square() * weights
        if self.config.distance == "squares":
            return square.sum(1).mean()
        parts = zip(square.split([POSE, len(weights) - POSE], 1), weights.split([POSE, len(weights) - POSE]))
        return self._rooted(torch.stack([part.sum(1) / w.sum().clamp(min=1) for part, w in parts]).sum(0))

    def _rooted(self, mean_square: Tensor) -> Tensor:
        """Mean root over the batch, with a gradient at zero."""
        if self.config.distance == "squares":
            return mean_square.mean()
        return torch.sqrt(mean_square + 1e-8).mean()

    def _landmark_loss(self, found: Tensor, expected: Tensor) -> Tensor:
        distance = (found - expected) * self.unit
        if self.config.landmarks == "smooth-l1":
            return functional.smooth_l1_loss(distance, torch.zeros_like(distance))
        return wing(distance).mean()


def wing(difference: Tensor, *, omega: float = OMEGA, epsilon: float = EPSILON) -> Tensor:
    """Steep near zero, linear beyond `omega` (Feng et al. 2018, equation 5)."""
    size = difference.abs()
    offset = omega - omega * math.log1p(omega / epsilon)
    return torch.where(size < omega, omega * torch.log1p(size / epsilon), size - offset)
