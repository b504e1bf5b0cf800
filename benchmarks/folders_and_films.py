"""What folders, files and films take, in one run: photographs a second, ms a file, frames a second.

    python -m benchmarks.folders_and_films --film ../shared/clips/speech_720p.mp4

Without `--photos` the portraits are views of those in `demo/photos`. Folders and films are run by the command
itself, in processes of their own. Each is run on a part and on the whole: "after the start" is what the rest
took, so that starting Python and opening the weights are left out; "all" has them in it. Seconds of CPU are
those of all processes. Run it where nothing else runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import lineament as la
from lineament.export import FaceTexturer, export_glb, export_obj

PORTRAITS = Path(__file__).parents[1] / "demo" / "photos"
COMMAND = (sys.executable, "-c", "from lineament.cli.main import main; main()")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
START_PART = 10  # of the photographs this part is run first
START_S = 1.0  # of a film the same
REPEATS, WARM_UP = 30, 3

FOLDERS: dict[str, tuple[str, ...]] = {
    "folder, defaults (JSON and overlay)": (),
    "folder, JSON": ("-f", "json", "--overlay", "none"),
    "folder, Parquet, `fast`": ("-f", "parquet", "--overlay", "none", "-w", "fast"),
    "photographs named, defaults (OBJ too)": ("-f", "obj,json"),
}
FILMS: dict[str, tuple[str, ...]] = {
    "film and GLB": ("-f", "film,glb"),
    "film and GLB, `fast`": ("-f", "film,glb", "-w", "fast"),
    "tracking alone": ("-f", "none"),
    "tracking alone, `fast`": ("-f", "none", "-w", "fast"),
}


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took, in seconds: of the clock, and of all its processes' CPU."""

    wall_s: float
    cpu_s: float


def run(words: Sequence[str]) -> Run:
    """Run the command line with these words.

    Raises:
        SystemExit: it failed; with what it said.
    """
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
    wall_s, after = time.monotonic() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"lineament {' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return Run(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def row(name: str, part: tuple[float, Run], whole: tuple[float, Run]) -> str:
    """A line of the table: how many a second after the start, and with it; CPU ms of each after the start.

    A dash where the part took longer than the whole: too few were run, or other things ran beside.
    """
    count, wall_s, cpu_s = (
        whole[0] - part[0],
        whole[1].wall_s - part[1].wall_s,
        whole[1].cpu_s - part[1].cpu_s,
    )
    after = f"{count / wall_s:.1f}" if wall_s > 0 else "-"
    cpu_ms = f"{1000 * cpu_s / count:.1f}" if cpu_s > 0 else "-"
    return f"| {name} | {after} | {whole[0] / whole[1].wall_s:.1f} | {cpu_ms} |"


def portraits(source: Path | None, folder: Path, *, count: int, side: int) -> list[Path]:
    """So many portraits of so many px a side, written as JPEG.

    Args:
        source: a folder or a zip of photographs; None for views of the demo's.
        folder: where to.
        count: how many.
        side: px; the middle square is taken.

    Raises:
        SystemExit: the source has fewer.
    """
    paths = []
    for number, picture in zip(range(count), _views(count) if source is None else _pictures(source)):
        width, height = picture.size
        short = min(width, height)
        left, top = (width - short) // 2, (height - short) // 2
        square = picture.crop((left, top, left + short, top + short))
        paths.append(folder / f"{number:05}.jpg")
        square.resize((side, side), Image.Resampling.LANCZOS).save(paths[-1], quality=90)
    if len(paths) < count:
        raise SystemExit(f"{source} has {len(paths)} photographs, and {count} are wanted: --count")
    return paths


def _pictures(source: Path) -> Iterator[Image.Image]:
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in SUFFIXES:
                yield Image.open(path).convert("RGB")
        return
    with zipfile.ZipFile(source) as archive:
        for name in sorted(archive.namelist()):
            if name.lower().endswith(SUFFIXES):
                with archive.open(name) as stream:
                    yield Image.open(stream).convert("RGB")


