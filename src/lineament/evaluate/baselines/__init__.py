"""Other methods as rows of the same report, when a user has them installed; never imported here.

Each runs in a process of its own (:mod:`.worker`), by the interpreter that has it: `--baseline mediapipe`
takes the present one, `--baseline mediapipe=/path/to/python` another. One that needs a folder takes it
after a colon: `--baseline 3ddfa-v2=/path/to/python:/path/to/checkout`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lineament.errors import ConfigError
from lineament.evaluate.baselines.client import BaselinePredictor
from lineament.evaluate.protocols.protocol import Crops

__all__ = ["BASELINES", "BaselineEntry", "BaselinePredictor", "baseline_predictor"]


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """A method that can be run.

    Attributes:
        title: a row's name.
        needs: what must be there.
        folder: whether it needs a folder of its own.
    """

    title: str
    needs: str
    folder: bool = False


BASELINES: dict[str, BaselineEntry] = {
    "mediapipe": BaselineEntry("MediaPipe Face Mesh", "pip install mediapipe (0.10, with its solutions)"),
    "face-alignment": BaselineEntry(
        "face-alignment, 3D", "pip install face-alignment, its weights downloaded"
    ),
    "insightface": BaselineEntry(
        "InsightFace 3D-68", "pip install insightface, the pack buffalo_l downloaded"
    ),
    "3ddfa-v2": BaselineEntry("3DDFA_V2", "a checkout that runs: NAME=PYTHON:FOLDER", folder=True),
}


def baseline_predictor(text: str, *, crops: Crops = Crops.TRUTH) -> BaselinePredictor:
    """The method that the command line names: NAME, NAME=PYTHON or NAME=PYTHON:FOLDER.

    Raises:
        ConfigError: it is not known, or lacks its folder.
    """
    name, _, place = text.partition("=")
    if name not in BASELINES:
        raise ConfigError(f"There is no baseline {name!r}. Choose from {', '.join(BASELINES)}.")
    python, _, folder = place.partition(":")
    if BASELINES[name].folder and not (folder and Path(folder).is_dir()):
        raise ConfigError(f"{name} needs its folder: --baseline {name}=PYTHON:FOLDER (found {text!r}).")
    return BaselinePredictor(BASELINES[name].title, name, crops, python or sys.executable, folder)
