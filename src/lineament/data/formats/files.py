"""The files of a data set, in a folder or in a zip as it was downloaded."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError, LineamentError
from lineament.files import check_plain_file
from lineament.foreign import reason_of
from lineament.image import read_image
from lineament.image.formats import open_picture

MAX_BYTES = 2**30  # of one file, once unpacked
PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp")


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photograph in a folder or zip, opened when read. Very large zips are better unpacked.

    Attributes:
        root: folder or zip.
        name: of the file in it, with slashes.
    """

    root: Path
    name: str

    def read(self) -> NDArray[np.uint8]:
        """The photograph, (H, W, 3) uint8 RGB.

        Raises:
            DataError: there is no such file.
            ImageError: it is no picture, or damaged.
        """
        with open_files(self.root) as files:
            return files.image(self.name)


@dataclass(frozen=True, slots=True)
class Files:
    """The open folder or zip of a data set.

    Attributes:
        root: its path.
        archive: the open zip, or None for a folder.
    """

    root: Path
    archive: zipfile.ZipFile | None

    def names(self, suffix: str) -> list[str]:
        """Names of all files with that ending, sorted, with slashes."""
        if self.archive is None:
            found = (path.relative_to(self.root).as_posix() for path in self.root.rglob(f"*{suffix}"))
        else:
            found = (name for name in self.archive.namelist() if name.endswith(suffix))
        return sorted(name for name in found if not name.startswith("__MACOSX/"))

    def __contains__(self, name: str) -> bool:
        """Whether there is a file of that name."""
        if self.archive is None:
            return (self.root / name).is_file()
        try:
            self.archive.getinfo(name)
        except KeyError:
            return False
        return True

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            DataError: it is not there, or damaged.
        """
        with self._open(name) as stream:
            try:
                content = stream.read(MAX_BYTES + 1)
            except LineamentError:
                raise
            except Exception as error:
                raise DataError(
                    f"{self.root / name} cannot be read ({reason_of(error)}). Download it again."
                ) from error
        if len(content) > MAX_BYTES:
            raise DataError(f"{self.root / name} holds more than {MAX_BYTES // 10**6} MB. Take it out.")
        return content

    def image(self, name: str) -> NDArray[np.uint8]:
        """A photograph, (H, W, 3) uint8 RGB, without opening the zip again.

        Raises:
            DataError: there is no such file.
            ImageError: it is no picture, or damaged.
        """
        stream = io.BytesIO(self.read(name))
        stream.name = str(self.root / name)  # what an error calls it
        return read_image(stream)

    def photo(self, stem: str) -> PhotoFile:
        """The photograph `stem`.jpg, .png or .bmp.

        Raises:
            DataError: there is none.
        """
        for suffix in PICTURE_SUFFIXES:
            if stem + suffix in self:
                return PhotoFile(self.root, stem + suffix)
        raise DataError(f"{self.root} has labels but no picture {stem}{PICTURE_SUFFIXES[0]}. Is it complete?")

    def photo_height(self, photo: PhotoFile) -> int:
        """Height of a photograph in px, from its first bytes.

        Raises:
            DataError: it cannot be read.
        """
        try:
            with self._open(photo.name) as stream:
                return open_picture(stream, str(self.root / photo.name)).height
        except DataError:
            raise
        except Exception as error:
            raise DataError(
                f"{self.root / photo.name} is no picture, or damaged ({reason_of(error)})."
            ) from error

    def _open(self, name: str) -> IO[bytes]:
        try:
            return (self.root / name).open("rb") if self.archive is None else self.archive.open(name)
        except LineamentError:
            raise
        except Exception as error:
            raise DataError(f"{self.root / name} is not there or damaged ({reason_of(error)}).") from error


@contextmanager
def open_files(root: Path) -> Iterator[Files]:
    """The files of a folder or zip, closed at the end.

    Raises:
        DataError: there is neither.
    """
    if root.is_dir():
        yield Files(root, None)
        return
    try:
        check_plain_file(root)
        archive = zipfile.ZipFile(root)
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"{root} is neither a folder nor a zip file ({reason_of(error)}).") from error
    with archive:
        yield Files(root, archive)
