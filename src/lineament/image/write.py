"""Pictures to files."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from lineament.errors import ImageError
from lineament.files import whole_file
from lineament.image.check import as_picture
from lineament.image.kinds import Picture
from lineament.paths import checked_path

LONGEST_SIDES = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535}
"""Of formats that bound the sides of a picture, px."""


def write_image(path: str | os.PathLike[str], image: Picture) -> None:
    """Write a picture; the suffix of `path` chooses the format (JPEG at quality 95).

    It is an (H, W, 3) uint8 RGB array or Pillow's of mode RGB, and is written whole or not at
    all; a file that is there is replaced.

    Raises:
        ImageError: unknown suffix, missing folder, full disk, or no such picture.
    """
    picture = as_picture(image)
    path = checked_path(path, ImageError)
    suffix = path.suffix.lower()
    options = {"quality": 95} if suffix in {".jpg", ".jpeg", ".webp"} else {}
    try:
        kind = _format_of(suffix)
        _check_size(picture, kind, path)
        with whole_file(path) as temporary:
            picture.save(temporary, kind, **options)
    except (ValueError, OSError, KeyError) as error:  # KeyError: a format that Pillow only reads
        raise ImageError(
            f"Cannot write {path} ({error}). Check the folder and the disk, and end the name in .png or .jpg."
        ) from error


def _check_size(picture: Image.Image, kind: str, path: Path) -> None:
    """Refuse what a format cannot hold, which its encoder would say in words of its own."""
    limit = LONGEST_SIDES.get(kind)
    if limit is not None and max(picture.size) > limit:
        raise ImageError(
            f"Cannot write {path}: a {kind} has sides of at most {limit} px, found {picture.width} x "
            f"{picture.height}. End the name in .png, or make the picture smaller."
        )


def _format_of(suffix: str) -> str:
    """Pillow's name of the format that files of a suffix have; ValueError where it knows none."""
    formats = Image.registered_extensions()
    if suffix not in formats:
        raise ValueError(f"unknown file extension: {suffix}")
    return formats[suffix]
