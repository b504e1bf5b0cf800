"""People kept from training: their eyes and mouths were judged by eye, or their points are for evaluation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

JUDGED_PATH = Path(__file__).with_name("judged_photos.json")
EYE_LABELS = ("closed", "half", "open")
_HAND_SET: dict[str, tuple[re.Pattern[str], Callable[[int], bool]]] = {
    "cfp": (re.compile(r"(\d{3})_(?:profile|frontal)\w*"), lambda person: person > 400),
    "fgnet": (re.compile(r"(\d{3})a\w*"), lambda person: person > 60),
    "london": (re.compile(r"(?:canada|[a-z]+_front)_(\d{3})\w*"), lambda person: person % 5 == 4),
}
"""By collection with points that people set: names of photographs or people, and who is for validation."""


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
    plain = PurePosixPath(person.removeprefix(f"{collection}/")).name
    return plain in _held_out_people() or is_for_hand_set_validation(collection, plain)


def is_for_hand_set_validation(collection: str, photo: str) -> bool:
    """Whether `lineament eval handset` scores somebody: CFP 401-450, FG-NET 061-070, 31 people of London.

    Those of London are everybody whose number ends in 4 or 9, whatever else their photographs are called.

    Args:
        collection: its name; False for all others.
        photo: name of a photograph without ending, or of its person.
    """
    names, is_validation = _HAND_SET.get(collection, (None, None))
    found = names.fullmatch(photo) if names is not None else None
    return found is not None and is_validation is not None and is_validation(int(found[1]))


def person_of(photo: str) -> str:
    """Who is on "folder/First_Last_0001.jpg": "First_Last"."""
    return PurePosixPath(photo).stem.rsplit("_", 1)[0]


@lru_cache(maxsize=1)
def _held_out_people() -> frozenset[str]:
    judged = judged_photos()
    return frozenset(person_of(photo) for photo in (*sum(judged.eyes.values(), ()), *judged.wide_mouths))
