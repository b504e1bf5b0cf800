"""The regressor as a graph: half-precision weights, uint8 crops in, named numbers out."""

from __future__ import annotations

from torch import Tensor

from lineament.methods.regressor import OUTPUTS
from lineament.train.networks.regressor import Regressor
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.flip_ensemble import flip_ensemble
from lineament.train.onnx.graph import one_crop_graph

TOLERANCE = {
    "rotation": 1e-4,
    "scale": 1e-4,
    "translation": 1e-2,
    "identity": 1e-3,
    "expression": 1e-3,
}
"""Differences that another order of sums explains."""
HALF_TOLERANCE = {
    "rotation": 0.01,
    "scale": 0.005,
    "translation": 0.3,
    "identity": 0.05,
    "expression": 0.03,
}
"""Half-precision weights move the outputs by a fraction of these; a wrong graph by far more."""


def _answers(network: Regressor, crop: Tensor) -> tuple[Tensor, ...]:
    face = network(crop)
    return tuple(getattr(face, name) for name in OUTPUTS)


EXPORTER = Exporter(
    method="morphable-regressor",
    graphs=one_crop_graph(_answers, outputs=OUTPUTS, tolerance=TOLERANCE, half_tolerance=HALF_TOLERANCE),
    half=True,
    flip=flip_ensemble,
)
