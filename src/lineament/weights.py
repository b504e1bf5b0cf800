"""The networks that come with lineament: which file, how to know it is whole, where it is from.

The catalogue is ``assets/catalogue.json``, written by ``tools/update_weights_catalogue.py`` from the files
themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from lineament.errors import WeightsError

ASSETS = Path(__file__).parent / "assets"
CATALOGUE = ASSETS / "catalogue.json"
ALIASES = {
    "default": "lfm-regressor",
    "fast": "lfm-regressor-fast",
    "open": "lfm-regressor-open",
}
DETECTOR = "face-detector"
DETECTORS = {"lfm-regressor-open": "face-detector-open"}
"""Of weights that come with a detector of their own."""
_END_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One row of the catalogue.

    Attributes:
        name: what `from_pretrained` takes.
        file: name of the file in the assets.
        size_bytes: its length.
        sha256: of the whole file.
        sha256_ends: of its first and last 256 KiB, which is checked at each loading (a hash of everything
            would take longer than opening the network).
        method: key of ``METHODS``, or "detector".
        licence: SPDX name.
        trained_on: the data, in words.
    """

    name: str
    file: str
    size_bytes: int
    sha256: str
    sha256_ends: str
    method: str
    licence: str
    trained_on: str

    @property
    def path(self) -> Path:
        """Where the file is when it is there."""
        return ASSETS / self.file


def catalogue(path: Path = CATALOGUE) -> dict[str, WeightsEntry]:
    """Every network of this installation by name.

    Raises:
        WeightsError: the catalogue is missing or damaged.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {name: WeightsEntry(name=name, **row) for name, row in rows.items()}
    except OSError as error:
        raise WeightsError(
            f"The list of weights is missing at {path}. Reinstall lineament; in a checkout, run "
            f"tools/update_weights_catalogue.py."
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"The list of weights at {path} is damaged ({error}). Reinstall lineament."
        ) from error


def find(name: str) -> WeightsEntry:
    """The catalogue's row of a name or alias.

    Raises:
        WeightsError: no such name; the message lists those there are.
    """
    entries = catalogue()
    entry = entries.get(ALIASES.get(name, name))
    if entry is None:
        known = ", ".join(sorted([*entries, *ALIASES])) or "none"
        raise WeightsError(
            f"There are no weights named {name!r}. Known: {known}; or give the path of an .onnx file."
        )
    return entry


def detector_of(name_or_path: str | os.PathLike[str]) -> str:
    """The catalogue's name of the detector that finds the faces for some weights."""
    return DETECTORS.get(ALIASES.get(str(name_or_path), str(name_or_path)), DETECTOR)


def locate(name_or_path: str | os.PathLike[str]) -> Path:
    """The local file of a network: a name of the catalogue (checked to be whole), or a path (taken as it is).

    Raises:
        WeightsError: unknown name, missing file, or a file that differs from the catalogue.
    """
    if is_path(name_or_path):
        path = Path(name_or_path)
        if not path.is_file():
            raise WeightsError(
                f"There are no weights at {path}. Check the path, or give a name of the catalogue."
            )
        return path
    entry = find(str(name_or_path))
    _check(entry, entry.path, whole=False)
    return entry.path


def is_path(name_or_path: str | os.PathLike[str]) -> bool:
    """Whether this means a file rather than a name: a path object, or text with a suffix or a separator."""
    text = os.fspath(name_or_path)
    return not isinstance(name_or_path, str) or text.endswith(".onnx") or os.sep in text or "/" in text


def verify(name: str) -> None:
    """Compare the whole file of a network with the catalogue.

    Raises:
        WeightsError: unknown name, missing file, or a file that differs from the catalogue.
    """
    entry = find(name)
    _check(entry, entry.path, whole=True)


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a whole file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_ends(path: Path) -> str:
    """Hexadecimal SHA-256 of the first and last 256 KiB of a file, of all of it if it is shorter."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        digest.update(stream.read(_END_BYTES))
        stream.seek(max(_END_BYTES, size - _END_BYTES))
        digest.update(stream.read())
    return digest.hexdigest()


def _check(entry: WeightsEntry, path: Path, *, whole: bool) -> None:
    """Raise WeightsError unless the file is the one the catalogue describes."""
    if not path.is_file():
        raise WeightsError(
            f"The weights {entry.name!r} are not installed: {path} is missing. Reinstall lineament; in a "
            f"checkout made without its large files, fetch them."
        )
    size = path.stat().st_size
    if size != entry.size_bytes:
        raise WeightsError(
            f"{path} has {size} bytes, expected {entry.size_bytes}: it was cut short or replaced. "
            f"Reinstall lineament; in a checkout, run tools/update_weights_catalogue.py."
        )
    found, expected = (sha256_of(path), entry.sha256) if whole else (sha256_of_ends(path), entry.sha256_ends)
    if found != expected:
        raise WeightsError(
            f"{path} does not match its checksum (found {found[:12]}, expected {expected[:12]}). "
            f"Reinstall lineament; in a checkout, run tools/update_weights_catalogue.py."
        )
