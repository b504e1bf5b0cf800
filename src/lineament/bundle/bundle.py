"""Weights as one file that describes itself: graphs, constants, and what they are.

A bundle (suffix ``.lineament``) is a zip of stored members: ``bundle.json`` (:class:`Manifest`), any number
of ONNX graphs, and constant arrays as ``.npz``. Nothing in it is code. A plain .onnx file, as former versions
and training write it, opens as a bundle too: its metadata become the manifest.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray

from lineament.bundle.archive import (
    MAX_MEMBER_BYTES,
    is_zip,
    npz_bytes,
    opened,
    read_arrays,
    read_member,
    reading,
    write_archive,
)
from lineament.bundle.manifest import Manifest, Member
from lineament.bundle.plain_graph import manifest_of_graph
from lineament.errors import WeightsError
from lineament.network import OnnxNetwork
from lineament.weights import check_file, find, is_path, locate

Array: TypeAlias = NDArray[Any]

SUFFIX = ".lineament"
MANIFEST = "bundle.json"
MAX_MANIFEST_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Bundle:
    """Weights that are there, their networks not yet opened.

    Attributes:
        path: the file.
        source: what opens it again: the name of installed weights, or the file's absolute path.
        manifest: what it says of itself.
        sha256: of the manifest, which has the checksum of everything else; of a plain graph's whole file.
    """

    path: Path
    source: str
    manifest: Manifest
    sha256: str

    @classmethod
    def open(cls, name_or_path: str | os.PathLike[str]) -> Bundle:
        """Read the manifest of installed weights, of a bundle, or of a plain .onnx file.

        Raises:
            WeightsError: unknown name, missing file, or one that is damaged or no bundle; says what to do.
        """
        path, source = _found(name_or_path)
        if not is_zip(path):
            manifest, sha256 = manifest_of_graph(path)
            return cls(path, source, manifest, sha256)
        with reading(path), opened(path) as archive:
            content = read_member(archive, MANIFEST, MAX_MANIFEST_BYTES, check=True)
            manifest = Manifest.from_json(content)
            present = set(archive.namelist())
            members = (*manifest.graphs.values(), *manifest.arrays.values())
            missing = [member.file for member in members if member.file not in present]
            if missing:
                raise ValueError(f"{', '.join(missing)} is missing from it")
        return cls(path, source, manifest, hashlib.sha256(content).hexdigest())

    def __repr__(self) -> str:
        """File, method, graphs."""
        graphs = ", ".join(self.manifest.graphs)
        return f"Bundle({self.path.name!r}, {self.manifest.method}, graphs: {graphs})"

    def network(
        self, name: str = "network", *, threads: int | None = None, device: str = "cpu"
    ) -> OnnxNetwork:
        """One of its graphs, ready to run.

        Args:
            name: of the graph.
            threads: CPU threads one call may use; None takes what the bundle says, or else all cores.
            device: "cpu", "cuda" or "auto".

        Raises:
            WeightsError: no such graph, or it is damaged or does not work.
            ConfigError: `threads` is below one, or this ONNX Runtime does not have the device.
        """
        threads = self.manifest.threads if threads is None else threads
        recipe = (_network_again, (self.source, self.sha256, name, threads, device))
        content = self.graph(name)
        return OnnxNetwork(self.path, graph=content, threads=threads, device=device, recipe=recipe)

    def graph(self, name: str = "network") -> bytes:
        """The content of one of its graphs, compared with its checksum.

        Raises:
            WeightsError: no such graph, or it is damaged.
        """
        return self._content(self.manifest.graphs, name, "graph")

    def arrays(self, name: str = "constants") -> dict[str, Array]:
        """The arrays of one of its files of constants, by name; not to be written to.

        Raises:
            WeightsError: no such file, or it is damaged.
        """
        content = self._content(self.manifest.arrays, name, "file of arrays")
        with reading(self.path):
            return read_arrays(content)

    def verify(self) -> None:
        """Read everything in it.

        Raises:
            WeightsError: a part is damaged; says which.
        """
        for name in self.manifest.graphs:
            self.graph(name)
        for name in self.manifest.arrays:
            self.arrays(name)

    def rewritten(
        self, path: str | os.PathLike[str], manifest: Manifest, *, graphs: Mapping[str, bytes] | None = None
    ) -> Path:
        """Write the bundle with another manifest and some other graphs, all else as it is.

        Args:
            path: of the new file, which may be the old one.
            manifest: see :meth:`write`.
            graphs: those that take the place of its own, by name.

        Raises:
            WeightsError: see :meth:`graph` and :meth:`write`.
        """
        own = {name: self.graph(name) for name in self.manifest.graphs}
        arrays = {name: self.arrays(name) for name in self.manifest.arrays}
        return self.write(path, manifest, graphs={**own, **(graphs or {})}, arrays=arrays)

    @staticmethod
    def write(
        path: str | os.PathLike[str],
        manifest: Manifest,
        *,
        graphs: Mapping[str, bytes],
        arrays: Mapping[str, Mapping[str, Array]] | None = None,
    ) -> Path:
        """Write a bundle, whole or not at all; the same content makes the same file.

        Args:
            path: of the file, with the suffix ".lineament".
            manifest: its `graphs` and `arrays` are filled in from what follows.
            graphs: ONNX graphs by name; a method with one calls it "network".
            arrays: constant arrays by name, by name of their file.

        Raises:
            WeightsError: what is written would not open, or cannot be written.
        """
        path = Path(path)
        contents = {f"{name}.onnx": content for name, content in graphs.items()}
        contents |= {f"{name}.npz": npz_bytes(table) for name, table in (arrays or {}).items()}
        manifest = replace(
            manifest,
            graphs={name: _member(f"{name}.onnx", contents) for name in graphs},
            arrays={name: _member(f"{name}.npz", contents) for name in arrays or {}},
        )
        with reading(path):
            text = manifest.to_json()
            Manifest.from_json(text)
            write_archive(path, {MANIFEST: text, **contents})
        return path

    def _content(self, members: Mapping[str, Member], name: str, kind: str) -> bytes:
        member = members.get(name)
        if member is None:
            raise WeightsError(
                f"{self.path} has no {kind} {name!r}; it has {', '.join(members) or 'none'}. These weights "
                f"belong to another method, or to a newer lineament."
            )
        with reading(self.path):
            if is_zip(self.path):
                with opened(self.path) as archive:
                    content = read_member(archive, member.file, MAX_MEMBER_BYTES, check=False)
            else:
                content = self.path.read_bytes()
            found = hashlib.sha256(content).hexdigest()
            if found != member.sha256:
                raise ValueError(
                    f"{member.file} does not match its checksum (found {found[:12]}, expected "
                    f"{member.sha256[:12]})"
                )
        return content


def _network_again(source: str, sha256: str, name: str, threads: int | None, device: str) -> OnnxNetwork:
    """A pickled network where it arrives."""
    return same_bundle(source, sha256).network(name, threads=threads, device=device)


def same_bundle(source: str, sha256: str) -> Bundle:
    """The bundle that another process had, by its `source` and `sha256`.

    Raises:
        WeightsError: it is not here, or another one is.
    """
    bundle = Bundle.open(Path(source) if os.path.isabs(source) else source)
    if bundle.sha256 != sha256:
        raise WeightsError(
            f"The weights {source!r} differ here from those that were pickled (checksum "
            f"{bundle.sha256[:12]}, expected {sha256[:12]}). Install the same version of the "
            f"weights in both places."
        )
    return bundle


def _member(file: str, contents: Mapping[str, bytes]) -> Member:
    return Member(file, hashlib.sha256(contents[file]).hexdigest())


def _found(name_or_path: str | os.PathLike[str]) -> tuple[Path, str]:
    """The file, and what finds it again."""
    if is_path(name_or_path):
        path = locate(name_or_path)
        return path, str(path.absolute())
    entry = find(str(name_or_path))
    check_file(entry, whole=False)
    return entry.path, entry.name
