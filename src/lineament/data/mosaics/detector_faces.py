"""Packs of faces for the training of a detector: portraits in the public domain, rendered faces."""

from __future__ import annotations

from pathlib import Path

from lineament.data.mosaics.rendered_faces import SIZE_PX, rendered_faces
from lineament.data.photographs.face_packs import write_face_pack
from lineament.data.photographs.face_sets import read_photo_sets
from lineament.data.samples.recipe import RENDERED_LICENCE

OPEN_SETS = ("congress",)
PORTRAITS = "portraits of members of the US Congress"
PORTRAITS_LICENCE = (
    "photographs in the public domain in the main; weights trained on these may be used by anyone"
)
RENDERED = "rendered faces of nobody"


def pack_portraits(out: Path, *, shared: Path, budget: int, side: int = 160, quality: int = 65) -> int:
    """Pack the portraits of the shared folder that anyone may use; the number of pictures.

    Their landmarks come from the 478 points of each, moved by offsets measured on these photographs.

    Args:
        out: the file to write (.npz); its folder is made.
        shared: the folder of reference material.
        budget: bytes of pictures; the pack ends before it would have more.
        side: px, at most, along the longer side of a picture.
        quality: of JPEG.

    Raises:
        DataError: the portraits are missing.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    return write_face_pack(
        read_photo_sets(shared, OPEN_SETS),
        out,
        about=PORTRAITS,
        licence=PORTRAITS_LICENCE,
        budget=budget,
        side=side,
        quality=quality,
    )


def pack_rendered(out: Path, *, count: int, behind: bool = False, processes: int = 1) -> int:
    """Render faces that nobody has, or heads from behind, and pack them; the number of pictures.

    Args:
        out: the file to write (.npz); its folder is made.
        count: how many.
        behind: heads from behind, which a detector must learn to leave alone.
        processes: that render.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    return write_face_pack(
        rendered_faces(count, backs=behind, processes=processes),
        out,
        about=RENDERED,
        licence=RENDERED_LICENCE,
        budget=2**40,
        side=SIZE_PX,
        quality=85,
    )
