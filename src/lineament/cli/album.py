"""A run over photographs: which are done already, processes for the others, tables, what is said."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.batch import AlignerOptions, Journal, JournalEntry, WorkerLost, run_in_order
from lineament.batch.folders import row_source
from lineament.batch.journal import key_of
from lineament.cli.cores import cores
from lineament.cli.photo_work import PhotoOutcome, PhotoTask, PhotoWork
from lineament.cli.photos import Photo
from lineament.cli.reporting import Reporter
from lineament.cli.results import TABLE_FORMATS, ResultWriter
from lineament.cli.stopping import Stop
from lineament.errors import ExportError
from lineament.export.parts import PartsTable
from lineament.files import locked_folder
from lineament.version import __version__

Boxes: TypeAlias = Mapping[Path, NDArray[np.floating]]
"""(n, 4) px of the faces of photographs, by their paths."""

JOURNAL = "lineament_align.jsonl"
PHOTOS_A_PROCESS = 8  # for fewer, starting a process takes longer than it saves


@dataclass(frozen=True, slots=True)
class AlbumConfig:
    """What is to be done with photographs.

    Attributes:
        options: which aligner.
        writer: which files.
        out: the folder for results.
        jobs: processes; None takes what suits cores and photographs.
        keeps_journal: write down what is done, and leave out what was done before.
        anew: leave out nothing.
        quiet: say nothing but errors.
        log: a file that every line goes to as well.
        refine: see :class:`PhotoWork`.
    """

    options: AlignerOptions
    writer: ResultWriter
    out: Path
    jobs: int | None = None
    keeps_journal: bool = False
    anew: bool = False
    quiet: bool = False
    log: Path | None = None
    refine: int = 0


@dataclass(frozen=True, slots=True)
class AlbumEnd:
    """How a run ended.

    Attributes:
        is_whole: whether everything that was asked for is there.
        left: photographs that were not begun, because of a signal.
    """

    is_whole: bool
    left: int


def align_album(
    config: AlbumConfig,
    photos: Sequence[Photo],
    boxes: Boxes | None,
    stopped: Stop,
    *,
    problems: Sequence[str] = (),
) -> AlbumEnd:
    """Align photographs, write their results and say what came of them.

    Args:
        config: what is to be done.
        photos: with what.
        boxes: of the faces; None where they are to be found.
        stopped: whether a signal came.
        problems: lines about what gave no photographs, which count as failures.

    Raises:
        LineamentError: the weights cannot be used.
        BlockingIOError: another run writes into the folder.
        OSError: the disk is full.
    """
    with ExitStack() as closing:
        run = _Run(config, boxes, closing)
        todo = [photo for photo in photos if not run.is_done(photo)]
        reporter = closing.enter_context(Reporter(len(todo), quiet=config.quiet, log=config.log))
        for problem in problems:
            reporter.error(f"error: {problem}")
        try:
            run.align(todo, reporter, stopped)
        finally:
            run.write_down()
        run.finish_tables(photos, reporter)
        reporter.summary(before=len(run.done), faces_before=sum(run.done.values()), out=config.out)
        left = len(todo) - reporter.photos
        return AlbumEnd(run.is_whole and not reporter.failed and not problems, left)


class _Run:
    """One run: its journal, its tables, and what waits to be written down."""

    def __init__(self, config: AlbumConfig, boxes: Boxes | None, closing: ExitStack) -> None:
        self._config, self._boxes = config, boxes
        self._journal: Journal | None = None
        self.done: dict[str, int] = {}  # faces of photographs that were done before
        self.is_whole = True
        if config.keeps_journal:  # the lock before all else: what is read here another run may be writing
            closing.enter_context(locked_folder(config.out))
            self._journal = closing.enter_context(Journal(config.out / JOURNAL, anew=config.anew))
        self._tables: dict[str, PartsTable] = {}
        self._open_tables()
        self._key = self._identity()
        self._waiting: list[JournalEntry] = []  # whose rows are not on the disk
        self._counts: dict[str, int] = {}  # faces by source, of all that is done

    def _open_tables(self) -> None:
        for kind in (each for each in TABLE_FORMATS if each in self._config.writer.formats):
            table = PartsTable(self._config.out / f"faces.{kind}", kind)
            if self._journal is None or self._config.anew:
                table.forget()
            self._tables[kind] = table

    def _identity(self) -> str:
        if self._journal is None:
            return ""
        found = self._config.options.identity() | self._config.writer.identity()
        if self._config.refine:
            found["refine"] = self._config.refine
        return key_of(found | {"lineament": __version__})

    def _key_of(self, photo: Photo) -> str:
        if self._boxes is None:
            return self._key
        given = self._boxes.get(photo.path)
        return key_of({"key": self._key, "boxes": None if given is None else given.tolist()})

    def is_done(self, photo: Photo) -> bool:
        """Whether a former run has made of this file, as it is, what is asked for now, and it is there."""
        entry = None if self._journal is None else self._journal.get(str(photo.path))
        if entry is None or (entry.target, entry.key) != (str(photo.target), self._key_of(photo)):
            return False
        source = row_source(photo.path)
        if any(table.rows_of(source) != entry.faces for table in self._tables.values()):
            return False
        target = self._config.out / photo.target
        try:
            about = os.stat(photo.path)
        except OSError:
            return False
        are_there = all(os.path.exists(f"{target}{ending}") for ending in entry.files)
        if (about.st_size, about.st_mtime_ns) != (entry.size, entry.time_ns) or not are_there:
            return False
        self.done[source] = self._counts[source] = entry.faces
        self.is_whole = self.is_whole and not entry.incomplete
        return True

    def align(
        self,
        todo: Sequence[Photo],
        reporter: Reporter,
        stopped: Stop,
    ) -> None:
        """Do what is not done, in order."""
        if not todo:
            return
        tasks = map(self._task, todo)
        processes = jobs_for(self._config.jobs, len(todo))
        done = run_in_order(
            self._work(), tasks, processes=processes, total=len(todo), is_stopped=stopped.is_set
        )
        for task, came in done:
            outcome = PhotoOutcome(error=str(came)) if isinstance(came, WorkerLost) else came
            reporter.add(task.photo, outcome)
            try:
                self._take(task, outcome)
            except ExportError as error:
                self._give_up_tables(error, reporter)
                return

    def _work(self) -> PhotoWork:
        """What processes do."""
        config = self._config
        return PhotoWork(config.options, config.writer, config.out, bool(self._tables), config.refine)

    def _task(self, photo: Photo) -> PhotoTask:
        """A photograph with its file as it is before it is read."""
        given = None if self._boxes is None else self._boxes.get(photo.path)
        missing = self._boxes is not None and given is None
        problem = f"The file of boxes has no line for {photo.shown}." if missing else None
        try:
            about = os.stat(photo.path)
        except OSError:  # reading it will say why
            return PhotoTask(photo, given, problem)
        return PhotoTask(photo, given, problem, about.st_size, about.st_mtime_ns)

    def _take(
        self,
        task: PhotoTask,
        outcome: PhotoOutcome,
    ) -> None:
        photo = task.photo
        if outcome.error is not None:
            return
        self.is_whole = self.is_whole and not outcome.impossible
        self._counts[row_source(photo.path)] = outcome.faces
        if self._journal is not None:
            self._waiting.append(
                JournalEntry(
                    source=str(photo.path),
                    size=task.size,
                    time_ns=task.time_ns,
                    key=self._key_of(photo),
                    target=str(photo.target),
                    faces=outcome.faces,
                    files=outcome.files,
                    incomplete=bool(outcome.impossible),
                )
            )
        for table in self._tables.values():
            table.add(list(outcome.rows))
        if not self._tables or any(table.is_due for table in self._tables.values()):
            self.write_down()

    def write_down(self) -> None:
        """Put what waits on the disk: rows first, then that they are there.

        Raises:
            ExportError: rows cannot be written.
            OSError: the journal cannot.
        """
        for table in self._tables.values():
            table.flush()
        if self._journal is not None:
            for entry in self._waiting:
                self._journal.add(entry)
        self._waiting.clear()

    def finish_tables(self, photos: Sequence[Photo], reporter: Reporter) -> None:
        """Make the tables of all photographs that are done, in their order; without a face columns alone."""
        sources = [source for photo in photos if self._counts.get(source := row_source(photo.path))]
        like = self._work().example_row() if self._tables and not sources else None
        for table in self._tables.values():
            try:
                table.finish(sources, like=like)
            except ExportError as error:
                self._give_up_tables(error, reporter)
                return

    def _give_up_tables(self, error: Exception, reporter: Reporter) -> None:
        reporter.error(f"error: {error}")
        self.is_whole = False
        self._tables.clear()
        self._waiting.clear()


def jobs_for(jobs: int | None, photos: int) -> int:
    """Processes for so many photographs: what was asked for, or a core each where that pays."""
    if jobs is not None:
        return max(1, min(jobs, photos))
    return max(1, min(cores(), photos // PHOTOS_A_PROCESS))
