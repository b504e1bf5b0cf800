"""Names of the files that `lineament align` and `compare` make: what follows the name of the photograph.

Folders are read with results of former runs in them: their pictures are no photographs, and what `align` made
of a photograph before goes when it is done again. A new file of either command is added here.
"""

from __future__ import annotations

import re

_OVERLAY = r"_overlay\.(png|jpg|webp)"
_SHEET = r"_compare\.(png|jpg|webp)"
_MAP = r"_(depth|pncc|normals|parts)\.png"
_PICTURE_OF_FACE = r"_face\d+(_texture|_texture_seen|_frontal)?\.png"
_OTHER = r"_depth\.npz|_face\d+\.(obj|mtl|ply|glb|npz)|\.json"

RESULT_PICTURE = re.compile(rf"({_OVERLAY}|{_SHEET}|{_MAP}|{_PICTURE_OF_FACE})$")
"""The end of the name of a picture of either command; such are not taken for photographs of a folder."""

ALIGN_RESULT = re.compile(rf"({_OVERLAY}|{_MAP}|{_PICTURE_OF_FACE}|{_OTHER})$")
"""What follows the name of a photograph in the names of all that `lineament align` makes of it."""
