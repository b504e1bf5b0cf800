"""People kept from training because measurements are made on their photographs: shut eyes, wide-open mouths.

The package names nobody: who is kept is told by the hash of the name.
"""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

PEOPLE_PATH = Path(__file__).with_name("held_out_people.json")
KEY_DIGITS = 16


def key_of(name: str) -> str:
    """What stands for a name in our lists: the first hexadecimal digits of its SHA-256."""
    return sha256(name.encode()).hexdigest()[:KEY_DIGITS]


def is_held_out(collection: str, person: str) -> bool:
    """Whether somebody is kept from training.

    The collections share people, so a person judged in one of them is kept from training in all.

    Args:
        collection: its name.
        person: as the collection calls them, with or without the collection's name before it.
    """
    return key_of(person.removeprefix(f"{collection}/")) in _held_out_people()


def person_of(photo: str) -> str:
    """Who is on "folder/First_Last_0001.jpg": "First_Last"."""
    return PurePosixPath(photo).stem.rsplit("_", 1)[0]


@lru_cache(maxsize=1)
def _held_out_people() -> frozenset[str]:
    return frozenset(json.loads(PEOPLE_PATH.read_text(encoding="utf-8"))["people"])
