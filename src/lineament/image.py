"""Photos in and out: read anything upright as (H, W, 3) uint8 RGB, and write.

A photo is read as a person sees it: turned as its EXIF says, the first frame of an animation, transparency
on white, 16-bit and float pictures scaled (not clipped) to 0..255. Colour profiles are not applied.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from lineament.errors import ImageError
from lineament.files import whole_file

Array: TypeAlias = NDArray[Any]
ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | Array"
Picture: TypeAlias = "Array | Image.Image"
"""A photo upright: an (H, W, 3) uint8 RGB array, or Pillow's picture of mode RGB with the same pixels."""

PIXEL_LIMIT = 256_000_000  # larger than any camera's photo; 768 MB once decoded
HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_DECODE_ERRORS = (  # what Pillow's readers raise on damaged files
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    EOFError,
    AttributeError,
    LookupError,
    ArithmeticError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,  # where the caller turns warnings into errors
)
_OPEN_LOCK = threading.Lock()  # guards the moment in which Pillow's pixel limit is ours


def read_image(source: ImageSource) -> Array:
    """The photo, upright, as (H, W, 3) uint8 RGB.

    Args:
        source: path, encoded bytes, binary file object, PIL image, or an (H, W, 3) uint8 RGB array, which
            comes back as it is (not copied when its memory is contiguous).

    Raises:
        ImageError: the file is missing, empty, cut short, of an unknown format or above 256 megapixels;
            or the array is not an (H, W, 3) uint8 picture.
    """
    picture = read_picture(source)
    return picture if isinstance(picture, np.ndarray) else np.array(picture)


def read_picture(source: ImageSource) -> Picture:
    """The same photo in the form it is cheapest in: an array stays one, anything else stays Pillow's.

    Squares of a photo are cut and resampled by Pillow: the way to an array and back would only cost time.

    Raises:
        ImageError: as :func:`read_image`.
    """
    if isinstance(source, np.ndarray):
        return check_image(source)
    if isinstance(source, Image.Image):
        return _decode(source, name="the PIL image")
    name, stream = _open_stream(source)
    with stream:
        return _decode(_open_picture(stream, name), name=name)


def as_picture(image: Picture) -> Image.Image:
    """Pillow's picture of a photo.

    Raises:
        ImageError: neither an (H, W, 3) uint8 array nor a picture of mode RGB.
    """
    if not isinstance(image, Image.Image):
        return Image.fromarray(check_image(image))
    if image.mode != "RGB" or image.width == 0 or image.height == 0:
        raise ImageError(
            f"A photo has the mode RGB, found a PIL image of mode {image.mode} and {image.width} x "
            f"{image.height} px. Use `read_image`."
        )
    return image


def size_wh(image: Picture) -> tuple[int, int]:
    """Width and height of a photo, px."""
    return image.size if isinstance(image, Image.Image) else (image.shape[1], image.shape[0])


def check_image(image: Array) -> Array:
    """The array itself, contiguous, if it is an (H, W, 3) uint8 picture; ImageError otherwise."""
    if not isinstance(image, np.ndarray):
        raise ImageError(
            f"Expected an (H, W, 3) uint8 array, found {type(image).__name__}. Use `read_image`."
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ImageError(
            f"A photo is an (H, W, 3) uint8 RGB array, found shape {image.shape}. "
            f"{_shape_advice(image.shape)}"
        )
    if image.dtype != np.uint8:
        raise ImageError(
            f"A photo is an (H, W, 3) uint8 RGB array, found dtype {image.dtype}. "
            f"{_dtype_advice(image.dtype)}"
        )
    return np.ascontiguousarray(image)


def write_image(path: str | os.PathLike[str], image: Array) -> None:
    """Write an (H, W, 3) uint8 RGB picture; the suffix of `path` chooses the format (JPEG at quality 95).

    It is written whole or not at all; a file that is there is replaced.

    Raises:
        ImageError: unknown suffix, missing folder, full disk, or not an (H, W, 3) uint8 picture.
    """
    picture = Image.fromarray(check_image(image))
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


_OPEN_AS_TEXT = "{} is open as text. Open it in binary mode: open(path, 'rb')."


def _open_stream(source: Any) -> tuple[str, IO[bytes]]:  # noqa: ANN401 - the door: anything may come
    """A name for messages and a stream that can be closed without closing the caller's file."""
    if isinstance(source, bytes | bytearray | memoryview):
        return "the given bytes", _filled(bytes(source), "the given bytes")
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            if path.is_dir():
                raise ImageError(f"{path} is a folder, not a photo. Give one of the files in it.")
            if path.stat().st_size == 0:
                raise ImageError(f"{path} is an empty file. Copy the photo again.")
            return str(path), path.open("rb")
        except FileNotFoundError as error:
            raise ImageError(f"There is no file {path}. Check the spelling and the folder.") from error
        except (OSError, ValueError) as error:
            raise ImageError(
                f"{path} cannot be opened ({error}). Check its name and its permissions."
            ) from error
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "the given file object"))
        try:
            content = source.read()
        except UnicodeDecodeError as error:
            raise ImageError(_OPEN_AS_TEXT.format(name)) from error
        except (OSError, ValueError) as error:
            raise ImageError(f"{name} cannot be read ({error}). Open it anew.") from error
        if not isinstance(content, bytes):
            raise ImageError(_OPEN_AS_TEXT.format(name))
        return name, _filled(content, name)
    raise ImageError(
        f"A photo is a path, bytes, a binary file object, a PIL image or an (H, W, 3) uint8 array; "
        f"found {type(source).__name__}."
    )


