"""What labels say of the numbers that a network is to give, by which it is standardised."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lineament.errors import DataError
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import LABELS, CropSource
from lineament.train.networks.regressor import RegressorOutput

MIN_STD = 0.1
"""Of coefficients: one that hardly differs between people would otherwise count as much as the first."""


@dataclass(frozen=True, slots=True)
class CoefficientStatistics:
    """Means and standard deviations of the coefficients of a run's samples.

    Attributes:
        identity_mean: (K,) float32.
        identity_std: (K,) float32, at least :data:`MIN_STD`.
        expression_mean: (E,) float32.
        expression_std: (E,) float32, at least :data:`MIN_STD`.
    """

    identity_mean: Tensor
    identity_std: Tensor
    expression_mean: Tensor
    expression_std: Tensor

    @classmethod
    def of(cls, source: CropSource) -> CoefficientStatistics:
        """Those of the samples that are trained on.

        Raises:
            DataError: no sample has coefficients.
        """
        statistics = source.folders.opened(validation=False).coefficient_statistics()
        identity_mean, identity_std, expression_mean, expression_std = (
            torch.as_tensor(values, dtype=torch.float32) for values in statistics
        )
        return cls(
            identity_mean,
            identity_std.clamp(min=MIN_STD),
            expression_mean,
            expression_std.clamp(min=MIN_STD),
        )


def fitted_faces(
    source: CropSource, count: int, *, seed: int, identity: int, expression: int
) -> RegressorOutput:
    """Labels of training crops: of `count` of them those that have coefficients.

    Args:
        source: of the crops; what its loss asks for beside labels is not made.
        count: of crops.
        seed: of the draw.
        identity: coefficients that the network gives.
        expression: the same.

    Raises:
        DataError: the samples have fewer.
    """
    rows = [np.random.default_rng([seed, row]) for row in range(count)]
    arrays = replace(source, targets=None).open().rows(rows)
    fitted = arrays["has_coefficients"]
    faces = LabelBatch.of({name: torch.as_tensor(arrays[name][fitted]) for name in LABELS}).face
    found = (faces.identity.shape[1], faces.expression.shape[1])
    if found[0] < identity or found[1] < expression:
        raise DataError(
            f"The samples have {found[0]} identity and {found[1]} expression coefficients, the network is "
            f"to give {identity} and {expression}. Lower network.identity and network.expression, or train "
            f"on samples that have more."
        )
    return faces
