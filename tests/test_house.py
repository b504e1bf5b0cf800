"""The rules of the house: what may import what, and that importing does nothing."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "lineament"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A room imports only from floors below its own, and within itself when it is a folder.
FLOORS = {
    "bits": 0,
    "by_identity": 0,
    "errors": 0,
    "files": 0,
    "foreign": 0.5,
    "paths": 0.5,
    "ranges": 0.5,
    "telemetry": 0,
    "version": 0,
    "ahead": 0,
    "face_values": 0,
    "config_file": 1,
    "geometry": 1,
    "image": 1,
    "runtime": 1,
    "crop": 2,
    "expression_keys": 2,
    "models": 2,
    "network": 2,
    "weights": 2,
    "bundle": 3,
    "resample": 3,
    "result": 3,
    "detect": 4,
    "several": 3.5,
    "neutral": 3.75,
    "refining": 4,
    "draw": 4,
    "export": 4,
    "methods": 4,
    "belief": 4,
    "aligner": 5,
    "data": 6,
    "jupyter": 6,
    "video": 6,
    "batch": 7,
    "evaluate": 7,
    "train": 7,
    "view": 7,
    "cli": 8,
    "__main__": 9,
}
# The rooms inside a wing: the same rule, floor by floor; modules that lie beside the rooms are above them.
ROOMS_INSIDE = {
    "data": (
        ("drawing", "formats"),
        ("samples",),
        ("labels", "photographs"),
        ("fitting", "heads"),
        ("views", "render", "occlusion"),
        ("crops", "texture"),
        ("build",),
        ("mosaics",),
    ),
    "train": (
        ("engine", "networks"),
        ("batches",),
        ("onnx",),
        ("runs",),
        ("regressor", "detector"),
        ("synergynet",),
    ),
    "evaluate": (
        ("items", "protocols"),
        ("scores",),
        ("predictors",),
        ("baselines", "sets"),
        ("run", "registry"),
        ("reports",),
    ),
}
WINGS_FROM = 6  # these floors may use the package through its public names

# Third parties beyond the core's, and the only rooms that may import them.
ROOMS_OF = {
    "cv2": {"video"},
    "fsspec": {"batch"},
    "h5py": {"data", "models"},
    "numba": {"data"},
    "onnx": {"train"},
    "pandas": {"export"},
    "onnxruntime": {"evaluate", "runtime", "train"},
    "pillow_heif": {"image"},
    "pyarrow": {"batch", "export"},
    "ray": {"batch"},
    "rich": {"cli", "data", "evaluate", "train"},
    "scipy": {"data", "evaluate", "models", "train"},
    "torch": {"train"},
    "typer": {"cli"},
}
EVERYWHERE = {"PIL", "lineament", "numpy"} | sys.stdlib_module_names


def room(path: Path) -> str:
    """The first name below the package: a module's, or its folder's."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Full names of the modules a file imports anywhere; those only for type checkers are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            if node.module == "lineament":
                found += [f"lineament.{alias.name}" for alias in node.names]
            else:
                found.append(str(node.module))
    return tuple(found)


def names(paths) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_imports_point_down_the_house(path):
    here = room(path)
    if here == "__init__":
        return  # the roof
    for imported in imports(path):
        parts = imported.split(".")
        if parts[0] != "lineament" or parts[1:2] == [here]:
            continue
        public = len(parts) == 1 or parts[1] not in FLOORS
        floor = WINGS_FROM - 1 if public else FLOORS[parts[1]]
        assert floor < FLOORS[here], f"{here} is on floor {FLOORS[here]}, {imported} is not below it"


def inner_floor(parts: tuple[str, ...]) -> int | None:
    """The floor of a wing's room or module, from its parts below the package; None outside of such wings."""
    if len(parts) < 2 or parts[0] not in ROOMS_INSIDE:
        return None
    floors = ROOMS_INSIDE[parts[0]]
    return next((floor for floor, rooms in enumerate(floors) if parts[1] in rooms), len(floors))


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_imports_point_down_inside_the_wings(path):
    here = path.relative_to(PACKAGE).with_suffix("").parts
    floor = inner_floor(here)
    if floor is None:
        return
    for imported in imports(path):
        there = tuple(imported.split(".")[1:])
        if there[:1] != here[:1] or there[1:2] == here[1:2] or len(there) < 2:
            continue
        below = inner_floor(there)
        assert below is not None
        above_all_rooms = floor == len(ROOMS_INSIDE[here[0]])
        assert below < floor or above_all_rooms, f"{imported} is not below {'.'.join(here)}"


@pytest.mark.parametrize("path", MODULES, ids=names(MODULES))
def test_libraries_stay_in_their_rooms(path):
    for imported in imports(path):
        library = imported.split(".")[0]
        assert library in EVERYWHERE or room(path) in ROOMS_OF.get(library, ()), f"{library} in {room(path)}"


def test_the_pairs_of_lids_and_lips_are_written_in_one_place():
    files = [path for folder in (PACKAGE, ROOT / "tools") for path in sorted(folder.rglob("*.py"))]
    written = [path.name for path in files if re.search(r"\(37, 41\)|\(61, 67\)", path.read_text("utf-8"))]
    assert written == ["topology.py"]


def test_nothing_imports_torchvision():
    folders = ("src", "tests", "tools", "demo")
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    for path in files:
        assert not any(imported.split(".")[0] == "torchvision" for imported in imports(path)), path


IMPORT_AND_TELL = """
import os, sys, threading, logging
before, environment = set(sys.modules), dict(os.environ)
handlers = list(logging.getLogger().handlers)
import {module}
heavy = {{"torch", "torchvision", "onnxruntime", "numpy", "PIL", "rich", "typer", "scipy"}}
print(sorted(heavy & (set(sys.modules) - before)))
print(sorted(set(os.environ.items()) ^ set(environment.items())))
print(threading.active_count(), logging.getLogger().handlers == handlers)
"""


def lines_after_importing(module: str, **variables: str) -> list[str]:
    """What a fresh interpreter says of itself after an import."""
    program = IMPORT_AND_TELL.format(module=module)
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": "", **variables}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_importing_lineament_loads_nothing_heavy_and_only_switches_telemetry_off():
    assert lines_after_importing("lineament") == [
        "[]",
        "[('ORT_DISABLE_TELEMETRY', '1')]",
        "1 True",
    ]


def test_a_users_own_telemetry_setting_is_kept():
    assert lines_after_importing("lineament", ORT_DISABLE_TELEMETRY="0")[1] == "[]"


def test_importing_every_public_name_loads_neither_torch_nor_onnxruntime():
    loaded = lines_after_importing("lineament\nfor name in lineament.__all__: getattr(lineament, name)")[0]
    assert loaded == "['PIL', 'numpy']"


def test_help_is_quick_because_the_command_line_loads_nothing_it_does_not_need():
    loaded = lines_after_importing("lineament.cli.main")[0]
    assert "torch" not in loaded
    assert "onnxruntime" not in loaded
    assert "PIL" not in loaded
