"""One face in a 640x480 photograph, from JPEG bytes to dense mesh: lineament and MediaPipe in one run.

    python benchmarks/compare_mediapipe.py --mediapipe-python ENVIRONMENT/bin/python

Every contestant is a process of its own (worker.py) and holds the clock itself. They take turns in short
blocks, so that the machine's moods hit all alike. What is compared, and how fairly: README.md in this folder.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image, ImageOps
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
SIZE_WH = (640, 480)
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ORT_NUM_THREADS")
BASES = ("MediaPipe, 468 points", "MediaPipe, 478 points")
PAUSE_S = 0.05  # between blocks: threads that wait in a loop for more work go to sleep


@dataclass(slots=True)
class Contestant:
    """A row of the table: what runs, where, and the times so far."""

    name: str
    python: str
    settings: dict[str, Any]
    seconds: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    cpu_s: float = 0.0
    start: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, list[float]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the worker: threads as the settings say, whatever the caller has set."""
        variables = {name: value for name, value in os.environ.items() if name not in THREAD_VARIABLES}
        if self.settings["library"] == "mediapipe":
            variables.pop("PYTHONPATH", None)
        elif self.settings["threads"] is not None:
            variables |= dict.fromkeys(THREAD_VARIABLES, str(self.settings["threads"]))
        return variables

    def percentile_ms(self, percent: float) -> float:
        """Of all runs that count."""
        return 1000 * float(np.percentile(self.seconds, percent))


class Worker:
    """The process of a contestant; leaves with the `with` block."""

    def __init__(self, contestant: Contestant, photo: Path, log: Path) -> None:
        self.name, self.log = contestant.name, log
        settings = json.dumps(contestant.settings | {"photo": str(photo)})
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [contestant.python, str(HERE / "worker.py"), settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                env=contestant.environment,
            )
        contestant.start = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, **request: int) -> dict[str, Any]:
        """The answer to one line."""
        with suppress(BrokenPipeError):  # it has ended: the missing answer says so, with its last words
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            last_words = self.log.read_text(errors="replace")[-2000:]
            raise SystemExit(f"The worker of '{self.name}' has ended. Its last words:\n{last_words}")
        return json.loads(line)


def contestants(given: argparse.Namespace) -> list[Contestant]:
    """All rows; "all cores" is CORES threads on both sides."""
    ours = {"library": "lineament", "detector": given.detector, "passes": given.passes}
    first, second = ({"weights": name} | ours for name in given.weights)
    theirs = {"library": "mediapipe"}
    python = str(given.mediapipe_python)
    return [
        Contestant(_named(first), sys.executable, first | {"threads": None}),
        Contestant(BASES[0], python, theirs | {"refine": False, "threads": None}),
        Contestant(_named(second), sys.executable, second | {"threads": None}),
        Contestant(BASES[1], python, theirs | {"refine": True, "threads": None}),
        Contestant(f"{_named(first)}, 1 thread", sys.executable, first | {"threads": 1}),
        Contestant(f"{BASES[0]}, all cores", python, theirs | {"refine": False, "threads": CORES}),
        Contestant(f"{_named(second)}, 1 thread", sys.executable, second | {"threads": 1}),
        Contestant(f"{BASES[1]}, all cores", python, theirs | {"refine": True, "threads": CORES}),
    ]


def _named(settings: Mapping[str, Any]) -> str:
    return f"lineament, {Path(settings['weights']).stem}"


def write_photo(source: Path, target: Path) -> None:
    """Cut `source` to 640x480, keeping more of its top, and write it as JPEG."""
    picture = ImageOps.exif_transpose(Image.open(source)).convert("RGB")
    ImageOps.fit(picture, SIZE_WH, centering=(0.5, 0.2)).save(target, quality=90)


