"""Data too large for the repository or not ours to keep in it, and programs: what happens without them."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def shared_path(name: str) -> Path:
    """A file or folder of $LINEAMENT_SHARED (../shared when unset); without it the test is skipped.

    With LINEAMENT_CI=1 a skip is a failure, see `skips.py`.
    """
    path = Path(os.environ.get("LINEAMENT_SHARED", ROOT.parent / "shared")) / name
    if not path.exists():
        pytest.skip("reference material is not here: set LINEAMENT_SHARED to its folder")
    return path


def node() -> str:
    """Path of Node; without it the test is skipped."""
    executable = shutil.which("node")
    if executable is None:
        pytest.skip("Node is not installed: apt-get install nodejs")
    return executable


def package(module: str, *, extra: str):
    """A module of an optional package; without it the test is skipped."""
    return pytest.importorskip(module, reason=f"{module} is not installed: pip install 'lineament[{extra}]'")


def film_suffix() -> str:
    """What films are called by default on this machine: as ffmpeg's first codec, or as OpenCV's."""
    from lineament.video.ffmpeg import find_encoder

    encoder = find_encoder()
    return ".webm" if encoder is None else encoder.suffix
