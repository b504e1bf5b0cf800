"""`lineament align`: photographs to overlays, meshes and JSON."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import numpy as np
import typer
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lineament.aligner import FaceAligner
    from lineament.cli.results import ResultWriter
    from lineament.result import FaceResult


def align(
    photos: Annotated[
        list[str],
        typer.Argument(
            metavar="PHOTO", help="Photographs, folders of them, or patterns such as 'album/*.jpg'."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made when missing.")],
    boxes: Annotated[
        Path | None,
        typer.Option(help="File of face boxes, lines of photo,x1,y1,x2,y2 in px; the detector is not used."),
    ] = None,
    passes: Annotated[int, typer.Option(min=1, max=5, help="Times each face is cropped and aligned.")] = 2,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; what suits the weights when left out.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where networks run: cpu, cuda (needs onnxruntime-gpu), or auto.")
    ] = "cpu",
    method: Annotated[
        str,
        typer.Option(
            "--weights",
            "-w",
            "--method",
            help='"default", "fast", "open", another name of `lineament info`, or a file.',
        ),
    ] = "default",
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="Files to write, with commas between: obj, glb, ply, npz, json, parquet, depth, pncc, "
            "normals, parts, texture, frontal; or none.",
        ),
    ] = "obj,json",
    overlay: Annotated[
        str,
        typer.Option(
            help="Layers of the overlay picture, lowest first: mesh, wireframe, depth, normals, landmarks, "
            "numbers, axes, posebox, box; or none.",
        ),
    ] = "mesh,landmarks,axes,box",
) -> None:
    """Align every face of photographs in 3D.

    Writes NAME_overlay.png, NAME_face0.obj, NAME_face1.obj, ... and NAME.json for each photo, and prints a
    line for each face. A photo that cannot be read is reported and the others go on; the exit status is 1.
    docs/exports.md describes the other formats.
    """
    from lineament.aligner import FaceAligner
    from lineament.cli.photos import boxes_of, find_photos, output_names, read_boxes
    from lineament.cli.results import FORMATS, ResultWriter, chosen_from
    from lineament.draw import LAYERS
    from lineament.errors import ConfigError, LineamentError
    from lineament.export import export_parquet
    from lineament.files import remove_leftovers

    try:
        chosen = chosen_from(formats, FORMATS, "format")
        writer = ResultWriter(chosen, chosen_from(overlay, tuple(LAYERS), "layer"))
        paths = find_photos(photos)
        all_boxes = None if boxes is None else read_boxes(boxes)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    try:
        aligner = FaceAligner.from_pretrained(method, threads=threads, passes=passes, device=device)
    except LineamentError as error:
        _say(f"error: {error}", stream=sys.stderr)
        raise typer.Exit(1) from error
    counts: list[int] = []
    failed: list[str] = []
    incomplete: list[str] = []

    def aligned() -> Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]:
        for path, name in _with_progress(list(zip(paths, output_names(paths), strict=True))):
            try:
                photo_boxes = None if all_boxes is None else boxes_of(path, all_boxes)
                faces, is_whole = _align_photo(aligner, writer, path, out / name, photo_boxes)
            except LineamentError as error:
                failed.append(path.name)
                _say(f"{path.name}: error: {error}", stream=sys.stderr)
            else:
                counts.append(len(faces))
                if not is_whole:
                    incomplete.append(path.name)
                yield {"photo": path.name}, faces

    try:
        if "parquet" in writer.formats:
            export_parquet(aligned(), out / "faces.parquet")
        else:
            deque(aligned(), maxlen=0)
        table_is_written = True
    except LineamentError as error:
        table_is_written = False
        _say(f"faces.parquet: error: {error}", stream=sys.stderr)
    _print_summary(counts, failed, out)
    if failed or incomplete or not table_is_written:
        raise typer.Exit(1)


def _align_photo(
    aligner: FaceAligner, writer: ResultWriter, path: Path, target: Path, boxes: NDArray[np.floating] | None
) -> tuple[Sequence[FaceResult], bool]:
    """Align one photo, write its results under names that begin with `target`, print its lines.

    Returns:
        The faces, and whether all that was asked for could be made.
    """
    from lineament.image import read_image

    photo = read_image(path)
    faces = aligner(photo, boxes=boxes)
    impossible = writer.write(photo, faces, target, photo_name=path.name)
    for line in _face_lines(faces):
        _say(f"{path.name}: {line}")
    for line in impossible:
        _say(f"{path.name}: {line}", stream=sys.stderr)
    return faces, not impossible


def _face_lines(faces: Sequence[FaceResult]) -> Iterator[str]:
    """A line a face, or one that says there is none."""
    if not faces:
        yield "no face found"
    for number, face in enumerate(faces):
        yaw_deg, pitch_deg, roll_deg = np.degrees([face.pose.yaw, face.pose.pitch, face.pose.roll])
        box = " ".join(f"{value:.0f}" for value in face.detection.box_xyxy)
        yield (
            f"face {number}: yaw {yaw_deg:+.1f} pitch {pitch_deg:+.1f} roll {roll_deg:+.1f} deg, "
            f"box {box}, score {face.detection.score:.2f}{_doubt(face)}"
        )


def _doubt(face: FaceResult) -> str:
    return "" if face.uncertainty_mm is None else f", uncertain by {face.uncertainty_mm:.1f} mm"


def _print_summary(counts: Sequence[int], failed: Sequence[str], out: Path) -> None:
    photo_count = len(counts) + len(failed)
    if photo_count > 1:
        without = sum(count == 0 for count in counts)
        _say(f"{photo_count} photos, {sum(counts)} faces, {without} without a face, {len(failed)} failed")
    if failed:
        _say(f"failed: {', '.join(failed)}", stream=sys.stderr)
    if counts:
        _say(f"results are in {out}")


def _say(line: str, *, stream: TextIO | None = None) -> None:
    """Write a line to the standard output, or to `stream`; unlike `typer.echo`, above a progress bar."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"  # a file's name may hold what the terminal cannot show
    stream.write(line.encode(encoding, errors="replace").decode(encoding) + "\n")


def _with_progress(items: Sequence[tuple[Path, str]]) -> Iterator[tuple[Path, str]]:
    """The items, with a bar on the terminal when there are many."""
    if len(items) < 5 or not sys.stderr.isatty():
        yield from items
        return
    with _progress_bar() as progress:
        yield from progress.track(items, description="aligning")


@contextmanager
def _progress_bar() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Lines for a pipe or a file must not be drawn on the terminal above the bar.
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        yield progress