def measure(rows: list[Contestant], given: argparse.Namespace, console: Console) -> None:
    """Run all contestants in turn, forwards and backwards by rounds, then the parts of each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_photo(given.photo, folder / "photo.jpg")
        pairs = []
        for number, row in enumerate(rows):
            worker = Worker(row, folder / "photo.jpg", folder / f"{number}.log")
            pairs.append((row, stack.enter_context(worker)))
            worker.ask(runs=given.runs, discard=0)  # warm-up
        for number in range(given.rounds):
            for row, worker in pairs if number % 2 == 0 else reversed(pairs):
                time.sleep(PAUSE_S)
                answer = worker.ask(runs=given.runs, discard=3)
                row.seconds += answer["seconds"]
                row.wall_s += sum(answer["seconds"])
                row.cpu_s += answer["cpu_seconds"]
            sys.stderr.write(f"\rround {number + 1} of {given.rounds}")
        sys.stderr.write("\n")
        for row, worker in pairs:
            time.sleep(PAUSE_S)
            row.parts = worker.ask(parts=2 * given.runs, discard=3)["parts"]


def print_report(rows: list[Contestant], console: Console) -> None:
    """Times side by side with their ratios to MediaPipe as it comes, then the parts."""
    bases = [next(row for row in rows if row.name == name) for name in BASES]
    table = Table("ms", "median", "10 %", "90 %", "cores busy", "faces", "vertices", "of 468", "of 478")
    for row in rows:
        median = row.percentile_ms(50)
        numbers = [f"{row.percentile_ms(percent):.2f}" for percent in (50, 10, 90)]
        ratios = [f"{median / base.percentile_ms(50):.2f}" for base in bases]
        found = [str(row.start["faces"]), str(row.start["vertices"])]
        table.add_row(row.name, *numbers, f"{row.cpu_s / row.wall_s:.1f}", *found, *ratios)
    console.print(table)
    for row in rows:
        console.print(f"{row.name}: {_shares(row.parts)}", soft_wrap=True)
    for name in sorted({row.name for row in rows if row.start["faces"] != 1}):
        console.print(f"CAUTION: {name} found other than one face: choose another photograph.")
    versions = [row.start["versions"] for row in (rows[0], bases[0])]
    if versions[0]["pillow"] != versions[1]["pillow"]:
        console.print("CAUTION: the environments decode with different versions of Pillow.")
    console.print(f"ours: {versions[0]}, theirs: {versions[1]}", soft_wrap=True)


def _shares(parts: Mapping[str, list[float]]) -> str:
    """Median of each step in ms, and its share of their sum."""
    medians = {name: 1000 * float(np.median(seconds)) for name, seconds in parts.items()}
    whole = sum(medians.values())
    return ", ".join(f"{name} {ms:.2f} ({100 * ms / whole:.0f} %)" for name, ms in medians.items())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--mediapipe-python", type=Path, required=True, help="interpreter of MediaPipe's environment")
    add("--photo", type=Path, default=HERE.parent / "demo/photos/hopper.jpg", help="a photograph of one face")
    add("--weights", nargs=2, default=["default", "fast"], help="names or paths of two of our networks")
    add("--passes", type=int, default=2, help="how often ours look at a face at most")
    add("--detector", help="path of our detector, if not the one that comes with lineament")
    add("--rounds", type=int, default=20, help="how often each contestant has its turn")
    add("--runs", type=int, default=20, help="runs a turn")
    add("--json", type=Path, help="write all times here: {name: [seconds, parts]}")
    given = parser.parse_args()
    console = Console(width=max(Console().width, 120), highlight=False)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    console.print(f"{platform.system()} on {platform.machine()}, {CORES} cores, load at the start {load:.1f}")
    if load > 0.3:
        console.print("CAUTION: other programs are at work; these times say little.")
    rows = contestants(given)
    measure(rows, given, console)
    print_report(rows, console)
    if given.json:
        given.json.write_text(json.dumps({row.name: [row.seconds, row.parts] for row in rows}))


if __name__ == "__main__":
    main()
