"""Collections of photographs: a folder or zip, the landmarks that lie with it, and who is on each photograph.

A collection of photographs may come with landmarks: one table for all of them, ``landmarks.npz`` or
``landmarks.csv`` inside, or ``NAME_landmarks.npz`` (``.csv``) beside the folder or zip; or a file each,
``photo.pts`` or ``photo.mat``. To photographs without any the aligner lends its own
(:mod:`lineament.data.labels.pseudo_labels`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from lineament.data.formats.files import Files, open_files
from lineament.data.photographs.head_yaw import predicted_yaws
from lineament.data.photographs.known import KnownCollection
from lineament.data.photographs.landmark_files import LABEL_SUFFIXES, FaceLandmarks, read_table
from lineament.data.photographs.people import PeopleRule, people_of
from lineament.data.photographs.point_sets import PointSet
from lineament.errors import DataError

PHOTO_SUFFIXES = frozenset({".bmp", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
TABLE_NAMES = ("landmarks.npz", "landmarks.csv")
YAW_TABLE_ENDING = "_landmarks68_300wlp.npz"
POINT_TABLE_NAMES = ("points.npz", "points.csv")
"""Points that people set, beside landmarks of another kind."""


@dataclass(frozen=True, slots=True)
class PhotoEntry:
    """A photograph of a collection, not opened yet.

    Attributes:
        photo: its name in the folder or zip, with slashes.
        person: who is on it, as far as the collection tells; else the photograph's own name.
        landmarks: of one face on it, or None.
        label_file: name of the file that holds its landmarks, or empty.
        is_of_one_person: whether the collection knows a person on it, rather than naming the photograph.
        points: sets of points of the same face, beside `landmarks`.
        is_neutral: whether the person was told to show no expression.
        told_yaw: radians, how far the head is turned as far as the collection tells; NaN where it does not.
    """

    photo: str
    person: str
    landmarks: FaceLandmarks | None = None
    label_file: str = ""
    is_of_one_person: bool = False
    points: tuple[PointSet, ...] = ()
    is_neutral: bool = False
    told_yaw: float = float("nan")


@dataclass(frozen=True, slots=True)
class PhotoCollection:
    """Photographs in a folder or zip.

    Attributes:
        name: of the collection.
        root: the folder or zip.
        entries: its photographs.
        people_known: whether the collection really says who is on a photograph, so that pictures of one
            person may share an identity; guesses from file names only keep training and validation apart.
    """

    name: str
    root: Path
    entries: tuple[PhotoEntry, ...]
    people_known: bool

    def limited(self, count: int) -> PhotoCollection:
        """At most so many of the photographs, spread evenly."""
        chosen = np.unique(np.linspace(0, len(self.entries) - 1, min(count, len(self.entries))).astype(int))
        return replace(self, entries=tuple(self.entries[number] for number in chosen))

    def parts(self, size: int) -> Iterator[tuple[PhotoEntry, ...]]:
        """The photographs in parts of about `size`, all of one person together unless they are too many."""
        people: dict[str, list[PhotoEntry]] = defaultdict(list)
        for entry in self.entries:
            people[entry.person].append(entry)
        part: list[PhotoEntry] = []
        for photos in people.values():
            for first in range(0, len(photos), 2 * size):
                part += photos[first : first + 2 * size]
                if len(part) >= size:
                    yield tuple(part)
                    part = []
        if part:
            yield tuple(part)


def read_photo_collection(
    root: Path,
    *,
    name: str | None = None,
    people: PeopleRule | None = None,
    people_known: bool | None = None,
    known: KnownCollection | None = None,
    landmarks_folder: Path | None = None,
) -> PhotoCollection:
    """The photographs of a folder or zip, searched to the bottom, with the landmarks that are there.

    Args:
        root: folder or zip.
        name: of the collection; the folder's or zip's own when None.
        people: how photographs tell who is on them; by their names where these look like people when None.
        people_known: see :class:`PhotoCollection`; when None, whatever the rule says of itself.
        known: what the names and points of a collection mean that is known; it replaces both rules of people.
        landmarks_folder: where ``NAME_landmarks.npz`` is looked for too.

    Raises:
        DataError: no photographs, a table that cannot be read, or one that names photographs not there.
    """
    name = collection_name(root) if name is None else name
    rule = people or PeopleRule()
    with open_files(root) as files:
        names = _photo_names(files)
        if not names:
            raise DataError(f"{root} holds no photographs ({', '.join(sorted(PHOTO_SUFFIXES))}).")
        landmarks = _table_of(files, TABLE_NAMES, landmarks_folder)
        points = _table_of(
            files, POINT_TABLE_NAMES, landmarks_folder, None if known is None else known.scheme
        )
        labels = {} if landmarks else _label_files(files)
    if missing := (set(landmarks) | set(points)) - set(names):
        raise DataError(
            f"{root} lacks {len(missing)} labelled photographs, such as {sorted(missing)[0]!r}: "
            f"name them in the table as they are named in the folder or zip."
        )
    if landmarks:  # the table's own order, then what it leaves out
        names = [*landmarks, *(photo for photo in names if photo not in landmarks)]
    yaws: dict[str, float] = {}
    if known is not None:
        yaw_table = root.resolve().with_name(f"{_plain_name(root)}{YAW_TABLE_ENDING}")
        if known.profile and yaw_table.is_file():
            yaws = predicted_yaws(yaw_table)
        persons, people_known = (
            [known.person_of(PurePosixPath(photo).stem) for photo in names],
            known.shares_identity,
        )
    else:
        persons = people_of(names, rule)
    entries = tuple(
        _told(
            PhotoEntry(
                photo,
                f"{name}/{person}",
                landmarks.get(photo),
                labels.get(_stem(photo), ""),
                is_of_one_person=person != _stem(photo),
            ),
            points.get(photo),
            known,
            yaws.get(photo),
        )
        for photo, person in zip(names, persons, strict=True)
    )
    return PhotoCollection(name, root, entries, rule.is_certain if people_known is None else people_known)


def _told(
    entry: PhotoEntry, points: FaceLandmarks | None, known: KnownCollection | None, yaw: float | None
) -> PhotoEntry:
    """The photograph with the points that people set, and what a known collection tells of it."""
    if known is None:
        return entry if points is None else replace(entry, points=(_as_set(points),))
    stem = PurePosixPath(entry.photo).stem
    told = replace(entry, is_neutral=known.is_neutral(stem))
    if points is None:
        return told
    own = known.in_order(stem, points.points_image)
    scheme = known.scheme_of(own)
    told_yaw = known.told_yaw(stem, scheme)
    if yaw is not None and np.sign(yaw) == np.sign(told_yaw):
        told_yaw = yaw
    return replace(told, points=(PointSet(own, scheme),), told_yaw=told_yaw)


def _as_set(points: FaceLandmarks) -> PointSet:
    return PointSet(points.points_image[:, :2], points.scheme, sigma_px=points.sigma_px)


def _plain_name(root: Path) -> str:
    """Of a folder its whole name, of a zip that without the ending."""
    root = root.resolve()
    return root.name if root.is_dir() else root.stem


def collection_name(root: Path) -> str:
    """What a folder or zip is called in samples and shards: letters, digits, dashes and underscores."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in _plain_name(root))
    return plain[:60] or "photos"


