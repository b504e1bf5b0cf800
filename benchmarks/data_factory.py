"""How many pictures a second the data factory makes: ``python benchmarks/data_factory.py [--processes N]``.

Every process turns the photographs of the demo (or of ``--photos``) and renders faces, the generators alone
and then with occluders and with samples encoded and written to shards. Rates are of all processes together;
they start at the same time, when everything is compiled. The last column is of one thread and its own time,
so it means something on a busy machine too.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import Queue, get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np

from lineament.data.build.builder import one_thread_each
from lineament.data.build.generators import Generators, generators_of
from lineament.data.fitting.collection_fits import PartFitter
from lineament.data.fitting.fitted import FittedPhoto, MadeView
from lineament.data.formats.files import open_files
from lineament.data.photographs.collection import read_photo_collection
from lineament.data.samples.recipe import BuildRecipe, OccludedOptions, PhotoOptions, RenderedOptions
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import write_shard
from lineament.models import load_model

DEMO = Path(__file__).parents[1] / "demo" / "photos"
PHOTOS = 24
BATCH = 40
WARM_UP = 12


@dataclass(frozen=True, slots=True)
class Workload:
    """What every process does.

    Attributes:
        photos: folder or zip of photographs.
        backgrounds: zip of pictures without people, or None.
        textures: "open", or the file of a texture model.
        seconds: that each row is measured for.
    """

    photos: Path
    backgrounds: Path | None
    textures: str
    seconds: float


def recipe(work: Workload, *, occluded: float) -> BuildRecipe:
    """Rotated pictures of 160 px and rendered faces of 256 px."""
    rendered = RenderedOptions(count=1, size=256, textures=work.textures)
    return replace(BuildRecipe(), rendered=rendered, occluded=OccludedOptions(probability=occluded))


def fitted_photos(work: Workload) -> list[FittedPhoto]:
    """Some photographs with their fits."""
    collection = read_photo_collection(work.photos).limited(PHOTOS)
    fits = PartFitter(load_model("lfm"), PhotoOptions()).fit(collection.root, collection.entries).kept
    with open_files(collection.root) as files:
        return [
            FittedPhoto(
                files.image(fit.photo),
                fit.camera,
                fit.identity,
                fit.expression,
                Provenance("benchmark", fit.photo, fit.person, Kind.PHOTOGRAPHED),
            )
            for fit in fits
        ]


def rotated(
    generators: Generators, photos: Sequence[FittedPhoto], rng: np.random.Generator
) -> Iterator[MadeView]:
    """Rotated views without end."""
    for photo in itertools.cycle(photos):
        yield from generators.of_photos["turned"](photo, rng)


def rendered(
    generators: Generators, photos: Sequence[FittedPhoto], rng: np.random.Generator
) -> Iterator[MadeView]:
    """Rendered faces without end."""
    while True:
        yield generators.renderer(rng)


def written(
    views: Iterator[MadeView], generators: Generators, rng: np.random.Generator
) -> Iterator[MadeView]:
    """The same views, a fifth of them occluded, all written to shards."""
    with tempfile.TemporaryDirectory() as folder:
        while True:
            batch = [
                generators.occluder(view, rng) if rng.uniform() < 0.2 else view
                for view in itertools.islice(views, BATCH)
            ]
            samples = (Sample.of_view(v.view, v.occlusion, Provenance("b", "p", "p", v.kind)) for v in batch)
            write_shard(Path(folder), "shard", samples, BuildRecipe().storage)
            yield from batch


ROWS: dict[str, tuple[Callable[..., Iterator[MadeView]], bool]] = {
    "turned, 160 px": (rotated, False),
    "turned, 160 px, a fifth occluded, written": (rotated, True),
    "rendered, 256 px": (rendered, False),
    "rendered, 256 px, a fifth occluded, written": (rendered, True),
}


def measure(work: Workload, number: int, barrier: Barrier, results: Queue[tuple[str, float, float]]) -> None:
    """One process: the rate of each row, by the clock and by the process's own time."""
    photos = fitted_photos(work)
    generators = generators_of(recipe(work, occluded=0.2), load_model("lfm"), work.backgrounds, photos)
    for name, (source, is_written) in ROWS.items():
        rng = np.random.default_rng(number)
        views = source(generators, photos, rng)
        views = written(views, generators, rng) if is_written else views
        for _ in itertools.islice(views, WARM_UP):
            pass
        barrier.wait()
        # A shard's pictures come all at once: whole batches only.
        count, start, own = 0, time.perf_counter(), time.process_time()
        while (spent := time.perf_counter() - start) < work.seconds or count % BATCH:
            next(views)
            count += 1
        results.put((name, count / spent, count / (time.process_time() - own)))


def rates(work: Workload, processes: int) -> dict[str, tuple[float, float]]:
    """By row: pictures a second of all processes together, and of one by its own time."""
    context = get_context("spawn")
    barrier, results = context.Barrier(processes), context.Queue()
    with one_thread_each():
        workers = [
            context.Process(target=measure, args=(work, number, barrier, results))
            for number in range(processes)
        ]
        for worker in workers:
            worker.start()
        found = [results.get() for _ in range(processes * len(ROWS))]
        for worker in workers:
            worker.join()
    by_row = {name: [row[1:] for row in found if row[0] == name] for name in ROWS}
    return {
        name: (sum(r[0] for r in rows), sum(r[1] for r in rows) / processes) for name, rows in by_row.items()
    }


def main() -> None:
    """Print one line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, default=DEMO)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--textures", default="open")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    work = Workload(given.photos, given.backgrounds, given.textures, given.seconds)
    counts = sorted({1, given.processes})
    columns = {count: rates(work, count) for count in counts}
    say = sys.stdout.write
    say(f"{'pictures a second':<46}" + "".join(f"{count:>5} process(es)" for count in counts))
    say(f"{'a CPU second':>17}\n")
    for name in ROWS:
        say(f"{name:<46}" + "".join(f"{column[name][0]:>17.1f}" for column in columns.values()))
        say(f"{columns[counts[-1]][name][1]:>17.1f}\n")


if __name__ == "__main__":
    main()
