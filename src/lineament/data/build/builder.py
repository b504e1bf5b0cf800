"""Builds a training set: photographs in, shards of labelled samples out, with all cores.

The stations are read, fit, make, write. A part of a collection makes a shard; shards are independent of each
other, so what is interrupted goes on where it stopped, and one photograph that cannot be used is a line in
``left_out.csv`` while the others go on.
"""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TypeVar

from lineament.data.build.worker import (
    BuildPlan,
    PartDone,
    PhotoPart,
    RenderedPart,
    build_part,
    fit_part,
    shard_keys,
)
from lineament.data.fitting.collection_fits import PartFits
from lineament.data.photographs.collection import PhotoCollection, evenly_limited
from lineament.data.samples.recipe import BuildRecipe, recipe_text
from lineament.data.samples.shards import Recipe, ShardFolder, alone_in
from lineament.errors import DataError
from lineament.files import replace_durably
from lineament.version import __version__

LEFT_OUT = "left_out.csv"
RECIPE_FILE = "recipe.toml"
FITS_FOLDER = "fits"
FACE_MODEL = "lfm"
RENDERED_A_SHARD = 500
SHARED_BACKGROUNDS = "bsds500_no_faces"
"""Name of the shared folder's pictures without people, which are for research."""
OTHERS = 40
"""Photographs whose faces come before other people's."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Part = PhotoPart | RenderedPart
Task = TypeVar("Task")
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """What is built, from what, where.

    Attributes:
        recipe: of the set.
        collections: the photographs.
        out: folder of the shards, made when missing.
        backgrounds: zip of pictures without people, shown behind rotated heads; None for plain colours.
        fits: folder in which fits are kept; inside `out` when None.
        command: makes the same set again; kept in the manifest.
    """

    recipe: BuildRecipe
    collections: tuple[PhotoCollection, ...]
    out: Path
    backgrounds: Path | None = None
    fits: Path | None = None
    command: str = "lineament data build"

    @property
    def plan(self) -> BuildPlan:
        """What the processes need to know."""
        fits = self.fits or self.out / FITS_FOLDER
        return BuildPlan(self.recipe, self.out, fits, self.backgrounds, _others(self.collections))

    @property
    def manifest(self) -> Recipe:
        """What the manifest says of the set, the pictures behind its heads included."""
        sources = [f"{c.name} ({len(c.entries)} photographs)" for c in self.collections]
        if self.recipe.rendered.count:
            sources.append(f"{self.recipe.rendered.count} rendered faces")
        licence = self.recipe.licence
        if self.backgrounds is not None and (self.recipe.rendered.count or self.recipe.rotated.count):
            name = self.backgrounds.stem
            sources.append(f"backgrounds of {name}")
            terms = "for research" if name == SHARED_BACKGROUNDS else "under their own terms"
            licence += f"; backgrounds of {name}, {terms}"
        return Recipe(
            source=", ".join(sources),
            licence=licence,
            seed=self.recipe.seed,
            command=f"{self.command}  # lineament {__version__}, recipe {self.recipe.digest}",
            face_model=FACE_MODEL,
            storage=self.recipe.storage,
        )


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build has come.

    Attributes:
        finished: shards that are whole.
        total: shards in all.
        samples: in the shards that are whole.
        left_out: photographs that gave nothing.
        outdated: shards that were finished and are made again, because landmarks, people
            or the face model have changed.
    """

    finished: int
    total: int
    samples: int
    left_out: int
    outdated: int = 0


def _others(collections: Sequence[PhotoCollection]) -> tuple[PhotoPart, ...]:
    """A few photographs of each collection."""
    chosen = evenly_limited(collections, OTHERS) if collections else []
    return tuple(PhotoPart(f"{c.name}_others", c.name, c.root, c.entries, False) for c in chosen)


def photo_parts(collections: Sequence[PhotoCollection], size: int) -> list[PhotoPart]:
    """The parts that make shards, of all collections in turn, so that work stopped early has of each."""
    numbered = [
        (number, PhotoPart(f"{c.name}_{number:05d}", c.name, c.root, entries, c.people_known))
        for c in collections
        for number, entries in enumerate(c.parts(size))
    ]
    return [part for _, part in sorted(numbered, key=lambda pair: pair[0])]


def rendered_parts(count: int) -> list[RenderedPart]:
    """The parts of so many rendered faces."""
    starts = range(0, count, RENDERED_A_SHARD)
    return [
        RenderedPart(f"rendered_{number:05d}", first, min(RENDERED_A_SHARD, count - first))
        for number, first in enumerate(starts)
    ]


