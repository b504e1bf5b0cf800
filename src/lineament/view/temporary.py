"""The folder that a served page lives in, and what killed servers left of theirs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lineament.errors import ConfigError
from lineament.files import is_locked, locked_file

PREFIX, MARK = "lineament-view-", ".lock"


@contextmanager
def serving_folder() -> Iterator[Path]:
    """A new folder that goes when it is left; those that killed servers left go before it is made.

    Raises:
        ConfigError: this machine has no place for temporary files.
    """
    try:
        place = Path(tempfile.gettempdir())
        _remove_left(place)
        made = tempfile.TemporaryDirectory(prefix=PREFIX, dir=place)
    except OSError as error:
        raise ConfigError(
            f"There is no place for temporary files ({error.strerror}). Set TMPDIR to a folder that can be "
            "written, or write the page with --export."
        ) from error
    with made as name, locked_file(Path(name, MARK)):
        yield Path(name) / "page"


def _remove_left(place: Path) -> None:
    """Remove our folders that no living server holds: they have its mark, and nobody locks it."""
    for folder in place.glob(f"{PREFIX}*"):
        is_ours = folder.is_dir() and not folder.is_symlink() and (folder / MARK).is_file()
        if is_ours and _is_mine(folder) and not is_locked(folder / MARK):
            shutil.rmtree(folder, ignore_errors=True)


def _is_mine(folder: Path) -> bool:
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