def evenly_limited(collections: Sequence[PhotoCollection], count: int) -> list[PhotoCollection]:
    """At most `count` photographs of several collections together, each in proportion, none left empty."""
    total = sum(len(collection.entries) for collection in collections)
    fractions = [max(round(count * len(c.entries) / total), 1) for c in collections]
    return [collection.limited(fraction) for collection, fraction in zip(collections, fractions, strict=True)]


def _photo_names(files: Files) -> list[str]:
    paths = (PurePosixPath(name) for name in files.names(""))
    return [
        str(path)
        for path in paths
        if path.suffix.lower() in PHOTO_SUFFIXES and not any(part.startswith(".") for part in path.parts)
    ]


def _table_of(
    files: Files, names: Sequence[str], folder: Path | None, scheme: str | None = None
) -> dict[str, FaceLandmarks]:
    """Landmarks by photograph from the first table found, inside, beside or in a folder; empty if none."""
    for name in names:
        if name in files:
            return read_table(files.read(name), name=str(files.root / name), scheme=scheme)
    root = files.root.resolve()
    for place in [root.parent, *([] if folder is None else [folder])]:
        for name in names:
            beside = place / f"{_plain_name(files.root)}_{name}"
            if beside.is_file():
                return read_table(beside.read_bytes(), name=str(beside), scheme=scheme)
    return {}


def _label_files(files: Files) -> dict[str, str]:
    """Name of the label file by the photograph's name without its ending."""
    found = (name for suffix in LABEL_SUFFIXES for name in files.names(suffix))
    return {_stem(name): name for name in found}


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
