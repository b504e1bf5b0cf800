"""The files of a photo's maps, written band by band: they take the memory of a band, whatever the photo."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

from lineament.errors import ConfigError, ExportError
from lineament.export.maps import (
    DEPTH_NOTE,
    DEPTH_STEP_MM,
    PARTS_PALETTE_RGB,
    FaceMaps,
    depth_steps,
    map_bands,
)
from lineament.export.png_file import PngFile
from lineament.files import whole_file
from lineament.several import Faces, list_of_faces

Size: TypeAlias = tuple[int, int]
Take: TypeAlias = Callable[[FaceMaps], None]
"""Takes the next band."""


def write_maps(faces: Faces, size_hw: Size, paths: Mapping[str, str | os.PathLike[str]]) -> None:
    """Write maps of the faces of one photo, each whole or not at all.

    Args:
        faces: as in :func:`lineament.export.face_maps`.
        size_hw: height and width of the photo, px.
        paths: by what is written: "depth" (16-bit PNG), "depth_mm" (NPZ), "pncc", "normals" or "parts" (PNG).

    Raises:
        ExportError: a file cannot be written.
        ConfigError: something else than faces, or an unknown map.
    """
    unknown = [name for name in paths if name not in WRITERS]
    if unknown:
        raise ConfigError(f"There is no map {unknown[0]!r}. Choose from {', '.join(WRITERS)}.")
    faces = list_of_faces(faces)
    try:
        with ExitStack() as files:
            takers = [files.enter_context(_file(name, Path(path), size_hw)) for name, path in paths.items()]
            for band in map_bands(faces, size_hw):
                for take in takers:
                    take(band)
    except OSError as error:
        names = ", ".join(str(path) for path in paths.values())
        raise ExportError(
            f"Cannot write {names} ({error.strerror or error}). Check the folder, the name and the disk."
        ) from error


@contextmanager
def _file(name: str, path: Path, size_hw: Size) -> Iterator[Take]:
    with (
        whole_file(path) as temporary,
        temporary.open("wb") as stream,
        WRITERS[name](stream, size_hw) as take,
    ):
        yield take


@contextmanager
def _depth_png(stream: IO[bytes], size_hw: Size) -> Iterator[Take]:
    picture = PngFile(stream, size_hw=size_hw, bits=16, notes={"lineament:depth": DEPTH_NOTE})
    yield lambda band: picture.write(depth_steps(band.depth_mm))
    picture.end()


@contextmanager
def _depth_npz(stream: IO[bytes], size_hw: Size) -> Iterator[Take]:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("step_mm.npy", "w") as member:
            np.lib.format.write_array(member, np.array(DEPTH_STEP_MM))
        with archive.open("depth_mm.npy", "w", force_zip64=True) as member:
            about = {"descr": "<f4", "fortran_order": False, "shape": size_hw}
            np.lib.format.write_array_header_1_0(member, about)
            yield lambda band: _append(member, band.depth_mm)


def _append(member: IO[bytes], depth_mm: np.ndarray) -> None:
    member.write(np.ascontiguousarray(depth_mm, "<f4").tobytes())


@contextmanager
def _pncc(stream: IO[bytes], size_hw: Size) -> Iterator[Take]:
    picture = PngFile(stream, size_hw=size_hw, channels=3)
    yield lambda band: picture.write(band.pncc_rgb)
    picture.end()


@contextmanager
def _normals(stream: IO[bytes], size_hw: Size) -> Iterator[Take]:
    picture = PngFile(stream, size_hw=size_hw, channels=3)
    yield lambda band: picture.write(band.normals_rgb)
    picture.end()


@contextmanager
def _parts(stream: IO[bytes], size_hw: Size) -> Iterator[Take]:
    picture = PngFile(stream, size_hw=size_hw, palette_rgb=PARTS_PALETTE_RGB)
    yield lambda band: picture.write(band.parts)
    picture.end()


WRITERS = {
    "depth": _depth_png,
    "depth_mm": _depth_npz,
    "pncc": _pncc,
    "normals": _normals,
    "parts": _parts,
}
