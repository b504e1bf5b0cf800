"""What tests share: the built-in face model, one of 81 vertices, a network that sees discs, photos of discs.

The disc network is a real ONNX graph: a bright disc of radius R px at (x, y) of the crop is reported as a
frontal face of scale R / 100 mm whose origin lies at (x, y). So a photo with discs has faces at known places,
and the whole flow can be tested offline without trained weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hypothesis
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import laws  # noqa: F401 - registers the profile
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import Mirror, MorphableModel
from lineament.models.builtin import load_builtin
from lineament.network import OnnxNetwork

pytest_plugins = ["skips"]
hypothesis.settings.load_profile("lineament")

IDENTITY_COUNT, EXPRESSION_COUNT, GRID = 4, 3, 9
DISC_RADIUS_MM = 100.0
CROP_SIZE = 64


@pytest.fixture(scope="session")
def tiny_model() -> MorphableModel:
    """A dome of 9 x 9 vertices, 160 mm wide, bulging 60 mm towards the viewer; symmetric."""
    row, column = (index.ravel() for index in np.mgrid[0:GRID, 0:GRID])
    x, y = (column - GRID // 2) * 20.0, (GRID // 2 - row) * 20.0
    neutral = np.stack([x, y, 60 * (1 - (x**2 + y**2) / 12800)], axis=1).astype(np.float32)
    numbers = np.random.default_rng(0)
    mirror_vertex = np.arange(GRID**2).reshape(GRID, GRID)[:, ::-1].ravel()
    flip = np.float32([-1, 1, 1])
    basis = numbers.normal(0, 2, (IDENTITY_COUNT, GRID**2, 3)).astype(np.float32)
    sign = np.float32([1, 1, -1, -1])
    identity = (basis + sign[:, None, None] * basis[:, mirror_vertex] * flip) / 2
    left = numbers.normal(0, 3, (GRID**2, 3)).astype(np.float32)
    jaw = (left + left[mirror_vertex] * flip) / 2
    schemes = {
        "300w-lp": LandmarkScheme.of_vertices("300w-lp", np.arange(68)),
        "lfm-68": LandmarkScheme.of_vertices("lfm-68", np.arange(68)[::-1]),
    }
    triangles = _grid_triangles()
    return MorphableModel(
        name="tiny",
        neutral_model=neutral,
        identity_basis=identity,
        expression_basis=np.stack([left, left[mirror_vertex] * flip, jaw]),
        expression_names=("eyeBlinkLeft", "eyeBlinkRight", "jawOpen"),
        triangles=triangles,
        expression_bounds=(0.0, 1.0),
        mirror=Mirror(vertex=mirror_vertex, identity_sign=sign, expression=np.array([1, 0, 2])),
        schemes=schemes,
        parts={"face": (0, len(triangles))},
    )


@pytest.fixture(scope="session")
def lfm() -> MorphableModel:
    """The built-in face model."""
    return load_builtin()


def _grid_triangles() -> np.ndarray:
    """Two triangles a square, counter-clockwise seen from the viewer (y up)."""
    corner = np.arange(GRID**2).reshape(GRID, GRID)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]
    pairs = [np.stack([a, c, b], axis=-1), np.stack([b, c, d], axis=-1)]
    return np.concatenate([pair.reshape(-1, 3) for pair in pairs]).astype(np.int32)


@pytest.fixture(scope="session")
def make_graph(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """make_graph(nodes, inputs, outputs, constants, metadata={}) -> path of a small .onnx file.

    `inputs` and `outputs` map a name to (TensorProto type, shape); `constants` map a name to an array.
    """
    folder = tmp_path_factory.mktemp("graphs")

    def make(nodes, inputs, outputs, constants, *, metadata=None, name="graph.onnx"):
        graph = helper.make_graph(
            [helper.make_node(op, ins, outs, **attributes) for op, ins, outs, attributes in nodes],
            "tiny",
            [helper.make_tensor_value_info(key, *value) for key, value in inputs.items()],
            [helper.make_tensor_value_info(key, *value) for key, value in outputs.items()],
            [numpy_helper.from_array(value, key) for key, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        helper.set_model_props(model, metadata or {})
        path = folder / name
        onnx.save(model, path)
        return path

    return make


@pytest.fixture(scope="session")
def disc_graph(make_graph: Callable[..., Path]) -> Path:
    """The .onnx file of the disc network, with the metadata of a regressor."""
    nodes = [
        ("Cast", ["crop"], ["bytes"], {"to": TensorProto.FLOAT}),
        ("ReduceMean", ["bytes"], ["light"], {"axes": [3], "keepdims": 0}),
        ("Reshape", ["light", "flat_shape"], ["flat"], {}),
        ("MatMul", ["flat", "moments"], ["sums"], {}),  # light, light * x, light * y, light * (x^2 + y^2)
        ("Split", ["sums", "split"], ["mass", "first", "second"], {"axis": 1}),
        ("Add", ["mass", "tiny"], ["safe_mass"], {}),
        ("Div", ["first", "safe_mass"], ["translation"], {}),
        ("Div", ["second", "safe_mass"], ["second_mean"], {}),
        ("Mul", ["translation", "translation"], ["squares"], {}),
        ("ReduceSum", ["squares", "last"], ["square"], {"keepdims": 1}),
        ("Sub", ["second_mean", "square"], ["variance"], {}),
        ("Max", ["variance", "tiny"], ["positive"], {}),
        ("Mul", ["positive", "two"], ["radius_squared"], {}),
        ("Sqrt", ["radius_squared"], ["radius"], {}),
        ("Div", ["radius", "radius_mm"], ["scale_column"], {}),
        ("Squeeze", ["scale_column", "last"], ["scale"], {}),
        ("Mul", ["mass", "zero"], ["nothing"], {}),
        ("Add", ["nothing", "identity_row"], ["identity"], {}),
        ("Add", ["nothing", "expression_row"], ["expression"], {}),
        ("Add", ["nothing", "rotation_row"], ["rotation_rows"], {}),
        ("Reshape", ["rotation_rows", "rotation_shape"], ["rotation"], {}),
    ]
    y, x = np.mgrid[0:CROP_SIZE, 0:CROP_SIZE].reshape(2, -1) + 0.5  # pixel centres
    constants = {
        "flat_shape": np.int64([-1, CROP_SIZE**2]),
        "moments": np.float32(np.stack([np.ones_like(x), x, y, x**2 + y**2], axis=1) / 1e4),
        "split": np.int64([1, 2, 1]),
        "tiny": np.float32(1e-6),
        "last": np.int64([1]),
        "two": np.float32(2),
        "radius_mm": np.float32(DISC_RADIUS_MM),
        "zero": np.float32(0),
        "identity_row": np.float32([[0.5, -0.5, 0, 0]]),
        "expression_row": np.float32([[0.25, 0, 1.5]]),
        "rotation_row": np.eye(3, dtype=np.float32).reshape(1, 9),
        "rotation_shape": np.int64([-1, 3, 3]),
    }
    outputs = {
        "rotation": ["n", 3, 3],
        "scale": ["n"],
        "translation": ["n", 2],
        "identity": ["n", IDENTITY_COUNT],
        "expression": ["n", EXPRESSION_COUNT],
    }
    return make_graph(
        nodes,
        {"crop": (TensorProto.UINT8, ["n", CROP_SIZE, CROP_SIZE, 3])},
        {name: (TensorProto.FLOAT, shape) for name, shape in outputs.items()},
        constants,
        metadata={
            "crop_size": str(CROP_SIZE),
            "crop_margin": "1.75",
            "face_model": "tiny",
            "licence": "Apache-2.0",
            "trained_on": "nothing",
        },
        name="disc.onnx",
    )


@pytest.fixture(scope="session")
def disc_network(disc_graph: Path) -> OnnxNetwork:
    """The disc network, opened."""
    return OnnxNetwork(disc_graph, threads=1)


@pytest.fixture(scope="session")
def disc_photo() -> Callable[..., np.ndarray]:
    """disc_photo(size_hw, [(x, y, radius), ...]) -> (H, W, 3) uint8 with white discs, edges antialiased."""

    def draw(size_hw: tuple[int, int], discs: list[tuple[float, float, float]]) -> np.ndarray:
        y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]] + 0.5
        light = np.zeros(size_hw)
        for center_x, center_y, radius in discs:
            light = np.maximum(light, np.clip(radius - np.hypot(x - center_x, y - center_y) + 0.5, 0, 1))
        return np.repeat(np.round(light * 255).astype(np.uint8)[..., None], 3, axis=2)

    return draw
