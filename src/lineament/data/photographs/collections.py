"""Photographs with landmark labels, as they lie in ``../shared/photos``."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.samples.held_out import is_held_out
from lineament.errors import DataError
from lineament.files import text_bytes
from lineament.foreign import foreign

Array = NDArray[np.floating]

COLLECTIONS = ("ytf", "lfw_expressions", "congress")
UNITS_PER_PX = 32
MESH_POINTS = (*range(468), 468, 473)
"""Of the 478 points: the 468 of the mesh and the centres of both irises."""
VALIDATION_FRACTION = 0.02


def shared_folder() -> Path:
    """The folder of reference material: ``$LINEAMENT_SHARED``, or ``shared`` beside the checkout.

    Raises:
        DataError: there is no such folder.
    """
    beside = Path(__file__).resolve().parents[5] / "shared"
    folder = Path(os.environ.get("LINEAMENT_SHARED", beside))
    if not folder.is_dir():
        raise DataError(
            f"The reference material was looked for in {folder}: set LINEAMENT_SHARED to its folder."
        )
    return folder


FETCH_AGAIN = "Fetch the collection again."


@dataclass(frozen=True, slots=True)
class Collection:
    """A zip of photographs and the 478-point mesh of the face on each.

    Attributes:
        name: of the collection.
        archive: the zip file.
        photo_names: F names inside the zip.
        mesh_points: (F, 470, 3) px: 468 mesh vertices and two iris centres, image frame.
    """

    name: str
    archive: Path
    photo_names: tuple[str, ...]
    mesh_points: Array

    @property
    def people(self) -> tuple[str, ...]:
        """Who is on each photograph, as far as file names tell (`First_Last_0001.jpg`)."""
        stems = (Path(name).stem for name in self.photo_names)
        return tuple(f"{self.name}/{stem.rsplit('_', 1)[0]}" for stem in stems)

    @property
    def is_validation(self) -> NDArray[np.bool_]:
        """(F,) which photographs are kept from training; all of one person fall on the same side."""
        return np.array([is_validation(person) for person in self.people])


def read_collection(folder: Path, name: str) -> Collection:
    """One of :data:`COLLECTIONS` from the photos folder.

    Raises:
        DataError: a file is missing, or labels and photographs do not match.
    """
    archive, labels = folder / f"{name}.zip", folder / f"{name}_landmarks.npz"
    for path in (archive, labels):
        if not path.is_file():
            raise DataError(f"The collection {name!r} needs {path}, which is not there.")
    what = f"{labels} is no table of meshes"
    with foreign(DataError, what, FETCH_AGAIN), labels.open("rb") as file, np.load(file) as data:
        names = tuple(str(photo) for photo in data["names"])
        points = data["mesh478_q32"][:, MESH_POINTS] / UNITS_PER_PX
    with (
        foreign(DataError, f"{archive} is no zip of photographs", FETCH_AGAIN),
        zipfile.ZipFile(archive) as zipped,
    ):
        missing = set(names) - set(zipped.namelist())
    if missing:
        raise DataError(
            f"{archive} lacks {len(missing)} labelled photographs, such as {sorted(missing)[0]!r}."
        )
    return Collection(name, archive, names, points)


def read_member(photos: zipfile.ZipFile, name: str) -> Image.Image:
    """A photograph of an open zip file, in RGB.

    Raises:
        DataError: it is damaged.
    """
    with foreign(DataError, f"{name} of {photos.filename} cannot be decoded", FETCH_AGAIN):
        return Image.open(io.BytesIO(photos.read(name))).convert("RGB")


def is_validation(person: str) -> bool:
    """Whether a person ("collection/name") is kept from training: by chance, or judged by eye.

    Collections share people, so that only the name counts.
    """
    collection, _, name = person.partition("/")
    return _fraction(name) < VALIDATION_FRACTION or is_held_out(collection, name)


def _fraction(text: str) -> float:
    """A fixed pseudo-random number in [0, 1) that belongs to a text."""
    return int.from_bytes(hashlib.sha256(text_bytes(text)).digest()[:8], "big") / 2**64
