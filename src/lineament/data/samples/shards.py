"""Samples on disk: tar files that webdataset reads, and a manifest that says what they are.

A folder holds ``NAME.tar`` (members ``KEY.jpg``, ``KEY.mask.png``, ``KEY.npz``, ``KEY.json``; see
:mod:`lineament.data.samples.codec`), ``NAME.index.npz`` and ``manifest.json``. Everything is written under a
temporary name and renamed, and a shard counts as finished only when the manifest has its checksum. So work
that was interrupted goes on where it stopped::

    shards = ShardFolder(folder, recipe)
    for name in shards.unfinished(names):
        shards.add(write_shard(folder, name, samples_of(name), recipe.storage))  # or in other processes

Whoever tells what each shard is made of (`ShardEntry.made_of`) can have those made again for which that has
changed.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lineament.data.samples.codec import Storage, encode
from lineament.data.samples.sample import Sample
from lineament.data.samples.shard_index import index_path, scan_shard
from lineament.errors import DataError, LineamentError
from lineament.files import locked_folder, replace_durably, sha256_of
from lineament.foreign import reason_of

FORMAT = "lineament-samples-2"
READABLE = ("lineament-samples-1", FORMAT)
"""The first format had no annotated points, and coefficients in every sample."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the samples of a folder are made of.

    Attributes:
        source: the collections, in words.
        licence: under which the samples may be used, in words.
        seed: of all random choices.
        command: makes the same samples again; without what does not matter, such as the number of processes.
        face_model: name of the model that the coefficients belong to.
        storage: how samples are written.
    """

    source: str
    licence: str
    seed: int
    command: str
    face_model: str
    storage: Storage = field(default_factory=Storage)


@dataclass(frozen=True, slots=True)
class ShardEntry:
    """What the manifest says of a finished shard.

    Attributes:
        name: of the shard, without ``.tar``.
        samples: how many.
        validation: how many of them are kept from training.
        kinds: how many of each kind.
        size: bytes of the tar file.
        sha256: of the tar file.
        made_of: checksum of what it was made of; empty where nobody said.
    """

    name: str
    samples: int
    validation: int
    kinds: Mapping[str, int]
    size: int
    sha256: str
    made_of: str = ""


class ShardFolder:
    """The manifest of a folder of shards, while they are being made.

    Args:
        folder: made where it is missing.
        recipe: of the samples.

    Raises:
        DataError: the folder holds samples of another recipe.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self.folder = folder
        self.recipe = recipe
        self._entries: dict[str, ShardEntry] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / MANIFEST).exists():
            return
        found, entries = read_manifest(folder)
        if found != recipe:
            different = [key for key, value in asdict(recipe).items() if value != asdict(found)[key]]
            raise DataError(
                f"{folder} holds samples of another recipe (different: {', '.join(different)}). "
                f"Choose an empty folder, or run the command it was made with: {found.command}"
            )
        self._entries = {entry.name: entry for entry in entries}

    @property
    def entries(self) -> tuple[ShardEntry, ...]:
        """The finished shards, by name."""
        return tuple(self._entries[name] for name in sorted(self._entries))

    def unfinished(self, names: Sequence[str], made_of: Mapping[str, str] | None = None) -> list[str]:
        """Of some shards those that are missing, half-written or damaged; the others' checksums are right.

        Args:
            names: of the shards.
            made_of: by name, checksums of what they are made of: those made of something else are
                unfinished too.
        """
        old = set(self.outdated(made_of or {}))
        return [n for n in names if n not in self._entries or n in old or not self._is_whole(n)]

    def outdated(self, made_of: Mapping[str, str]) -> list[str]:
        """Shards in the manifest that were made of something else; those that do not tell count as right."""
        known = {name: entry.made_of for name, entry in self._entries.items() if entry.made_of}
        return [name for name in sorted(known) if made_of.get(name, known[name]) != known[name]]

    def keep(self, names: Collection[str]) -> None:
        """Only some of the shards, if they are there: the others leave the manifest, and their files go."""
        gone = sorted(set(self._entries) - set(names))
        if not gone:
            return
        self._entries = {name: self._entries[name] for name in self._entries if name not in gone}
        self._write()
        for name in gone:
            shard = self.folder / f"{name}.tar"
            for path in (shard, index_path(shard)):
                path.unlink(missing_ok=True)

    def add(self, entry: ShardEntry) -> None:
        """Enter a written shard into the manifest."""
        self._entries[entry.name] = entry
        self._write()

    def _write(self) -> None:
        samples, size = (sum(getattr(e, what) for e in self.entries) for what in ("samples", "size"))
        table = {
            "format": FORMAT,
            "recipe": asdict(self.recipe),
            "samples": samples,
            "validation": sum(e.validation for e in self.entries),
            "kinds": dict(sum((Counter(e.kinds) for e in self.entries), Counter())),
            "size": size,
            "shards": [asdict(e) for e in self.entries],
        }
        _write_whole(self.folder / MANIFEST, json.dumps(table, indent=1).encode())

    def _is_whole(self, name: str) -> bool:
        entry, shard = self._entries[name], self.folder / f"{name}.tar"
        return shard.is_file() and shard.stat().st_size == entry.size and sha256_of(shard) == entry.sha256


