"""The files of one photograph, written whole or not at all, in place of what a former run left."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lineament.batch.result_names import ALIGN_RESULT
from lineament.errors import ExportError, LineamentError
from lineament.files import remove_leftovers

_LEFT_BY = re.compile(r"\.align-(\d+)-[0-9a-f]{8}\.part")


class ResultPlaces:
    """Where results go: what former runs left there, and a temporary folder that serves photo after photo.

    A folder is looked through once, however many photographs it has: what this run writes is not noticed, for
    it writes the results of each photograph once. Making and removing a temporary folder takes longer than
    writing a file.
    """

    def __init__(self) -> None:
        """No folder is known yet."""
        self._former: dict[Path, dict[str, list[str]]] = {}  # by folder, by what names begin with
        self._temporary: Path | None = None

    def remove_former(self, target: Path) -> None:
        """Remove the files that results of a photograph have, whichever formats were asked for.

        Raises:
            OSError: one cannot be removed.
        """
        if target.parent not in self._former:
            self._former[target.parent] = _results_in(target.parent)
        for name in self._former[target.parent].pop(target.name, []):
            (target.parent / name).unlink(missing_ok=True)

    @contextmanager
    def whole(self, target: Path) -> Iterator[Path]:
        """A target in a temporary folder; at the end its files take their places, and old ones are gone.

        Args:
            target: what the names of the files begin with; its folder is made when missing.

        Raises:
            ExportError: the files cannot take their places.
        """
        try:
            try:
                temporary = self._beside(target)
                yield temporary / target.name
                self.remove_former(target)
                for name in sorted(os.listdir(temporary)):
                    (temporary / name).replace(target.parent / name)
            except BaseException:
                self.close()
                raise
        except LineamentError as error:
            if str(temporary) not in str(error):
                raise
            # The name under which a file was in the making tells nobody anything.
            raise type(error)(str(error).replace(str(temporary), str(target.parent))) from error
        except OSError as error:
            reason = error.strerror or error
            raise ExportError(
                f"Cannot write the results {target}* ({reason}). Check the folder, the name and the disk."
            ) from error

    def close(self) -> None:
        """Remove the temporary folder with what is in it."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None

    def _beside(self, target: Path) -> Path:
        """An empty temporary folder in the folder of a target; that of the last photograph if it can be."""
        kept = self._temporary
        if kept is not None and kept.parent == target.parent and kept.is_dir():
            return kept
        self.close()
        temporary = target.parent / f".align-{os.getpid()}-{secrets.token_hex(4)}.part"
        temporary.mkdir(parents=True)
        self._temporary = temporary
        return temporary


def _results_in(folder: Path) -> dict[str, list[str]]:
    """Names of results in a folder by what they begin with; every way of reading a name counts."""
    names: dict[str, list[str]] = defaultdict(list)
    with suppress(FileNotFoundError, NotADirectoryError):
        for name in os.listdir(folder):
            for start in range(len(name)):
                if name[start] in "_." and ALIGN_RESULT.match(name, start):
                    names[name[:start]].append(name)
    return names


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
