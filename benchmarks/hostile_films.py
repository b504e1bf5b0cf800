"""Films that lie and surroundings that fail, for the campaign of `hostile.py`; seeded.

A case is a name and a function that works in an empty folder and returns what was wrong, or None.

What is right, always: a status, at most a few lines of errors and no traceback; an end within the time;
memory below the bound; no half-written file under a result's name; and the next run, undisturbed, does the
work and leaves nothing of the former.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lineament.image import read_image
from lineament.video import VideoWriter

Run = Callable[[Path], str | None]

ROOT = Path(__file__).parents[1]
PHOTO = ROOT / "demo" / "photos" / "astronaut.jpg"
PHOTOS = PHOTO.parent
MAX_S = 60.0  # of a whole command
MAX_END_S = 10.0  # after a signal
MAX_BYTES = int(1.5 * 2**30)
MAX_LINES = 6
COMMAND = """
import resource, sys
from lineament.cli.main import main
limit = int(sys.argv.pop(1))
if limit >= 0:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""
RECIPE = "backgrounds = 'photos'\n[rendered]\ncount = 2\nsize = 64\n[occluded]\nprobability = 0\n"
TRAINING = """mosaics = 'mosaics'
validation = 'mosaics'
workers = 0
[loop]
steps = 30
batch = 2
save_every = 5
log_every = 5
"""
NAMES = ("film", "take 1: the end", "7", "100%d", "a'b\"c", "-w", ".hidden", "caf\udce9", "x" * 200)
BOXES = (b"tkhd", b"mvhd", b"mdhd", b"stts", b"stsz", b"stsd", b"elst", b"pasp", b"moov", b"trak")
SLOW = ("fit", "train")
VERBS = {
    "align": ("align", str(PHOTO), "-w", "fast", "-f", "obj,json,glb,parquet", "-o", "OUT"),
    "video": ("video", "FILM", "-w", "fast", "-f", "film,glb,parquet", "-o", "OUT"),
    "view": ("view", "--export", "OUT"),
    "build": ("data", "build", "-r", "RECIPE", "--processes", "2", "-o", "OUT"),
    "fit": ("data", "fit", "-p", str(PHOTOS), "--processes", "1", "-o", "OUT"),
    "eval": ("eval", "pts", "--data", "POINTS", "--weights", "fast", "--out", "OUT"),
    "train": ("train", "detector", "-c", "TRAINING", "--threads", "1", "-o", "OUT"),
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    errors: str
    seconds: float
    max_bytes: int

    def fault(self, *, allowed: tuple[int, ...]) -> str | None:
        """What is wrong with it."""
        if "Traceback" in self.errors:
            return f"traceback: {self.errors[-400:]}"
        if self.status not in allowed:
            return f"status {self.status}: {self.errors[-400:]}"
        if self.errors.count("\n") > MAX_LINES:
            return f"{self.errors.count(chr(10))} lines of errors"
        if self.seconds > MAX_S:
            return f"{self.seconds:.0f} s"
        return f"{self.max_bytes / 2**20:.0f} MiB" if self.max_bytes > MAX_BYTES else None


def cases(rng: np.random.Generator) -> Iterator[tuple[str, Run]]:
    """Films, disks, streams and signals in turn, without end."""
    while True:
        seed = int(rng.integers(2**31))
        yield f"film {seed}", partial(_lying_film, seed)
        verb = str(rng.choice(list(VERBS)))
        limit = int(2 ** rng.uniform(0, 18 if verb != "train" else 23))
        yield f"disk of {limit} bytes, {verb}", partial(_full_disk, verb, limit)
        number = signal.Signals(rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        after_s = float(rng.uniform(0.3, 6.0 if verb not in SLOW else 20.0))
        yield f"{number.name} after {after_s:.1f} s, {verb}", partial(_signalled, verb, number, after_s)
        stream = str(rng.choice(["full", "closed", "broken"]))
        yield f"{stream} stdout, {verb}", partial(_bad_stdout, verb, stream)


def try_for(seconds: float, *, seed: int) -> tuple[int, list[str]]:
    """How many cases were tried in so many seconds, and the faults found, each with its case's name."""
    end, count, faults = time.monotonic() + seconds, 0, []
    for name, run in cases(np.random.default_rng(seed)):
        if time.monotonic() > end:
            break
        with TemporaryDirectory() as folder:
            fault = run(Path(folder))
        count += 1
        if fault is not None:
            faults.append(f"{name}: {fault}")
    return count, faults


def _lying_film(seed: int, folder: Path) -> str | None:
    rng = np.random.default_rng(seed)
    suffix = str(rng.choice([".mp4", ".webm", ".avi"]))
    film = folder / f"{rng.choice(NAMES)}{suffix}"
    film.write_bytes(mutated(_film(suffix), rng))
    out = folder / "out"
    words = ("video", "-w", "fast", "-f", "film,glb,parquet", "--seconds", "2", "-o", str(out), str(film))
    return _run(words).fault(allowed=(0, 1)) or _broken_result(out)


def mutated(film: bytes, rng: np.random.Generator) -> bytes:
    """A film with some of its numbers, bytes or its length changed."""
    content = bytearray(film)
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(6)
        if kind == 0:
            del content[int(rng.integers(1, len(content))) :]
        elif kind == 1:  # anywhere
            for place in rng.integers(0, len(content), rng.integers(1, 200)):
                content[place] = rng.integers(256)
        elif kind == 2:  # in what is likely the header
            for place in rng.integers(0, min(600, len(content)), rng.integers(1, 8)):
                content[place] = rng.integers(256)
        elif kind == 3:
            start = int(rng.integers(len(content)))
            content[start:start] = content[start : start + int(rng.integers(1, 3000))]
        else:
            _lie(content, rng)
    return bytes(content) or b"\0"


def _lie(content: bytearray, rng: np.random.Generator) -> None:
    """Other numbers in a box of MP4: the matrix, durations, sizes, times, counts."""
    box = [b"tkhd", b"mvhd", b"mdhd", b"stts", b"stsz", b"stsd", b"elst", b"pasp", b"moov", b"trak"][
        rng.integers(10)
    ]
    place = bytes(content).find(box)
    if place < 0 or place + 64 > len(content):
        return
    place += int(rng.integers(-4, 60))
    value = int(rng.choice([0, 1, 0xFFFFFFFF, 0x80000000, 0x7FFFFFFF, int(rng.integers(2**32))]))
    content[place : place + 4] = struct.pack(">I", value)


def _full_disk(verb: str, limit: int, folder: Path) -> str | None:
    ended = _run(_words(verb, folder), limit=limit)
    return ended.fault(allowed=(0, 1)) or _broken_result(folder / "out") or _undisturbed(verb, folder)


def _bad_stdout(verb: str, stream: str, folder: Path) -> str | None:
    ended = _run(_words(verb, folder), stdout=stream)
    return ended.fault(allowed=(0, 1)) or _broken_result(folder / "out") or _undisturbed(verb, folder)


def _signalled(verb: str, number: signal.Signals, after_s: float, folder: Path) -> str | None:
    ended = _run(_words(verb, folder), number=number, after_s=after_s)
    allowed = (0, 1) if number is signal.SIGKILL else (0, 1, 130, 143)
    own = (*allowed, -number)  # before the command line has taken the signal over, or never
    if ended.seconds > after_s + MAX_END_S:
        return f"went on for {ended.seconds - after_s:.0f} s"
    early = Ended(ended.status, "" if after_s < 2 else ended.errors, ended.seconds, ended.max_bytes)
    return early.fault(allowed=own) or _broken_result(folder / "out") or _undisturbed(verb, folder)


def _undisturbed(verb: str, folder: Path) -> str | None:
    """The same command again, which is to do the work and leave nothing of the former."""
    fault = _run(_words(verb, folder)).fault(allowed=(0,)) or _broken_result(folder / "out")
    left = [path.name for path in (folder / "out").rglob(".*.part*")]
    return fault or (f"leftovers {left}" if left else None)


def _words(verb: str, folder: Path) -> list[str]:
    film, recipe = folder / "film.mp4", folder / "tiny.toml"
    film.write_bytes(_film(".mp4"))
    recipe.write_text(RECIPE)
    (folder / "out").mkdir(exist_ok=True)
    training, points = folder / "train.toml", folder / "points"
    if verb == "train":
        training.write_text(TRAINING.replace("'mosaics'", f"'{_mosaics(folder / 'mosaics')}'"))
    if verb == "eval":
        _write_points(points)
    files = {"FILM": film, "RECIPE": recipe, "TRAINING": training, "POINTS": points, "OUT": folder / "out"}
    names = {name: str(path) for name, path in files.items()}
    return [names.get(word, word) for word in VERBS[verb]]


def _run(
    words: tuple[str, ...] | list[str],
    *,
    limit: int = -1,
    stdout: str = "well",
    number: signal.Signals | None = None,
    after_s: float = 0.0,
) -> Ended:
    """A command in a process group of its own, with its time and memory."""
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"full": os.open("/dev/full", os.O_WRONLY), "broken": writing}
    began = time.monotonic()
    with TemporaryDirectory() as log, open(Path(log, "errors"), "w+b") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(limit), *words],
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            stdout=streams.get(stdout, subprocess.DEVNULL),
            stderr=errors,
            preexec_fn=partial(os.close, 1) if stdout == "closed" else None,
            start_new_session=True,
        )
        status, usage, seconds = _waited(process, number, after_s, began)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    for stream in streams.values():
        os.close(stream)
    return Ended(status, text, seconds, 1024 * usage)


