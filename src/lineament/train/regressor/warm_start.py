"""Starts networks from exported weights, so that a run can go on from the ones in the package.

An exported graph has its normalisations folded into the convolutions, and most weights in int8. Weights
come back as they are stored; each normalisation gets the mean and the variance that its convolution has on
training crops, and undoes them. So the network computes at first what the graph computes, also at another
crop size, and trains like one that was never folded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from lineament.bundle import Bundle
from lineament.errors import ConfigError, WeightsError
from lineament.foreign import foreign
from lineament.train.networks.regressor import FORMER_NAMES, POSE_NUMBERS, SCALE_UNIT, Regressor, rename_keys
from lineament.train.onnx.expected_error import without_expected_error
from lineament.train.onnx.int8 import LAYERS, widen_weights

Array = NDArray[np.float32]

LOG_SCALE = 6


@dataclass(frozen=True, slots=True)
class ExportedNetwork:
    """What the graph of a regressor, or of a close-up, holds.

    Attributes:
        layers: weight and bias of each convolution and dense layer, by the module's name; None for no bias.
        statistics: means and standard deviations that the network's numbers are in.
        crop_size: px.
    """

    layers: dict[str, tuple[Array, Array | None]]
    statistics: dict[str, Array]
    crop_size: int

    @classmethod
    def read(cls, name_or_path: str, *graphs: str) -> ExportedNetwork:
        """Installed weights by name, a bundle, or an ONNX file.

        Args:
            name_or_path: of the weights.
            graphs: names of a bundle's graphs, of which the first that it has is read; "network" when left
                out.

        Raises:
            WeightsError: no such weights.
            ConfigError: the file is not the graph of a regressor.
        """
        bundle = Bundle.open(name_or_path)
        exported = cls.of_graph(bundle, *graphs)
        if exported is None or "heads" not in exported.layers or not exported.statistics:
            raise ConfigError(
                f"{bundle.path} is not the graph of a regressor: there is nothing to start from."
            )
        return exported

    @classmethod
    def of_graph(cls, bundle: Bundle, *graphs: str) -> ExportedNetwork | None:
        """What a graph of any network on crops holds; None where the weights have none of the names.

        Args:
            bundle: the weights.
            graphs: names, of which the first that it has is read; "network" when left out.

        Raises:
            WeightsError: the file is damaged.
        """
        name = next((name for name in graphs or ("network",) if name in bundle.manifest.graphs), None)
        if bundle.manifest.crop is None or name is None:
            return None
        with foreign(WeightsError, f"{bundle.path} is no ONNX graph", "Copy the file again."):
            graph = without_expected_error(onnx.load_from_string(bundle.graph(name)))
            graph = widen_weights(graph)
        stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
        stored |= dict(_dequantised(graph.graph.node, stored))
        layers = {
            _module_name(node.name): (
                stored[node.input[1]],
                stored[node.input[2]] if node.input[2:] else None,
            )
            for node in graph.graph.node
            if node.op_type in LAYERS and node.input[1] in stored
        }
        prefix = "network."
        statistics = {
            name.removeprefix(prefix): values
            for name, values in stored.items()
            if name.endswith(("_mean", "_std", "_spread"))
        }
        rename_keys(statistics, FORMER_NAMES)
        side = graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value
        return cls(layers, statistics, side)


def start_from(network: Regressor, exported: ExportedNetwork, crops: Iterable[Tensor]) -> None:
    """Give a network the weights of a graph.

    Args:
        network: of the same sizes but for that of the crop, with its own statistics set.
        exported: the graph.
        crops: batches of (B, 3, S, S) float crops as in training, on which normalisation is measured.

    Raises:
        ConfigError: layers of the network and the graph differ.
    """
    _take_layers(network, exported.layers, crops)
    with torch.no_grad():
        _use_units(network, exported)


@torch.no_grad()
def take_all(network: nn.Module, exported: ExportedNetwork, crops: Iterable[Tensor]) -> None:
    """Give a network the weights and the statistics of a graph of its own kind.

    Args:
        network: of the same sizes.
        exported: the graph.
        crops: batches of (B, 3, S, S) float crops as in training, on which normalisation is measured.

    Raises:
        ConfigError: layers of the network and the graph differ.
    """
    _take_layers(network, exported.layers, crops)
    for name, values in exported.statistics.items():
        network.get_buffer(name).copy_(torch.tensor(values))


def take_layers(network: nn.Module, exported: ExportedNetwork, crops: Iterable[Tensor]) -> None:
    """Give a part of another network those layers of a graph that bear its layers' names.

    Args:
        network: takes crops; all of its layers are in the graph, such as those of a
            :class:`lineament.train.networks.residual_encoder.ResidualEncoder`.
        exported: the graph.
        crops: batches of (B, 3, S, S) float crops as in training, on which normalisation is measured.

    Raises:
        ConfigError: a layer is not in the graph, or of another size there.
    """
    names = dict(_layers(network))
    _take_layers(network, {name: found for name, found in exported.layers.items() if name in names}, crops)


def take_own(network: nn.Module, exported: ExportedNetwork, crops: Iterable[Tensor]) -> None:
    """Give a network the weights of a graph that was exported of one of its own kind and sizes.

    A graph knows a layer by its name within the part that was called; that of the network ends with it.

    Args:
        network: takes crops.
        exported: the graph.
        crops: batches of (B, 3, S, S) float crops as in training, on which normalisation is measured.

    Raises:
        ConfigError: layers of the network and the graph differ.
    """
    names = [name for name, _ in _layers(network)]
    layers = {}
    for known, found in exported.layers.items():
        own = [name for name in names if f".{name}".endswith(f".{known}")]
        layers[own[0] if len(own) == 1 else known] = found
    _take_layers(network, layers, crops)


def _take_layers(
    network: nn.Module, layers: Mapping[str, tuple[Array, Array | None]], crops: Iterable[Tensor]
) -> None:
    modules = dict(_layers(network))
    found = {name: tuple(module.weight.shape) for name, module in modules.items()}
    expected = {name: weight.shape for name, (weight, _) in layers.items()}
    if found != expected:
        odd = sorted(name for name in found | expected if found.get(name) != expected.get(name))[0]
        raise ConfigError(
            f"The network differs from the weights to start from, first in {odd}: {found.get(odd)} against "
            f"{expected.get(odd)}. Set the [network] table to their sizes; only crop_size may differ."
        )
    with torch.no_grad():
        for name, module in modules.items():
            weight, bias = layers[name]
            module.weight.copy_(torch.tensor(weight))
            if module.bias is not None:
                module.bias.copy_(torch.tensor(_known(bias, name)))
        _unfold(network, {name: bias for name, (_, bias) in layers.items()}, crops)


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d | nn.Linear]]:
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            yield name, module


def _known(bias: Array | None, name: str) -> Array:
    """The bias of a layer; ConfigError where the graph has none."""
    if bias is None:
        raise ConfigError(
            f"The weights to start from have no bias of the layer {name}: they are of another kind."
        )
    return bias


def _unfold(network: nn.Module, biases: dict[str, Array | None], crops: Iterable[Tensor]) -> None:
    """Set every normalisation so that it adds its convolution's bias and has the statistics of `crops`."""
    pairs = dict(_normalisations(network))
    for name, (_, norm) in pairs.items():
        norm.reset_running_stats()
        norm.weight.copy_(torch.sqrt(norm.running_var + norm.eps))
        norm.bias.copy_(torch.tensor(_known(biases[name], name)))
    moments = {name: [torch.zeros(3, 1)] for name in pairs}

    def watch(name: str) -> object:
        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            values = output.float().transpose(0, 1).flatten(1)
            sums = torch.stack([values.sum(1), (values**2).sum(1)])
            moments[name].append(torch.cat([sums, torch.full_like(sums[:1], values.shape[1])]))

        return keep

    hooks = [convolution.register_forward_hook(watch(name)) for name, (convolution, _) in pairs.items()]
    was_training = network.training
    network.eval()
    for batch in crops:
        network(batch)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    for name, (_, norm) in pairs.items():
        total, squared, count = torch.stack(moments[name][1:]).sum(0)
        mean = total / count
        variance = (squared / count - mean**2).clamp(min=1e-6)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_(torch.sqrt(variance + norm.eps))
        norm.bias.add_(mean)


