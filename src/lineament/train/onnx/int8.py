"""Quantisation of a trained graph: most of its layers in int8, the outermost in float.

The recipe, each part of it measured:

- Unsigned activations and signed weights: the pair that processors multiply fastest (signed activations take
  almost as long as float).
- Weights have seven bits: processors without VNNI add pairs of products in sixteen bits, which eight would
  overflow. That costs 0.01 % of the face.
- Convolutions, dense layers and the activations after them are quantised, sums are not: a range of their own,
  negative numbers included, makes them four times coarser, and ONNX Runtime fuses them either way.
- The layers nearest to the input and to the outputs stay float: they cost little time and are the most
  sensitive (dense heads in int8 triple the error).
- Networks on points stay float, and so do all dense layers of a graph that has one: coordinates in int8
  would be half a pixel.
- Ranges are the extremes seen. Percentiles and entropy do not do better here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Pictures = NDArray[np.uint8]

LAYERS = ("Conv", "Gemm")
QUANTISED = (*LAYERS, "Relu", "Clip")
BATCH = 16


def int8_graph(graph: onnx.ModelProto, calibration: Pictures) -> onnx.ModelProto:
    """The same graph with quantised layers but the outermost, its metadata, and "precision" among them.

    Args:
        graph: with one input of pictures; its weights may be stored as float16 and cast.
        calibration: (n, H, W, 3) uint8 pictures from which ranges are taken.
    """
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    metadata = {entry.key: entry.value for entry in graph.metadata_props}
    widened = widen_weights(graph)
    helper.set_model_props(widened, {"onnx.quant.pre_process": "onnxruntime.quant"})  # or it asks for that
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        quantize_static(
            widened,
            file,
            _Reader(widened.graph.input[0].name, calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=sorted({*outermost_layers(widened), *point_layers(widened)}),
        )
        quantised = onnx.load(file)
    helper.set_model_props(quantised, metadata | {"precision": "int8, outermost layers float32"})
    onnx.checker.check_model(quantised)
    return quantised


def widen_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are float32 and reach the layers directly; every node has a name.

    Casts of stored float16 weights are carried out, and weights shared through Identity nodes are repeated.
    """
    wide = onnx.ModelProto()
    wide.CopyFrom(graph)
    del wide.graph.initializer[:], wide.graph.node[:]
    stored = {tensor.name: tensor for tensor in graph.graph.initializer}
    for number, node in enumerate(graph.graph.node):
        if node.op_type in ("Cast", "Identity") and node.input[0] in stored:
            values = numpy_helper.to_array(stored[node.input[0]])
            values = values.astype(np.float32) if values.dtype == np.float16 else values
            stored[node.output[0]] = numpy_helper.from_array(values, node.output[0])
        else:
            wide.graph.node.add().CopyFrom(node)
            wide.graph.node[-1].name = node.name or f"{node.op_type}_{number}"
    used = {name for node in wide.graph.node for name in node.input}
    wide.graph.initializer.extend(tensor for name, tensor in stored.items() if name in used)
    return wide


def outermost_layers(graph: onnx.ModelProto) -> list[str]:
    """Names of the layers that no other comes before, or from which an output is reached without another."""
    nodes = list(graph.graph.node)
    after: set[str] = set()  # tensors computed from the output of some layer
    ending = {output.name for output in graph.graph.output}  # and what they are computed of, layers apart
    names = []
    for node in nodes:
        is_layer, is_late = node.op_type in LAYERS, not after.isdisjoint(node.input)
        if is_layer and not is_late:
            names.append(node.name)
        if is_layer or is_late:
            after.update(node.output)
    for node in reversed(nodes):
        if ending.isdisjoint(node.output):
            continue
        if node.op_type not in LAYERS:
            ending.update(node.input)
        elif node.name not in names:
            names.append(node.name)
    return names


def point_layers(graph: onnx.ModelProto) -> list[str]:
    """Names of the convolutions over sets of points, and of all dense layers where there are any."""
    ranks = {tensor.name: len(tensor.dims) for tensor in graph.graph.initializer}
    layers = [node for node in graph.graph.node if node.op_type in LAYERS]
    points = [node.name for node in layers if node.op_type == "Conv" and ranks.get(node.input[1]) == 3]
    return points + [node.name for node in layers if node.op_type == "Gemm" and points]


class _Reader:
    """Feeds pictures to ONNX Runtime's calibration."""

    def __init__(self, input_name: str, pictures: Pictures) -> None:
        self._batches: Iterator[dict[str, Pictures]] = (
            {input_name: pictures[first : first + BATCH]} for first in range(0, len(pictures), BATCH)
        )

    def get_next(self) -> dict[str, Pictures] | None:
        return next(self._batches, None)
