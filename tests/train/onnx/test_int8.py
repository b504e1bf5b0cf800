import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from lineament.train.onnx.half import halve_weights
from lineament.train.onnx.int8 import int8_graph, outermost_layers, widen_weights

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def graph(make_graph):
    """Four convolutions in a row, with a shortcut around the third, and two ends."""
    weights = {f"w{number}": RNG.normal(0, 0.3, (8, 8, 3, 3)).astype(np.float32) for number in range(5)}
    weights["w0"] = RNG.normal(0, 0.3, (8, 3, 3, 3)).astype(np.float32)
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        ("Transpose", ["image"], ["planes"], {"perm": [0, 3, 1, 2]}),
        ("Cast", ["planes"], ["pixels"], {"to": TensorProto.FLOAT}),
        ("Div", ["pixels", "range"], ["x"], {}),
        ("Conv", ["x", "w0"], ["stem"], pads),
        ("Relu", ["stem"], ["a"], {}),
        ("Conv", ["a", "w1"], ["first"], pads),
        ("Relu", ["first"], ["b"], {}),
        ("Conv", ["b", "w2"], ["second"], pads),
        ("Add", ["a", "second"], ["sum"], {}),
        ("Relu", ["sum"], ["c"], {}),
        ("Conv", ["c", "w3"], ["left"], pads),
        ("Conv", ["c", "w4"], ["end"], pads),
        ("Tanh", ["end"], ["right"], {}),
    ]
    path = make_graph(
        nodes,
        {"image": (TensorProto.UINT8, ["n", 16, 16, 3])},
        {name: (TensorProto.FLOAT, ["n", 8, 16, 16]) for name in ("left", "right")},
        weights | {"range": np.float32(255)},
        metadata={"licence": "Apache-2.0"},
        name="ends.onnx",
    )
    return onnx.load(path)


def run(graph, pictures):
    from onnxruntime import InferenceSession

    session = InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["left", "right"], {"image": pictures})


def pictures(count):
    return RNG.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


def test_the_outermost_layers_touch_the_input_or_an_output(graph):
    names = {node.input[1]: node.name for node in widen_weights(graph).graph.node if node.op_type == "Conv"}
    assert sorted(outermost_layers(widen_weights(graph))) == sorted(names[w] for w in ("w0", "w3", "w4"))


def test_a_layer_whose_numbers_reach_an_output_past_the_others_is_outermost_too(graph):
    copy = widen_weights(graph)
    copy.graph.output.add().name = "sum"  # of the third layer's numbers; the last two read it as well
    names = {node.input[1]: node.name for node in copy.graph.node if node.op_type == "Conv"}
    assert sorted(outermost_layers(copy)) == sorted(names[w] for w in ("w0", "w2", "w3", "w4"))


def test_halved_and_widened_again_the_graph_computes_the_same(graph):
    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    halved = halve_weights(copy)
    widened = widen_weights(halved)
    assert [node.op_type for node in widened.graph.node] == [node.op_type for node in graph.graph.node]
    assert all(node.name for node in widened.graph.node)
    seen = pictures(2)
    for found, expected in zip(run(widened, seen), run(halved, seen), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_int8_graphs_compute_nearly_the_same(graph):
    quantised = int8_graph(graph, pictures(32))
    seen = pictures(8)
    for found, expected in zip(run(quantised, seen), run(graph, seen), strict=True):
        assert np.abs(found - expected).mean() < 0.02 * expected.std()


def test_inner_weights_have_seven_of_eight_bits_and_outer_ones_stay_float(graph):
    stored = {t.name: numpy_helper.to_array(t) for t in int8_graph(graph, pictures(8)).graph.initializer}
    bytes_of = {name.removesuffix("_quantized"): v for name, v in stored.items() if v.dtype == np.int8}
    assert {"w1", "w2"} <= bytes_of.keys()
    assert all(np.abs(bytes_of[name].astype(int)).max() <= 64 for name in ("w1", "w2"))
    for name in ("w0", "w3", "w4"):
        assert stored[name].dtype == np.float32


def test_metadata_stay_and_the_precision_is_told(graph):
    metadata = {entry.key: entry.value for entry in int8_graph(graph, pictures(8)).metadata_props}
    assert metadata == {"licence": "Apache-2.0", "precision": "int8, outermost layers float32"}


def test_weights_shared_through_identity_nodes_are_repeated(graph):
    shared = onnx.ModelProto()
    shared.CopyFrom(graph)
    kept = [tensor for tensor in graph.graph.initializer if tensor.name != "w2"]
    del shared.graph.initializer[:]
    shared.graph.initializer.extend(kept)
    shared.graph.node.insert(0, onnx.helper.make_node("Identity", ["w1"], ["w2"]))
    stored = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in widen_weights(shared).graph.initializer
    }
    np.testing.assert_array_equal(stored["w1"], stored["w2"])
