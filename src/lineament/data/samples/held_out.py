"""People kept from training because their photographs were judged by eye: shut eyes, wide-open mouths."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

JUDGED_PATH = Path(__file__).with_name("judged_photos.json")
EYE_LABELS = ("closed", "half", "open")


@dataclass(frozen=True, slots=True)
class JudgedPhotos:
    """Photographs as "collection/name of the photograph", with what a person saw on them.

    Attributes:
        eyes: names by label, one of :data:`EYE_LABELS`.
        wide_mouths: photographs with the mouth wide open.
    """

    eyes: dict[str, tuple[str, ...]]
    wide_mouths: tuple[str, ...]


def judged_photos() -> JudgedPhotos:
    """The list that comes with the package."""
    content = json.loads(JUDGED_PATH.read_text(encoding="utf-8"))
    eyes = {label: tuple(content["eyes"][label]) for label in EYE_LABELS}
    return JudgedPhotos(eyes, tuple(content["mouths"]["wide open"]))


def is_held_out(collection: str, person: str) -> bool:
    """Whether somebody is kept from training.

    The collections share people, so a person judged in one of them is kept from training in all.

    Args:
        collection: its name.
        person: as the collection calls them, with or without the collection's name before it.
    """
    return person.removeprefix(f"{collection}/") in _held_out_people()


def person_of(photo: str) -> str:
    """Who is on "folder/First_Last_0001.jpg": "First_Last"."""
    return PurePosixPath(photo).stem.rsplit("_", 1)[0]


@lru_cache(maxsize=1)
def _held_out_people() -> frozenset[str]:
    judged = judged_photos()
    return frozenset(person_of(photo) for photo in (*sum(judged.eyes.values(), ()), *judged.wide_mouths))
