"""Whole files or none, how to know a file again, locks, and what killed runs left behind.

A file in the making is locked by the process that makes it. The system gives the lock back when that process
ends, however it ends, so that a leftover is told from work in progress without clocks or process numbers.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = ".lineament.lock"
PART = re.compile(r"\.\d+-[0-9a-f]{8}\.part(\.[a-z0-9]+)?")  # our names for files in the making


@contextmanager
def whole_file(path: Path, *, durable: bool = False, suffix: str = "") -> Iterator[Path]:
    """Another name to write under, which becomes `path` at the end; after an error no file is left there.

    The name is short, so that whatever fits as the name of a file can be written.

    Args:
        path: what the file is to be called.
        durable: wait until the disk has it before it takes its place, for what a loss of power must not undo.
        suffix: end of the other name, for writers that tell the format by it.

    Raises:
        OSError: the file cannot be made or cannot take its place.
    """
    temporary = path.parent / f".{os.getpid()}-{secrets.token_hex(4)}.part{suffix}"
    held = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        try:
            _try_lock(held)
            yield temporary
        finally:
            os.close(held)
        if durable:
            replace_durably(temporary, path)
        else:
            temporary.replace(path)
    finally:
        with suppress(OSError):  # it has taken its place
            temporary.unlink()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a whole file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_bytes(text: str) -> bytes:
    """UTF-8 of any text, names of files that are none included: what checksums of names are made of."""
    return text.encode("utf-8", "surrogatepass")


def bounded_content(path: Path, max_bytes: int) -> bytes:
    """All that a file or pipe holds, unless it is more than anybody writes into such a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds more.
    """
    with path.open("rb") as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it holds more than {max_bytes // 10**6} MB")
    return content


def check_plain_file(path: Path) -> None:
    """Refuse devices and pipes, which may have no end.

    Raises:
        OSError: there is nothing.
        ValueError: it is no file on a disk.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is no file on a disk")


def checked_sha256(value: object, what: str) -> str:
    """The same, if it is a SHA-256 in hexadecimal.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str) or _SHA256.fullmatch(value) is None:
        raise ValueError(f"{what} is {value!r}, expected 64 hexadecimal digits")
    return value


def is_plain_name(name: object) -> bool:
    """Whether this is text that can be the name of a file in any folder, and of nothing else."""
    return isinstance(name, str) and _PLAIN_NAME.fullmatch(name) is not None


def replace_durably(temporary: Path, path: Path) -> None:
    """Give a finished file its name once the disk has it: after a loss of power the old or the new is there.

    Raises:
        OSError: the disk is full, or the file cannot take its place.
    """
    _sync(temporary, os.O_RDWR)
    temporary.replace(path)
    if sys.platform != "win32":  # which has no folders to open
        _sync(path.parent, os.O_RDONLY)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder that is there; on a disk without locks nobody is kept out.

    Raises:
        BlockingIOError: another run is writing into it.
        OSError: the folder cannot be written.
    """
    path = folder / LOCK
    while True:
        held = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _try_lock(held):
            os.close(held)
            raise BlockingIOError(errno.EAGAIN, "another run is writing into this folder", str(folder))
        with suppress(FileNotFoundError):
            if os.path.sameopenfile(held, other := os.open(path, os.O_RDWR)):
                os.close(other)
                break
            os.close(other)
        os.close(held)  # its last holder has just removed it
    try:
        yield
    finally:
        with suppress(OSError):
            if sys.platform != "win32":  # which removes no open file
                path.unlink()
        os.close(held)


@contextmanager
def working_folder(folder: Path) -> Iterator[None]:
    """Make a folder where it is missing and keep other runs out; one that was made for nothing goes again.

    Raises:
        BlockingIOError: another run is writing into it.
        OSError: the folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with locked_folder(folder):
            yield
    finally:
        with suppress(OSError):  # there is something in it
            folder.rmdir()


@contextmanager
def results_folder(folder: Path) -> Iterator[None]:
    """Make a folder where it is missing; after an error what was made for nothing goes again.

    Raises:
        OSError: the folder cannot be made.
    """
    made = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for each in made:
            with suppress(OSError):  # there is something in it
                each.rmdir()
        raise


def remove_leftovers(folder: Path) -> int:
    """Remove files that killed runs were making in a folder; returns how many.

    Files that a living run is making are left alone, and so is everything with a name that is not ours.
    """
    count = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if PART.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                count += _removed_if_left(Path(entry.path))
    return count


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock of a file; one that cannot be opened counts as held."""
    try:
        held = os.open(path, os.O_RDWR)
    except OSError:
        return True
    try:
        return not _try_lock(held)
    finally:
        os.close(held)


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Make a file, if it is not there, and hold its lock; see `is_locked`.

    Raises:
        OSError: the file cannot be made.
    """
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _try_lock(held)
        yield
    finally:
        os.close(held)


def _removed_if_left(path: Path) -> bool:
    if is_locked(path):
        return False
    try:
        path.unlink()
    except OSError:
        return False
    return True


def _try_lock(held: int) -> bool:
    """Lock an open file until it is closed; False if another process has it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(held, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def _sync(path: Path, flags: int) -> None:
    held = os.open(path, flags)
    try:
        os.fsync(held)
    finally:
        os.close(held)
