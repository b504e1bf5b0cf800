"""The file format of bundles: a zip of a few stored members, read with bounds on everything.

Whatever goes wrong while reading becomes one WeightsError, with the file, the reason and what to do.
"""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import WeightsError
from lineament.files import is_plain_name, whole_file
from lineament.foreign import foreign

Array: TypeAlias = NDArray[Any]

MAX_MEMBERS = 64
MAX_DIRECTORY_BYTES = 64 * 1024
MAX_MEMBER_BYTES = 2**31 - 1
"""ONNX graphs can be no larger, for protobuf."""
MAX_ARRAY_BYTES = 2**29
"""All arrays of a file together, once unpacked."""
REMEDY = "Copy the file again, or reinstall the package it belongs to."
_ZIP, _ZIP_END, _ZIP64 = b"PK\3\4", b"PK\5\6", b"PK\6\7"
_HEADER_BYTES = 30


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn every error of the decoders into one WeightsError."""
    with foreign(WeightsError, f"{path} is no bundle of weights that can be used", REMEDY):
        yield


def is_zip(path: Path) -> bool:
    """Whether a file begins as a bundle does."""
    with reading(path), path.open("rb") as stream:
        return stream.read(len(_ZIP)) in (_ZIP, _ZIP_END)


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, of which no more than a few members with plain names, stored as they are."""
    with path.open("rb") as stream:
        _check_directory_size(stream)
        with zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            if len(members) > MAX_MEMBERS or len(set(names)) < len(names):
                raise ValueError(f"it has {len(names)} members, expected at most {MAX_MEMBERS}, each once")
            for member in members:
                if not is_plain_name(member.filename):
                    raise ValueError(f"it has a member {member.filename[:120]!r}, whose name is not plain")
                if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
                    raise ValueError(f"{member.filename} is compressed or encrypted, not stored")
            yield archive


def _check_directory_size(stream: io.BufferedReader) -> None:
    """Refuse an archive with so long a list of members that reading it would take the memory."""
    end = 22  # bytes of the record that ends an archive without a comment
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - end - 20))
    tail = stream.read()
    if len(tail) < end or tail[-end:-18] != _ZIP_END or tail[-end - 20 : -end].startswith(_ZIP64):
        raise ValueError("it does not end as a bundle does: it was cut short, or is another kind of archive")
    directory_bytes = struct.unpack("<I", tail[-10:-6])[0]
    if directory_bytes > min(MAX_DIRECTORY_BYTES, size):
        raise ValueError(f"its list of members takes {directory_bytes} bytes, at most {MAX_DIRECTORY_BYTES}")


def read_member(archive: zipfile.ZipFile, name: str, limit: int, *, check: bool) -> bytes:
    """A member as it is stored; KeyError where it is missing.

    Args:
        archive: opened.
        name: of the member.
        limit: most bytes that are read.
        check: compare with the zip's own checksum; callers that know a better one save the time.
    """
    info, stream = archive.getinfo(name), archive.fp
    if info.file_size > limit or info.file_size != info.compress_size or stream is None:
        raise ValueError(f"{name} is said to have {info.file_size} bytes, at most {limit} are read")
    stream.seek(info.header_offset)
    header = stream.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or not header.startswith(_ZIP):
        raise ValueError(f"{name} does not begin where the list of members says")
    name_bytes, extra_bytes = struct.unpack("<HH", header[-4:])
    stream.seek(name_bytes + extra_bytes, os.SEEK_CUR)
    content = stream.read(info.file_size)
    if len(content) < info.file_size:
        raise ValueError(f"{name} has {len(content)} of {info.file_size} bytes: the file was cut short")
    if check and zlib.crc32(content) != info.CRC:
        raise ValueError(f"{name} does not match its checksum")
    return content


def write_archive(path: Path, contents: Mapping[str, bytes]) -> None:
    """Write the members in their order; the file is whole or not there, and the same for the same content."""
    with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # the date is always 1980


def npz_bytes(table: Mapping[str, Array]) -> bytes:
    """Arrays by name as the content of an .npz."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **table)
    return file.getvalue()


def read_arrays(content: bytes) -> dict[str, Array]:
    """The arrays of an .npz; what they would unpack to is bounded first."""
    arrays: dict[str, Array] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        infos = archive.infolist()
        total = sum(info.file_size for info in infos)
        if len(infos) > MAX_MEMBERS * 16 or total > MAX_ARRAY_BYTES:
            raise ValueError(f"its {len(infos)} arrays take {total} bytes, at most {MAX_ARRAY_BYTES}")
        for info in infos:
            arrays[info.filename.removesuffix(".npy")] = _read_array(archive.read(info), info.filename)
    return arrays


def _read_array(content: bytes, name: str) -> Array:
    """One .npy: its header is compared with what is there before anything is made of it."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} is of a format of arrays that bundles do not have")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    data = content[stream.tell() :]
    if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize != len(data):
        raise ValueError(f"{name} holds {len(data)} bytes, which are no {shape} of {dtype}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if is_fortran else "C")
