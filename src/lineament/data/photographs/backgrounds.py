"""Pictures without faces, in two halves: one to train on, one that no training ever sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import open_files
from lineament.data.photographs.face_sets import hash_fraction

Picture = NDArray[np.uint8]

# Found by looking at all 289. Backs of heads are not listed: a detector has to learn to refuse them.
# fmt: off
WITH_PEOPLE = frozenset(
    {
        102062, 126039, 128035, 147021, 15088, 151087, 153077, 155060, 188063, 202000, 206062,
        206097, 216041, 219090, 220003, 225022, 250047, 26031, 271035, 279005, 285079, 292066,
        293029, 310007, 344010, 368016, 48055, 60079, 62096, 64061, 65033, 71099, 80085,
    }
)
WITH_CARVED_FACES = frozenset(
    {
        101084, 223004, 24077, 296058, 33039, 56028,
    }
)
# fmt: on


def read_backgrounds(archive: Path) -> dict[str, Picture]:
    """Every picture of a zip file or folder by its stem, (H, W, 3) uint8 RGB.

    Raises:
        DataError: it is none, or damaged.
        ImageError: a picture cannot be read.
    """
    with open_files(archive) as files:
        return {Path(name).stem: files.image(name) for name in files.names(".jpg")}


def is_held_out(stem: str) -> bool:
    """Whether a background belongs to the half that is never trained on."""
    return hash_fraction(stem) < 0.5


def training_backgrounds(archive: Path) -> list[Picture]:
    """The half for training, without the pictures in which a small person or a carved face can be seen."""
    left_out = WITH_PEOPLE | WITH_CARVED_FACES
    pictures = read_backgrounds(archive).items()
    return [picture for stem, picture in pictures if not is_held_out(stem) and int(stem) not in left_out]
