"""Hostile files by the thousand: ``python benchmarks/hostile.py --minutes N [--seed S]``.

Mutates pictures, tables, archives, models, configurations, weights, checkpoints and packs of faces, and gives
each to its reader in processes of their own; kills runs of `lineament align` at any moment; and runs commands
on films that lie, on full disks and with broken outputs (hostile_films.py): `align`, `video`, `view`, `eval`,
`train`, `data fit` and `data build`. Counted are tracebacks (anything but our own errors), hangs over 10 s,
processes that die or take more than 1.5 GiB, and results that are half written or lost; what a process waits
for a busy processor is no hang. Files are read beside the runs, on a processor each: both take the whole
time. The exit status is 1 unless all are 0. The same seed gives the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hostile_films import try_for, waited_s
from hostile_reader import MAX_BYTES, MAX_SECONDS
from hostile_seeds import KINDS
from hostile_weights import KINDS as WEIGHTS

HERE = Path(__file__).parent

PHOTOS = HERE.parent / "demo" / "photos"
ADDRESS_SPACE = 8 * 1024**3  # so that a fault does not take the machine with it
KILLS_FRACTION = 1 / 3  # of the time beside the files; films, disks and streams have the rest
PICTURES_SHARE = 4  # of the time that another kind of file has
ALIGN = "from lineament.cli.main import main; main()"


@dataclass(slots=True)
class Findings:
    """What went wrong, and how much was tried."""

    tried: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    kept: Path = Path("hostile-findings")

    def add(self, kind: str, what: str, *, file: Path | None = None) -> None:
        """Note a fault and keep the file that did it."""
        if file is not None and file.exists():
            self.kept.mkdir(exist_ok=True)
            shutil.copyfile(file, self.kept / file.name)
            what += f" (kept as {self.kept / file.name})"
        self.faults.append(f"{kind}: {what}")


def read_files(kind: str, seed: str, seconds: float, findings: Findings) -> None:
    """Watch one process that reads mutated files of a kind."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile("w+", errors="replace") as complaints:
        folder, now = Path(name), ""
        command = [sys.executable, str(HERE / "hostile_reader.py"), kind, seed, str(seconds), name]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=complaints, text=True, preexec_fn=_limited
        )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_pump, args=(process, lines), daemon=True).start()
        while True:
            line = _next_line(lines, process.pid, MAX_SECONDS + 20 * (not now))  # imports take their time
            if line == "":
                findings.add(kind, f"hangs: {now or 'at the start'}", file=folder / now if now else None)
                break
            if line is None:
                break
            try:
                said = json.loads(line)
            except ValueError:  # a decoder talks where results of commands go
                what = f"{now or 'the start'} printed {line.strip()[:200]!r}"
                findings.add(kind, what, file=folder / now if now else None)
                continue
            now = said.get("begins", "")
            if "ends" in said:
                findings.tried[kind] += 1
                _judge(kind, said, folder, findings)
        process.kill()
        if process.wait() not in (0, -signal.SIGKILL):
            complaints.seek(0)
            last = (complaints.read().strip().splitlines() or ["it said nothing"])[-1]
            what = f"died with {process.returncode} {f'at {now}' if now else 'between files'}: {last}"
            findings.add(kind, what, file=folder / now if now else None)


def _next_line(lines: queue.Queue[str | None], process: int, seconds: float) -> str | None:
    """What a process says next, None at its end; "" if it is silent for so long (see `waited_s`)."""
    begun, waited = time.monotonic(), waited_s(process)
    while time.monotonic() - begun - (waited_s(process) - waited) < seconds:
        with suppress(queue.Empty):
            return lines.get(timeout=1)
    return ""


def _judge(kind: str, said: dict[str, object], folder: Path, findings: Findings) -> None:
    file = folder / str(said["ends"])
    if said["trace"]:
        findings.add(kind, f"{file.name}: {str(said['trace']).strip().splitlines()[-1]}", file=file)
    if float(str(said["took_s"])) > MAX_SECONDS:
        findings.add(kind, f"{file.name} took {said['took_s']} s", file=file)
    if int(str(said["peak"])) > MAX_BYTES:
        findings.add(kind, f"{file.name} took {int(str(said['peak'])) / 1e9:.1f} GB", file=file)


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def _pump(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout as said:
        for line in said:
            lines.put(line)
    lines.put(None)


def kill_runs(seed: int, seconds: float, findings: Findings) -> None:
    """Kill runs of `lineament align` at random moments, and look at what they left."""
    rng, end = random.Random(seed), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        album, out = Path(name) / "album", Path(name) / "out"
        shutil.copytree(PHOTOS, album, ignore=shutil.ignore_patterns("*.md"))
        before = {path.name: path.read_bytes() for path in album.iterdir()}
        words = ["align", str(album), "--out", str(out), "-w", "fast", "-f", "obj,json"]
        command = [sys.executable, "-c", ALIGN, *words]
        while time.monotonic() < end:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(timeout=rng.uniform(0.5, 6))
            except subprocess.TimeoutExpired:
                process.send_signal(rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT)))
            process.wait()
            findings.tried["killed runs"] += 1
            _judge_results(out, findings)
        subprocess.run(command, capture_output=True, check=False)
        if {path.name: path.read_bytes() for path in album.iterdir()} != before:
            findings.add("killed runs", "the photographs are not what they were")
        for left in [*out.rglob("*.part"), *out.rglob(".*")]:
            findings.add("killed runs", f"{left.name} stays after a whole run")
        if sorted(path.stem for path in out.glob("*.json")) != sorted(Path(n).stem for n in before):
            findings.add("killed runs", "results are missing after a whole run")


def _judge_results(out: Path, findings: Findings) -> None:
    for path in out.glob("*.json"):
        try:
            faces = json.loads(path.read_text())["faces"]
        except (ValueError, KeyError):
            findings.add("killed runs", f"{path.name} is half written", file=path)
            continue
        for name in (face["mesh"] for face in faces):
            mesh = out / str(name)  # null where a run was to write none
            if not mesh.is_file() or b"\nf " not in mesh.read_bytes():
                findings.add("killed runs", f"{path.name} names {name}, which is missing or half written")


def read_all_kinds(seed: int, seconds: float, findings: Findings) -> None:
    """One process after the other, each with its kind of files."""
    kinds = (*KINDS, *WEIGHTS)
    each = seconds / (len(kinds) - 1 + PICTURES_SHARE)
    for kind in kinds:
        read_files(kind, f"{seed}", each * (PICTURES_SHARE if kind == "picture" else 1), findings)


def run_commands(seed: int, seconds: float, findings: Findings) -> None:
    """Runs that are killed, then films that lie and surroundings that fail."""
    kill_runs(seed, KILLS_FRACTION * seconds, findings)
    count, faults = try_for((1 - KILLS_FRACTION) * seconds, seed=seed)
    findings.tried["films, disks, streams"] = count
    findings.faults += faults


def main() -> int:
    """Run the campaign and say what it found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    findings, seconds = Findings(), 60 * options.minutes
    with ThreadPoolExecutor(2) as both:
        parts = [
            both.submit(part, options.seed, seconds, findings) for part in (read_all_kinds, run_commands)
        ]
    for part in parts:
        part.result()
    for kind, count in findings.tried.items():
        sys.stdout.write(f"{kind}: {count} tried" + "\n")
    for fault, count in Counter(findings.faults).most_common():
        sys.stdout.write(f"FAULT {count} x {fault}" + "\n")
    sys.stdout.write(f"{sum(findings.tried.values())} tried, {len(findings.faults)} faults" + "\n")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
