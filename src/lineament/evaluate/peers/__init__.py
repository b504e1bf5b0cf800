"""Other tools as rows of the same report, when a user has them installed; never imported here.

Each runs in a process of its own (:mod:`.worker`), by the interpreter that has it: `--peer mediapipe` takes
the present one, `--peer mediapipe=/path/to/python` another. A tool that needs a folder takes it after a
colon: `--peer 3ddfa-v2=/path/to/python:/path/to/checkout`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lineament.errors import ConfigError
from lineament.evaluate.peers.client import PeerTool
from lineament.evaluate.protocols.protocol import Crops

__all__ = ["PEERS", "PeerEntry", "PeerTool", "peer_tool"]


@dataclass(frozen=True, slots=True)
class PeerEntry:
    """A tool that can be run.

    Attributes:
        title: a row's name.
        needs: what must be there.
        folder: whether it needs a folder of its own.
    """

    title: str
    needs: str
    folder: bool = False


PEERS: dict[str, PeerEntry] = {
    "mediapipe": PeerEntry("MediaPipe Face Mesh", "pip install mediapipe (0.10, with its solutions)"),
    "face-alignment": PeerEntry("face-alignment, 3D", "pip install face-alignment, its weights downloaded"),
    "insightface": PeerEntry("InsightFace 3D-68", "pip install insightface, the pack buffalo_l downloaded"),
    "3ddfa-v2": PeerEntry("3DDFA_V2", "a checkout that runs: NAME=PYTHON:FOLDER", folder=True),
}


def peer_tool(text: str, *, crops: Crops = Crops.TRUTH) -> PeerTool:
    """The tool that the command line names: NAME, NAME=PYTHON or NAME=PYTHON:FOLDER.

    Raises:
        ConfigError: it is not known, or lacks its folder.
    """
    name, _, place = text.partition("=")
    if name not in PEERS:
        raise ConfigError(f"There is no peer {name!r}. Choose from {', '.join(PEERS)}.")
    python, _, folder = place.partition(":")
    if PEERS[name].folder and not (folder and Path(folder).is_dir()):
        raise ConfigError(f"{name} needs its folder: --peer {name}=PYTHON:FOLDER (found {text!r}).")
    return PeerTool(PEERS[name].title, name, crops, python or sys.executable, folder)
