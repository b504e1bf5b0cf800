"""The files of one photograph, written whole or not at all, in place of what a former run left."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lineament.errors import ExportError
from lineament.files import remove_leftovers

_LEFT_BY = re.compile(r"\.align-(\d+)-[0-9a-f]{8}\.part")
_RESULT = re.compile(
    r"(_overlay|_pncc|_normals|_parts|_face\d+(_texture|_texture_seen|_frontal)?)\.png"
    r"|_depth\.(png|npz)|_face\d+\.(obj|mtl|ply|glb|npz)|\.json"
)
"""What follows the name of a photograph in the names of its results."""


@contextmanager
def whole_results(target: Path) -> Iterator[Path]:
    """A target in a temporary folder; at the end its files take their places, and old ones are gone.

    Args:
        target: what the names of the files begin with; its folder is made when missing.

    Raises:
        ExportError: the files cannot take their places.
    """
    temporary = target.parent / f".align-{os.getpid()}-{secrets.token_hex(4)}.part"
    try:
        try:
            temporary.mkdir(parents=True)
            yield temporary / target.name
            remove_results(target)
            for path in sorted(temporary.iterdir()):
                path.replace(target.parent / path.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or error
        raise ExportError(
            f"Cannot write the results {target}* ({reason}). Check the folder, the name and the disk."
        ) from error


def remove_results(target: Path) -> None:
    """Remove the files that results of a photograph have, whichever formats were asked for.

    Raises:
        OSError: one cannot be removed.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in list(target.parent.iterdir()):
            if path.name.startswith(target.name) and _RESULT.fullmatch(path.name[len(target.name) :]):
                path.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove what runs that were killed were making in a folder and below: files and temporary folders."""
    remove_leftovers(folder)
    with suppress(OSError):
        for path in folder.rglob(".align-*.part"):
            found = _LEFT_BY.fullmatch(path.name)
            if found and not _is_running(int(found[1])):
                shutil.rmtree(path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
