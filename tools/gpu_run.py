"""Training on a machine that is lent for minutes, has a GPU and many cores, and nothing else.

At home, once: pack photographs of a built set into the folder that travels (ignored by git)::

    python -m tools.gpu_run pack --samples SET --carry .gpu

There, again and again, each call below ten minutes, with the folder carried along and $OUT coming back::

    PYTHONPATH=src python3 -m tools.gpu_run piece --carry .gpu --method synergynet --config FILE --minutes 8

The first piece makes its samples out of the pack with all cores; a machine still warm has them and the
exact checkpoint, and goes on at once. A fresh machine goes on from the checkpoint in the carried folder.

At home again: keep what came back, for the next piece::

    python -m tools.gpu_run keep --back FOLDER --carry .gpu

What travels there, the checked-out tree included, has a limit; so has what comes back. A checkpoint is kept
as exactly as both allow, and each step says how exactly that was.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lineament.data.photo_pack import expand, write_pack
from lineament.data.recipe import find_recipe
from lineament.errors import LineamentError
from lineament.train.compact import join_checkpoint, split_checkpoint

MIB = 2**20
MOST_THERE = 64 * MIB
"""Of the tree and the carried folder together."""
MOST_FILES_BACK = 8
WORK = Path(".gpu_work")
"""On the machine: samples and run folder, kept while it is warm."""
PACK, PARTS, CHECKPOINT = "photos.npz", "checkpoint", "checkpoint.pt"
SMALL_FILES = ("config.json", "sessions.json", "log.jsonl", "figures.json")
"""Of a run folder; the data's checksums are many and are written again."""


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
    print(f"{count} photographs; {room(options.carry) / MIB:.1f} MiB are left for a checkpoint")


def piece(options: argparse.Namespace) -> int:
    """Train for some minutes, and leave in $OUT what the next piece needs."""
    started = time.monotonic()
    samples, run = WORK / "samples", WORK / options.method
    _make_samples(options.carry / PACK, samples, options.recipe, options.processes)
    _bring_back(options.carry / PARTS, run)
    left = options.minutes - (time.monotonic() - started) / 60
    print(f"samples are there after {options.minutes - left:.1f} minutes", flush=True)
    command = [sys.executable, "-m", "lineament.cli.train", options.method, "--config", str(options.config)]
    command += ["--out", str(run), "--minutes", f"{max(left, 0):.2f}"]
    for change in (f'data.samples=["{samples}"]', f"workers={options.processes - 1}", *options.set):
        command += ["--set", change]
    status = subprocess.run(command, check=False).returncode
    if (run / CHECKPOINT).exists():
        _send_back(run, Path(os.environ.get("OUT", WORK / "out")), options.back * MIB)
    return status


def _bring_back(parts: Path, run: Path) -> None:
    """Make the run folder out of the parts that travelled, unless this machine still has it."""
    if (run / CHECKPOINT).exists() or not parts.is_dir():
        return
    level = join_checkpoint(parts, run / CHECKPOINT)
    for name in SMALL_FILES:
        if (parts / name).exists():
            shutil.copy(parts / name, run / name)
    print(f"going on from a checkpoint kept at level {level}")


def _send_back(run: Path, back: Path, budget: int) -> None:
    parts, level = split_checkpoint(run / CHECKPOINT, back, budget=budget)
    small = [run / name for name in SMALL_FILES if (run / name).exists()]
    for file in small[: MOST_FILES_BACK - len(parts)]:
        shutil.copy(file, back / file.name)
    print(f"{len(parts)} parts of a checkpoint in {back}, at level {level}")


def keep(options: argparse.Namespace) -> None:
    """Put what came back where it travels from; of a checkpoint that is too large what there is room for.

    Raises:
        DataError: there is no checkpoint, or no room for one.
    """
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / CHECKPOINT
        join_checkpoint(options.back, checkpoint)  # before the one that is kept is given up
        target = options.carry / PARTS
        shutil.rmtree(target, ignore_errors=True)
        left = room(options.carry)
        if sum(file.stat().st_size for file in options.back.iterdir()) <= left:
            shutil.copytree(options.back, target)
            print(f"{len(list(target.iterdir()))} files in {target}, as they came")
            return
        small = [options.back / name for name in SMALL_FILES if (options.back / name).exists()]
        budget = left - sum(file.stat().st_size for file in small)
        parts, level = split_checkpoint(checkpoint, target, budget=budget)
    for file in small:
        shutil.copy(file, target / file.name)
    print(f"{len(parts)} parts of a checkpoint in {target}, at level {level}: there was room for no more")


def room(carry: Path) -> int:
    """Bytes that may still be added to what travels."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, capture_output=True, check=True).stdout.split(b"\0")
    tree = {Path(os.fsdecode(name)).resolve() for name in listed if name}
    tree |= {path.resolve() for path in carry.rglob("*")}
    return MOST_THERE - sum(path.stat().st_size for path in tree if path.is_file())


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
