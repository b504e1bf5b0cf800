"""The trained detector as an ONNX graph: half-precision weights, a uint8 picture in, three maps out."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lineament.detect import OUTPUTS
from lineament.errors import ExportError
from lineament.network import OnnxNetwork
from lineament.train.networks.detector import FaceDetectorNetwork
from lineament.train.onnx.half import halve_weights

METADATA = {
    "method": "detector",
    "licence": "Apache-2.0 (the weights were trained on photographs for research use, see trained_on)",
    "trained_on": "composites of YouTube Faces frames, LFW and web expressions, portraits of the US Congress "
    "(public domain), views of the same turned by synthesis, backgrounds of BSDS500",
    "input": "image: (n, H, W, 3) uint8 RGB, H and W multiples of 32, black where there is no picture",
    "output": "stride8, stride16, stride32: (n, 7, H / s, W / s) logit; log distances to left, top, right, "
    "bottom in units of 18, 48, 128 px; vector to the top of the head, y down",
    "box": "upright box of the 68 landmarks of 300W-LP, hidden side of the jaw included",
}


class _FromBytes(nn.Module):
    """The network on (n, H, W, 3) uint8; the division by 255 is in the first convolution."""

    def __init__(self, network: FaceDetectorNetwork) -> None:
        super().__init__()
        self.network = _fused(network)
        first = self.network.stem[0][0]
        first.weight.data /= 255

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.network(image.permute(0, 3, 1, 2).float())


def export_detector(
    network: FaceDetectorNetwork,
    path: Path,
    *,
    about: Mapping[str, str] | None = None,
    tolerance: float = 0.05,
) -> Path:
    """Write the graph and compare it with torch on seeded pictures of two sizes.

    Args:
        network: trained and calibrated.
        path: of the file.
        about: "trained_on" and "licence" of the weights, where they are not those of METADATA.
        tolerance: largest difference, in units of the maps.

    Raises:
        ExportError: ONNX Runtime and torch differ by more than `tolerance` anywhere (half-precision weights
            move the maps by about 0.01).
    """
    from_bytes = _FromBytes(network).eval()
    file = io.BytesIO()
    axes = {name: {0: "n", 2: f"{name}_h", 3: f"{name}_w"} for name in OUTPUTS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that writes plain nodes is called deprecated
        torch.onnx.export(
            from_bytes,
            (torch.zeros(1, 64, 96, 3, dtype=torch.uint8),),
            file,
            input_names=["image"],
            output_names=list(OUTPUTS),
            dynamic_axes={"image": {0: "n", 1: "height", 2: "width"}, **axes},
            opset_version=17,
            dynamo=False,
        )
    graph = halve_weights(onnx.load_from_string(file.getvalue()))
    helper.set_model_props(graph, {**METADATA, **(about or {})})
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())
    difference = largest_difference(from_bytes, path)
    if difference > tolerance:
        raise ExportError(f"{path} differs from torch by {difference:.4f}, at most {tolerance} was expected.")
    return path


def largest_difference(module: nn.Module, path: Path) -> float:
    """Largest difference between torch and the file on seeded pictures, in units of the maps."""
    rng = np.random.default_rng(0)
    onnx_network = OnnxNetwork(path, threads=1)
    differences = []
    for height, width in ((96, 160), (288, 384)):
        image = rng.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = module(torch.from_numpy(image))
        found = onnx_network(image=image)
        differences += [float(np.abs(found[name] - e.numpy()).max()) for name, e in zip(OUTPUTS, expected)]
    return max(differences)


def _fused(network: FaceDetectorNetwork) -> FaceDetectorNetwork:
    """A copy without batch normalisation: each is folded into the convolution before it."""
    network = copy.deepcopy(network).eval().float().to(memory_format=torch.contiguous_format)
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for place in range(len(module) - 1):
                if isinstance(module[place], nn.Conv2d) and isinstance(module[place + 1], nn.BatchNorm2d):
                    module[place] = fuse_conv_bn_eval(module[place], module[place + 1])
                    module[place + 1] = nn.Identity()
    return network
