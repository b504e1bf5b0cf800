"""Installed weights by name: which file, how to know it is whole, from which package.

The package's own are listed in ``assets/index.json``. Any other package adds weights by an entry point of the
group "lineament.weights" whose value is an importable package with an ``index.json`` and bundles beside it;
none of its code is run. ``tools/update_weights_catalogue.py`` writes such an index.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from lineament.errors import WeightsError
from lineament.files import checked_sha256, is_plain_name, sha256_of
from lineament.foreign import foreign
from lineament.version import __version__

ASSETS = Path(__file__).parent / "assets"
INDEX = "index.json"
GROUP = "lineament.weights"
SUFFIXES = (".lineament", ".onnx")
PAPERS = "lineament-papers"
PUBLISHED = ("cprfa", "dff", "dsfnet", "dsfnet-open", "sadrnet", "sadrnet-open", "synergynet")
"""Methods whose weights belong to the package of `PAPERS`."""
MAX_INDEX_BYTES = 2**20
_END_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One row of an index.

    Attributes:
        name: what `from_pretrained` takes.
        path: where the file is when it is there.
        size_bytes: its length.
        sha256: of the whole file.
        sha256_ends: of its first and last 256 KiB, which is checked at each loading: a bundle's manifest lies
            there, which has the checksums of the rest.
        method: key of ``METHODS``, or "detector".
        licence: terms of the weights, in words.
        data: what they were trained on, in words.
        research: whether a part of the data is for research only.
        package: the distribution it came with.
        version: of that distribution.
    """

    name: str
    path: Path
    size_bytes: int
    sha256: str
    sha256_ends: str
    method: str
    licence: str
    data: str
    research: bool
    package: str
    version: str


@dataclass(frozen=True, slots=True)
class WeightsPackage:
    """A distribution that brings weights.

    Attributes:
        package: its name.
        version: of it.
        entries: its weights by name.
        aliases: other names of these.
        problem: why its weights cannot be used; None when they can.
    """

    package: str
    version: str
    entries: Mapping[str, WeightsEntry] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    def find(self, name: str) -> WeightsEntry | None:
        """The weights of a name or alias."""
        return self.entries.get(self.aliases.get(name, name))


def built_in() -> WeightsPackage:
    """The weights that come with lineament itself.

    Raises:
        WeightsError: their index is missing or damaged.
    """
    return read_index(ASSETS, package="lineament", version=__version__)


def added() -> list[WeightsPackage]:
    """Other packages with weights, by name; one that cannot be read says so as its `problem`."""
    found = {}
    for point in metadata.entry_points(group=GROUP):
        package = point.dist.name if point.dist is not None else point.name
        version = point.dist.version if point.dist is not None else "unknown"
        try:
            found[package, point.value] = read_index(
                _folder_of(point.value), package=package, version=version
            )
        except WeightsError as error:
            found[package, point.value] = WeightsPackage(package, version, problem=str(error))
    return [found[key] for key in sorted(found)]


def installed() -> list[WeightsPackage]:
    """All packages with weights, lineament's own first.

    Raises:
        WeightsError: the index of lineament's own is missing or damaged.
    """
    return [built_in(), *added()]


def read_index(folder: Path, *, package: str, version: str) -> WeightsPackage:
    """The weights of a folder.

    Raises:
        WeightsError: its index is missing or damaged.
    """
    path = folder / INDEX
    remedy = f"Reinstall {package}; in a checkout, run tools/update_weights_catalogue.py."
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_INDEX_BYTES + 1)
    except OSError as error:
        raise WeightsError(f"The list of weights is missing at {path} ({error}). {remedy}") from error
    with foreign(WeightsError, f"The list of weights at {path} is damaged", remedy):
        if len(content) > MAX_INDEX_BYTES:
            raise ValueError(f"it has more than {MAX_INDEX_BYTES} bytes")
        table = json.loads(content)
        if table["format"] != 1:
            raise ValueError(f"its format is {table['format']!r}, this version reads 1")
        entries = {
            name: _entry(name, row, folder, package, version) for name, row in table["weights"].items()
        }
        aliases = {str(alias): str(name) for alias, name in table.get("aliases", {}).items()}
        odd = [name for name in (*aliases, *entries) if not is_plain_name(name)]
        odd += [name for name in aliases.values() if name not in entries]
        if odd:
            raise ValueError(f"it has a name {odd[0]!r} that cannot be")
    return WeightsPackage(package, version, entries, aliases)


