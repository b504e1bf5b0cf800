"""Which formats are decoded: those of photographs, and no others.

Pillow opens some forty, among them PostScript, for which it starts an interpreter. What a file is decides its
content, not its name.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from PIL import Image, UnidentifiedImageError, features

from lineament.errors import ImageError
from lineament.foreign import foreign
from lineament.image.bounds import check_stated
from lineament.image.isobmff import stated_sizes
from lineament.image.png import without_large_metadata

FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "PPM", "WEBP", "TIFF", "JPEG2000", "AVIF")
"""Pillow's names of what it decodes for us, those first that it has at hand; its JPEG includes MPO, and HEIF
comes through pillow-heif."""
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
AVIF_BRANDS = frozenset({b"avif", b"avis"})
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
BEGINNINGS = {
    b"\xff\xd8\xff": "JPEG",
    PNG_SIGNATURE: "PNG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
"""First bytes of files that are of a format known here, whole or not."""
PILLOW_LIMIT = 80_000_000  # pixels, below the least that Pillow minds
_TEXT = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\r\n")  # bytes of plain text
_OPEN_LOCK = threading.Lock()  # guards the moment in which Pillow's pixel limit is ours


def open_picture(stream: IO[bytes], name: str) -> Image.Image:
    """The picture behind a stream, its pixels not read yet.

    Raises:
        ImageError: it is of no format that is decoded, damaged, or absurdly large.
    """
    with foreign(ImageError, f"{name} cannot be read", "Copy the photo again."):
        head = stream.read(16)
        stream.seek(0)
        if head.startswith(PNG_SIGNATURE):
            stream = without_large_metadata(stream)
        elif head[4:8] == b"ftyp":
            check_stated(stated_sizes(stream.read()), "AVIF", name)
            stream.seek(0)
    advice = "It is damaged: copy it again from where it came."
    with foreign(ImageError, f"{name} cannot be opened as a photo", advice):
        try:
            with no_pixel_limit():  # `check_cost` knows better
                picture: Image.Image = Image.open(stream, formats=FORMATS)
            return picture
        except UnidentifiedImageError:
            if head[4:8] == b"ftyp" and head[8:12] in HEIF_BRANDS:
                return _open_heif(stream, name)
            if head[4:8] == b"ftyp" and head[8:12] in AVIF_BRANDS and not features.check("avif"):
                raise ImageError(
                    f"{name} is an AVIF photo, and this Pillow was built without AVIF. Install one from "
                    f"PyPI (pip install --force-reinstall pillow), or convert the photo to JPEG."
                ) from None
            if kind := next((kind for start, kind in BEGINNINGS.items() if head.startswith(start)), None):
                raise ImageError(
                    f"{name} begins as a {kind} does, but is none that can be read: it is cut short or "
                    f"damaged. Copy it again from where it came."
                ) from None
            raise ImageError(
                f"{name} is not a photo in a format known here{_guess(head)}. Convert it to JPEG or PNG."
            ) from None


@contextmanager
def no_pixel_limit() -> Iterator[None]:
    """Without Pillow's limits: it warns at 89 and stops at 179 megapixels, which today's cameras exceed.

    The limit is one for all threads, hence the lock.
    """
    with _OPEN_LOCK:
        pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = pillow_limit


def load(picture: Image.Image) -> None:
    """Decode the pixels; Pillow's reader of TIFF looks at its limit once more then."""
    if picture.format == "TIFF" and picture.width * picture.height > PILLOW_LIMIT:
        with no_pixel_limit():
            picture.load()
    else:
        picture.load()


def _open_heif(stream: IO[bytes], name: str) -> Image.Image:
    """A HEIC photo (Apple's cameras) through the optional pillow-heif."""
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            f"{name} is a HEIC photo, which needs one more package: pip install 'lineament[heif]' "
            f"(or convert the photo to JPEG)."
        ) from error
    stream.seek(0)
    picture: Image.Image = pillow_heif.open_heif(io.BytesIO(stream.read())).to_pillow()
    picture.format = "HEIF"
    return picture


def _guess(head: bytes) -> str:
    """What else it is, in brackets, where the first bytes tell."""
    known = {
        b"%!PS": "PostScript",
        b"\xc5\xd0\xd3\xc6": "PostScript",
        b"%PDF": "PDF",
        b"8BPS": "Photoshop",
        b"<svg": "SVG",
        b"<?xml": "XML or SVG",
        b"<!DOCTYPE": "a web page",
        b"<html": "a web page",
        b"PK\x03\x04": "an archive",
    }
    found = next((what for start, what in known.items() if head.startswith(start)), None)
    if found is None and head and all(byte in _TEXT for byte in head):
        found = "text"
    return f" (it is {found})" if found else ""