def _filled(content: bytes, name: str) -> IO[bytes]:
    if not content:
        raise ImageError(
            f"{name} holds no data. Give the content of a photo; rewind a file that was read before."
        )
    return io.BytesIO(content)


def _open_picture(stream: IO[bytes], name: str) -> Image.Image:
    """The picture behind a stream, its pixels not read yet."""
    head = stream.read(16)
    stream.seek(0)
    try:
        # Pillow warns at 89 and stops at 179 megapixels, which today's cameras exceed.
        with _OPEN_LOCK:
            pillow_limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, PIXEL_LIMIT
            try:
                picture: Image.Image = Image.open(stream)
            finally:
                Image.MAX_IMAGE_PIXELS = pillow_limit
    except UnidentifiedImageError as error:
        if head[4:8] != b"ftyp" or head[8:12] not in HEIF_BRANDS:
            raise ImageError(
                f"{name} is not a photo in a format known here. Convert it to JPEG or PNG."
            ) from error
        picture = _open_heif(stream, name)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"{name} is above {PIXEL_LIMIT // 10**6} megapixels. Make it smaller first."
        ) from error
    except _DECODE_ERRORS as error:
        raise ImageError(f"{name} is damaged ({error}). Copy it again from where it came.") from error
    if picture.width * picture.height > PIXEL_LIMIT:
        raise ImageError(
            f"{name} has {picture.width} x {picture.height} pixels, above the limit of "
            f"{PIXEL_LIMIT // 10**6} megapixels. Make it smaller first."
        )
    return picture


def _open_heif(stream: IO[bytes], name: str) -> Image.Image:
    """A HEIC photo (Apple's cameras) through the optional pillow-heif."""
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageError(
            f"{name} is a HEIC photo, which needs one more package: pip install 'lineament[heif]' "
            f"(or convert the photo to JPEG)."
        ) from error
    try:
        stream.seek(0)
        picture: Image.Image = pillow_heif.open_heif(stream).to_pillow()
    except _DECODE_ERRORS as error:
        raise ImageError(
            f"{name} is a damaged HEIC photo ({error}). Copy it again from where it came."
        ) from error
    return picture


def _decode(picture: Image.Image, name: str) -> Image.Image:
    """Read the pixels and make them upright 8-bit RGB."""
    try:
        picture.load()
        return _as_rgb(_upright(picture))
    except _DECODE_ERRORS as error:
        raise ImageError(
            f"{name} cannot be decoded ({error}). It is probably cut short or damaged: copy it again."
        ) from error


def _upright(picture: Image.Image) -> Image.Image:
    """Turned as the EXIF orientation says; a damaged EXIF block leaves the picture as it is."""
    try:
        orientation = picture.getexif().get(0x0112, 1)
    except _DECODE_ERRORS:
        return picture
    turned = ImageOps.exif_transpose(picture) if orientation in range(2, 9) else picture
    return picture if turned is None else turned


def _as_rgb(picture: Image.Image) -> Image.Image:
    """Any mode of Pillow as 8-bit RGB; transparency is laid on white, as a browser shows it."""
    if picture.width == 0 or picture.height == 0:
        raise ValueError("it has no pixels")
    if picture.mode == "F" or picture.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # convert copies even then


def _eight_bits(grey: Array) -> Array:
    """Scale (H, W) of 16 or 32 bits or floats to uint8.

    Integers up to 255 stay, up to 65,535 count as 16-bit, above as 31-bit. Floats up to 1 count as
    0..1, up to 255 as 0..255; larger ones are divided by their maximum. Negative and NaN become 0.
    """
    values = np.nan_to_num(grey.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(values.max())
    if grey.dtype.kind == "f":
        full = 1.0 if top <= 1.0 else max(255.0, top)
    elif grey.dtype.itemsize == 2:
        full = 65535.0
    else:
        full = 255.0 if top <= 255 else 65535.0 if top <= 65535 else 2.0**31 - 1
    return np.clip(np.round(values * (255.0 / full)), 0, 255).astype(np.uint8)


def _shape_advice(shape: tuple[int, ...]) -> str:
    if 0 in shape:
        return "It has no pixels."
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
        return "Grey pictures: np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)."
    if len(shape) == 3 and shape[2] == 4:
        return "Drop the transparency: image[..., :3]."
    if len(shape) == 3 and shape[0] == 3:
        return "Channels come last: image.transpose(1, 2, 0)."
    if len(shape) == 4:
        return "Give one photo at a time."
    return "Use `read_image` on the file."


def _dtype_advice(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "f":
        return "Floats in 0..1: (image * 255).round().astype(np.uint8)."
    if dtype == np.uint16:
        return "16-bit pictures: (image // 257).astype(np.uint8)."
    return "Convert it: image.astype(np.uint8), after scaling it to 0..255."
