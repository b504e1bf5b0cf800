"""One process of the hostile campaign: mutated files of one kind, each given to its reader.

    python benchmarks/hostile_reader.py KIND SEED SECONDS FOLDER

Prints a line before and after each file, so that who watches knows which one hangs or kills the process.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import hostile_weights
from hostile_seeds import KINDS, seed_files

from lineament.errors import LineamentError

EXTREMES = (b"-1", b"1e400", b"nan", b"99999999999999999999", b"0", b"[" * 3000, b"../x", b"\xff\xfe", b"")
MAX_EDITS = 8
WHOLE = 0.5  # of weights: they lie as they are
MAX_SECONDS, MAX_BYTES = 10.0, 3 * 512 * 1024**2
MIN_READING_S = 0.5  # however long the imports took
BEGUN = time.monotonic()


def mutated(content: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Some bytes changed, cut, doubled or taken from another file; numbers of texts made extreme."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, MAX_EDITS)):
        place, length = rng.randrange(len(changed) + 1), rng.choice((1, 2, 4, 16, 200))
        what = rng.randrange(6)
        if what == 0:
            changed[place : place + length] = rng.randbytes(length)
        elif what == 1:
            del changed[place : place + length]
        elif what == 2:
            changed[place:place] = changed[place : place + length]
        elif what == 3:
            changed[place : place + 4] = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)))
        elif what == 4:
            other = rng.choice(others)
            changed[place : place + length] = other[place : place + length]
        else:
            numbers = list(re.finditer(rb"-?\d+\.?\d*", bytes(changed)))
            if numbers:
                found = rng.choice(numbers)
                changed[found.start() : found.end()] = rng.choice(EXTREMES)
    return bytes(changed[: rng.randint(1, len(changed))] if changed and rng.random() < 0.15 else changed)


def readers() -> dict[str, Callable[[Path], object]]:
    """What reads each kind of file."""
    from lineament.cli.photos import read_boxes
    from lineament.data.formats.files import open_files
    from lineament.data.formats.pts import parse_pts
    from lineament.data.photographs.landmark_files import read_table
    from lineament.data.photographs.people import read_people
    from lineament.data.samples.recipe import read_recipe
    from lineament.data.samples.shard_index import read_index, scan_shard
    from lineament.data.samples.shards import read_manifest
    from lineament.image import read_image
    from lineament.models.loading import load_model
    from lineament.models.matlab import read_mat
    from lineament.models.obj import read_obj
    from lineament.models.pickles import read_pickled_arrays

    def archive(path: Path) -> None:
        with open_files(path) as files:
            for name in files.names(""):
                files.read(name)

    def manifest(path: Path) -> object:
        return read_manifest(path.rename(path.parent / "manifest.json").parent)

    def index(path: Path) -> object:
        shard = path.parent / "s.tar"
        shard.write_bytes(bytes(10240))
        path.rename(path.parent / "s.index.npz")
        return read_index(shard, sha256="0")

    def landmarks(path: Path) -> object:
        content = path.read_bytes()
        return read_table(content, name="a.npz" if content.startswith(b"PK") else "a.csv")

    return {
        "picture": read_image,
        "boxes": read_boxes,
        "people": read_people,
        "landmarks": landmarks,
        "pts": lambda path: parse_pts(path.read_bytes(), name="a.pts"),
        "archive": archive,
        "shard": lambda path: scan_shard(path, sha256="0"),
        "index": index,
        "manifest": manifest,
        "recipe": read_recipe,
        "model.npz": lambda path: load_model(path.rename(path.with_suffix(".npz"))),
        "model.pkl": read_pickled_arrays,
        "model.obj": read_obj,
        "model.mat": read_mat,
    }


def peak_bytes() -> int:
    """Memory of this process at its peak since the last call."""
    status = Path("/proc/self/status").read_text()
    Path("/proc/self/clear_refs").write_text("5")
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024


def say(line: dict[str, object]) -> None:
    """A line for who watches."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _warm_up(read: Callable[[Path], object], content: bytes, folder: Path) -> None:
    """Read a whole file, which imports what readers import: its time counts for nothing."""
    path = folder / "whole"
    path.write_bytes(content)
    with suppress(LineamentError):
        read(path)
    for left in folder.iterdir():
        left.unlink()


def main() -> None:
    """Read until the time is over."""
    kind, seed, seconds, folder = sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4])
    warnings.simplefilter("ignore")
    rng = random.Random(seed)
    if kind in KINDS:
        seeds, read, whole = seed_files()[kind], readers()[kind], 0.0
    else:
        seeds, read, whole = hostile_weights.seeds(kind), hostile_weights.readers()[kind], WHOLE
    _warm_up(read, seeds[0], folder)
    end, number = max(BEGUN + seconds, time.monotonic() + MIN_READING_S), 0
    while time.monotonic() < end:
        content = rng.choice(seeds)
        if rng.random() >= whole:
            content = mutated(content, seeds, rng)
        path = folder / f"{re.sub('[^a-z0-9]', '_', kind)}_{seed}_{number}"
        path.write_bytes(content)
        say({"begins": path.name})
        begun, trace = time.process_time(), ""  # waits are seen by who watches
        try:
            read(path)
        except LineamentError:
            pass
        except Exception:  # noqa: BLE001 - what the campaign looks for
            trace = traceback.format_exc()
        took = time.process_time() - begun
        peak = peak_bytes()
        is_fault = trace or took > MAX_SECONDS or peak > MAX_BYTES
        if not is_fault:  # else it stays for who watches
            for left in folder.iterdir():
                left.unlink()
        say({"ends": path.name, "took_s": took, "peak": peak, "trace": trace})
        number += 1


if __name__ == "__main__":
    main()