def _normalisations(network: nn.Module) -> Iterator[tuple[str, tuple[nn.Conv2d, nn.BatchNorm2d]]]:
    """Each convolution's name, itself and the normalisation that follows it."""
    modules = list(network.named_modules())
    for (name, module), (_, following) in pairwise(modules):
        if isinstance(module, nn.Conv2d) and isinstance(following, nn.BatchNorm2d):
            yield name, (module, following)


def coefficient_rows(
    exported: ExportedNetwork, kind: str, mean: Tensor, std: Tensor
) -> tuple[Tensor, Tensor]:
    """Weight and bias of the last layer's rows that give coefficients, in other units.

    Args:
        exported: the graph.
        kind: "identity" or "expression".
        mean: (K,) of the units, of the first K coefficients of that kind.
        std: (K,).

    Returns:
        (K, H) and (K,).

    Raises:
        ConfigError: the graph gives fewer.
    """
    weight, bias = _heads(exported)
    old_mean, old_std = (torch.tensor(exported.statistics[f"{kind}_{name}"]) for name in ("mean", "std"))
    count = len(mean)
    if len(old_mean) < count:
        raise ConfigError(
            f"The weights to start from have {len(old_mean)} {kind} coefficients, the network is to give "
            f"{count}: set network.{kind} to {len(old_mean)} at most."
        )
    first = POSE_NUMBERS + (len(exported.statistics["identity_mean"]) if kind == "expression" else 0)
    rows, factor = slice(first, first + count), old_std[:count] / std
    return weight[rows] * factor[:, None], (old_mean[:count] - mean) / std + factor * bias[rows]


