"""Whole files or none, and pictures as bytes."""

from __future__ import annotations

import io
import os
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lineament.errors import ExportError
from lineament.files import whole_file
from lineament.paths import checked_path

Buffer: TypeAlias = bytes | NDArray[Any]
"""What files take as it is in memory; arrays are contiguous."""


def write_bytes(path: str | os.PathLike[str], *pieces: Buffer) -> None:
    """Write a whole file or none, its pieces in order; one that is there is replaced.

    Raises:
        ExportError: the file cannot be written.
    """
    path = checked_path(path, ExportError)
    try:
        with whole_file(path) as temporary, temporary.open("wb") as stream:
            for piece in pieces:
                stream.write(piece if isinstance(piece, bytes) else piece.data)
    except OSError as error:
        raise ExportError(
            f"Cannot write {path} ({error.strerror}). Check the folder, the name and the disk."
        ) from error


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write text as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8", errors="replace"))


def png_bytes(
    picture: NDArray[np.uint8] | NDArray[np.uint16], *, notes: dict[str, str] | None = None
) -> bytes:
    """A PNG of (H, W) uint8 or uint16, (H, W, 3) RGB or (H, W, 4) RGBA, with texts that say what it is."""
    info = PngInfo()
    for name, text in (notes or {}).items():
        info.add_itxt(name, text)
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def jpeg_bytes(picture_rgb: NDArray[np.uint8], *, quality: int = 92) -> bytes:
    """A JPEG of an (H, W, 3) RGB picture, its colours at full resolution."""
    stream = io.BytesIO()
    Image.fromarray(picture_rgb).save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()
