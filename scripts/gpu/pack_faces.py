"""Faces for the training of the open detector, out of a pack of photographs that travelled to a lent machine.

    python -m scripts.gpu.pack_faces --photos .gpu/congress.npz --out /tmp/faces.npz

Where the shared folder is at hand, `lineament data faces` packs the portraits themselves.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.mosaics.detector_faces import OPEN_SETS, PORTRAITS, PORTRAITS_LICENCE
from lineament.data.photographs.face_packs import write_face_pack
from lineament.data.photographs.face_sets import FaceSet, up_in_image
from lineament.errors import DataError
from lineament.models.builtin import load_builtin
from lineament.result import DEFAULT_SCHEME
from scripts.gpu.photo_pack import PhotoPack

QUALITY = 90
NO_BUDGET = 2**40


def faces_of_pack(path: Path) -> FaceSet:
    """The faces of a pack of fitted photographs (:mod:`scripts.gpu.photo_pack`), all of OPEN_SETS.

    Raises:
        DataError: the file is no such pack, or holds photographs of other sets.
    """
    pack, model = PhotoPack(path), load_builtin()
    photos = [pack.photo(number) for number in range(len(pack))]
    others = {photo.provenance.collection for photo in photos} - set(OPEN_SETS)
    if others:
        raise DataError(
            f"{path} holds photographs of {', '.join(sorted(others))}, not of {OPEN_SETS[0]} alone."
        )
    identity, expression = (
        np.stack([getattr(p, name) for p in photos]) for name in ("identity", "expression")
    )
    points = model.landmarks_model(identity, expression, scheme=DEFAULT_SCHEME)
    placed = [photo.camera.image_from_model(own)[:, :2] for photo, own in zip(photos, points, strict=True)]
    return FaceSet(
        names=tuple(photo.provenance.photo for photo in photos),
        pictures=[_as_jpeg(photo.image) for photo in photos],
        landmarks_image=np.array(placed, np.float32),
        up_xy=up_in_image(np.stack([photo.camera.rotation for photo in photos])),
    )


def _as_jpeg(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(file, "JPEG", quality=95)
    return file.getvalue()


def main() -> None:
    """Write the pack."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True, help="a pack of fitted photographs")
    parser.add_argument("--out", type=Path, required=True, help="file of the pack of faces")
    parser.add_argument("--side", type=int, default=160, help="px, at most, along a picture's longer side")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    count = write_face_pack(
        faces_of_pack(options.photos),
        options.out,
        about=PORTRAITS,
        licence=PORTRAITS_LICENCE,
        budget=NO_BUDGET,
        side=options.side,
        quality=QUALITY,
    )
    print(f"{count} pictures in {options.out}")


if __name__ == "__main__":
    main()