def _views(count: int) -> Iterator[Image.Image]:
    """Heads of the demo's photographs, each turned a little and cut out otherwise."""
    numbers = np.random.default_rng(0)
    heads = []
    for path in sorted(PORTRAITS.glob("*.jpg")):
        photo = Image.open(path).convert("RGB")
        left, top, right, bottom = la.FaceAligner.from_pretrained("fast", threads=1)(path)[
            0
        ].detection.box_xyxy
        heads.append((photo, (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top)))
    for number in range(count):
        photo, x, y, face = heads[number % len(heads)]
        half = face * numbers.uniform(0.8, 1.1)
        turned = photo.rotate(numbers.uniform(-15, 15), center=(x, y), resample=Image.Resampling.BILINEAR)
        yield turned.crop((round(x - half), round(y - half), round(x + half), round(y + half)))


def folder_rows(paths: Sequence[Path], scratch: Path) -> Iterator[str]:
    """Photographs a second of each kind of result."""
    few = scratch / "few"
    few.mkdir()
    first = paths[: max(1, len(paths) // START_PART)]
    for path in first:
        shutil.copy(path, few)
    for name, options in FOLDERS.items():
        results = []
        for sources, named in (([few], first), ([paths[0].parent], paths)):
            given = named if "named" in name else sources
            out = scratch / "out"
            words = ["align", *map(str, given), "--out", str(out), "--overwrite", "--quiet", *options]
            results.append((len(named), run(words)))
            shutil.rmtree(out)
        yield row(name, *results)


def film_rows(film: Path, scratch: Path) -> Iterator[str]:
    """Frames a second of each kind of result."""
    from lineament.video import Section, read_video

    first, frames = (
        sum(1 for _ in read_video(str(film), section=Section(0.0, end_s, 1)))
        for end_s in (START_S, float("inf"))
    )
    for name, options in FILMS.items():
        results = []
        for count, more in ((first, ("--end", str(START_S))), (frames, ())):
            out = scratch / "out"
            results.append((count, run(["video", str(film), "--out", str(out), *options, *more])))
            shutil.rmtree(out)
        yield row(name, *results)


def file_rows(scratch: Path, *, repeats: int) -> Iterator[str]:
    """Milliseconds of each file of a face, in this process."""
    from lineament.cli.results import texture_size_for

    photo = la.read_image(PORTRAITS / "hopper.jpg")
    face = la.FaceAligner.from_pretrained(threads=1)(photo)[0]
    texturer = FaceTexturer(face.mesh, size=texture_size_for(face))
    texture = texturer(photo, face).colors_rgb
    path = scratch / "face"

    def with_texture() -> None:
        export_glb(face, path, texture_rgb=texturer(photo, face).colors_rgb)

    works: dict[str, Callable[[], object]] = {
        "OBJ": lambda: export_obj(face, path),
        "GLB without texture": lambda: export_glb(face, path),
        f"GLB with a texture of {texturer.size}": with_texture,
        "of which the texture": lambda: texturer(photo, face),
        "of which the file": lambda: export_glb(face, path, texture_rgb=texture),
    }
    for name, work in works.items():
        times, own = [], []
        for _ in range(WARM_UP + repeats):
            begun, begun_own = time.perf_counter(), time.process_time()
            work()
            times.append(1000 * (time.perf_counter() - begun))
            own.append(1000 * (time.process_time() - begun_own))
        yield f"| {name} | {np.median(times[WARM_UP:]):.1f} | {np.median(own[WARM_UP:]):.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, help="a folder or a zip of portraits")
    parser.add_argument("--count", type=int, default=200, help="portraits")
    parser.add_argument("--side", type=int, default=200, help="of a portrait, px")
    parser.add_argument("--film", type=Path, help="a film of one face; left out, no films are measured")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="files of each kind")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        album = scratch / "album"
        album.mkdir()
        paths = portraits(given.photos, album, count=given.count, side=given.side)
        encoder = "with" if shutil.which("ffmpeg") else "without"
        print(f"{given.count} portraits of {given.side} px, {os.cpu_count()} cores, {encoder} ffmpeg\n")
        print("| | photos/s after the start | all | ms of CPU a photo |\n|---|---|---|---|")
        for line in folder_rows(paths, scratch):
            print(line, flush=True)
        print("\n| a file of one face | ms | of CPU |\n|---|---|---|")
        for line in file_rows(scratch, repeats=given.repeats):
            print(line, flush=True)
        if given.film is None:
            return
        print(
            f"\n| {given.film.name} | frames/s after the start | all | ms of CPU a frame |\n|---|---|---|---|"
        )
        for line in film_rows(given.film, scratch):
            print(line, flush=True)


if __name__ == "__main__":
    main()