def build(config: BuildConfig, *, processes: int) -> Iterator[BuildProgress]:
    """Make what is missing of a training set; how far it has come, at the start and after each shard.

    What was made of other landmarks or people than those that are there now is made again.

    Args:
        config: what is built.
        processes: how many work at once; the set does not depend on it.

    Raises:
        DataError: the folder holds another set, another build is writing into it, a collection cannot be
            opened, or a process died.
    """
    config.out.mkdir(parents=True, exist_ok=True)
    with alone_in(config.out):
        yield from _build(config, processes)


def _build(config: BuildConfig, processes: int) -> Iterator[BuildProgress]:
    plan = config.plan
    parts: list[Part] = [*photo_parts(config.collections, config.recipe.photos_a_shard)]
    parts += rendered_parts(config.recipe.rendered.count)
    names = [part.shard for part in parts]
    if len(set(names)) < len(names):
        raise DataError("Two collections have the same name: rename a folder or zip.")
    shards = ShardFolder(config.out, config.manifest)
    plan.fits.mkdir(parents=True, exist_ok=True)
    (config.out / RECIPE_FILE).write_text(
        recipe_text(config.recipe), encoding="utf-8", errors="backslashreplace"
    )
    made_of = shard_keys(plan, parts)
    outdated = len(shards.outdated(made_of))
    todo = set(shards.unfinished(names, made_of))
    report = LeftOut(config.out / LEFT_OUT, finished=set(names) - todo)
    missing = [part for part in parts if part.shard in todo]

    def progress() -> BuildProgress:
        finished = [entry for entry in shards.entries if entry.name not in todo]
        samples = sum(entry.samples for entry in finished)
        return BuildProgress(len(finished), len(parts), samples, len(report), outdated)

    yield progress()
    shards.keep(names)
    for done in _in_processes(partial(build_part, plan), missing, processes):
        report.add(done)  # first: a shard that is in the manifest is not made again
        shards.add(replace(done.entry, made_of=made_of[done.entry.name]))
        todo.remove(done.entry.name)
        yield progress()


class LeftOut:
    """The file that says which photographs are not in a set, and why.

    Args:
        path: of the CSV file.
        finished: shards whose lines are kept; the others are made again.
    """

    def __init__(self, path: Path, *, finished: set[str]) -> None:
        self._path = path
        self._rows: list[tuple[str, str, str]] = []
        if path.exists():
            with path.open(encoding="utf-8", errors="replace", newline="") as file, suppress(csv.Error):
                for row in islice(csv.reader(file), 1, None):  # of a damaged file, as far as it is one
                    shard, photo, reason = [*row, "", "", ""][:3]
                    if shard in finished:
                        self._rows.append((shard, photo, reason))

    def __len__(self) -> int:
        """Number of photographs left out."""
        return len(self._rows)

    def add(self, done: PartDone) -> None:
        """Note what a shard left out."""
        self._rows += [(done.entry.name, photo, " ".join(reason.split())) for photo, reason in done.left_out]
        temporary = self._path.with_suffix(".part")
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            csv.writer(file).writerows([("shard", "photo", "reason"), *sorted(self._rows)])
        replace_durably(temporary, self._path)


def fit(config: BuildConfig, *, processes: int) -> Iterator[PartFits]:
    """Fit the photographs of a set without making anything of them; what is fitted already is only read.

    Args:
        config: what would be built.
        processes: how many work at once.

    Raises:
        DataError: a collection cannot be opened, or a process died.
    """
    plan = config.plan
    plan.fits.mkdir(parents=True, exist_ok=True)
    parts = photo_parts(config.collections, config.recipe.photos_a_shard)
    yield from _in_processes(partial(fit_part, plan), parts, processes)


def _in_processes(work: Callable[[Task], Done], tasks: Sequence[Task], processes: int) -> Iterator[Done]:
    """What becomes of each task, as they are finished."""
    if processes == 1 or len(tasks) <= 1:
        yield from map(work, tasks)
        return
    with (
        one_thread_each(),
        ProcessPoolExecutor(min(processes, len(tasks)), mp_context=get_context("spawn")) as pool,
    ):
        with _deaf_children():
            waiting = [pool.submit(work, task) for task in tasks]
        try:
            for future in as_completed(waiting):
                yield future.result()
        except BrokenProcessPool as error:
            raise DataError(
                "A process of the build died, perhaps for want of memory. Run the same command again, with "
                "fewer processes: what is finished is kept."
            ) from error
        except KeyboardInterrupt:
            for child in active_children():  # what they had begun is made again
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started meanwhile do not hear Ctrl+C, which a terminal sends to them too."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes started meanwhile compute on one thread each, unless the user has said otherwise."""
    unset = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]
