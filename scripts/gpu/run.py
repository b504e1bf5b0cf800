"""Training on a machine that is lent for minutes, has a GPU and many cores, and nothing else.

At home, once: pack photographs of built sets into the folder that travels (ignored by git)::

    python -m scripts.gpu.run pack --samples SET --carry .gpu --name photos

There, again and again, each call below ten minutes, with the folder carried along and $OUT coming back::

    PYTHONPATH=src python3 -m scripts.gpu.run piece --make photos=default --train regressor:FILE --minutes 8

Several trainings of a call go on side by side, each in the run folder ``.gpu_work/STEM`` of its
configuration. The first piece makes the samples: ``--make NAME=RECIPE`` takes the pack of that name, or
renders faces where there is none, and writes ``.gpu_work/NAME``, which configurations name. A machine still
warm has samples and exact checkpoints, and goes on at once; a fresh one goes on from the checkpoints in the
carried folder. ``--end-after SECONDS`` sets the number of steps of trainings that have been going for a while
so that they end then.

At home again: keep what came back, for the next piece::

    python -m scripts.gpu.run keep --back FOLDER --carry .gpu

What travels there, the checked-out tree included, has a limit; so has what comes back. A checkpoint is kept
as exactly as both allow, and each step says how exactly that was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lineament.data.build.builder import BuildConfig, build, one_thread_each
from lineament.data.samples.recipe import find_recipe
from lineament.errors import DataError, LineamentError
from scripts.gpu.checkpoint_compression import PART_BYTES, join_checkpoint, split_checkpoint
from scripts.gpu.photo_pack import expand, write_pack

MIB = 2**20
MAX_THERE = 64 * MIB
"""Of the tree and the carried folder together."""
MAX_FILES_BACK = 8
WORK = Path(".gpu_work")
"""On the machine: samples and run folders, kept while it is warm."""
PARTS, CHECKPOINT, RECORDS = "checkpoints", "checkpoint.pt", "records.zip"
STEPS = "steps.json"
"""In a run folder: the number of steps that was set so that it ends in time."""
SMALL_FILES = (
    "config.json",
    "sessions.json",
    "data.json",
    "run.json",
    "calibration.json",
    "log.jsonl",
    "figures.json",
    STEPS,
)


@dataclass(frozen=True, slots=True)
class Training:
    """One training of a piece.

    Attributes:
        method: of ``lineament train``.
        config: its TOML file; the stem names the run folder.
    """

    method: str
    config: Path

    @classmethod
    def of(cls, words: str) -> Training:
        """Out of METHOD:FILE."""
        method, _, config = words.partition(":")
        return cls(method, Path(config))

    @property
    def run(self) -> Path:
        """Run folder."""
        return WORK / self.config.stem

    def command(self, minutes: float, changes: Sequence[str]) -> list[str]:
        """What trains, or goes on training."""
        words = [sys.executable, "-m", "lineament.cli.train", self.method, "--config", str(self.config)]
        words += ["--out", str(self.run), "--minutes", f"{max(minutes, 0):.2f}"]
        return words + [word for change in changes for word in ("--set", change)]


def pack(options: argparse.Namespace) -> None:
    """Make the folder that travels."""
    options.carry.mkdir(parents=True, exist_ok=True)
    path = options.carry / f"{options.name}.npz"
    count = write_pack(
        options.samples,
        path,
        budget=round(options.budget * MIB),
        side=options.side,
        quality=options.quality,
        collections=options.collection,
    )
    size, left = path.stat().st_size / MIB, room(options.carry) / MIB
    print(f"{count} photographs in {size:.1f} MiB; {left:.1f} MiB are left for more and for checkpoints")


def piece(options: argparse.Namespace) -> int:
    """Train for some minutes, and leave in $OUT what the next piece needs."""
    ends = time.monotonic() + 60 * options.minutes
    trainings = [Training.of(words) for words in options.train]
    if len({training.run for training in trainings}) < len(trainings):
        raise DataError("Two configurations have the same name, and would share a run folder: rename one.")
    make_all(options.make, options.carry, options.processes)
    for training in trainings:
        _bring_back(options.carry / PARTS / training.run.name, training.run)
    print(f"samples are there, {(ends - time.monotonic()) / 60:.1f} minutes are left", flush=True)
    left = (ends - time.monotonic()) / 60
    changes = [[*options.set, *_ending(training.run, options.end_after)] for training in trainings]
    status = _side_by_side([t.command(left, change) for t, change in zip(trainings, changes)])
    _send_back([t.run for t in trainings], Path(os.environ.get("OUT", WORK / "out")), options.back * MIB)
    return status


def make_all(wanted: Sequence[str], carry: Path, processes: int) -> None:
    """The samples of several NAME=RECIPE, side by side: what is compiled first is waited for once only."""
    each = -(-processes // max(len(wanted), 1))
    names, _, recipes = zip(*(words.partition("=") for words in wanted)) if wanted else ((), (), ())
    with one_thread_each(), ThreadPoolExecutor(max(len(wanted), 1)) as pool:
        packs, folders = [carry / f"{name}.npz" for name in names], [WORK / name for name in names]
        for line in pool.map(_make, packs, folders, recipes, [each] * len(names)):
            print(line, flush=True)


def _make(packed: Path, samples: Path, recipe: str, processes: int) -> str:
    """Samples of a pack, or rendered faces where there is none; says how many were made, and in what time."""
    since = time.monotonic()
    chosen = find_recipe(recipe)
    if packed.exists():
        count = sum(entry.samples for entry in expand(packed, chosen, samples, processes=processes))
    elif chosen.collections or not chosen.rendered.count:
        raise DataError(f"{packed} is missing: name it as it was packed, and carry its folder along.")
    else:
        count = [done.samples for done in build(BuildConfig(chosen, (), samples), processes=processes)][-1]
    return f"{count} samples in {samples}, {time.monotonic() - since:.0f} s"


def _ending(run: Path, seconds: float) -> list[str]:
    """The change that lets a run end after some seconds at its pace, or when an earlier piece said so."""
    if seconds and (run / "log.jsonl").exists() and not (run / STEPS).exists():
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        paces = [line["samples_a_second"] for line in lines if "samples_a_second" in line]
        batch = json.loads((run / "config.json").read_text())["loop"]["batch"]
        steps = lines[-1]["step"] + round(seconds * statistics.median(paces) / batch)
        (run / STEPS).write_text(json.dumps(steps))
    if not (run / STEPS).exists():
        return []
    print(f"{run.name} ends at step {(run / STEPS).read_text()}", flush=True)
    return [f"loop.steps={(run / STEPS).read_text()}"]


def _side_by_side(commands: Sequence[Sequence[str]]) -> int:
    """Run commands at the same time; the highest of their exit statuses."""
    running = [subprocess.Popen(command) for command in commands]
    return max((abs(process.wait()) for process in running), default=0)


def _bring_back(parts: Path, run: Path) -> None:
    """Make the run folder out of the parts that travelled, unless this machine still has it."""
    if (run / CHECKPOINT).exists() or not parts.is_dir():
        return
    level = join_checkpoint(parts, run / CHECKPOINT)
    with zipfile.ZipFile(parts.parent / RECORDS) as records:
        for name in records.namelist():
            if Path(name).parent.name == run.name:
                (run / Path(name).name).write_bytes(records.read(name))
    print(f"{run.name} goes on from a checkpoint kept at level {level}")


def _send_back(runs: Sequence[Path], back: Path, budget: int) -> None:
    """The checkpoints and records of runs; the largest come last and get what the others leave."""
    runs = sorted((run for run in runs if (run / CHECKPOINT).exists()), key=_size_of)
    back.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(back / RECORDS, "w", zipfile.ZIP_DEFLATED) as records:
        for run in runs:
            for name in SMALL_FILES:
                if (run / name).exists():
                    records.write(run / name, f"{run.name}/{name}")
    files, left = MAX_FILES_BACK - 1, budget - (back / RECORDS).stat().st_size
    for number, run in enumerate(runs):
        others = len(runs) - number
        fraction = min(left // others, files // others * PART_BYTES)
        parts, level = split_checkpoint(run / CHECKPOINT, back / run.name, budget=fraction)
        files, left = files - len(parts), left - sum(part.stat().st_size for part in parts)
        print(f"{len(parts)} parts of a checkpoint in {back / run.name}, at level {level}")


def _size_of(run: Path) -> int:
    return (run / CHECKPOINT).stat().st_size


def keep(options: argparse.Namespace) -> None:
    """Put what came back where it travels from; of checkpoints that are too large what there is room for.

    Runs that were kept before and did not take part in the last piece stay.

    Raises:
        DataError: there is no checkpoint, a part is missing, or there is no room; what was kept stays.
    """
    runs = sorted(folder for folder in options.back.iterdir() if folder.is_dir())
    if not runs:
        raise DataError(f"{options.back} holds no run's checkpoint: name the folder that came back.")
    target, fresh = options.carry / PARTS, options.carry / f"{PARTS}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    names = {run.name for run in runs}
    old = [path for path in target.glob("*/") if path.name not in names]
    left = room(options.carry) + sum(_bytes_in(path) for path in target.glob("*/") if path.name in names)
    try:
        for path in old:
            shutil.copytree(path, fresh / path.name)
        _join_records([target / RECORDS, options.back / RECORDS], fresh / RECORDS)
        left -= (fresh / RECORDS).stat().st_size
        for number, run in enumerate(runs):
            left -= _keep_run(run, fresh / run.name, left // (len(runs) - number))
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _keep_run(run: Path, target: Path, fraction: int) -> int:
    """One run's checkpoint within so many bytes; how many it takes."""
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / CHECKPOINT
        join_checkpoint(run, whole)  # or a part is missing
        if _bytes_in(run) <= fraction:
            shutil.copytree(run, target)
            print(f"{run.name}: {len(list(run.iterdir()))} files, as they came")
        else:
            parts, level = split_checkpoint(whole, target, budget=fraction)
            print(f"{run.name}: {len(parts)} parts, at level {level}: there was room for no more")
    return _bytes_in(target)