def pose_rows(exported: ExportedNetwork) -> tuple[Tensor, Tensor]:
    """(9, H) weight and (9,) bias of the last layer's rows that give the pose's numbers."""
    weight, bias = _heads(exported)
    return weight[:POSE_NUMBERS], bias[:POSE_NUMBERS]


def _heads(exported: ExportedNetwork) -> tuple[Tensor, Tensor]:
    """Weight and bias of the last layer."""
    weight, bias = exported.layers["heads"]
    return torch.tensor(weight), torch.tensor(_known(bias, "heads"))


def log_scale_at(exported: ExportedNetwork, crop_size: int) -> Tensor:
    """() logarithm of the usual scale in crops of another size, which the pose's numbers are relative to."""
    return torch.tensor(exported.statistics["log_scale_mean"]) + math.log(crop_size / exported.crop_size)


def _use_units(network: Regressor, exported: ExportedNetwork) -> None:
    """Turn the last layer's numbers from the graph's means and standard deviations into the network's own."""
    heads = network.heads
    usual = log_scale_at(exported, network.config.crop_size)
    heads.bias[LOG_SCALE] += (usual - network.log_scale_mean) / SCALE_UNIT
    first = POSE_NUMBERS
    for kind in ("identity", "expression"):
        mean, std = getattr(network, f"{kind}_mean"), getattr(network, f"{kind}_std")
        part = slice(first, first + len(mean))
        heads.weight[part], heads.bias[part] = coefficient_rows(exported, kind, mean, std)
        first = part.stop


def _dequantised(
    nodes: Iterable[onnx.NodeProto], stored: dict[str, NDArray[np.generic]]
) -> Iterator[tuple[str, Array]]:
    """Weights in int8 as numbers, by the name that layers know them by."""
    for node in nodes:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            steps, unit, zero = (stored[name] for name in node.input)
            shape = (-1, *[1] * (steps.ndim - 1)) if unit.ndim else ()
            values = (steps.astype(np.float32) - zero.reshape(shape)) * unit.reshape(shape)
            yield node.output[0], values.astype(np.float32)


def _module_name(node: str) -> str:
    """The layer of a node: features.3.first of "/network/features/features.3/first/Conv"."""
    names: list[str] = []
    for part in node.strip("/").split("/")[1:-1]:
        if names and part.startswith(f"{names[-1]}."):
            names.pop()
        names.append(part)
    return ".".join(names)
