"""The overlay of a photo as a file: of which format, and how large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineament.errors import ConfigError
from lineament.paths import with_ending

if TYPE_CHECKING:
    from PIL import Image

    from lineament.result import FaceResult

KINDS = ("auto", "png", "jpg", "webp")
LARGEST_PNG_PX = 1_000_000
"""Pictures of more pixels are JPEG files: a PNG of 4 MP takes two seconds, and has no more to show."""
LONGER_PX = 2048  # of an overlay, at most
OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"compress_level": 1},
    "jpg": {"quality": 90},
    "webp": {"quality": 85, "method": 2},
}
PILLOW_NAMES = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """Format and size of overlays.

    Attributes:
        kind: of :data:`KINDS`; "auto" is PNG up to a megapixel, and JPEG above.
        longer_px: longer side, px, at most; photos are never enlarged.
    """

    kind: str = "auto"
    longer_px: int = LONGER_PX

    def __post_init__(self) -> None:
        """Refuse what is no format.

        Raises:
            ConfigError: says which there are.
        """
        if self.kind not in KINDS:
            raise ConfigError(f"Overlays are {', '.join(KINDS)}; found {self.kind!r}.")


def write_overlay(
    photo: Image.Image,
    faces: Sequence[FaceResult],
    target: Path,
    *,
    layers: Sequence[str],
    style: OverlayStyle,
) -> None:
    """Write the photo with its faces drawn on it, as NAME_overlay with the format's suffix.

    The photo itself is drawn on, unless it is larger than the overlay may be.

    Raises:
        ExportError: the file cannot be written.
    """
    from lineament.draw import overlay_in_place, smaller

    picture, shown = smaller(photo, faces, longer_px=style.longer_px)
    overlay_in_place(picture, shown, layers=layers)
    write_picture(picture, target, ending="overlay", style=style)


def write_picture(picture: Image.Image, target: Path, *, ending: str, style: OverlayStyle) -> None:
    """Write a picture as NAME_ENDING with the suffix of the style's format, as large as it is.

    Raises:
        ExportError: the file cannot be written.
    """
    import io

    from lineament.export.files import write_bytes

    kind = style.kind
    if kind == "auto":
        kind = "png" if picture.width * picture.height <= LARGEST_PNG_PX else "jpg"
    stream = io.BytesIO()
    picture.save(stream, PILLOW_NAMES[kind], **OPTIONS[kind])
    write_bytes(with_ending(target, f"_{ending}.{kind}"), stream.getvalue())
