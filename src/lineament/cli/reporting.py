"""What a run over photographs says: lines, one progress display for all processes, a summary, a log."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TextIO

from lineament.cli.lines import one_line, write_line
from lineament.cli.photo_work import PhotoOutcome
from lineament.cli.photos import Photo

MANY = 5  # photographs from which a progress display is worth its place
NAMED = 20  # failed photographs that the summary names; the log names all
LARGE = 5000  # names of failed photographs that are kept


class Reporter:
    """Counts outcomes and says them.

    Attributes:
        photos: how many were aligned, those that failed included.
        faces: how many faces they show.
        failed: how many failed.
    """

    def __init__(self, total: int, *, quiet: bool, log: Path | None) -> None:
        """Nothing is said yet.

        Args:
            total: photographs that are to be aligned.
            quiet: say nothing but errors.
            log: a file that every line goes to as well, with the time before it.
        """
        self._total, self._quiet, self._log_path = total, quiet, log
        self._closing = ExitStack()
        self._log: TextIO | None = None
        self._progress: Any = None
        self._failed_names: list[str] = []
        self._reasons: Counter[str] = Counter()
        self.photos = self.faces = self.failed = self._without = 0

    def __enter__(self) -> Self:
        """Open the log and the display.

        Raises:
            OSError: the log cannot be written.
        """
        if self._log_path is not None:
            self._log = self._closing.enter_context(
                self._log_path.open("a", encoding="utf-8", errors="replace", buffering=1)
            )
        if self._total >= MANY and sys.stderr.isatty() and not self._quiet:
            self._progress = self._closing.enter_context(_progress_display())
            self._task = self._progress.add_task("aligning", total=self._total, found="")
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self._close_display()
        self._closing.close()

    def add(self, photo: Photo, outcome: PhotoOutcome) -> None:
        """Say what came of a photograph."""
        self.photos += 1
        if outcome.error is not None:
            self.failed += 1
            names = (str(photo.path), photo.shown, photo.path.name)
            self._reasons[general_reason(outcome.error, names, target=photo.target)] += 1
            if len(self._failed_names) < LARGE:
                self._failed_names.append(photo.shown)
            self.error(f"{photo.shown}: error: {outcome.error}")
        else:
            self.faces += outcome.faces
            self._without += outcome.faces == 0
            for line in outcome.lines:
                self.say(f"{photo.shown}: {line}")
            for line in outcome.impossible:
                self.error(f"{photo.shown}: {line}")
        if self._progress is not None:
            failed = f", {self.failed} failed" if self.failed else ""
            self._progress.update(self._task, advance=1, found=f"{self.faces} faces{failed}")

    def summary(self, *, before: int, faces_before: int, out: Path) -> None:
        """What was done, and why some of it was not.

        Args:
            before: photographs that a former run has done.
            faces_before: the faces they show.
            out: the folder for results.
        """
        self._close_display()
        if self.photos + before > 1:
            self.say(
                f"{self.photos + before} photos, {self.faces + faces_before} faces, "
                f"{self._without} without a face, {self.failed} failed"
            )
        if before:
            self.say(f"{before} of them, done before, are as they were (--overwrite does them again)")
        if self.failed:
            names = ", ".join(self._failed_names[:NAMED])
            more = self.failed - NAMED
            self.error(f"failed: {names}" + (f" and {more} more" if more > 0 else ""))
            if self.failed > 1:
                for reason, count in self._reasons.most_common():
                    self.error(f"  {count} x {reason}")
        if self.photos + before > self.failed:
            self.say(f"results are in {out}")

    def say(self, line: str) -> None:
        """A line for people, unless they want quiet."""
        self._note(line)
        if not self._quiet:
            write_line(line, sys.stdout)

    def error(self, line: str) -> None:
        """A line about what went wrong."""
        self._note(line)
        write_line(line, sys.stderr)

    def _note(self, line: str) -> None:
        if self._log is not None:
            self._log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {one_line(line)}\n")

    def _close_display(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def general_reason(error: str, names: Sequence[str], *, target: Path | None = None) -> str:
    """What went wrong without what is one photograph's own, so that the same reasons can be counted.

    Args:
        error: what was said of a photograph that failed.
        names: what it is called there, longer names before those they end in.
        target: what the names of its results begin with; None where it has none of its own.
    """
    for name in names:
        error = error.replace(name, "the photo")
    error = error.replace("There is no file the photo", "The photo is not there")
    if target is not None:
        results = rf"(the )?(results )?\S*{re.escape(os.sep + str(target))}\S*"
        error = re.sub(results, "its results", error)
    first = re.split(r"(?<=[a-z0-9)])\. ", error, maxsplit=1)[0].rstrip(".")
    return re.sub(r"0x[0-9a-f]+|\d+", "N", first)


def _progress_display() -> Any:  # noqa: ANN401 - rich is loaded when it is needed
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[found]}"),
        TimeRemainingColumn(),
    )
    # Lines for a pipe or a file must not be drawn on the terminal above the bar.
    return Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    )
