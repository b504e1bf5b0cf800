"""The door for everything foreign: whatever a decoder of others' files raises becomes one of our errors.

A list of expected exceptions is never complete: decoders raise AssertionError, KeyError, RecursionError,
MemoryError and others for files nobody thought of. Inside this door there is only the decoder, so that no
mistake of our own hides there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lineament.errors import LineamentError

MAX_REASON = 200  # characters


@contextmanager
def foreign(error_class: type[LineamentError], what: str, remedy: str) -> Iterator[None]:
    """Turns any exception of a decoder into `error_class`, with what was read, the reason and what to do.

    Args:
        error_class: one of ours; errors of ours pass as they are.
        what: the file and what could not be done with it, such as "a.npz cannot be read as .npz".
        remedy: what to do, a sentence.

    Raises:
        LineamentError: of `error_class`, caused by the decoder's.
    """
    try:
        yield
    except LineamentError:
        raise
    except Exception as error:
        raise error_class(f"{what} ({reason_of(error)}). {remedy}") from error


def reason_of(error: BaseException) -> str:
    """One line that says what a foreign exception means."""
    words = {MemoryError: "it asks for more memory than there is", RecursionError: "it is nested too deeply"}
    for kind, reason in words.items():
        if isinstance(error, kind):
            return reason
    text = re.sub(r"\s+", " ", str(error)).strip()
    if isinstance(error, KeyError | AssertionError) or not text:
        text = f"{type(error).__name__}{': ' if text else ''}{text}"
    return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."
