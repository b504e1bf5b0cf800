"""Weights that lie, checkpoints, configurations, models and packs of faces, for the hostile campaign.

Graphs of seeds are whole and small: what they give is not what a method or detector may believe. Readers
raise AssertionError where something that is no number came through as a face.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

PHOTO = Path(__file__).parents[1] / "demo" / "photos" / "astronaut.jpg"
KINDS = ("graph", "bundle", "detector", "checkpoint", "config", "model.h5", "face pack")
CROP, CANVAS = 32, 320  # px
SHAPES: dict[str, tuple[int, ...]] = {
    "rotation": (3, 3),
    "scale": (),
    "translation": (2,),
    "identity": (4,),
    "expression": (3,),
    "uncertainty": (),
}
MAPS = {"stride8": 8, "stride16": 16, "stride32": 32}
VALUES = (np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, 1e-30)
NUMBERS = ("224", "0", "-1", "1e9", "nan", "99999999999999999999", "", "x")
VARIANTS = 60


def seeds(kind: str) -> list[bytes]:
    """Contents of files of a kind."""
    rng = np.random.default_rng(0)
    if kind in ("graph", "bundle", "detector"):
        made = [_regressor(rng, number) for number in range(VARIANTS)]
        if kind == "detector":
            return [_detector(rng, number) for number in range(VARIANTS)]
        return made if kind == "graph" else [_bundle(rng, number, graph) for number, graph in enumerate(made)]
    return {
        "checkpoint": _checkpoints,
        "config": lambda: [CONFIG.encode()],
        "model.h5": _basel,
        "face pack": _face_pack,
    }[kind]()


def readers() -> dict[str, Callable[[Path], object]]:
    """What reads each kind of file."""
    return {
        "graph": lambda path: _aligned(path.rename(path.with_suffix(".onnx"))),
        "bundle": lambda path: _aligned(path.rename(path.with_suffix(".lineament"))),
        "detector": _detected,
        "checkpoint": _read_checkpoint,
        "config": _read_config,
        "model.h5": _read_h5,
        "face pack": _read_face_pack,
    }


@cache
def _photo() -> np.ndarray:
    from lineament.image import read_image

    return read_image(PHOTO)


def _aligned(path: Path) -> None:
    from lineament.aligner import FaceAligner
    from lineament.draw import draw_overlay
    from lineament.face_values import face_values

    aligner = FaceAligner.from_pretrained(path, threads=1, detector=_Known())
    faces = [*aligner(_photo(), boxes=[[175, 86, 272, 179]]), *aligner(_photo())]
    assert all(face.is_finite for face in faces[1:]), "a face that was found is no number"
    for face in faces:
        json.dumps(face_values(face), allow_nan=False)
        assert face.is_finite == bool(np.isfinite(face.vertices_image).all())
    draw_overlay(_photo(), faces)


class _Known:
    def detect(self, image: object) -> list[Any]:
        from lineament.result import Detection

        return [Detection(np.float32([175, 86, 272, 179]), 0.9)]


def _detected(path: Path) -> None:
    from lineament.detect import OnnxDetector

    for found in OnnxDetector(path.rename(path.with_suffix(".onnx")), threads=1).detect(
        _photo()[:CANVAS, :CANVAS]
    ):
        numbers = [*found.box_xyxy.tolist(), found.score, found.roll]
        assert np.isfinite(numbers).all(), f"a face that is no number: {numbers}"


def _read_checkpoint(path: Path) -> None:
    from lineament.errors import LineamentError
    from lineament.train.runs.method import ema_state
    from lineament.train.runs.released_checkpoint import read_checkpoint

    path = path.rename(path.parent / "checkpoint.pt")
    for read in (lambda: ema_state(path.parent), lambda: read_checkpoint(path, of="SynergyNet")):
        with suppress(LineamentError):
            read()


def _read_config(path: Path) -> None:
    from lineament.config_file import read_config
    from lineament.errors import LineamentError
    from lineament.train.methods import METHODS

    for method in METHODS.values():
        with suppress(LineamentError):
            read_config(path, method.config)


def _read_h5(path: Path) -> object:
    from lineament.models.loading import load_model

    return load_model(path.rename(path.with_suffix(".h5")))


def _read_face_pack(path: Path) -> None:
    from lineament.data.photographs.face_packs import about_face_pack, read_face_pack

    about_face_pack(path)
    faces = read_face_pack(path)
    for number in range(min(2, len(faces))):
        faces.picture(number, scale=1.0)


def _graph(outputs: dict[str, np.ndarray], input_name: str, side: int | str, words: dict[str, str]) -> bytes:
    """Constants for every row: each output is its array, over as many rows as the input has."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Shape", [input_name], ["shape"]),
        helper.make_node("Slice", ["shape", "start", "end"], ["rows"]),
    ]
    constants = [numpy_helper.from_array(np.int64([n]), name) for n, name in ((0, "start"), (1, "end"))]
    declared = []
    for name, array in outputs.items():
        kept = numpy_helper.from_array(array[None], f"{name}_row")
        ones = numpy_helper.from_array(np.ones(array.ndim, np.int64), f"{name}_ones")
        constants += [kept, ones]
        nodes.append(helper.make_node("Concat", ["rows", f"{name}_ones"], [f"{name}_shape"], axis=0))
        nodes.append(helper.make_node("Expand", [f"{name}_row", f"{name}_shape"], [name]))
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        declared.append(helper.make_tensor_value_info(name, kind, ["n", *array.shape]))
    given = helper.make_tensor_value_info(input_name, TensorProto.UINT8, ["n", side, side, 3])
    graph = helper.make_graph(nodes, "lie", [given], declared, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, words)
    content: bytes = model.SerializeToString()
    return content


