"""Fits kept on disk, so that what was fitted once is not fitted again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.collection_fits import PartFits, PhotoFit
from lineament.data.formats.files import open_files
from lineament.data.photographs.collection import PhotoEntry
from lineament.errors import DataError
from lineament.files import replace_durably, text_bytes
from lineament.geometry.camera import WeakPerspective

FORMAT = "lineament-fits-3"


def part_key(root: Path, part: Sequence[PhotoEntry], about: str) -> str:
    """A checksum that changes with the photographs' names, people and landmarks, and with `about`.

    Args:
        root: the collection's folder or zip; opened only where landmarks lie in files of their own.
        part: photographs of it.
        about: what else fits depend on.

    Raises:
        DataError: the folder or zip cannot be opened.
    """
    digest = hashlib.sha256(f"{FORMAT}\n{about}\n".encode())
    labels = _label_checksums(root, part)
    for entry in part:
        digest.update(text_bytes(f"{entry.photo}\n{entry.person}\n{entry.label_file}\n"))
        digest.update(labels.get(entry.label_file, b""))
        for one in entry.points:
            digest.update(f"{one.scheme} {one.source} {one.sigma_px} {one.sigma_face}".encode())
            digest.update(np.ascontiguousarray(one.points_image))
        if entry.points or entry.is_neutral:
            digest.update(f"{entry.is_neutral} {entry.told_yaw}".encode())
        if entry.landmarks is not None:
            digest.update(entry.landmarks.scheme.encode())
            digest.update(np.ascontiguousarray(entry.landmarks.points_image))
    return digest.hexdigest()


def _label_checksums(root: Path, part: Sequence[PhotoEntry]) -> dict[str, bytes]:
    """Checksums of the contents of label files by name; one that cannot be read has none."""
    sums: dict[str, bytes] = {}
    names = [entry.label_file for entry in part if entry.label_file]
    if names:
        with open_files(root) as files:
            for name in names:
                with suppress(DataError):  # its photograph is left out, with the reason
                    sums[name] = hashlib.sha256(files.read(name)).digest()
    return sums


def write_fits(path: Path, fits: PartFits, key: str) -> None:
    """Write the fits of a part under a temporary name, then rename it."""
    faces = fits.faces
    text = {
        "key": key,
        "failed": fits.failed,
        "faces": [
            [f.photo, f.person, f.face, f.residual, f.reason, f.outliers, f.set_residual] for f in faces
        ],
    }
    temporary = path.with_suffix(f".{os.getpid()}.part")
    with temporary.open("wb") as file:
        np.savez(
            file,
            about=np.frombuffer(json.dumps(text).encode(), np.uint8),
            rotation=np.array([face.camera.rotation for face in faces]),
            scale=np.array([face.camera.scale for face in faces]),
            translation=np.array([face.camera.translation for face in faces]),
            identity=np.array([face.identity for face in faces]),
            expression=np.array([face.expression for face in faces]),
        )
    replace_durably(temporary, path)


def read_fits(path: Path, key: str) -> PartFits | None:
    """The fits of a part; None when there are none, or of other photographs, or damaged."""
    try:
        with path.open("rb") as file, np.load(file) as data:
            arrays = {name: data[name] for name in data.files}
        text = json.loads(arrays["about"].tobytes())
        if text["key"] != key:
            return None
        faces = tuple(_face(row, arrays, number) for number, row in enumerate(text["faces"]))
        return PartFits(faces, tuple((photo, reason) for photo, reason in text["failed"]))
    except Exception:  # noqa: BLE001 - a damaged file of our own is made again, whatever its decoder says
        return None


def _face(row: list[Any], arrays: Mapping[str, NDArray[Any]], number: int) -> PhotoFit:
    """One face, of its texts and its row of each array."""
    photo, person, face, residual, reason, outliers, by_hand = row
    camera = WeakPerspective(
        arrays["rotation"][number], float(arrays["scale"][number]), arrays["translation"][number]
    )
    identity, expression = arrays["identity"][number], arrays["expression"][number]
    return PhotoFit(photo, person, face, camera, identity, expression, residual, reason, outliers, by_hand)
