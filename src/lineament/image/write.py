"""Pictures to files."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from lineament.errors import ImageError
from lineament.files import whole_file
from lineament.image.check import as_picture
from lineament.image.kinds import Picture


def write_image(path: str | os.PathLike[str], image: Picture) -> None:
    """Write a picture; the suffix of `path` chooses the format (JPEG at quality 95).

    It is an (H, W, 3) uint8 RGB array or Pillow's of mode RGB, and is written whole or not at
    all; a file that is there is replaced.

    Raises:
        ImageError: unknown suffix, missing folder, full disk, or no such picture.
    """
    picture = as_picture(image)
    path = Path(path)
    suffix = path.suffix.lower()
    options = {"quality": 95} if suffix in {".jpg", ".jpeg", ".webp"} else {}
    try:
        kind = _format_of(suffix)
        with whole_file(path) as temporary:
            picture.save(temporary, kind, **options)
    except (ValueError, OSError, KeyError) as error:  # KeyError: a format that Pillow only reads
        raise ImageError(
            f"Cannot write {path} ({error}). Check the folder and the disk, and end the name in .png or .jpg."
        ) from error


def _format_of(suffix: str) -> str:
    """Pillow's name of the format that files of a suffix have; ValueError where it knows none."""
    formats = Image.registered_extensions()
    if suffix not in formats:
        raise ValueError(f"unknown file extension: {suffix}")
    return formats[suffix]