def find(name: str) -> WeightsEntry:
    """The weights of a name or alias; lineament's own come first.

    Raises:
        WeightsError: no such name, or several packages have it; the message says what to do.
    """
    own = built_in()
    entry = own.find(name)
    if entry is not None:
        return entry
    others = added()
    found = [entry for entry in (package.find(name) for package in others) if entry is not None]
    if len(found) > 1:
        where = " and ".join(str(entry.path) for entry in found)
        raise WeightsError(f"Several packages have weights named {name!r}: give one of the paths {where}.")
    if found:
        return found[0]
    raise WeightsError(_unknown(name, [own, *others]))


def locate(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of weights: installed ones by name (checked to be whole), or a path (taken as it is).

    Raises:
        WeightsError: unknown name, missing file, or a file that differs from the index.
    """
    if is_path(name_or_path):
        path = Path(name_or_path)
        if not path.is_file():
            raise WeightsError(
                f"There are no weights at {path}{', which is a folder' if path.is_dir() else ''}. Check the "
                f"path, or give a name of `lineament info`."
            )
        return path
    entry = find(str(name_or_path))
    check_file(entry, whole=False)
    return entry.path


def is_path(name_or_path: str | os.PathLike[str]) -> bool:
    """Whether this means a file rather than a name: a path object, or text with a suffix or a separator."""
    if not isinstance(name_or_path, str | os.PathLike):
        raise WeightsError(
            f"Weights are named by a word of `lineament info` or by a path, found "
            f"{type(name_or_path).__name__}."
        )
    text = os.fspath(name_or_path)
    return not isinstance(name_or_path, str) or text.endswith(SUFFIXES) or os.sep in text or "/" in text


def check_file(entry: WeightsEntry, *, whole: bool) -> None:
    """Compare a file with the index: its size and both ends, or every byte.

    Raises:
        WeightsError: it is missing or differs.
    """
    path, remedy = entry.path, f"Reinstall {entry.package}"
    if not path.is_file():
        raise WeightsError(
            f"The weights {entry.name!r} are not installed: {path} is missing. {remedy}; in a checkout made "
            f"without its large files, fetch them."
        )
    remedy += "; in a checkout, run tools/update_weights_catalogue.py."
    size = path.stat().st_size
    if size != entry.size_bytes:
        raise WeightsError(
            f"{path} has {size} bytes, expected {entry.size_bytes}: it was cut short or replaced. {remedy}"
        )
    found, expected = (sha256_of(path), entry.sha256) if whole else (sha256_of_ends(path), entry.sha256_ends)
    if found != expected:
        raise WeightsError(
            f"{path} does not match its checksum (found {found[:12]}, expected {expected[:12]}). {remedy}"
        )


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


def _folder_of(package: str) -> Path:
    """Where an importable package lies, without importing it.

    Raises:
        WeightsError: there is no such package.
    """
    try:
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(
            f"The entry point {package!r} of the group {GROUP!r} names no package that is installed. "
            f"Reinstall the distribution it belongs to."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _entry(name: str, row: Mapping[str, Any], folder: Path, package: str, version: str) -> WeightsEntry:
    """One row, checked."""
    if not is_plain_name(row["file"]):
        raise ValueError(f"the file of {name!r} is {row['file']!r}, expected a plain name")
    return WeightsEntry(
        name=name,
        path=folder / row["file"],
        size_bytes=int(row["size_bytes"]),
        sha256=checked_sha256(row["sha256"], f"the sha256 of {name}"),
        sha256_ends=checked_sha256(row["sha256_ends"], f"the sha256_ends of {name}"),
        method=str(row["method"]),
        licence=str(row["licence"]),
        data=str(row["data"]),
        research=bool(row["research"]),
        package=package,
        version=version,
    )


def _unknown(name: str, packages: list[WeightsPackage]) -> str:
    """Why there are no such weights, and what to do."""
    papers = next((package for package in packages if package.package == PAPERS), None)
    if name in PUBLISHED and papers is None:
        return (
            f"The weights {name!r} are not installed: those of published methods are a package of their own, "
            f"{PAPERS}. In a checkout of lineament, run: pip install ./papers"
        )
    if name in PUBLISHED and papers is not None and papers.problem is None:
        return f"{PAPERS} {papers.version} is installed and has no weights of {name!r} yet."
    names = sorted({name for package in packages for name in (*package.entries, *package.aliases)})
    broken = [
        f"{package.package} cannot be used: {package.problem}" for package in packages if package.problem
    ]
    known = f"Known: {', '.join(names) or 'none'}; or give the path of a .lineament or .onnx file."
    return " ".join([f"There are no weights named {name!r}.", known, *broken])
