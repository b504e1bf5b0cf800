"""Results as pictures: surfaces and marks on the photo, pictures side by side, contact sheets.

Every function that draws takes an (H, W, 3) uint8 RGB photo and returns a new one, but for
:func:`overlay_in_place`, which is for photos whose copies would fill the memory. Lines grow with the face,
so that a picture reads the same at 200 px and at 4K.
"""

from lineament.draw.overlay import (
    LAYERS,
    draw_axes,
    draw_landmarks,
    draw_mesh,
    draw_overlay,
    draw_pose_box,
    overlay_in_place,
)
from lineament.draw.sheet import contact_sheet, side_by_side
from lineament.draw.smaller import scaled_face, smaller

__all__ = [
    "LAYERS",
    "contact_sheet",
    "draw_axes",
    "draw_landmarks",
    "draw_mesh",
    "draw_overlay",
    "draw_pose_box",
    "overlay_in_place",
    "scaled_face",
    "side_by_side",
    "smaller",
]
