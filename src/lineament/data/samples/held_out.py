"""People kept from training because they are measured on: judged eyes and mouths, points set by people.

The package names nobody: who is kept is told by the hash of the name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

from lineament.files import text_bytes

PEOPLE_PATH = Path(__file__).with_name("held_out_people.json")
KEY_DIGITS = 16
_HAND_SET: dict[str, tuple[re.Pattern[str], Callable[[int], bool]]] = {
    "cfp": (re.compile(r"(\d{3})(?:_(?:profile|frontal)\w*)?"), lambda person: person > 400),
    "fgnet": (re.compile(r"(\d{3})a\w*"), lambda person: person > 60),
    "london": (re.compile(r"(?:canada|(?:[a-z]+_)?front)_(\d{3})\w*"), lambda person: person % 5 == 4),
}
"""By collection with points that people set: names of photographs or people, and who is for validation."""


def key_of(name: str) -> str:
    """What stands for a name in our lists: the first hexadecimal digits of its SHA-256."""
    return sha256(text_bytes(name)).hexdigest()[:KEY_DIGITS]


def is_held_out(collection: str, person: str) -> bool:
    """Whether somebody is kept from training.

    The collections share people, so a person judged in one of them is kept from training in all.

    Args:
        collection: its name.
        person: as the collection calls them, with or without the collection's name before it.
    """
    plain = PurePosixPath(person.removeprefix(f"{collection}/")).name
    return key_of(plain) in _held_out_people() or is_for_hand_set_validation(collection, plain)


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
    return frozenset(json.loads(PEOPLE_PATH.read_text(encoding="utf-8"))["people"])
