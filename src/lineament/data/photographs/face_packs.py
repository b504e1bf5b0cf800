"""Labelled faces of the detector's mosaics in one small file, for machines that have no photographs.

A photograph takes about three kilobytes: a JPEG, its 68 landmarks and where its head's top is.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.photographs.face_sets import FaceSet
from lineament.errors import DataError, LineamentError
from lineament.files import replace_durably
from lineament.foreign import reason_of

ABOUT, LICENCE = "about", "licence"
SUBPIXELS = 32.0  # landmarks count in 1/32 px


def write_face_pack(
    faces: FaceSet, path: Path, *, about: str, licence: str, budget: int, side: int = 160, quality: int = 65
) -> int:
    """Pack photographs, in an order of chance, until a budget is spent.

    Args:
        faces: with JPEG files or an array of pictures.
        path: of the file.
        about: what the photographs are; weights trained on them say it.
        licence: of the photographs.
        budget: bytes.
        side: most px along a picture's longer side.
        quality: of JPEG.

    Returns:
        How many photographs were packed.
    """
    chosen: list[int] = []
    files: list[bytes] = []
    landmarks: list[NDArray[np.floating]] = []
    spent = 0
    for number in np.random.default_rng(0).permutation(len(faces)):
        file, fraction_xy = _reduced(faces.picture(int(number), scale=1.0)[0], side, quality)
        spent += len(file) + 2 * 2 * 68 + 80
        if spent > budget:
            break
        chosen.append(int(number))
        files.append(file)
        landmarks.append(faces.landmarks_image[number] * fraction_xy)
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as stream:
        np.savez(
            stream,
            pictures=np.frombuffer(b"".join(files), np.uint8),
            length=np.array([len(file) for file in files], np.int64),
            landmarks_q32=np.rint(SUBPIXELS * np.array(landmarks).reshape(-1, 68, 2)).astype(np.int16),
            up_xy=np.asarray(faces.up_xy[chosen], np.float32),
            names=np.array([faces.names[number] for number in chosen], str),
            about=np.array(about),
            licence=np.array(licence),
        )
    replace_durably(temporary, path)
    return len(chosen)


def read_face_pack(path: Path) -> FaceSet:
    """The photographs of a pack.

    Raises:
        DataError: the file is missing or no pack of faces.
    """
    try:
        with np.load(path) as data:
            ends = np.cumsum(data["length"])
            pictures = data["pictures"].tobytes()
            files = [pictures[end - length : end] for end, length in zip(ends, data["length"], strict=True)]
            names = tuple(data["names"].tolist())
            landmarks = data["landmarks_q32"].astype(np.float32) / np.float32(SUBPIXELS)
            return FaceSet(names, files, landmarks, data["up_xy"])
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} is no pack of faces ({reason_of(error)}): `lineament data faces` makes one."
        ) from error


def about_face_pack(path: Path) -> dict[str, str]:
    """What a pack says of its photographs: "about" and "licence".

    Raises:
        DataError: the file is missing or says nothing.
    """
    try:
        with np.load(path) as data:
            return {name: str(data[name]) for name in (ABOUT, LICENCE)}
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"{path} does not say what its photographs are ({reason_of(error)}).") from error


def _reduced(picture: NDArray[np.uint8], side: int, quality: int) -> tuple[bytes, NDArray[np.float64]]:
    """JPEG file of a picture, and its px a px of the picture, for x and y."""
    height, width = picture.shape[:2]
    fraction = min(1.0, side / max(height, width))
    size_wh = max(round(width * fraction), 1), max(round(height * fraction), 1)
    image = Image.fromarray(picture)
    if fraction < 1:
        image = image.resize(size_wh, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue(), np.array([image.width / width, image.height / height])
