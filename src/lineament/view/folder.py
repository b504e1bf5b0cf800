"""The page as a folder that any static host can serve: sources, libraries, weights, face model, constants.

Nothing in it exists twice in the package: the face model is converted from ``assets/lfm.npz``, the weights
are those of the catalogue, ONNX Runtime is unpacked, and the constants of the detector and of the
regressor's crops are written down from the Python code, so that the page cannot disagree with it.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lineament import detect
from lineament.aligner import MOST_UNCERTAIN_MM, ON_ITS_HEAD
from lineament.detect import finer
from lineament.errors import ConfigError, ExportError
from lineament.methods import regressor
from lineament.models.builtin import BUILTIN_PATH
from lineament.network import OnnxNetwork
from lineament.result import ARKIT_NAME_OF_SIDE, DEFAULT_SCHEME
from lineament.version import __version__
from lineament.video import TrackingConfig
from lineament.view.model_file import model_bytes
from lineament.weights import locate

HERE = Path(__file__).parent
PAGE, VENDORED = HERE / "page", HERE / "vendored"
MARK = "lineament-page.txt"
"""Every folder of ours has this file from the start; only such a folder, or an empty one, is written into."""
FINER = (
    *(
        "found_px",
        "trace_for_sure_px",
        "trace_px",
        "trace_score",
        "clear_score",
        "well_seen_px",
        "larger_traces",
    ),
    *("window_px", "window_px_a_step", "window_sizes", "margin_px", "max_face_px", "wide_px", "mostly"),
)
"""Constants of :mod:`lineament.detect.finer` that the page needs."""
REGRESSORS = {"default": detect.EAGER, "fast": detect.QUICK}
"""How hard the detector looks for each, as `FaceAligner.from_pretrained` has it."""


def write_folder(folder: str | os.PathLike[str]) -> Path:
    """Write the page with all it needs; about 36 MB, of which hosts that compress send about 20.

    Args:
        folder: made when missing; an older page in it is replaced.

    Raises:
        ConfigError: the folder holds something else.
        ExportError: it cannot be written.
        WeightsError: weights of this installation are missing or damaged.
    """
    folder = Path(folder)
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
            raise ConfigError(f"{folder} holds other files. Give an empty or a new folder.")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARK).write_text(
            f"The page of lineament {__version__}; written anew by it.\n", encoding="utf-8"
        )
        shutil.copytree(PAGE, folder, dirs_exist_ok=True)
        _write_libraries(folder / "vendored")
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "lfm.bin").write_bytes(model_bytes(BUILTIN_PATH))
        _write_weights(folder / "weights")
        (folder / "settings.json").write_text(json.dumps(settings(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ExportError(f"The page cannot be written to {folder} ({error}).") from error
    return folder


def settings() -> dict[str, Any]:
    """What the page must know of this installation: files, and the constants of Python's flow."""
    return {
        "lineament": __version__,
        "arkit_name_of_side": ARKIT_NAME_OF_SIDE,
        "detector": _detector_settings(),
        "tracking": asdict(TrackingConfig()),
        "regressors": {name: _regressor_settings(name) for name in REGRESSORS},
    }


def _detector_settings() -> dict[str, Any]:
    return {
        "file": "weights/face_detector.onnx",
        "strides": detect.STRIDES,
        "bases_px": detect.BASES_PX,
        "cell": detect.CELL,
        "closeup_px": detect.CLOSEUP_PX,
        "closeup_face_px": detect.CLOSEUP_FACE_PX,
        "same_face": detect.SAME_FACE,
        "max_closeups": detect.MAX_CLOSEUPS,
        "finer": {name: getattr(finer, name.upper()) for name in FINER},
        "upright_odds": detect.UPRIGHT_ODDS,
        "leaning": float(detect.LEANING),
        "lowest_score": detect.LOWEST_SCORE,
        "worth_a_look": detect.WORTH_A_LOOK,
        "least_share": detect.LEAST_SHARE,
    }


def _regressor_settings(name: str) -> dict[str, Any]:
    network = OnnxNetwork(locate(name), threads=1)
    return {
        "file": f"weights/{network.path.name}",
        "crop_size": int(network.metadata["crop_size"]),
        "crop_margin": float(network.metadata["crop_margin"]),
        "well_framed": regressor.WELL_FRAMED,
        "largest_step": regressor.LARGEST_STEP,
        "most_uncertain_mm": MOST_UNCERTAIN_MM,
        "on_its_head": ON_ITS_HEAD,
        "scheme": DEFAULT_SCHEME,
        "detector": asdict(REGRESSORS[name]),
    }


def _write_weights(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("face-detector", *REGRESSORS):
        path = locate(name)
        shutil.copyfile(path, folder / path.name)


def _write_libraries(folder: Path) -> None:
    """The libraries of other people, those that are packed unpacked."""
    folder.mkdir(exist_ok=True)
    for path in VENDORED.iterdir():
        if path.suffix == ".xz":
            (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copyfile(path, folder / path.name)
