"""DSFNet as three graphs: maps and model space off the crop, the point network, the fusion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lineament.methods.dsfnet import CONSTANTS, OUTPUTS
from lineament.methods.dsfnet_points import draws
from lineament.train.batches.pictures import Pictures
from lineament.train.dsfnet.mirrored_maps import mirrored_maps
from lineament.train.networks.dsfnet.network import FEATURES, FIRST, DsfNet
from lineament.train.onnx.exporter import Arrays, Exporter
from lineament.train.onnx.graph import SEEDED_ROWS, Graph, crop_graph, noise

TOLERANCE = {name: 2e-3 for outputs in OUTPUTS.values() for name in outputs}
HALF_TOLERANCE = dict.fromkeys(TOLERANCE, 0.2)


def graphs(network: DsfNet) -> dict[str, Graph]:
    """The graphs that the configured output needs."""
    size = network.config.crop_size
    made = {
        "maps": crop_graph(
            network,
            size,
            _maps,
            outputs=OUTPUTS["maps"],
            tolerance=TOLERANCE,
            half_tolerance=HALF_TOLERANCE,
        )
    }
    if network.config.output in ("is", "f"):
        made["points"] = _graph(network, _Points(network), "points", _points_input)
    if network.config.output == "f":
        made["fusion"] = _graph(network, _Fusion(network), "fusion", _fusion_input)
    return made


def _graph(
    network: DsfNet,
    module: nn.Module,
    name: str,
    inputs_of: Callable[[DsfNet, Pictures], dict[str, np.ndarray]],
) -> Graph:
    size = network.config.crop_size
    return Graph(
        module=module,
        outputs=OUTPUTS[name],
        tolerance=TOLERANCE,
        half_tolerance=HALF_TOLERANCE,
        seeded=(noise(SEEDED_ROWS, size, size, 3),),
        inputs_of=lambda pictures: inputs_of(network, pictures),
        takes_int8=False,
    )


def _maps(network: DsfNet, crop: Tensor) -> tuple[Tensor, ...]:
    maps, standardised, features = network.encoded(crop)
    own = network.coefficients_of(standardised)
    face = torch.sigmoid(maps.segmentation)
    dense = (maps.correspondence, maps.depth, face, maps.confidence)
    return (*dense, own.pose, own.identity, own.expression, features)


class _Points(nn.Module):
    """Features of points to coefficients."""

    def __init__(self, network: DsfNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, points: Tensor) -> tuple[Tensor, ...]:
        own = self.network.coefficients_of(self.network.points(points))
        if self.network.config.align.enabled:  # the pose then says nothing, but a graph keeps its inputs
            return 0 * own.pose, own.identity, own.expression
        return own.pose, own.identity, own.expression


class _Fusion(nn.Module):
    """Maps of both faces to one's."""

    def __init__(self, network: DsfNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, faces: Tensor, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.network.fusion(faces, features)


@torch.no_grad()
def _points_input(network: DsfNet, pictures: Pictures) -> dict[str, np.ndarray]:
    maps = network.encoded(_as_input(pictures))[0]
    cloud = network.tables.observed(maps, maps.segmentation > 0)
    first = network._canonical(cloud, network.uniform[FIRST][None])
    points = network.point_features(cloud, first, network.uniform[FEATURES][None])
    return {"points": points.numpy()}


@torch.no_grad()
def _fusion_input(network: DsfNet, pictures: Pictures) -> dict[str, np.ndarray]:
    output = network(_as_input(pictures))
    inputs = {"faces": network.fusion_input(output.model_face, output.image.face).numpy()}
    return inputs | ({"features": output.features.numpy()} if network.config.fusion.use_f_ms else {})


def _as_input(pictures: Pictures) -> Tensor:
    return torch.as_tensor(pictures).permute(0, 3, 1, 2).float()


def arrays(network: DsfNet) -> Arrays:
    """What lies between the graphs: the chart's triangles, the draws of points, switches."""
    config = network.config
    values: dict[str, Any] = {
        "triangles": network.chart.triangles.astype(np.int32),
        "draws": draws(0, config.points.count),
        "map_size": config.map_size,
        "output": ("ms", "is", "f").index(config.output),
        "use_cor": config.points.use_cor,
        "use_cf": config.points.use_cf,
        "min_visible": config.points.min_visible,
        "align": config.align.enabled,
        "center_code": config.align.center == "code",
        "back_inverse": config.align.back == "inverse",
        "unseen_weight": config.align.unseen_weight,
    }
    return {CONSTANTS: {name: np.asarray(value) for name, value in values.items()}}


EXPORTER = Exporter(method="dsfnet", graphs=graphs, arrays=arrays, flip=mirrored_maps, flipped="maps")
