"""What is drawn on: an array, or Pillow's picture, of which only rectangles become arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Photo = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PillowCanvas:
    """Pillow's picture of mode RGB, read and written in rectangles as an (H, W, 3) array is.

    A large photo is so drawn on without a copy of it.
    """

    picture: Image.Image

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, 3."""
        return (self.picture.height, self.picture.width, 3)

    def __getitem__(self, part: tuple[slice, slice]) -> Photo:
        """(h, w, 3) uint8 copy of some rows and columns, both with start and stop."""
        rows, columns = part
        return np.asarray(self.picture.crop((columns.start, rows.start, columns.stop, rows.stop)))

    def __setitem__(self, part: tuple[slice, slice], pixels: Photo) -> None:
        """Replace some rows and columns, both with start and stop."""
        rows, columns = part
        self.picture.paste(Image.fromarray(pixels), (columns.start, rows.start))


Canvas: TypeAlias = "Photo | PillowCanvas"
