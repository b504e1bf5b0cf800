"""What may be given where several photos are wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from lineament.errors import ConfigError
from lineament.foreign import foreign
from lineament.image.kinds import ImageSource

PHOTO_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpeg", ".jpg"}
    | {".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)


def several(images: Any) -> Iterable[ImageSource]:  # noqa: ANN401 - the door: anything may come
    """The photos that are meant: those of an iterable, of a folder, or a single path.

    Raises:
        ConfigError: a single picture, or nothing that can be gone through.
    """
    if isinstance(images, str | os.PathLike):
        path = Path(images)
        return photos_of_folder(path) if path.is_dir() else [path]
    is_one = isinstance(images, bytes | bytearray | memoryview | Image.Image) or hasattr(images, "read")
    if is_one or getattr(images, "ndim", 0) == 3:
        raise ConfigError("A single photo was given where several are wanted. Put it into a list.")
    if not isinstance(images, Iterable):
        raise ConfigError(
            f"Photos are given as a list or folder, found {type(images).__name__}. Give paths, or pictures, "
            f"in a list."
        )
    return images


def photos_of_folder(folder: Path) -> list[Path]:
    """The pictures directly in a folder, by name; none that are hidden.

    Raises:
        ConfigError: the folder cannot be listed.
    """
    with foreign(ConfigError, f"The folder {folder} cannot be listed", "Check its permissions."):
        entries = sorted(folder.iterdir())
    return [entry for entry in entries if is_photo_name(entry) and (entry.is_file() or entry.is_symlink())]


def is_photo_name(path: Path) -> bool:
    """Whether a file is called as photos are."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".")
