"""SynergyNet as one ONNX graph: ``python -m lineament.train.synergynet.export RUN --out FILE``.

Crop in; camera, coefficients and the 68 landmarks out. Weights stay in single precision unless `--half`. The
file is written only if ONNX Runtime agrees with torch.
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from lineament.crop import MARGIN
from lineament.errors import ExportError
from lineament.methods.synergynet import LANDMARKS
from lineament.network import OnnxNetwork
from lineament.train.engine.run_folder import about_crops, about_training
from lineament.train.networks.synergynet import SynergyNet
from lineament.train.onnx.half import halve_weights
from lineament.train.regressor.export import LARGEST_DIFFERENCE, METADATA, OUTPUTS
from lineament.train.synergynet.training import load_averaged

log = logging.getLogger(__name__)

ALL_OUTPUTS = (*OUTPUTS, LANDMARKS)
SAME = {
    "rotation": 1e-4,
    "scale": 1e-4,
    "translation": 1e-2,
    "identity": 1e-3,
    "expression": 1e-3,
    LANDMARKS: 1e-2,
}
"""Differences that another order of sums explains."""
HALVED = LARGEST_DIFFERENCE | {LANDMARKS: 0.5}


class _FromBytes(nn.Module):
    """The network on (n, S, S, 3) uint8 crops."""

    def __init__(self, network: SynergyNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        output = self.network(crop.permute(0, 3, 1, 2).float())
        face = self.network.face_of(output.parameters)
        return (*(getattr(face, name) for name in OUTPUTS), self.network.result_landmarks(output))


def export_synergynet(
    network: SynergyNet,
    path: Path,
    *,
    face_model: str = "lfm",
    half: bool = False,
    about: dict[str, str] | None = None,
    crops: np.ndarray | None = None,
) -> Path:
    """Write the graph of a network in evaluation mode.

    Args:
        network: with any weights.
        path: of the file.
        face_model: name or path of the model its coefficients belong to.
        half: store weights in half precision.
        about: "trained_on" and "licence", as :func:`lineament.train.engine.run_folder.about_training` has
            them.
        crops: (n, S, S, 3) uint8 real crops that the graph is checked on, besides random ones.

    Raises:
        ExportError: ONNX Runtime and torch differ; nothing is written.
    """
    module = _FromBytes(network.float().to(memory_format=torch.contiguous_format)).eval()
    size = network.config.crop_size
    graph = _graph_of(module, size)
    if half:
        graph = halve_weights(graph)
    sizes = {"crop_size": str(size), "crop_margin": str(MARGIN), "face_model": face_model}
    helper.set_model_props(graph, METADATA | {"method": "synergynet"} | sizes | (about or {}))
    onnx.checker.check_model(graph)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(graph.SerializeToString())
    try:
        _check_against_torch(module, temporary, size, HALVED if half else SAME, crops)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _graph_of(module: _FromBytes, size: int) -> onnx.ModelProto:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that writes plain nodes is called deprecated
        torch.onnx.export(
            module,
            (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
            file,
            input_names=["crop"],
            output_names=list(ALL_OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in ("crop", *ALL_OUTPUTS)},
            opset_version=17,
            dynamo=False,
        )
    return onnx.load_from_string(file.getvalue())


def _check_against_torch(
    module: _FromBytes, path: Path, size: int, tolerance: dict[str, float], crops: np.ndarray | None
) -> None:
    random = np.random.default_rng(0).integers(0, 256, (3, size, size, 3), np.uint8)
    network = OnnxNetwork(path, threads=1)
    for pictures in (random, crops):
        if pictures is None:
            continue
        with torch.inference_mode():
            expected = dict(zip(ALL_OUTPUTS, module(torch.from_numpy(pictures)), strict=True))
        found = network(crop=pictures)
        for name, most in tolerance.items():
            difference = float(np.abs(found[name] - expected[name].numpy()).max())
            if not difference <= most:
                raise ExportError(
                    f"{name} of the exported graph differs from torch by {difference:.4g} (at most {most})."
                )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--half", action="store_true", help="store weights in half precision")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    about = about_training(given.run) | about_crops(given.run)
    log.info("%s", export_synergynet(load_averaged(given.run), given.out, half=given.half, about=about))


if __name__ == "__main__":
    main()
