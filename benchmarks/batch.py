"""What a photograph costs in `lineament batch`: seconds of CPU of all processes, and photographs a second.

    python benchmarks/batch.py --photos 600 --weights fast --weights default

Copies of a photograph of one face go through a session of Ray on this machine. Counted is from the end of
the first third of the parts to the end of the last, so that what starting costs is left out. The time of the
CPU is counted beside the time that passes, which depends on what else runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from PIL import Image

from lineament.batch import AlignerOptions
from lineament.batch.actors import PartReader, PhotoAligner, Tries
from lineament.batch.cluster import session
from lineament.batch.gathering import Gathering
from lineament.batch.job import BatchConfig, run_batch
from lineament.batch.parts import cut, packed
from lineament.batch.places import Place
from lineament.batch.sources import pieces_of

PHOTO = Path(__file__).parents[1] / "demo" / "photos" / "astronaut.jpg"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s() -> float:
    """Seconds of CPU of this process and all below it, those included that have ended."""
    parents, times = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            times[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
    ours, before = {os.getpid()}, 0
    while len(ours) > before:
        before = len(ours)
        ours |= {pid for pid, parent in parents.items() if parent in ours}
    return sum(times[pid] for pid in ours if pid in times)


def album(folder: Path, count: int, side: int) -> Path:
    """So many photographs of so many pixels a side."""
    place = folder / f"{count}_{side}"
    if not place.exists():
        place.mkdir()
        first = place / "00000.jpg"
        Image.open(PHOTO).convert("RGB").resize((side, side), Image.Resampling.LANCZOS).save(
            first, quality=90
        )
        for number in range(1, count):
            shutil.copy(first, place / f"{number:05}.jpg")
    return place


def alone(sources: str, out: Path, options: AlignerOptions) -> None:
    """The same steps in this process, without Ray: milliseconds of CPU a photograph of each."""
    parts = list(cut(pieces_of([sources]), 50))
    reader, aligner = PartReader(Tries().begin, False, {}), _aligner(options)
    gathering, spent = Gathering(Place.of(str(out)), parts), [0.0, 0.0, 0.0]
    count = 0
    for part in parts:
        chunks = reader(pa.Table.from_pylist([packed(part)]))
        while True:
            times = [time.process_time()]
            chunk = next(chunks, None)
            if chunk is None:
                break
            times.append(time.process_time())
            outcome = aligner(chunk)
            times.append(time.process_time())
            count += sum(finished.photos for finished in gathering.add(outcome))
            times.append(time.process_time())
            spent = [total + end - begin for total, begin, end in zip(spent, times, times[1:])]
    read, align, write = (1000 * each / count for each in spent)
    print(
        f"{options.weights}, in one process: {read:.1f} ms of CPU a photo to read, {align:.1f} to align, "
        f"{write:.1f} to write; {1000 / (read + align + write):.1f} photos/s of a core",
        flush=True,
    )


def _aligner(options: AlignerOptions) -> PhotoAligner:
    return PhotoAligner(Tries().begin, options, "arkit", options.identity())


def main() -> None:
    """Measure each of the weights at each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=600)
    parser.add_argument("--weights", action="append")
    parser.add_argument("--side", type=int, action="append", help="px")
    parser.add_argument("--cpus", type=int, default=os.cpu_count())
    parser.add_argument("--alone", action="store_true", help="in one process, without Ray, step by step")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="b", dir="/tmp"))
    try:
        if chosen.alone:
            for weights in chosen.weights or ["fast", "default"]:
                for side in chosen.side or [512]:
                    sources, out = str(album(folder, chosen.photos, side)), folder / f"{weights}_{side}"
                    alone(sources, out, AlignerOptions(weights=weights, threads=1))
            return
        with session(num_cpus=chosen.cpus, object_store_memory=500_000_000, _temp_dir=str(folder / "r")):
            for weights in chosen.weights or ["fast", "default"]:
                for side in chosen.side or [512]:
                    config = BatchConfig(
                        sources=(str(album(folder, chosen.photos, side)),),
                        out=str(folder / f"{weights}_{side}"),
                        options=AlignerOptions(weights=weights, threads=1),
                        part_photos=chosen.photos // 12,
                    )
                    marks = [(0, cpu_s(), time.monotonic())]
                    for part in run_batch(config):
                        marks.append((marks[-1][0] + part.photos, cpu_s(), time.monotonic()))
                    (_, cpu_0, wall_0), (photos_1, cpu_1, wall_1), (photos_2, cpu_2, wall_2) = (
                        marks[0],
                        marks[4],
                        marks[-1],
                    )
                    cpu, wall, photos = cpu_2 - cpu_1, wall_2 - wall_1, photos_2 - photos_1
                    print(
                        f"{weights}, {side} px: {1000 * cpu / photos:.1f} ms of CPU a photo, "
                        f"{photos / cpu:.1f} photos/s of a core; {photos / wall:.1f} photos/s on "
                        f"{chosen.cpus} cores; the first {photos_1}: {cpu_1 - cpu_0:.1f} s of "
                        f"CPU, {wall_1 - wall_0:.1f} s",
                        flush=True,
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
