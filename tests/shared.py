"""Data too large for the repository or not ours to keep in it: where it is, what happens without it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def shared_path(name: str) -> Path:
    """A file or folder of $LINEAMENT_SHARED (../shared when unset); without it the test is skipped.

    With LINEAMENT_CI=1 the test fails instead: there, nothing may be skipped for want of data.
    """
    path = Path(os.environ.get("LINEAMENT_SHARED", ROOT.parent / "shared")) / name
    return path if path.exists() else missing(f"{path} is not here; set LINEAMENT_SHARED")


def missing(what: str):
    """Skip the running test for want of something, or fail it with LINEAMENT_CI=1."""
    if os.environ.get("LINEAMENT_CI") == "1":
        pytest.fail(f"{what} (LINEAMENT_CI=1 allows no skips)")
    pytest.skip(what)
