"""The toy's configuration, targets, loss, export and row: what its file in ``train/`` would be."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lineament.data.crops.augment import AugmentConfig
from lineament.models import load_model
from lineament.train.batches.alignment_figures import CropEstimate
from lineament.train.batches.crop_run import CropTrainConfig
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.graph import crop_graph
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant
from toy_method.chart import skin_map
from toy_method.network import ToyConfig, ToyNetwork


@dataclass(frozen=True, slots=True)
class ToyLossConfig:
    """Weights: of the map, and of its depth beside x and y."""

    depth: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyTrainConfig(CropTrainConfig):
    """All of a run."""

    network: ToyConfig = ToyConfig()
    augment: AugmentConfig = AugmentConfig(crop_size=32)
    loss: ToyLossConfig = ToyLossConfig()


@dataclass(frozen=True, slots=True)
class MapTargets:
    """What worker processes make of each crop: "position_map" (3, M, M), in sides of the crop."""

    size: int

    def open(self, model):
        return MapGenerator(model, self.size)


class MapGenerator:
    def __init__(self, model, size):
        self._model, self._chart = model, skin_map(model, size)

    def make(self, labels, crop_size):
        size = self._chart.size
        if labels.camera is None:
            return {"position_map": np.zeros((3, size, size), np.float32)}
        vertices = self._model.vertices_model(labels.identity, labels.expression)
        found = self._chart.position_map(labels.camera.image_from_model(vertices)) / crop_size
        return {"position_map": np.moveaxis(found, -1, 0).astype(np.float32)}


class ToyLoss(nn.Module):
    def __init__(self, config, network, model):
        super().__init__()
        mask = torch.as_tensor(skin_map(model, config.network.map_size).mask).float()
        self.register_buffer("weights", torch.tensor([1, 1, config.loss.depth])[:, None, None] * mask)

    def forward(self, found, truth):
        error = (found - truth.targets["position_map"]).abs() * self.weights
        loss = 100 * (error.mean((1, 2, 3)) * truth.fitted_weights).mean()
        return {"loss": loss, "map": loss}


class ToyLandmarks(nn.Module):
    """The 68 landmarks of a map, and the rotation that they show."""

    def __init__(self, model, size):
        super().__init__()
        chart, layout = skin_map(model, size), model.schemes["300w-lp"]
        texels = chart.texel[layout.vertex_index].reshape(68, -1)
        weights = np.nan_to_num(chart.texel_weights[layout.vertex_index] * layout.weights[..., None])
        self.texels = torch.as_tensor(texels)
        self.weights = torch.as_tensor(weights.reshape(68, -1)).float()
        neutral = torch.as_tensor(model.landmark_points("300w-lp").neutral_model).float()
        self.neutral = neutral - neutral.mean(0)

    def forward(self, maps):
        values = maps.flatten(2)[:, :, self.texels] * self.weights
        landmarks = values.sum(3).transpose(1, 2)
        rotated = (landmarks - landmarks.mean(1, keepdim=True)) * torch.tensor([1.0, -1, -1])
        u, _, v = torch.linalg.svd(rotated.transpose(1, 2) @ self.neutral)
        sign = torch.ones(len(maps), 3)
        sign[:, 2] = torch.linalg.det(u @ v)
        return landmarks, u @ (sign[:, :, None] * v)


def prepare(network, config, source):
    """The mean of the samples' maps."""
    maps = source.open().rows([np.random.default_rng([5, row]) for row in range(16)])["position_map"]
    network.mean_map.copy_(torch.as_tensor(maps.mean(0)))


def estimate(network, maps, landmarks):
    found, rotation = ToyLandmarks(load_model("lfm"), network.config.map_size)(maps)
    return CropEstimate(network.config.crop_size * found, rotation)


def graphs(network):
    tolerance = {"position_map": 1e-4}
    size = network.config.crop_size
    graph = crop_graph(
        network,
        size,
        lambda network, crop: (network(crop),),
        outputs=("position_map",),
        tolerance=tolerance,
        half_tolerance={"position_map": 0.01},
    )
    return {"network": graph}


TOY = CropMethod(
    name="toy",
    config=ToyTrainConfig,
    network=lambda config, model: ToyNetwork(config.network),
    prepare=prepare,
    loss=ToyLoss,
    targets=lambda config: MapTargets(config.network.map_size),
    estimate=estimate,
    exporter=Exporter(
        method="toy-map",
        graphs=graphs,
        arrays=lambda network: {"constants": {"size": np.array(network.config.map_size)}},
    ),
    ablation=Ablation(
        ToyTrainConfig(),
        {"whole": Variant(published=9.99), "no-depth": Variant({"loss": {"depth": 0.0}})},
        {},
    ),
)
