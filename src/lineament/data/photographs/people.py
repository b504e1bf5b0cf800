"""Who is on a photograph, as far as file names, folders or a table tell."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from lineament.errors import ConfigError, DataError, LineamentError
from lineament.files import bounded_content
from lineament.foreign import reason_of

# First_Last_0001, as Labeled Faces in the Wild names its photographs; not IMG_0001, which is a camera.
MAX_BYTES = 10**9
_PERSON = re.compile(r"(?P<person>[^\W\d_]{2,}[.']?([_ -]+[^\W\d_][\w.'-]*?)+)[_ -]+\d+")


class PeopleFrom(StrEnum):
    """What tells who is on a photograph."""

    AUTO = "auto"  # names that look like First_Last_0001; without that each photograph is somebody else
    NAMES = "names"  # everything before the last underscore of the file's name
    FOLDERS = "folders"  # the folder that the file is in
    NOBODY = "none"  # each photograph is somebody else
    TABLE = "table"  # a CSV file with columns photo and person


@dataclass(frozen=True, slots=True)
class PeopleRule:
    """How photographs tell who is on them.

    Attributes:
        source: what tells.
        table: the CSV file, for `PeopleFrom.TABLE`.
    """

    source: PeopleFrom = PeopleFrom.AUTO
    table: Path | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the user said so, rather than names that merely look like it."""
        return self.source in {PeopleFrom.NAMES, PeopleFrom.FOLDERS, PeopleFrom.TABLE}

    @classmethod
    def of_text(cls, text: str) -> PeopleRule:
        """The rule that a command line names: "auto", "names", "folders", "none" or a CSV file.

        Raises:
            ConfigError: it is none of these.
        """
        choices = [source.value for source in PeopleFrom if source is not PeopleFrom.TABLE]
        if text in choices:
            return cls(PeopleFrom(text))
        if Path(text).is_file():
            return cls(PeopleFrom.TABLE, Path(text))
        raise ConfigError(
            f"{text!r} does not say who is on a photograph: choose {', '.join(choices)}, or give a CSV file "
            f"with the columns photo and person."
        )


def people_of(photos: Sequence[str], rule: PeopleRule) -> list[str]:
    """Who is on each photograph; its own name where nothing tells.

    Args:
        photos: names in the folder or zip, with slashes.
        rule: what tells.

    Raises:
        DataError: the rule's table cannot be read, or has not the columns.
    """
    if rule.source is PeopleFrom.TABLE:
        assert rule.table is not None
        table = read_people(rule.table)
        return [_in_table(table, PurePosixPath(photo)) for photo in photos]
    return [_person_of(PurePosixPath(photo), rule.source) for photo in photos]


def read_people(path: Path) -> dict[str, str]:
    """The person of each photograph from a CSV file with the columns ``photo`` and ``person``.

    Raises:
        DataError: it cannot be read, or lacks a column.
    """
    try:
        text = bounded_content(path, MAX_BYTES).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True))
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"The table of people {path} cannot be read ({reason_of(error)}).") from error
    if not rows or not {"photo", "person"} <= set(rows[0]):
        found = ", ".join(str(key) for key in rows[0]) if rows else "nothing"
        raise DataError(f"The table of people {path} needs the columns photo and person, found {found}.")
    return {row["photo"]: row["person"] for row in rows if row["person"]}


def _in_table(table: dict[str, str], photo: PurePosixPath) -> str:
    """The person of a photograph, listed by its whole name or by its file's."""
    return table.get(str(photo)) or table.get(photo.name) or str(photo.with_suffix(""))


def _person_of(photo: PurePosixPath, source: PeopleFrom) -> str:
    if source is PeopleFrom.NAMES:
        return photo.stem.rpartition("_")[0] or photo.stem
    if source is PeopleFrom.FOLDERS and photo.parent.name:
        return str(photo.parent)
    if source is PeopleFrom.AUTO and (found := _PERSON.fullmatch(photo.stem)):
        return found["person"]
    return str(photo.with_suffix(""))