def _waited(
    process: subprocess.Popen[bytes], number: signal.Signals | None, after_s: float, began: float
) -> tuple[int, int, float]:
    """Exit status, the most memory in KiB, and the time it took, waits for a processor left out.

    It is signalled when its time comes, and killed when it takes too long.
    """
    waited = 0.0
    while True:
        done, status, usage = os.wait4(process.pid, os.WNOHANG)
        elapsed = time.monotonic() - began - waited
        if done:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_maxrss, elapsed
        waited = max(waited, session_waited_s(process.pid))
        if number is not None and elapsed > after_s:
            os.killpg(process.pid, number)
            number = None
        if elapsed > 2 * MAX_S:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.05)


def waited_s(process: int | str = "self") -> float:
    """Seconds for which a thread of a process could have run and had no processor; the most of its threads.

    0 where the system does not tell (schedstat of Linux, its second number).
    """
    most = 0
    with suppress(OSError):  # it has ended
        for task in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError, IndexError, ValueError):
                most = max(most, int((task / "schedstat").read_text().split()[1]))
    return most / 1e9


def session_waited_s(session: int) -> float:
    """The same of the process of a session that waited longest."""
    most = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if os.getsid(int(entry.name)) == session:
                    most = max(most, waited_s(entry.name))
    return most


