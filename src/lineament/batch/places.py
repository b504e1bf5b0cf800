"""Files by path or URL: this machine's, those of object stores, and whatever else fsspec knows."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from lineament.errors import ConfigError, ExportError
from lineament.export.parquet import load_pyarrow
from lineament.files import whole_file
from lineament.foreign import foreign, reason_of

URL = re.compile(
    r"([a-z][a-z0-9+.-]*(?:::[a-z][a-z0-9+.-]*)*)://([^/?]*)([^?]*)(\?.*)?", re.IGNORECASE | re.DOTALL
)
IN_ARROW = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs")
"""Schemes that pyarrow has itself; all others are asked of fsspec."""
AT_ONCE = ("s3", "gs", "gcs", "abfs", "abfss", "az", "memory")
"""Schemes under which a file is there when all of it is, and not before."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder.

    Attributes:
        system: `pyarrow.fs.FileSystem`.
        path: where it is there.
        scheme: of its URL; "" on this machine.
        query: what its URL ends with, such as "?region=eu-west-1".
    """

    system: Any
    path: str
    scheme: str = ""
    query: str = ""

    @classmethod
    def of(cls, text: str) -> Place:
        """From a path, or a URL such as ``s3://bucket/album``.

        Raises:
            ConfigError: there is no file system of that name, or it cannot be reached.
            ExportError: pyarrow is not installed.
        """
        load_pyarrow()
        found = URL.fullmatch(text)
        if found is None or found[1].lower() == "file":
            path = text if found is None else f"{found[2]}{found[3]}"
            return cls(_this_machine(), os.path.abspath(path))  # for workers stand elsewhere
        scheme, host, rest, query = found[1].lower(), found[2], found[3], found[4] or ""
        remedy = "Check the address, the credentials, and that the package of this file system is installed."
        with foreign(ConfigError, f"{text} cannot be reached", remedy):
            if scheme in IN_ARROW:
                system, root = _arrow_system(f"{scheme}://{host}{query}")
                return cls(system, f"{root.rstrip('/')}{rest}".rstrip("/"), scheme, query)
            return cls(*_fsspec_system(text), scheme)

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine."""
        return not self.scheme

    @property
    def url(self) -> str:
        """What :meth:`of` makes this place of."""
        return self.path if self.is_local else f"{self.scheme}://{self.path}{self.query}"

    def __truediv__(self, name: str) -> Place:
        """Something in this folder."""
        return replace(self, path=f"{self.path.rstrip('/')}/{name}" if self.path else name)

    def open(self) -> IO[bytes]:
        """Its content as a stream that is read forwards.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        stream: IO[bytes] = self.system.open_input_stream(self.path)
        return stream

    def open_random(self) -> IO[bytes]:
        """Its content as a file in which a reader may jump.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        file: IO[bytes] = self.system.open_input_file(self.path)
        return file

    def read(self) -> bytes:
        """All of it.

        Raises:
            OSError: it is not there, or cannot be read.
        """
        with self.open() as stream:
            return bytes(stream.read())

    def is_folder(self) -> bool:
        """Whether it is a folder, or the beginning of names in an object store."""
        import pyarrow.fs

        about = self.system.get_file_info(self.path)
        return bool(about.type == pyarrow.fs.FileType.Directory)

    def exists(self) -> bool:
        """Whether there is anything."""
        import pyarrow.fs

        return bool(self.system.get_file_info(self.path).type != pyarrow.fs.FileType.NotFound)

    def files(self, *, recursive: bool = False) -> list[Place]:
        """The files in this folder, by path; none where there is no folder."""
        import pyarrow.fs

        chosen = pyarrow.fs.FileSelector(self.path, allow_not_found=True, recursive=recursive)
        paths = (each.path for each in self.system.get_file_info(chosen) if each.is_file)
        return [replace(self, path=path) for path in sorted(paths)]

    def write(self, content: Any) -> None:  # noqa: ANN401 - bytes, or a buffer of pyarrow
        """Put a whole file here; until all of it is there, none is under this name.

        Raises:
            ExportError: it cannot be written.
        """
        try:
            self._write(content)
        except Exception as error:
            raise ExportError(
                f"Cannot write {self.url} ({reason_of(error)}). Check the folder and the disk."
            ) from error

    def _write(self, content: Any) -> None:  # noqa: ANN401
        if self.is_local:
            path = Path(self.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as temporary:
                temporary.write_bytes(content)
            return
        if self.scheme in AT_ONCE:
            self._stream_out(self.path, content)
            return
        folder = self.path.rpartition("/")[0]
        self.system.create_dir(folder, recursive=True)
        temporary_name = f"{folder}/.{secrets.token_hex(4)}.part"
        self._stream_out(temporary_name, content)
        if self.exists():
            self.system.delete_file(self.path)
        self.system.move(temporary_name, self.path)

    def _stream_out(self, path: str, content: Any) -> None:  # noqa: ANN401
        with self.system.open_output_stream(path) as stream:
            stream.write(content)

    def remove(self) -> None:
        """Take the file away.

        Raises:
            ExportError: it cannot be.
        """
        with foreign(ExportError, f"{self.url} cannot be removed", "Check its permissions."):
            self.system.delete_file(self.path)


@lru_cache(maxsize=1)
def _this_machine() -> Any:  # noqa: ANN401 - pyarrow is not typed
    import pyarrow.fs

    return pyarrow.fs.LocalFileSystem()


@lru_cache(maxsize=16)
def _arrow_system(root: str) -> tuple[Any, str]:
    """The file system of a bucket, which is found over the network, and its root."""
    import pyarrow.fs

    system, path = pyarrow.fs.FileSystem.from_uri(root)
    return system, path


def _fsspec_system(url: str) -> tuple[Any, str]:
    import fsspec
    import pyarrow.fs

    system, path = fsspec.core.url_to_fs(url)
    return pyarrow.fs.PyFileSystem(pyarrow.fs.FSSpecHandler(system)), path.rstrip("/")
