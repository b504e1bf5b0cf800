"""What Jupyter shows of results: attached from outside, so that results are plain values everywhere else.

In a notebook ``%load_ext lineament.jupyter``, or ``lineament.jupyter.enable()``: from then on a face shows
its mesh, a list of faces is a table, and a photo of many shows its faces. :class:`PhotoFaces` shows faces on
their photo.
"""

from __future__ import annotations

import sys
from typing import Any

from lineament.jupyter.shown import PhotoFaces, face_html, faces_html, photo_html
from lineament.result import AlignedPhoto, FaceResult, FreeFormResult, MorphableResult

__all__ = ["PhotoFaces", "enable", "load_ipython_extension"]

RESULTS = (FaceResult, MorphableResult, FreeFormResult)


def enable() -> None:
    """Let the notebook that this runs in show results; outside of one there is nothing to do."""
    running = sys.modules.get("IPython")
    shell = None if running is None else running.get_ipython()
    if shell is not None:
        load_ipython_extension(shell)


def load_ipython_extension(ipython: Any) -> None:  # noqa: ANN401 - IPython is none of our requirements
    """What ``%load_ext lineament.jupyter`` calls."""
    html = ipython.display_formatter.formatters["text/html"]
    for kind in RESULTS:
        html.for_type(kind, face_html)
    html.for_type(AlignedPhoto, photo_html)
    html.for_type(list, _list_html)


def _list_html(values: list[object]) -> str | None:
    """A table of faces; None, which leaves it to IPython, for every other list."""
    faces = [value for value in values if isinstance(value, FaceResult)]
    return faces_html(faces) if faces and len(faces) == len(values) else None
