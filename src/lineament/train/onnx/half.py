"""Half-precision weights in an ONNX graph."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LEAST = 64
"""Numbers in a tensor that is worth a node of its own."""
SCALED = ("QuantizeLinear", "DequantizeLinear")


def halve_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its float32 weights and constants stored as float16, cast when the graph is loaded.

    Scales of quantised layers stay as they are: kernels for eight bits want them as plain weights.
    """
    scales = {name for node in graph.graph.node if node.op_type in SCALED for name in node.input[1:]}
    casts, weights = [], []
    for tensor in graph.graph.initializer:
        if tensor.name in scales or not _is_large(tensor):
            weights.append(tensor)
            continue
        weights.append(_halved(tensor, f"{tensor.name}_half"))
        casts.append(_cast(f"{tensor.name}_half", tensor.name))
    nodes = []
    for node in graph.graph.node:
        value = node.attribute[0].t if node.op_type == "Constant" and len(node.attribute) == 1 else None
        if value is None or node.output[0] in scales or not _is_large(value):
            nodes.append(node)
            continue
        name = f"{node.output[0]}_half"
        weights.append(_halved(value, name))
        casts.append(_cast(name, node.output[0]))
    del graph.graph.initializer[:], graph.graph.node[:]
    graph.graph.initializer.extend(weights)
    graph.graph.node.extend(casts + nodes)
    return graph


def _is_large(tensor: TensorProto) -> bool:
    return tensor.data_type == TensorProto.FLOAT and np.prod(tensor.dims) >= LEAST


def _halved(tensor: TensorProto, name: str) -> TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name)


def _cast(stored: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT)
