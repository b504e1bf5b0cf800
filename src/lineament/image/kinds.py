"""What may be given as a photo or as several, and what a photo is once it is read."""

from __future__ import annotations

import os
from typing import IO, Any, TypeAlias

from numpy.typing import NDArray
from PIL import Image

Array: TypeAlias = NDArray[Any]
ImageSource: TypeAlias = "str | os.PathLike[str] | bytes | IO[bytes] | Image.Image | Array"
Picture: TypeAlias = "Array | Image.Image"
"""A photo upright: an (H, W, 3) uint8 RGB array, or Pillow's picture of mode RGB with the same pixels."""