def write_shard(folder: Path, name: str, samples: Iterable[Sample], storage: Storage) -> ShardEntry:
    """Write a shard and its index; it counts once its entry is added to the manifest.

    The same samples give the same bytes. Keys are the shard's name and the sample's number.

    Raises:
        DataError: the name has a dot or is too long, or a sample cannot be stored.
    """
    if not is_shard_name(name):
        raise DataError(f"A shard cannot be called {name!r}: use at most 80 characters, no dot, no slash.")
    shard = folder / f"{name}.tar"
    temporary = folder / f"{name}.tar.part"
    with tarfile.open(temporary, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for number, sample in enumerate(samples):
            for extension, content in encode(sample, storage).items():
                info = tarfile.TarInfo(f"{name}_{number:06d}.{extension}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    sha256 = sha256_of(temporary)
    # Reading every label back proves the file before it takes its name.
    index = scan_shard(temporary, sha256=sha256)
    replace_durably(temporary, shard)
    index.write(index_path(shard))
    kinds = dict(sorted(Counter(index.kind.tolist()).items()))
    size = shard.stat().st_size
    return ShardEntry(name, len(index), int(index.validation.sum()), kinds, size, sha256)


def read_manifest(folder: Path) -> tuple[Recipe, tuple[ShardEntry, ...]]:
    """What a folder of shards says of itself.

    Raises:
        DataError: there is no manifest, or one that this version does not understand.
    """
    path = folder / MANIFEST
    try:
        table: Any = json.loads(path.read_text(encoding="utf-8"))
        if table["format"] not in READABLE:
            raise ValueError(f"format {table['format']!r}, not one of {', '.join(READABLE)}")
        about = table["recipe"]
        recipe = Recipe(**{**about, "storage": Storage(**about["storage"])})
        return recipe, tuple(_checked_entry(entry) for entry in table["shards"])
    except FileNotFoundError as error:
        raise DataError(f"{folder} holds no samples: {MANIFEST} is missing.") from error
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{path} cannot be understood ({reason_of(error)}): make the samples again."
        ) from error


def is_shard_name(name: object) -> bool:
    """Whether a shard may be called so: the names of its files stay in their folder."""
    return isinstance(name, str) and re.fullmatch(r"[^./\\\x00]{1,80}", name) is not None


def _checked_entry(table: Mapping[str, Any]) -> ShardEntry:
    """An entry of a manifest; ValueError where a field cannot be."""
    entry = ShardEntry(**table)
    if not is_shard_name(entry.name):
        raise ValueError(f"a shard cannot be called {entry.name!r}")
    counts = {"samples": entry.samples, "validation": entry.validation, "size": entry.size, **entry.kinds}
    for field_name, count in counts.items():
        if type(count) is not int or count < 0:
            raise ValueError(f"{field_name} of {entry.name} is {count!r}, not a whole number")
    for field_name in ("sha256", "made_of"):
        if not isinstance(getattr(entry, field_name), str):
            raise ValueError(f"{field_name} of {entry.name} is no text")
    return entry


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other builds out of a folder of shards that is there.

    Raises:
        DataError: one is at work in it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(locked_folder(folder))
        except BlockingIOError as error:
            raise DataError(
                f"Another build is writing into {folder}. Wait for it, or give another --out."
            ) from error
        yield


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it."""
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        file.write(content)
    replace_durably(temporary, path)
