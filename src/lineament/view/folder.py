"""The page as a folder that any static host can serve: sources, libraries, weights, face model, constants.

Nothing in it exists twice in the package: the face model is converted from ``assets/lfm.npz``, the weights
are the graphs of the installed bundles, ONNX Runtime is unpacked, and the constants of the flow are written
down from the Python code (:mod:`lineament.view.settings`), so that the page cannot disagree with it.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from lineament.bundle import Bundle
from lineament.errors import ConfigError, ExportError, WeightsError
from lineament.export.head_parts import inside_png
from lineament.methods.closeup_networks import close_ups_of
from lineament.models import load_model
from lineament.models.builtin import BUILTIN_PATH
from lineament.version import __version__
from lineament.view.close_up_file import close_up_bytes
from lineament.view.inside_file import inside_bytes
from lineament.view.model_file import model_bytes
from lineament.view.settings import (
    LOOKS_TWICE,
    WEIGHTS,
    close_up_file,
    first_look_name,
    graph_file,
    settings,
)
from lineament.weights import is_path

HERE = Path(__file__).parent
PLACES = (HERE / "page", HERE.parents[2] / "page")
"""Where the page's own package is: in an installation, in a checkout."""
SOURCES = ("index.html", "style.css", "package.json", "app")
EXAMPLE = "astronaut.jpg"
"""A photograph to try the page with: beside the sources in an installation, in `demo` in a checkout."""
MARK = "lineament-page.txt"
"""Every folder of ours has this file from the start; only such a folder, or an empty one, is written into."""
DETECTOR_METHOD = "detector"
REGRESSORS = ("default", "fast", "open")
"""Weights that the page offers, by the names that they have everywhere; others take the first one's place."""
METHODS, FACE_MODEL = ("morphable-regressor", LOOKS_TWICE), "lfm"
"""What the page's JavaScript can run."""


def write_folder(folder: str | os.PathLike[str], *, weights: str | os.PathLike[str] = "default") -> Path:
    """Write the page with all it needs; about 48 MB, of which a visitor loads what the chosen network needs.

    Args:
        folder: made when missing; an older page in it is replaced.
        weights: name or file of those that the page begins with, in place of "default".

    Raises:
        ConfigError: the folder holds something else, or this installation has no page.
        ExportError: it cannot be written.
        WeightsError: weights are missing or damaged, or of a method that the page cannot run.
    """
    folder, sources = Path(folder), page_sources()
    bundles = offered(weights)
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
            raise ConfigError(f"{folder} holds other files. Give an empty or a new folder.")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text(
            f"The page of lineament {__version__}; written anew by it.\n", encoding="utf-8"
        )
        _write_sources(sources, folder)
        shutil.copyfile(_example(sources), folder / EXAMPLE)
        _write_libraries(sources / "vendored", folder / "vendored")
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "lfm.bin").write_bytes(model_bytes(BUILTIN_PATH))
        (folder / "model" / "inside.bin").write_bytes(inside_bytes())
        (folder / "model" / "inside.png").write_bytes(inside_png())
        text = json.dumps(settings(bundles) | {"example": EXAMPLE}, indent=1) + "\n"
        _write_weights(folder, bundles)
        (folder / "settings.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"The page cannot be written to {folder} ({error.strerror or error}). "
            f"Check the folder, its permissions and the disk."
        ) from error
    return folder


def page_sources() -> Path:
    """The folder of the page's JavaScript package.

    Raises:
        ConfigError: this installation has none.
    """
    for place in PLACES:
        if (place / "package.json").is_file():
            return place
    raise ConfigError(
        f"The page's files are in none of {', '.join(map(str, PLACES))}: this installation of lineament is "
        "not whole. Install it again."
    )


def _example(sources: Path) -> Path:
    """The photograph to try the page with; of a checkout where the demo has it."""
    beside = sources / EXAMPLE
    return beside if beside.is_file() else sources.parent / "demo" / "photos" / EXAMPLE


def offered(weights: str | os.PathLike[str] = "default") -> dict[str, Bundle]:
    """The weights that the page offers, by the names that it shows, which are their own.

    Args:
        weights: name or file of those that come first, in place of "default".

    Raises:
        WeightsError: they are missing or damaged, or of a method that the page cannot run.
    """
    bundles = {_shown_name(weights): Bundle.open(weights)}
    bundles |= {name: Bundle.open(name) for name in REGRESSORS[1:] if name not in bundles}
    for bundle in bundles.values():
        manifest = bundle.manifest
        model = None if manifest.face_model is None else manifest.face_model.name
        if manifest.method not in METHODS or model != FACE_MODEL:
            raise WeightsError(
                f"The page runs {' and '.join(METHODS)}; {bundle.path.name} is {manifest.method} for the "
                f"face model {model}. Use it with `lineament align` or `lineament video`."
            )
    return bundles


def _shown_name(weights: str | os.PathLike[str]) -> str:
    """What the page calls weights: their name, or their file's, never one of those it offers."""
    if not is_path(weights):
        return str(weights)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(weights).stem)
    return f"{stem}-file" if stem in REGRESSORS else stem


def _write_weights(folder: Path, bundles: Mapping[str, Bundle]) -> None:
    (folder / WEIGHTS).mkdir(exist_ok=True)
    for name, bundle in bundles.items():
        own = bundle.manifest.detector
        assert own is not None  # settings() said so
        detector = Bundle.open(own.weights)
        if detector.manifest.method != DETECTOR_METHOD:
            raise WeightsError(
                f"{bundle.path.name} names {own.weights} as its detector, which is "
                f"{detector.manifest.method}. Use it with `lineament align` or `lineament video`."
            )
        (folder / graph_file(own.weights)).write_bytes(detector.graph())
        first = first_look_name(bundle, bundles)
        if first is not None and first not in bundles:
            (folder / graph_file(first)).write_bytes(Bundle.open(first).graph())
        for graph in bundle.manifest.graphs if bundle.manifest.method == LOOKS_TWICE else ("network",):
            (folder / graph_file(name, graph)).write_bytes(bundle.graph(graph))
        if bundle.manifest.method != LOOKS_TWICE:
            continue
        parts, update = close_ups_of(bundle, load_model(FACE_MODEL))
        if update is not None:
            (folder / close_up_file(name)).write_bytes(close_up_bytes(parts, update))


def _write_sources(sources: Path, folder: Path) -> None:
    """Contents alone: the package may be read-only, the page must be replaceable."""
    for name in SOURCES:
        for path in (sources / name, *sorted((sources / name).rglob("*"))):
            target = folder / path.relative_to(sources)
            if path.is_dir():
                target.mkdir(exist_ok=True)
            else:
                shutil.copyfile(path, target)


def _write_libraries(sources: Path, folder: Path) -> None:
    """The libraries of other people, those that are packed unpacked."""
    folder.mkdir(exist_ok=True)
    for path in sources.iterdir():
        if path.suffix == ".xz":
            (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copyfile(path, folder / path.name)
