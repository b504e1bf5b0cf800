"""The errors lineament raises for the user's mistakes; one ``except LineamentError`` catches them all.

LineamentError
├── ImageError      a photo that cannot be read, or an array that is no photo
├── BoxError        a face box that is not finite, has no area, or has the wrong shape
├── WeightsError    network weights that are missing, damaged, or not what the method expects
├── ModelError      a face-model file that cannot be understood
├── ExportError     a result that cannot be written in the format asked for
├── DataError       a training or evaluation sample that is incomplete or contradictory
└── ConfigError     options that do not fit together, or an unknown name
"""

from __future__ import annotations

import re

MAX_LENGTH, KEPT_AT_END = 1000, 250
"""Characters of a message, and those of its end: there it says what to do."""
LONG_WORD = re.compile(r"(\S{100})\S{60,}(\S{40})")
"""A name or content that was quoted, and what is kept of it."""


class LineamentError(Exception):
    """Base of everything lineament raises on purpose.

    A message is for people to read: where it quotes a file or a name at length, most of that is left out.
    """

    def __str__(self) -> str:
        """The message, of at most :data:`MAX_LENGTH` characters."""
        text = super().__str__()
        if len(text) > MAX_LENGTH:
            text = LONG_WORD.sub(r"\1...\2", text)
        if len(text) <= MAX_LENGTH:
            return text
        return f"{text[: MAX_LENGTH - KEPT_AT_END - 5]} ... {text[-KEPT_AT_END:]}"


class ImageError(LineamentError):
    """A photo could not be read or written, or an array is not an (H, W, 3) uint8 RGB picture."""


class BoxError(LineamentError):
    """A face box is not finite, has no area, or has the wrong shape."""


class WeightsError(LineamentError):
    """Network weights are missing, damaged, or do not have the inputs and outputs the method expects."""


class ModelError(LineamentError):
    """A face-model file is missing, damaged, or of an unknown format."""


class ExportError(LineamentError):
    """A result cannot be written in the format asked for."""


class DataError(LineamentError):
    """A sample of a data set is incomplete or contradicts itself."""


class ConfigError(LineamentError):
    """Options do not fit together, or a name is not one of those known."""
