"""What is kept of each face, as lines of JSON: a run that was stopped goes on after its last whole line.

A line holds the landmarks, the rotation and the errors that needed the mesh; all tables and curves are
computed from these. The name of the file carries a fingerprint of all that decides its content, so that runs
of other weights, sets or options never mix with it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import DataError
from lineament.foreign import foreign

Array = NDArray[Any]

PX_DIGITS, ROTATION_DIGITS, MEASURE_DIGITS = 3, 6, 6


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Record:
    """The outcome for one face.

    Attributes:
        name: of the item.
        item: its checksum; empty where nobody asks.
        landmarks: (68, 3) px, image frame; NaN where not found, z NaN where the predictor gives none.
        rotation: (3, 3), NaN where not given.
        visibility: (68,) 0 to 1, NaN where not given.
        measures: errors of the mesh by name, in their units.
    """

    name: str
    landmarks: Array
    rotation: Array = field(default_factory=lambda: np.full((3, 3), np.nan))
    visibility: Array = field(default_factory=lambda: np.full(68, np.nan))
    measures: Mapping[str, float] = field(default_factory=dict)
    item: str = ""

    @property
    def found(self) -> bool:
        """Whether the predictor found a face at the true place."""
        return bool(np.isfinite(self.landmarks[:, :2]).any())

    @classmethod
    def nothing(cls, name: str) -> Record:
        """Of a face that was not found."""
        return cls(name=name, landmarks=np.full((68, 3), np.nan))

    def line(self) -> str:
        """One line of JSON; rounded to 0.001 px, so that it reads the same everywhere."""
        content: dict[str, Any] = {"name": self.name, "case": self.item}
        for key, array, digits in (
            ("landmarks", self.landmarks, PX_DIGITS),
            ("rotation", self.rotation, ROTATION_DIGITS),
            ("visibility", self.visibility, PX_DIGITS),
        ):
            if np.isfinite(array).any():
                content[key] = _rounded(array, digits)
        if self.measures:
            content["measures"] = {
                key: _rounded(np.float64(value), MEASURE_DIGITS)
                for key, value in sorted(self.measures.items())
            }
        return json.dumps(content, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_line(cls, line: str) -> Record:
        """The record of a line.

        Raises:
            DataError: it is not one.
        """
        with foreign(DataError, "The line is no record", "It will be made again."):
            return cls._of(json.loads(line))

    @classmethod
    def _of(cls, content: Any) -> Record:  # noqa: ANN401 - whatever a file holds
        return cls(
            name=str(content["name"]),
            item=str(content.get("case", "")),
            landmarks=_array(content.get("landmarks"), (68, 3)),
            rotation=_array(content.get("rotation"), (3, 3)),
            visibility=_array(content.get("visibility"), (68,)),
            measures={
                key: float("nan") if value is None else float(value)
                for key, value in content.get("measures", {}).items()
            },
        )


def _rounded(array: Array, digits: int) -> Any:  # noqa: ANN401 - nested lists
    """Nested lists with None in place of NaN."""
    if array.ndim:
        return [_rounded(row, digits) for row in np.asarray(array, np.float64)]
    return None if np.isnan(array) else round(float(array), digits)


def _array(values: Any, shape: tuple[int, ...]) -> Array:  # noqa: ANN401
    if values is None:
        return np.full(shape, np.nan)
    return np.array(values, dtype=np.float64).reshape(shape)  # None becomes NaN


@dataclass(frozen=True, slots=True)
class RecordFile:
    """The lines of one predictor on one set.

    Attributes:
        path: of the file; its folder is made when something is written.
    """

    path: Path

    @classmethod
    def of(cls, folder: Path, name: str, recipe: Mapping[str, object]) -> RecordFile:
        """The file in a folder for a recipe: whatever decides the content.

        Args:
            folder: of a run.
            name: of the predictor, for people.
            recipe: JSON values.
        """
        text = json.dumps(recipe, sort_keys=True)
        mark = hashlib.sha256(text.encode()).hexdigest()[:12]
        plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
        return cls(folder / f"{plain}-{mark}.jsonl")

    def read(self) -> dict[str, Record]:
        """Records by name; a last line that was cut short is left out and will be made again."""
        if not self.path.is_file():
            return {}
        records: dict[str, Record] = {}
        for line in self.path.read_text(encoding="utf-8", errors="replace").split("\n"):
            with suppress(DataError):
                record = Record.from_line(line)
                records[record.name] = record
        return records

    def append(self, records: Iterable[Record]) -> None:
        """Add whole lines; a line that was cut short before gets its own end first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        cut = self.path.is_file() and not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a", encoding="utf-8") as stream:
            if cut and self.path.stat().st_size:
                stream.write("\n")
            stream.writelines(record.line() + "\n" for record in records)
