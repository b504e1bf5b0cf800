"""Files here and elsewhere: local paths by Python itself, addresses such as s3://bucket/photos by fsspec."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

from lineament.errors import ConfigError
from lineament.files import whole_file

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True)
class Place:
    """A file or a folder, wherever it is.

    Attributes:
        name: as it was given.
        system: fsspec's file system; None for local paths.
        path: in that system.
    """

    name: str
    system: Any
    path: str

    @classmethod
    def of(cls, name: str) -> Self:
        """The place of a local path or an address.

        Raises:
            ConfigError: an address, and fsspec or what it needs for it is not installed.
        """
        if _ADDRESS.match(name) is None:
            return cls(name, None, name)
        try:
            import fsspec

            system, path = fsspec.core.url_to_fs(name)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{name} cannot be opened ({error}). Run: pip install 'lineament[batch]'."
            ) from error
        return cls(name, system, path)

    def __truediv__(self, name: str) -> Place:
        """A file in this folder."""
        return Place(f"{self.name.rstrip('/')}/{name}", self.system, f"{self.path.rstrip('/')}/{name}")

    def is_file(self) -> bool:
        """Whether it is one file."""
        return Path(self.path).is_file() if self.system is None else bool(self.system.isfile(self.path))

    def names(self) -> list[str]:
        """Names of the files directly in this folder, sorted; none where it is not there."""
        if self.system is None:
            folder = Path(self.path)
            return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
        if not self.system.isdir(self.path):
            return []
        found = self.system.ls(self.path, detail=False)
        return sorted(each.rstrip("/").rsplit("/", 1)[-1] for each in found)

    def files_below(self) -> list[str]:
        """Names of all files of this folder and those in it, sorted, none that are hidden.

        Raises:
            ConfigError: there is no such folder.
        """
        if self.system is None:
            root = Path(self.path)
            if not root.is_dir():
                raise ConfigError(f"There is no file or folder {self.name}.")
            inner = [each.relative_to(root) for each in root.rglob("*") if each.is_file()]
            return sorted(str(root / each) for each in inner if "/." not in f"/{each.as_posix()}")
        if not self.system.isdir(self.path):
            raise ConfigError(f"There is no file or folder {self.name}.")
        found = sorted(self.system.find(self.path))
        hidden = re.compile(r"/\.[^/]")
        return [str(self.system.unstrip_protocol(each)) for each in found if not hidden.search(each)]

    def open(self) -> IO[bytes]:
        """A stream of the file's content.

        Raises:
            OSError: it cannot be opened.
        """
        if self.system is None:
            return open(self.path, "rb")
        return cast(IO[bytes], self.system.open(self.path, "rb"))

    def read(self) -> bytes:
        """The file's content.

        Raises:
            OSError: it cannot be read.
        """
        with self.open() as file:
            return file.read()

    def write_whole(self, content: bytes) -> None:
        """Write a file whole or not at all; on object stores that is how all files are written.

        Raises:
            OSError: it cannot be written.
        """
        if self.system is None:
            path = Path(self.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as temporary:
                temporary.write_bytes(content)
            return
        self.system.makedirs(self.path.rsplit("/", 1)[0], exist_ok=True)
        self.system.pipe_file(self.path, content)
