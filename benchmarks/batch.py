"""What a photograph costs in `lineament batch`: seconds of CPU of all processes, and photographs a second.

    python benchmarks/batch.py --photos 128 --weights fast --weights default

Copies of a photograph of one face go through a session of Ray on this machine, few and then many; what
starting costs is in both, so that the difference is what photographs cost. The time of the CPU is counted
beside the time that passes, which depends on what else runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image

from lineament.batch import AlignerOptions
from lineament.batch.cluster import session
from lineament.batch.job import BatchConfig, run_batch

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


def main() -> None:
    """Measure each of the weights at each size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=128)
    parser.add_argument("--few", type=int, default=8)
    parser.add_argument("--weights", action="append")
    parser.add_argument("--side", type=int, action="append", help="px")
    parser.add_argument("--cpus", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="b", dir="/tmp"))
    try:
        with session(num_cpus=chosen.cpus, object_store_memory=500_000_000, _temp_dir=str(folder / "r")):
            for weights in chosen.weights or ["fast", "default"]:
                for side in chosen.side or [512]:
                    found = []
                    for count in (chosen.few, chosen.photos):
                        config = BatchConfig(
                            sources=(str(album(folder, count, side)),),
                            out=str(folder / f"{weights}_{count}_{side}"),
                            options=AlignerOptions(weights=weights, threads=1),
                        )
                        before, began = cpu_s(), time.monotonic()
                        faces = sum(part.faces for part in run_batch(config))
                        found.append((cpu_s() - before, time.monotonic() - began))
                    more = chosen.photos - chosen.few
                    cpu, wall = (last - first for first, last in zip(*found))
                    print(
                        f"{weights}, {side} px: {1000 * cpu / more:.1f} ms of CPU a photo, {more / cpu:.1f} "
                        f"photos/s of a core; {more / wall:.1f} photos/s on {chosen.cpus} cores; "
                        f"{faces} faces; to start: {found[0][0]:.1f} s of CPU, {found[0][1]:.1f} s",
                        flush=True,
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
