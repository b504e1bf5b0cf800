import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto

from lineament.bundle import Bundle
from lineament.errors import ConfigError, WeightsError
from lineament.network import OnnxNetwork, finite_rows


@pytest.fixture(scope="module")
def doubling(make_graph):
    return make_graph(
        [("Add", ["x", "x"], ["twice"], {}), ("Neg", ["x"], ["minus"], {})],
        {"x": (TensorProto.FLOAT, ["n", 2])},
        {"twice": (TensorProto.FLOAT, ["n", 2]), "minus": (TensorProto.FLOAT, ["n", 2])},
        {},
        metadata={"licence": "Apache-2.0"},
        name="doubling.onnx",
    )


def test_named_arrays_go_in_and_come_out(doubling):
    network = OnnxNetwork(doubling, threads=1)
    outputs = network(x=np.float32([[1, 2]]))
    np.testing.assert_array_equal(outputs["twice"], [[2, 4]])
    np.testing.assert_array_equal(outputs["minus"], [[-1, -2]])


def test_a_network_tells_its_inputs_outputs_and_metadata(doubling):
    network = OnnxNetwork(doubling)
    assert network.input_shapes == {"x": (None, 2)}
    assert network.output_names == ("twice", "minus")
    assert network.metadata == {"licence": "Apache-2.0"}
    assert repr(network) == "OnnxNetwork('doubling.onnx', x -> twice, minus)"


def test_an_array_of_any_memory_order_is_taken(doubling):
    column = np.asfortranarray(np.float32([[1, 2], [3, 4]]))
    np.testing.assert_array_equal(OnnxNetwork(doubling)(x=column)["twice"], column * 2)


def test_several_threads_may_share_a_network(doubling):
    network = OnnxNetwork(doubling, threads=1)
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda k: network(x=np.full((3, 2), k, np.float32))["twice"][0, 0], range(64))
        )
    assert results == [2 * k for k in range(64)]


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"y": np.zeros((1, 2), np.float32)},
        {"x": np.zeros((1, 3), np.float32)},
        {"x": np.zeros((1, 2), np.float64)},
        {"x": np.zeros(2, np.float32)},
    ],
)
def test_other_inputs_than_the_graphs_are_an_error_that_names_the_file(doubling, arrays):
    with pytest.raises(WeightsError, match=r"doubling\.onnx"):
        OnnxNetwork(doubling)(**arrays)


def test_missing_empty_and_damaged_files_are_weights_errors(doubling, tmp_path):
    damaged, empty, cut = (tmp_path / name for name in ("damaged.onnx", "empty.onnx", "cut.onnx"))
    damaged.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    empty.touch()
    cut.write_bytes(doubling.read_bytes()[:60])
    for path in (tmp_path / "gone.onnx", tmp_path, damaged, empty, cut):
        with pytest.raises(WeightsError, match=path.name):
            OnnxNetwork(path)


def test_options_that_cannot_be_are_refused(doubling):
    with pytest.raises(ConfigError, match="at least 1"):
        OnnxNetwork(doubling, threads=0)


def test_a_network_pickles_as_its_file_and_is_opened_where_it_arrives(doubling, tmp_path):
    path = tmp_path / "moved.onnx"
    path.write_bytes(doubling.read_bytes())
    pickled = pickle.dumps(OnnxNetwork(path, threads=1))
    x = np.float32([[1, 2]])
    np.testing.assert_array_equal(pickle.loads(pickled)(x=x)["twice"], [[2, 4]])
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(WeightsError, match="checksums differ"):
        pickle.loads(pickled)
    path.unlink()
    with pytest.raises(WeightsError, match=r"no weights at .*moved\.onnx"):
        pickle.loads(pickled)


def test_rows_with_anything_but_numbers_are_told_apart():
    outputs = {"a": np.zeros((3, 2)), "b": np.zeros(3), "unused": np.full(3, np.nan)}
    outputs["a"][1, 1], outputs["b"][2] = np.nan, np.inf
    found = finite_rows(outputs, {"a": (2,), "b": ()}, source="net")
    assert found.tolist() == [True, False, False]
    assert finite_rows({"a": np.zeros((0, 5))}, {"a": (None,)}, source="net").shape == (0,)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int64, np.bool_])
def test_what_is_absurdly_large_is_no_number_either(kind):
    assert finite_rows({"a": np.ones(2, kind)}, {"a": ()}, source="net").all()
    values = np.float32([1e30, -1e7, 9e5, np.inf])
    assert finite_rows({"a": values}, {"a": ()}, source="net").tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"b": np.zeros(3)}, "net gives b and not a"),
        ({"a": np.zeros((3, 4))}, r"\(3, 4\), expected \(n, 2\)"),
        ({"a": np.zeros(3)}, "has the shape"),
        ({"a": np.float32(1)}, "has the shape"),
        ({"a": np.array([["x", "y"]])}, "expected numbers"),
    ],
)
def test_outputs_that_a_method_cannot_use_are_named(outputs, message):
    with pytest.raises(WeightsError, match=message):
        finite_rows(outputs, {"a": (2,)}, source="net")


def test_all_outputs_have_as_many_rows():
    with pytest.raises(WeightsError, match=r"b of net .* with n = 3"):
        finite_rows({"a": np.zeros(3), "b": np.zeros(2)}, {"a": (), "b": ()}, source="net")


def run_python(code, *arguments):
    keep = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**keep, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )


def test_telemetry_is_off_before_the_runtime_loads_and_the_runtime_loads_late():
    code = (
        "import os, sys, lineament.network;"
        "print('onnxruntime' in sys.modules, os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    assert run_python(code).stdout.split() == ["False", "1"]


def test_a_runtime_that_was_loaded_first_with_its_telemetry_on_is_warned_of(doubling):
    code = (
        "import sys, onnxruntime, lineament;"
        "from lineament.network import OnnxNetwork; OnnxNetwork(sys.argv[1])"
    )
    assert "imported before lineament" in run_python(code, str(doubling)).stderr
    in_order = (
        "import sys, lineament, onnxruntime;"
        "from lineament.network import OnnxNetwork; OnnxNetwork(sys.argv[1])"
    )
    assert run_python(in_order, str(doubling)).stderr == ""


def test_a_graph_that_the_runtime_cannot_even_quote_is_named_and_prints_nothing(tmp_path, capfd):
    graph = Bundle.open("fast").graph()
    at = graph.index(b"Conv")
    broken = graph[:at] + b"Con\xff" + graph[at + 4 :]
    with pytest.raises(WeightsError, match="not a working ONNX graph"):
        OnnxNetwork(tmp_path / "broken.onnx", graph=broken, threads=1)
    assert capfd.readouterr().out == ""
