"""SynergyNet as one graph: crop in; camera, coefficients and the 68 landmarks out."""

from __future__ import annotations

from torch import Tensor

from lineament.methods.regressor import OUTPUTS
from lineament.methods.synergynet import LANDMARKS
from lineament.train.networks.synergynet import SynergyNet
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.flip_ensemble import flip_ensemble
from lineament.train.onnx.graph import one_crop_graph
from lineament.train.regressor.export import HALF_TOLERANCE, TOLERANCE

ALL_OUTPUTS = (*OUTPUTS, LANDMARKS)


def _answers(network: SynergyNet, crop: Tensor) -> tuple[Tensor, ...]:
    output = network(crop)
    face = network.face_of(network.result_parameters(output))
    return (*(getattr(face, name) for name in OUTPUTS), network.result_landmarks(output))


EXPORTER = Exporter(
    method="synergynet",
    graphs=one_crop_graph(
        _answers,
        outputs=ALL_OUTPUTS,
        tolerance=TOLERANCE | {LANDMARKS: 1e-2},
        half_tolerance=HALF_TOLERANCE | {LANDMARKS: 0.5},
    ),
    flip=flip_ensemble,
)
