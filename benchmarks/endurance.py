"""Long runs: a folder whose run is killed and goes on, and the memory of a film of an hour.

    python -m benchmarks.endurance --files 10000   # killed twice
    python -m benchmarks.endurance --film ../shared/clips/speech_720p.mp4 --minutes 60   # needs ffmpeg

The folder has copies of a few portraits under other names. It is aligned by one run that nothing disturbs,
and by one that is killed with all its processes at a third and at two thirds, then started again: what both
write is compared byte by byte. The film is repeated until it is long enough; memory is that of all its
processes, by tenths of the run. The exit status is 1 where the results differ.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.folders_and_films import COMMAND, portraits
from lineament.cli.album import JOURNAL

DISTINCT, SIDE = 20, 200  # portraits, and their side, px
OPTIONS = ("-f", "json,parquet", "--overlay", "none", "-w", "fast", "--quiet")
EVERY_S = 0.5  # between looks at the memory


def copies(folder: Path, count: int) -> Path:
    """So many files, which are links to a few portraits."""
    (folder / "portraits").mkdir()
    (folder / "album").mkdir()
    first = portraits(None, folder / "portraits", count=min(DISTINCT, count), side=SIDE)
    for number in range(count):
        os.link(first[number % len(first)], folder / "album" / f"{number:06}.jpg")
    return folder / "album"


def lines_of(journal: Path) -> int:
    """Photographs that are written down as done."""
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def aligned(album: Path, out: Path, *, kill_at: int | None = None) -> float:
    """Seconds of a run, which is killed with its processes once so many photographs are done.

    Raises:
        SystemExit: it ended before, or failed.
    """
    begun = time.monotonic()
    words = [*COMMAND, "align", str(album), "--out", str(out), *OPTIONS]
    process = subprocess.Popen(words, start_new_session=True)
    while kill_at is not None and lines_of(out / JOURNAL) < kill_at:
        if process.poll() is not None:
            raise SystemExit(f"the run ended with {process.returncode} before it could be killed")
        time.sleep(0.05)
    if kill_at is not None:
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    if kill_at is None and status:
        raise SystemExit(f"the run ended with {status}")
    return time.monotonic() - begun


def hashes(folder: Path) -> dict[str, str]:
    """Of every result by its name; not of the journal, which has times of files."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != JOURNAL
    }


def killed_and_whole(count: int, scratch: Path) -> bool:
    """Whether a run that was killed twice has made what an unbroken one makes."""
    album = copies(scratch, count)
    whole_s = aligned(album, scratch / "whole")
    print(f"{count} files, unbroken: {whole_s:.0f} s", flush=True)
    for part in (count // 3, 2 * count // 3):
        took_s = aligned(album, scratch / "killed", kill_at=part)
        done = lines_of(scratch / "killed" / JOURNAL)
        print(f"killed after {took_s:.0f} s, {done} are written down", flush=True)
    print(f"the rest: {aligned(album, scratch / 'killed'):.0f} s", flush=True)
    expected, found = hashes(scratch / "whole"), hashes(scratch / "killed")
    different = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    print(f"{len(expected)} files of results, {len(different)} differ{': ' if different else ''}", end="")
    print(", ".join(different[:5]))
    return not different


def looped(film: Path, minutes: float, target: Path) -> Path:
    """The film repeated until it lasts so long."""
    command = ["ffmpeg", "-v", "error", "-stream_loop", "-1", "-i", str(film)]
    subprocess.run([*command, "-t", str(60 * minutes), "-c", "copy", "-y", str(target)], check=True)
    return target


def memory_mb(session: int) -> float:
    """MB that the processes of a session hold; pages that they share count in each."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                total += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue  # it has ended
    return total / 1e6


def film_memory(film: Path, scratch: Path, words: Sequence[str]) -> list[float]:
    """MB over the time of a run."""
    command = [*COMMAND, "video", str(film), "--out", str(scratch / "out"), *words]
    process = subprocess.Popen(command, start_new_session=True)
    seen = []
    while process.poll() is None:
        seen.append(memory_mb(process.pid))
        time.sleep(EVERY_S)
    if process.returncode:
        raise SystemExit(f"the film's run ended with {process.returncode}")
    return [value for value in seen if value > 0]


def print_memory(seen: Sequence[float]) -> None:
    """The most of each tenth of the run."""
    tenths = [
        seen[len(seen) * tenth // 10 : max(len(seen) * (tenth + 1) // 10, len(seen) * tenth // 10 + 1)]
        for tenth in range(10)
    ]
    print("MB at most, by tenths of the run: " + ", ".join(f"{max(part):.0f}" for part in tenths if part))


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, help="of the folder, three at least")
    parser.add_argument("--film", type=Path, help="to repeat")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the film")
    parser.add_argument("--format", default="film,glb,parquet", help="what is written of the film")
    parser.add_argument("--weights", default="fast")
    given = parser.parse_args()
    if given.files is None and given.film is None:
        parser.error("give --files, --film or both")
    same = True
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if given.files is not None:
            same = killed_and_whole(max(3, given.files), scratch)
        if given.film is not None:
            film = looped(given.film, given.minutes, scratch / f"long{given.film.suffix}")
            print(
                f"{given.minutes:g} minutes of {given.film.name}, {given.format}, {given.weights}", flush=True
            )
            print_memory(film_memory(film, scratch, ["-f", given.format, "-w", given.weights]))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