def _broken_result(out: Path) -> str | None:
    """The first file under a result's name that is not whole."""
    for path in sorted(out.rglob("*")) if out.is_dir() else ():
        if path.is_file() and not path.name.startswith(".") and not _is_whole(path):
            return f"{path.name} is half-written ({path.stat().st_size} bytes)"
    return None


def _is_whole(path: Path) -> bool:
    content = path.read_bytes()
    if path.suffix == ".json":
        try:
            json.loads(content)
        except ValueError:
            return False
    if path.suffix in {".pt", ".npz", ".lineament"}:
        return zipfile.is_zipfile(path)
    if path.suffix == ".glb":
        return len(content) > 12 and int.from_bytes(content[8:12], "little") == len(content)
    if path.suffix == ".parquet":
        return content[:4] == content[-4:] == b"PAR1"
    if path.suffix == ".png":
        return content.endswith(b"IEND\xaeB\x60\x82")
    return len(content) > 0 or path.suffix not in {".obj", ".webm", ".mtl"}


def _mosaics(folder: Path) -> Path:
    """Four noisy mosaics of 64 px with a bright square that is called a face."""
    folder.mkdir(exist_ok=True)
    pictures = np.random.default_rng(0).integers(0, 60, (4, 64, 64, 3), dtype=np.uint8)
    pictures[:, 20:44, 16:40] = 250
    labels = np.zeros((4, 24, 8), np.float32)
    labels[:, 0] = [16, 20, 40, 44, 0.0, -1.0, 1.0, 1.0]
    np.save(folder / "shard_0.npy", pictures)
    np.save(folder / "shard_0.labels.npy", labels)
    return folder


def _write_points(folder: Path) -> None:
    """The photographs of the demo with 68 points each, somewhere on the face."""
    folder.mkdir(exist_ok=True)
    for photo, box in ((PHOTO, (181, 79, 276, 178)), (PHOTOS / "hopper.jpg", (149, 143, 300, 288))):
        (folder / photo.name).write_bytes(photo.read_bytes())
        points = np.random.default_rng(0).uniform(box[:2], box[2:], (68, 2))
        lines = "\n".join(f"{x:.2f} {y:.2f}" for x, y in points)
        (folder / f"{photo.stem}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")


@cache
def _film(suffix: str) -> bytes:
    """A second of a face that moves a little."""
    picture = read_image(PHOTO)[:480:2, :480:2]
    with TemporaryDirectory() as folder:
        path = Path(folder, f"film{suffix}")
        with VideoWriter(path, rate=12) as film:
            for number in range(12):
                film.write(number / 12, np.roll(picture, number, axis=1))
        return path.read_bytes()
