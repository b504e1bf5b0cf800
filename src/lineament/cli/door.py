"""The command line's outer door: whatever the surroundings do, one sentence and an exit status."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperGroup

from lineament.cli.lines import one_line
from lineament.errors import LineamentError

STOPPED = 130  # what shells give a program that Ctrl+C ended
TERMINATED = 143
FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


EMPTY_OPTION = re.compile(r"--?[A-Za-z][A-Za-z-]*=")


class Terminated(KeyboardInterrupt):
    """SIGTERM, heeded as Ctrl+C is."""


class DoorGroup(TyperGroup):
    """Commands behind the door: errors of the surroundings become a line and a status."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Click's context
        """Refuse an empty argument: as a path it would be the working folder, whatever was meant."""
        for before, argument in pairwise(["", *args]):
            if not argument or EMPTY_OPTION.fullmatch(argument):
                where = f"behind {before!r}" if before and not argument else f"in {argument!r}"
                raise typer.BadParameter(
                    f"There is an empty argument{f' {where}' if before or argument else ''}: a variable of "
                    f"the shell is not set, perhaps. Leave it out, or write what it stands for.",
                    ctx=ctx,
                )
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Click's context and a command's value
        """Run the command of the context."""
        try:
            found = super().invoke(ctx)
            _flush()
        except Terminated:
            raise _stopped(TERMINATED) from None
        except KeyboardInterrupt:
            raise _stopped(STOPPED) from None
        except (LineamentError, OSError, EOFError, MemoryError) as error:
            tell(error)
            raise typer.Exit(1) from error
        return found


def enter(app: Callable[[], object]) -> int:
    """Run the command line of this process; the exit status."""
    _open_closed_streams()
    logging.raiseExceptions = False  # a log that cannot be written does not end a training
    if not sys.warnoptions and "PYTHONWARNINGS" not in os.environ:
        os.environ["PYTHONWARNINGS"] = "ignore"  # of processes begun later: decoders warn programmers
        warnings.simplefilter("ignore")
    process = os.getpid()

    def end(*_: object) -> None:
        if os.getpid() != process:  # a worker, which took the handler over: it ends as it always did
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    status = 0
    try:
        app()
    except SystemExit as stopped:
        status = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    except OSError as error:  # where no command was reached, such as --help to a full disk
        tell(error)
        status = 1
    return _closed_well(status)


def sentence(error: Exception) -> str:
    """What went wrong and what to do, in one line."""
    if isinstance(error, MemoryError):
        return "The memory is full. Give fewer or smaller files at once, or fewer --processes."
    if isinstance(error, EOFError):
        return f"A file ends too early ({error}). Fetch or make it again."
    if not isinstance(error, OSError):
        return str(error)
    what = error.strerror or str(error) or type(error).__name__
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in FULL:
        return f"{where}The disk is full ({what}). Make room and run the same command again."
    if error.errno == errno.EPIPE:
        return "Whoever read the output has gone (broken pipe)."
    if error.errno in NOT_ALLOWED:
        return f"{where}{what}. Check the permissions, or choose another folder."
    if isinstance(error, BlockingIOError):
        return f"{where}{what}. Wait for it to end, or choose another folder."
    if isinstance(error, FileExistsError | NotADirectoryError):
        return f"{where}{what}. A folder is wanted there; choose another name."
    return f"{where}{what}."


def tell(error: Exception) -> None:
    """Write the sentence to the standard error, if there is one."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"error: {one_line(sentence(error))}\n")
        sys.stderr.flush()


def _stopped(status: int) -> typer.Exit:
    with suppress(OSError, ValueError):
        sys.stderr.write("stopped\n")
    return typer.Exit(status)


def _flush() -> None:
    sys.stdout.flush()


def _closed_well(status: int) -> int:
    """The status, or 1 if the last lines cannot be written; Python has nothing to flush after this."""
    try:
        _flush()
    except OSError as error:
        if status == 0:
            tell(error)
        status = status or 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    return status


def _open_closed_streams() -> None:
    """Give closed standard streams a place to go: else the next file opened would take what is printed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole run
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # names of files may be bytes that no terminal shows
