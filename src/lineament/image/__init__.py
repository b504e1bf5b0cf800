"""Photos in and out: read anything upright as (H, W, 3) uint8 RGB, and write.

A photo is read as a person sees it: turned as its EXIF says, the first frame of an animation, transparency
on white, 16-bit and float pictures scaled (not clipped) to 0..255, and stretched where they use less than a
quarter of their range. Colour profiles are not applied.
"""

from lineament.image.check import as_picture, check_image, size_wh
from lineament.image.kinds import ImageSource, Picture
from lineament.image.read import read_image, read_picture
from lineament.image.several import several
from lineament.image.write import write_image

__all__ = [
    "ImageSource",
    "Picture",
    "as_picture",
    "check_image",
    "read_image",
    "read_picture",
    "several",
    "size_wh",
    "write_image",
]
