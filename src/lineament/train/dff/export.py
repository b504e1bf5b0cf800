"""The regressor as one graph, and what its numbers mean."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lineament.methods.dff import CONSTANTS, OUTPUTS
from lineament.train.dff.mirrored_answers import mirrored_answers
from lineament.train.dff.training import TrainedDff
from lineament.train.onnx.exporter import Arrays, Exporter
from lineament.train.onnx.graph import one_crop_graph

TOLERANCE = {
    "rotation": 1e-4,
    "translation": 0.2,
    "focal": 1e-3,
    "identity": 2e-3,
    "expression": 1e-3,
    "texture": 2e-3,
    "light": 1e-3,
}
"""Differences that another order of sums explains; the translation is in mm, about 900 of them."""
HALF_TOLERANCE = {
    "rotation": 0.01,
    "translation": 6.0,
    "focal": 0.05,
    "identity": 0.05,
    "expression": 0.03,
    "texture": 0.05,
    "light": 0.03,
}


def arrays(network: TrainedDff) -> Arrays:
    """Which camera sees the face, and whose colours the texture's are."""
    return {
        CONSTANTS: {
            "weak": np.array(network.config.camera == "weak"),
            "texture": np.array(network.texture_name),
        }
    }


def _answers(network: TrainedDff, crop: Tensor) -> tuple[Tensor, ...]:
    face = network(crop)
    given = {name: getattr(face, name) for name in OUTPUTS}
    given["expression"] = network.expression_unit * face.expression
    given["focal"] = face.focal + 0 * face.identity.sum(1)  # a graph keeps no output without an input
    return tuple(torch.as_tensor(given[name]) for name in OUTPUTS)


EXPORTER = Exporter(
    method="dff",
    graphs=one_crop_graph(_answers, outputs=OUTPUTS, tolerance=TOLERANCE, half_tolerance=HALF_TOLERANCE),
    arrays=arrays,
    half=True,
    flip=mirrored_answers,
)
