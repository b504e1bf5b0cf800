"""Training on a machine that is lent for minutes, has a GPU and many cores, and nothing else.

At home, once: pack photographs of a built set into the folder that travels (ignored by git)::

    python -m tools.gpu_run pack --samples SET --carry .gpu

There, again and again, each call below ten minutes, with the folder carried along and $OUT coming back::

    python3 -m tools.gpu_run piece --carry .gpu --method synergynet --config FILE --minutes 8

The first piece makes its samples out of the pack with all cores; a machine still warm has them and the
exact checkpoint, and goes on at once. A fresh machine goes on from the checkpoint in the carried folder.

At home again: keep what came back, for the next piece::

    python -m tools.gpu_run keep --back FOLDER --carry .gpu
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lineament.data.photo_pack import expand, write_pack
from lineament.data.recipe import find_recipe
from lineament.errors import LineamentError

MIB = 2**20
WORK = Path(".gpu_work")
"""On the machine: samples and run folder, kept while it is warm."""
PACK, PARTS = "photos.npz", "checkpoint"
SMALL_FILES = ("config.json", "sessions.json", "data.json", "log.jsonl", "figures.json")


def pack(options: argparse.Namespace) -> None:
    """Make the folder that travels."""
    options.carry.mkdir(parents=True, exist_ok=True)
    count = write_pack(
        options.samples,
        options.carry / PACK,
        budget=options.budget * MIB,
        side=options.side,
        quality=options.quality,
    )
    size = sum(path.stat().st_size for path in options.carry.rglob("*") if path.is_file())
    print(f"{count} photographs; {options.carry} has {size / MIB:.1f} MiB")


def piece(options: argparse.Namespace) -> int:
    """Train for some minutes, and leave in $OUT what the next piece needs."""
    from lineament.train.compact import join_checkpoint, split_checkpoint

    started = time.monotonic()
    samples, run = WORK / "samples", WORK / options.method
    _make_samples(options.carry / PACK, samples, options.recipe, options.processes)
    checkpoint = run / "checkpoint.pt"
    if not checkpoint.exists() and (options.carry / PARTS).is_dir():
        print(
            f"going on from a checkpoint kept at level {join_checkpoint(options.carry / PARTS, checkpoint)}"
        )
        for name in SMALL_FILES:
            if (options.carry / PARTS / name).exists():
                shutil.copy(options.carry / PARTS / name, run / name)
    left = options.minutes - (time.monotonic() - started) / 60
    print(f"samples are there after {options.minutes - left:.1f} minutes")
    command = [sys.executable, "-m", "lineament.cli.train", options.method, "--config", str(options.config)]
    command += ["--out", str(run), "--minutes", f"{max(left, 0):.2f}"]
    for change in (f'data.samples=["{samples}"]', f"workers={options.processes - 1}", *options.set):
        command += ["--set", change]
    status = subprocess.run(command, check=False).returncode
    if checkpoint.exists():
        back = Path(os.environ.get("OUT", WORK / "out"))
        parts = split_checkpoint(checkpoint, back, budget=options.back * MIB)
        for name in SMALL_FILES[:2] + SMALL_FILES[3:]:  # the data's checksums stay: there are many
            if (run / name).exists() and len(parts) + len(SMALL_FILES) <= 9:
                shutil.copy(run / name, back / name)
        print(f"{len(parts)} parts of a checkpoint in {back}")
    return status


def keep(options: argparse.Namespace) -> None:
    """Put what came back where it travels from."""
    target = options.carry / PARTS
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(options.back, target)
    print(f"{sum(1 for _ in target.iterdir())} files in {target}")


def _make_samples(packed: Path, samples: Path, recipe: str, processes: int) -> None:
    before = dict(os.environ)
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    count = sum(entry.samples for entry in expand(packed, find_recipe(recipe), samples, processes=processes))
    os.environ.clear()
    os.environ.update(before)
    print(f"{count} new samples in {samples}", flush=True)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    packing, training, keeping = (commands.add_parser(name) for name in ("pack", "piece", "keep"))
    for command, action in ((packing, pack), (training, piece), (keeping, keep)):
        command.set_defaults(action=action)
        command.add_argument("--carry", type=Path, default=Path(".gpu"))
    packing.add_argument("--samples", type=Path, required=True, help="a set with photographed samples")
    packing.add_argument("--budget", type=int, default=26, help="MiB of the pack")
    packing.add_argument("--side", type=int, default=144)
    packing.add_argument("--quality", type=int, default=75)
    training.add_argument("--method", default="synergynet")
    training.add_argument("--config", type=Path, required=True)
    training.add_argument("--minutes", type=float, default=8.0, help="of the whole piece")
    training.add_argument("--recipe", default="default")
    training.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    training.add_argument("--back", type=int, default=50, help="MiB of checkpoint that may come back")
    training.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    keeping.add_argument("--back", type=Path, required=True, help="the folder that came back")
    options = parser.parse_args()
    try:
        return options.action(options) or 0
    except LineamentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
