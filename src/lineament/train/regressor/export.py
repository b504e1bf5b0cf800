"""The trained regressor as an ONNX graph: ``python -m lineament.train.regressor.export RUN --out FILE``.

Half-precision weights, uint8 crops in, named numbers out. The file is written only if ONNX Runtime agrees
with torch.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from lineament.crop import MARGIN
from lineament.errors import ExportError
from lineament.network import OnnxNetwork
from lineament.train.engine.config_file import from_table
from lineament.train.engine.run_folder import about_crops, about_training
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.onnx.half import halve_weights

log = logging.getLogger(__name__)

OUTPUTS = ("rotation", "scale", "translation", "identity", "expression")
LARGEST_DIFFERENCE = {
    "rotation": 0.01,
    "scale": 0.005,
    "translation": 0.3,
    "identity": 0.05,
    "expression": 0.03,
}
"""Half-precision weights move the outputs by a fraction of these; a wrong graph by far more."""
METADATA = {
    "method": "morphable-regressor",
    "crop_margin": str(MARGIN),
    "face_model": "lfm",
}


class _FromBytes(nn.Module):
    """The network on (n, S, S, 3) uint8 crops."""

    def __init__(self, network: Regressor) -> None:
        super().__init__()
        self.network = network

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        face = self.network(crop.permute(0, 3, 1, 2).float())
        return tuple(getattr(face, name) for name in OUTPUTS)


def export_regressor(network: Regressor, path: Path, *, about: Mapping[str, str] | None = None) -> Path:
    """Write the graph of a network in evaluation mode.

    Args:
        network: with any weights.
        path: of the file.
        about: what the file says of itself, as :func:`lineament.train.engine.run_folder.about_training` and
            :func:`about_crops` have it.

    Raises:
        ExportError: ONNX Runtime and torch differ by more than half precision explains; nothing is written.
    """
    module = _FromBytes(network.float().to(memory_format=torch.contiguous_format)).eval()
    file = io.BytesIO()
    example = torch.zeros(2, network.config.crop_size, network.config.crop_size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that writes plain nodes is called deprecated
        torch.onnx.export(
            module,
            (example,),
            file,
            input_names=["crop"],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in ("crop", *OUTPUTS)},
            opset_version=17,
            dynamo=False,
        )
    graph = halve_weights(onnx.load_from_string(file.getvalue()))
    helper.set_model_props(graph, METADATA | {"crop_size": str(network.config.crop_size)} | dict(about or {}))
    onnx.checker.check_model(graph)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(graph.SerializeToString())
    _check_against_torch(module, temporary)
    os.replace(temporary, path)
    return path


def _check_against_torch(module: _FromBytes, path: Path) -> None:
    crops = np.random.default_rng(0).integers(
        0, 256, (3, *[module.network.config.crop_size] * 2, 3), np.uint8
    )
    with torch.inference_mode():
        expected = dict(zip(OUTPUTS, module(torch.from_numpy(crops)), strict=True))
    found = OnnxNetwork(path, threads=1)(crop=crops)
    for name, most in LARGEST_DIFFERENCE.items():
        difference = float(np.abs(found[name] - expected[name].numpy()).max())
        if not difference <= most:
            path.unlink()
            raise ExportError(
                f"{name} of the exported graph differs from torch by {difference:.4f} (at most {most})."
            )


def load_averaged(run: Path) -> Regressor:
    """The averaged network of a run folder's checkpoint."""
    state = torch.load(run / "checkpoint.pt", weights_only=True, map_location="cpu")
    sizes = json.loads((run / "config.json").read_text())["network"]
    network = Regressor(from_table(RegressorConfig, sizes))
    network.load_state_dict(state["average"])
    return network


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    about = about_training(given.run) | about_crops(given.run)
    log.info("%s", export_regressor(load_averaged(given.run), given.out, about=about))


if __name__ == "__main__":
    main()
