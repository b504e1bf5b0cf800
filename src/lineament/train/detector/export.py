"""The detector as a graph: half-precision weights, a uint8 picture in, three maps out."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lineament.detect import OUTPUTS
from lineament.train.batches.pictures import Pictures
from lineament.train.networks.detector import FaceDetectorNetwork
from lineament.train.onnx.agreement import check_detections
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.graph import Graph, Inputs, noise

ABOUT = {
    "input": "image: (n, H, W, 3) uint8 RGB, H and W multiples of 32, black where there is no picture",
    "output": "stride8, stride16, stride32: (n, 7, H / s, W / s) logit; log distances to left, top, right, "
    "bottom in units of 18, 48, 128 px; vector to the top of the head, y down",
    "box": "upright box of the 68 landmarks of 300W-LP, hidden side of the jaw included",
}
"""What the weights say of themselves beside their data."""
TOLERANCE, HALF_TOLERANCE = 0.002, 0.05
"""Largest differences, in units of the maps; half-precision weights move them by about 0.01."""


class _FromBytes(nn.Module):
    """The network on (n, H, W, 3) uint8; the division by 255 is in the first convolution."""

    def __init__(self, network: FaceDetectorNetwork) -> None:
        super().__init__()
        self.network = _fused(network)
        first = self.network.stem[0][0]
        first.weight.data /= 255

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.network(image.permute(0, 3, 1, 2).float())


def graphs(network: FaceDetectorNetwork) -> dict[str, Graph]:
    """The one graph of a detector, which takes pictures of any size."""
    axes = {name: {0: "n", 2: f"{name}_h", 3: f"{name}_w"} for name in OUTPUTS}
    return {
        "network": Graph(
            module=_FromBytes(network),
            outputs=OUTPUTS,
            tolerance=dict.fromkeys(OUTPUTS, TOLERANCE),
            half_tolerance=dict.fromkeys(OUTPUTS, HALF_TOLERANCE),
            seeded=(noise(1, 64, 96, 3), noise(1, 96, 160, 3), noise(1, 288, 384, 3)),
            inputs_of=_as_image,
            axes={"image": {0: "n", 1: "height", 2: "width"}, **axes},
        )
    }


def _as_image(pictures: Pictures) -> Inputs:
    return {"image": pictures}


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


EXPORTER = Exporter(method="detector", graphs=graphs, half=True, check_int8=check_detections)
