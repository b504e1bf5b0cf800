"""Torch to ONNX by one rule: trace, compare with torch on seeded and on real pictures, only then hand it on.

Nothing here writes a file: a graph that does not agree exists in memory alone.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.errors import ExportError
from lineament.network import OnnxNetwork
from lineament.train.batches.pictures import Pictures
from lineament.train.onnx.half import halve_weights

log = logging.getLogger(__name__)

Array: TypeAlias = NDArray[Any]
Inputs: TypeAlias = dict[str, Array]

SEEDED_ROWS = 3
ROWS_AT_ONCE = 64


def as_crops(pictures: Pictures) -> Inputs:
    """Inputs of a graph that takes (n, S, S, 3) uint8 crops."""
    return {"crop": pictures}


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """One network that is to become a graph.

    Attributes:
        module: takes the inputs in order, gives the outputs in order as a tuple (or its only one).
        outputs: their names.
        tolerance: by output, the largest difference that another order of sums explains.
        half_tolerance: by output, the largest that weights in half precision explain.
        seeded: pictures of noise, the first of which the graph is traced on.
        inputs_of: the inputs by name that pictures become.
        axes: of each input and output, the axes whose length is free, by name; the rows (axis 0) when empty.
        takes_int8: whether its layers may be quantised: for graphs whose only input is pictures.
    """

    module: nn.Module
    outputs: tuple[str, ...]
    tolerance: Mapping[str, float]
    half_tolerance: Mapping[str, float]
    seeded: tuple[Pictures, ...]
    inputs_of: Callable[[Pictures], Inputs] = as_crops
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    takes_int8: bool = True


def noise(*shape: int, seed: int = 0) -> Pictures:
    """Pictures of noise, the same each time."""
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def crop_graph(
    network: nn.Module,
    size: int,
    answers: Callable[[Any, Tensor], tuple[Tensor, ...]],
    *,
    outputs: tuple[str, ...],
    tolerance: Mapping[str, float],
    half_tolerance: Mapping[str, float],
) -> Graph:
    """A graph of (n, S, S, 3) uint8 crops.

    Args:
        network: with its weights.
        size: S, px.
        answers: of the network and (n, 3, S, S) float crops as in training, the outputs in their order.
        outputs: see :class:`Graph`.
        tolerance: see :class:`Graph`.
        half_tolerance: see :class:`Graph`.
    """
    return Graph(
        module=_FromBytes(network, answers),
        outputs=outputs,
        tolerance=tolerance,
        half_tolerance=half_tolerance,
        seeded=(noise(SEEDED_ROWS, size, size, 3),),
    )


def one_crop_graph(
    answers: Callable[[Any, Tensor], tuple[Tensor, ...]],
    *,
    outputs: tuple[str, ...],
    tolerance: Mapping[str, float],
    half_tolerance: Mapping[str, float],
) -> Callable[[Any], dict[str, Graph]]:
    """What an exporter asks of networks that are one graph of crops: see :func:`crop_graph`.

    Returns:
        The graph, under the name "network", of a network whose configuration has a `crop_size`.
    """

    def graphs(network: Any) -> dict[str, Graph]:  # noqa: ANN401 - the method's
        size = network.config.crop_size
        graph = crop_graph(
            network, size, answers, outputs=outputs, tolerance=tolerance, half_tolerance=half_tolerance
        )
        return {"network": graph}

    return graphs


class _FromBytes(nn.Module):
    """A network on (n, S, S, 3) uint8 crops."""

    def __init__(self, network: nn.Module, answers: Callable[[Any, Tensor], tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.network, self.answers = network, answers

    def forward(self, crop: Tensor) -> tuple[Tensor, ...]:
        return self.answers(self.network, crop.permute(0, 3, 1, 2).float())


def checked_graph(graph: Graph, *, half: bool, real: Pictures | None) -> onnx.ModelProto:
    """The graph, once ONNX Runtime has said on all pictures what torch says.

    Args:
        graph: what to trace; its module is put into evaluation mode.
        half: store weights in half precision.
        real: pictures of faces; None where there are none.

    Raises:
        ExportError: they differ.
    """
    graph.module.float().to(memory_format=torch.contiguous_format).eval()
    traced = trace(graph.module, graph.inputs_of(graph.seeded[0]), graph.outputs, axes=graph.axes)
    if half:
        traced = halve_weights(traced)
    compare(graph, traced, graph.half_tolerance if half else graph.tolerance, real)
    return traced


def trace(
    module: nn.Module,
    inputs: Inputs,
    outputs: tuple[str, ...],
    *,
    axes: Mapping[str, Mapping[int, str]] | None = None,
    rows: int = 2,
) -> onnx.ModelProto:
    """A module as a graph, traced on example inputs.

    Args:
        module: called with the inputs in order.
        inputs: by name.
        outputs: names.
        axes: free axes by input and output; all rows when None or empty.
        rows: how many of the inputs' are taken.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that writes plain nodes is called deprecated
        torch.onnx.export(
            module.eval(),
            tuple(torch.as_tensor(values[:rows]) for values in inputs.values()),
            file,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes or {name: {0: "n"} for name in (*inputs, *outputs)},
            opset_version=17,
            dynamo=False,
        )
    graph = onnx.load_from_string(file.getvalue())
    onnx.checker.check_model(graph)
    return graph


def compare(
    graph: Graph, traced: onnx.ModelProto, tolerance: Mapping[str, float], real: Pictures | None
) -> None:
    """Compare a traced graph with torch on pictures of noise and on real ones.

    Raises:
        ExportError: an output differs by more than its tolerance, or is not a number.
    """
    network = network_of(traced)
    kinds = [("noise", pictures) for pictures in graph.seeded]
    kinds += [] if real is None else [("real pictures", real)]
    for kind, pictures in kinds:
        for first in range(0, len(pictures), ROWS_AT_ONCE):
            inputs = graph.inputs_of(pictures[first : first + ROWS_AT_ONCE])
            with torch.inference_mode():
                wanted = graph.module(*(torch.as_tensor(values) for values in inputs.values()))
            found = network(**inputs)
            _compare_outputs(graph.outputs, found, wanted, tolerance, kind)


def _compare_outputs(
    names: tuple[str, ...],
    found: Mapping[str, Array],
    wanted: Tensor | tuple[Tensor, ...],
    tolerance: Mapping[str, float],
    kind: str,
) -> None:
    for name, expected in zip(names, (wanted,) if isinstance(wanted, Tensor) else wanted, strict=True):
        difference = float(np.abs(found[name] - expected.numpy()).max())
        if not difference <= tolerance[name]:
            raise ExportError(
                f"{name} of the exported graph differs from torch by {difference:.4g} on {kind} (at most "
                f"{tolerance[name]}). Nothing was written: export again without half precision, or look for "
                f"weights that are not finite."
            )


def network_of(graph: onnx.ModelProto) -> OnnxNetwork:
    """A graph in memory, ready to run."""
    return OnnxNetwork(Path("exported.onnx"), graph=graph.SerializeToString(), threads=1)


def renamed(graph: onnx.ModelProto, names: dict[str, str]) -> onnx.ModelProto:
    """A copy in which these inputs, outputs and what connects them have other names."""
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    for end in (*copy.graph.input, *copy.graph.output):
        end.name = names.get(end.name, end.name)
    for node in copy.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return copy