def _join_records(archives: Sequence[Path], out: Path) -> None:
    """One archive of several; the last one that has a run says all of it."""
    found: dict[str, dict[str, bytes]] = {}
    for archive in archives:
        if archive.exists():
            with zipfile.ZipFile(archive) as records:
                runs: dict[str, dict[str, bytes]] = {}
                for name in records.namelist():
                    runs.setdefault(Path(name).parent.name, {})[name] = records.read(name)
                found |= runs
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as records:
        for files in found.values():
            for name, content in files.items():
                records.writestr(name, content)


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def room(carry: Path) -> int:
    """Bytes that may still be added to what travels."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, capture_output=True, check=True).stdout.split(b"\0")
    tree = {Path(os.fsdecode(name)).resolve() for name in listed if name}
    tree |= {path.resolve() for path in carry.rglob("*")}
    return MAX_THERE - sum(path.stat().st_size for path in tree if path.is_file())


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    commands = parser.add_subparsers(required=True)
    packing, training, keeping = (commands.add_parser(name) for name in ("pack", "piece", "keep"))
    for command, action in ((packing, pack), (training, piece), (keeping, keep)):
        command.set_defaults(action=action)
        command.add_argument("--carry", type=Path, default=Path(".gpu"))
    packing.add_argument("--samples", type=Path, required=True, help="a set with photographed samples")
    packing.add_argument("--name", default="photos", help="of the pack")
    packing.add_argument("--collection", action="append", default=[], help="only these; all when left out")
    packing.add_argument("--budget", type=float, default=26, help="MiB of the pack")
    packing.add_argument("--side", type=int, default=144)
    packing.add_argument("--quality", type=int, default=75)
    training.add_argument("--make", action="append", default=[], metavar="NAME=RECIPE")
    training.add_argument("--train", action="append", default=[], metavar="METHOD:CONFIG", required=True)
    training.add_argument("--minutes", type=float, default=8.0, help="of the whole piece")
    training.add_argument("--end-after", type=float, default=0, metavar="SECONDS", help="of steps from now")
    training.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    training.add_argument("--back", type=int, default=50, help="MiB of checkpoints that may come back")
    training.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all trainings")
    keeping.add_argument("--back", type=Path, required=True, help="the folder that came back")
    options = parser.parse_args()
    try:
        return options.action(options) or 0
    except LineamentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