def _lie(rng: np.random.Generator, array: np.ndarray) -> np.ndarray:
    """An array of other values, another shape or another type."""
    what = rng.integers(4)
    with np.errstate(all="ignore"):
        value = rng.choice(VALUES).astype(array.dtype)
    if what == 0 and array.size:
        array = array.copy()
        array.reshape(-1)[rng.integers(array.size)] = value
        return array
    if what == 1:
        return np.full_like(array, value)
    if what == 2:
        kinds = (np.int64, np.float64, np.bool_, np.float16)
        with np.errstate(all="ignore"):
            return array.astype(kinds[rng.integers(len(kinds))])
    shape = tuple(int(side) for side in rng.integers(0, 5, rng.integers(0, 4)))
    return np.ones(shape, np.float32)


def _regressor(rng: np.random.Generator, number: int) -> bytes:
    """The first is right; the others lie about one output or two, or about themselves."""
    right = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    right |= {"rotation": np.eye(3, dtype=np.float32), "scale": np.float32(0.2) * np.ones((), np.float32)}
    right["translation"] += CROP / 2
    for _ in range(0 if number == 0 else rng.integers(1, 3)):
        name = str(rng.choice(list(right)))
        right[name] = _lie(rng, right[name])
    words = {"crop_size": str(CROP), "crop_margin": "1.5", "face_model": "lfm", "licence": "", "data": ""}
    if number % 4 == 3:
        words[str(rng.choice(list(words)))] = str(rng.choice(NUMBERS))
    return _graph(right, "crop", CROP, words)


def _detector(rng: np.random.Generator, number: int) -> bytes:
    """Maps of a canvas."""
    maps = {
        name: rng.normal(-9, 0.1, (7, CANVAS // stride, CANVAS // stride)).astype(np.float32)
        for name, stride in MAPS.items()
    }
    for name in MAPS if number else ():
        if rng.random() < 0.6:
            maps[name] = _lie(rng, maps[name])
            maps[name].reshape(-1)[: rng.integers(0, 20)] = 5
    return _graph(maps, "image", "side", {})


def _bundle(rng: np.random.Generator, number: int, graph: bytes) -> bytes:
    member = {"file": "network.onnx", "sha256": sha256(graph).hexdigest()}
    manifest: dict[str, Any] = {
        "format": 1,
        "name": "lie",
        "method": "morphable-regressor",
        "crop": {"size": CROP, "margin": 1.5},
        "face_model": {"name": "lfm", "sha256": None},
        "detector": {"weights": "face-detector", "options": {}},
        "threads": 1,
        "max_uncertainty_mm": 5,
        "data": "none",
        "licence": "none",
        "research": False,
        "trained": {},
        "graphs": {"network": member},
        "arrays": {},
    }
    what = number % 6
    if what == 1:
        manifest[str(rng.choice(list(manifest)))] = [None, -1, 1e300, "../x", [], {"a": [[]]}][
            rng.integers(6)
        ]
    if what == 2:
        manifest["trained"] = {"long": "x" * int(2 ** rng.uniform(10, 24))}
    if what == 3:
        manifest["crop"] = {
            "size": int(rng.choice([0, -5, 10**9, 2**62])),
            "margin": float(rng.choice([0, 1e9])),
        }
    content = json.dumps(manifest).encode()
    if what == 4:
        content = content[:-1] + b',"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED if what == 5 else zipfile.ZIP_STORED) as archive:
        archive.writestr("bundle.json", content)
        archive.writestr("network.onnx", graph)
    return stream.getvalue()


CONFIG = """
workers = 2
canvases = "a"
start = ""
[loop]
steps = 10
batch = 4
clip = 1.0
average = 0.99
precision = "float32"
[loop.optimiser]
learning_rate = 1e-3
[loop.schedule]
warm_up = 3
[network]
crop_size = 128
[data]
folders = ["a", "b"]
"""


def _checkpoints() -> list[bytes]:
    import torch

    weights = {"a.weight": torch.ones(3, 4), "a.bias": torch.zeros(3)}
    found = []
    for content in (
        {"network": weights, "average": weights, "optimiser": None, "step": 3, "skipped": 0},
        {"state_dict": weights},
    ):
        for modern in (True, False):
            stream = io.BytesIO()
            torch.save(content, stream, _use_new_zipfile_serialization=modern)
            found.append(stream.getvalue())
    return found


def _basel() -> list[bytes]:
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for kind in ("shape", "expression"):
            file[f"{kind}/model/mean"] = np.arange(12.0, dtype=np.float32)
            file[f"{kind}/model/pcaBasis"] = np.ones((12, 2), np.float32)
            file[f"{kind}/model/pcaVariance"] = np.ones(2, np.float32)
        file["shape/representer/points"] = np.arange(12.0).reshape(3, 4)
        file["shape/representer/cells"] = np.int32([[0, 0], [1, 2], [2, 3]])
        file["metadata/landmarks/json"] = json.dumps([{"id": "nose", "coordinates": [0, 4, 8]}])
    return [stream.getvalue()]


def _face_pack() -> list[bytes]:
    from PIL import Image

    picture = io.BytesIO()
    Image.linear_gradient("L").resize((40, 48)).convert("RGB").save(picture, "JPEG")
    content, stream = picture.getvalue(), io.BytesIO()
    np.savez(
        stream,
        pictures=np.frombuffer(2 * content, np.uint8),
        length=np.int64([len(content)] * 2),
        landmarks_q32=np.full((2, 68, 2), 600, np.int16),
        up_xy=np.float32([[0, -1]] * 2),
        names=np.array(["a.jpg", "b.jpg"]),
        about=np.array("a"),
        licence=np.array("b"),
    )
    return [stream.getvalue()]
