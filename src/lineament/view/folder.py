"""The page as a folder that any static host can serve: sources, libraries, weights, face model, constants.

Nothing in it exists twice in the package: the face model is converted from ``assets/lfm.npz``, the weights
are the graphs of the installed bundles, ONNX Runtime is unpacked, and the constants of the detector and of
the regressor's crops are written down from the Python code, so that the page cannot disagree with it.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lineament import belief, detect
from lineament.aligner import ON_ITS_HEAD
from lineament.bundle import Bundle
from lineament.detect import candidates, finer, options
from lineament.errors import ConfigError, ExportError, WeightsError
from lineament.expression_keys import ARKIT_NAME_OF_SIDE, ARKIT_NAMES
from lineament.methods import predictor
from lineament.models.builtin import BUILTIN_PATH
from lineament.result import DEFAULT_SCHEME
from lineament.version import __version__
from lineament.video import TrackingConfig
from lineament.view.model_file import model_bytes

HERE = Path(__file__).parent
PLACES = (HERE / "page", HERE.parents[2] / "page")
"""Where the page's own package is: in an installation, in a checkout."""
SOURCES = ("index.html", "style.css", "package.json", "app")
MARK = "lineament-page.txt"
"""Every folder of ours has this file from the start; only such a folder, or an empty one, is written into."""
DETECTOR = "face-detector"
REGRESSORS = ("default", "fast")
"""Weights that the page offers; all of these name `DETECTOR` as theirs."""
METHODS, FACE_MODEL = ("morphable-regressor", "close-up-regressor"), "lfm"
"""What the page's JavaScript can run; of the second method the network of the whole face, no close-ups."""
FINER = (
    *(
        "found_px",
        "trace_for_sure_px",
        "trace_px",
        "trace_score",
        "clear_score",
        "well_resolved_px",
        "larger_traces",
    ),
    *("window_px", "window_px_a_step", "window_sizes", "margin_px", "max_face_px", "wide_px", "mostly"),
    *("examined_px", "same_trace", "crowd"),
)
"""Constants of :mod:`lineament.detect.finer` that the page needs."""


def write_folder(folder: str | os.PathLike[str], *, weights: str | os.PathLike[str] = "default") -> Path:
    """Write the page with all it needs; about 36 MB, of which hosts that compress send about 20.

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
        _write_libraries(sources / "vendored", folder / "vendored")
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "lfm.bin").write_bytes(model_bytes(BUILTIN_PATH))
        _write_weights(folder / "weights", bundles)
        (folder / "settings.json").write_text(
            json.dumps(settings(bundles), indent=1) + "\n", encoding="utf-8"
        )
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


def offered(weights: str | os.PathLike[str] = "default") -> dict[str, Bundle]:
    """The weights that the page offers, by the name that it knows them by.

    Args:
        weights: name or file of those in place of "default".

    Raises:
        WeightsError: they are missing or damaged, or of a method that the page cannot run.
    """
    bundles = {name: Bundle.open(name) for name in REGRESSORS} | {"default": Bundle.open(weights)}
    for bundle in bundles.values():
        manifest = bundle.manifest
        model = None if manifest.face_model is None else manifest.face_model.name
        if manifest.method not in METHODS or model != FACE_MODEL:
            raise WeightsError(
                f"The page runs {METHODS[0]}; {bundle.path.name} is {manifest.method} for the face model "
                f"{model}. Use it with `lineament align` or `lineament video`."
            )
    return bundles


def settings(bundles: Mapping[str, Bundle]) -> dict[str, Any]:
    """What the page must know of this installation: files, and the constants of Python's flow."""
    return {
        "lineament": __version__,
        "arkit_name_of_side": ARKIT_NAME_OF_SIDE,
        "arkit_names": ARKIT_NAMES,
        "detector": _detector_settings(),
        "tracking": asdict(TrackingConfig()),
        "regressors": {name: _regressor_settings(name, bundle) for name, bundle in bundles.items()},
    }


def _detector_settings() -> dict[str, Any]:
    return {
        "file": f"weights/{_graph_file(DETECTOR)}",
        "strides": detect.STRIDES,
        "bases_px": detect.BASES_PX,
        "cell": detect.CELL,
        "portrait_px": detect.PORTRAIT_PX,
        "wide": options.WIDE,
        "max_first_side": options.MAX_FIRST_SIDE,
        "closeup_px": detect.CLOSEUP_PX,
        "closeup_face_px": detect.CLOSEUP_FACE_PX,
        "same_face": detect.SAME_FACE,
        "max_closeups": detect.MAX_CLOSEUPS,
        "head_half_wh": candidates.HEAD_HALF_WH,
        "head_up": candidates.HEAD_UP,
        "part_of_head": candidates.PART_OF_HEAD,
        "finer": {name: getattr(finer, name.upper()) for name in FINER},
        "upright_odds": detect.UPRIGHT_ODDS,
        "leaning": float(detect.LEANING),
        "lowest_score": detect.LOWEST_SCORE,
        "min_refinement": detect.MIN_REFINEMENT,
        "min_fraction": detect.MIN_FRACTION,
    }


def _regressor_settings(name: str, bundle: Bundle) -> dict[str, Any]:
    crop, own = bundle.manifest.crop, bundle.manifest.detector
    if crop is None or own is None or own.weights != DETECTOR:
        raise WeightsError(f"{bundle.path.name} states no crop, or another detector than {DETECTOR}.")
    return {
        "file": f"weights/{_graph_file(name)}",
        "crop_size": crop.size,
        "crop_margin": crop.margin,
        "well_framed": predictor.WELL_FRAMED,
        "largest_step": predictor.LARGEST_STEP,
        "max_uncertainty_mm": bundle.manifest.max_uncertainty_mm,
        "expression_keys": {name: asdict(scale) for name, scale in bundle.manifest.expression_keys.items()},
        "on_its_head": ON_ITS_HEAD,
        "belief": {name.lower(): getattr(belief, name) for name in ("LOW_SCORE", "SURE_SCORE", "STRICTER")},
        "scheme": DEFAULT_SCHEME,
        "detector": asdict(detect.DetectorOptions.from_table(own.options)),
    }


def _write_weights(folder: Path, bundles: Mapping[str, Bundle]) -> None:
    folder.mkdir(exist_ok=True)
    for name, bundle in {DETECTOR: Bundle.open(DETECTOR), **bundles}.items():
        (folder / _graph_file(name)).write_bytes(bundle.graph())


def _graph_file(name: str) -> str:
    """The page's file of a graph that it knows by a name."""
    return f"{name}.onnx"


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
