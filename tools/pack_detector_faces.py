"""Pack portraits of the US Congress for the training of the open detector, also where there is nothing else.

    python -m tools.pack_detector_faces --out /tmp/faces.npz [--budget 12]
    python -m tools.pack_detector_faces --out /tmp/faces.npz --photos .gpu/congress.npz
    python -m tools.pack_detector_faces --out /tmp/rendered.npz --rendered 8000 --processes 16
    python -m tools.pack_detector_faces --out /tmp/behind.npz --rendered 400 --behind --processes 16

The second takes photographs that travel already; the others make faces that nobody has, and heads from
behind, with what is in the package alone. Only photographs in the public domain in the main are taken. Their
landmarks come from the 478 points of each, moved by offsets measured on these, or from their fits.
"""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.build.photo_pack import PhotoPack
from lineament.data.mosaics.rendered_faces import SIZE_PX, rendered_faces
from lineament.data.photographs.face_packs import write_face_pack
from lineament.data.photographs.face_sets import FaceSet, read_photo_sets, up_in_image
from lineament.data.samples.recipe import RENDERED_LICENCE
from lineament.errors import DataError
from lineament.models.builtin import load_builtin
from lineament.result import DEFAULT_SCHEME

OPEN_SETS = ("congress",)
ABOUT = "portraits of members of the US Congress"
LICENCE = "photographs in the public domain in the main; weights trained on these may be used by anyone"
RENDERED = "rendered faces of nobody"
MIB = 2**20


def main() -> None:
    """Write the pack."""
    options = _parse()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.photos is not None:
        faces = faces_of_pack(options.photos)
        about, side, quality, budget = (ABOUT, LICENCE), options.side, 90, 2**40
    elif options.rendered:
        faces = rendered_faces(options.rendered, backs=options.behind, processes=options.processes)
        about, side, quality, budget = (RENDERED, RENDERED_LICENCE), SIZE_PX, 85, 2**40
    else:
        shared = Path(os.environ.get("LINEAMENT_SHARED", Path(__file__).parents[2] / "shared"))
        faces = read_photo_sets(shared, OPEN_SETS)
        about, side, quality = (ABOUT, LICENCE), options.side, options.quality
        budget = int(options.budget * MIB)
    count = write_face_pack(
        faces, options.out, about=about[0], licence=about[1], budget=budget, side=side, quality=quality
    )
    print(f"{count} pictures, {options.out.stat().st_size / MIB:.1f} MiB in {options.out}")


def faces_of_pack(path: Path) -> FaceSet:
    """The faces of a pack of fitted photographs (:mod:`lineament.data.build.photo_pack`), all of OPEN_SETS.

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


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="file of the pack")
    parser.add_argument("--photos", type=Path, help="a pack of fitted photographs to take instead")
    parser.add_argument("--budget", type=float, default=12.0, help="MiB of photographs")
    parser.add_argument("--side", type=int, default=160, help="most px along a photograph's longer side")
    parser.add_argument("--quality", type=int, default=65, help="of JPEG")
    parser.add_argument("--rendered", type=int, default=0, help="so many rendered faces instead")
    parser.add_argument("--behind", action="store_true", help="rendered heads from behind")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that render")
    return parser.parse_args()


if __name__ == "__main__":
    main()
