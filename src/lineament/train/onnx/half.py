"""Half-precision weights in an ONNX graph."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def halve_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its float32 weights stored as float16 and cast when the graph is loaded."""
    casts, weights = [], []
    for tensor in graph.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < 64:
            weights.append(tensor)
            continue
        half = numpy_helper.to_array(tensor).astype(np.float16)
        weights.append(numpy_helper.from_array(half, f"{tensor.name}_half"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}_half"], [tensor.name], to=TensorProto.FLOAT))
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(weights)
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend(casts + nodes)
    return graph
