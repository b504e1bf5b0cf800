"""`lineament align`: photographs to overlays, meshes and JSON."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import numpy as np
import typer
from numpy.typing import NDArray

if TYPE_CHECKING:
    from lineament.aligner import FaceAligner
    from lineament.cli.photos import Photo
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
        int | None,
        typer.Option(min=1, max=1024, help="CPU threads; what suits the weights when left out."),
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where networks run: cpu, cuda (needs onnxruntime-gpu), or auto.")
    ] = "cpu",
    min_face: Annotated[
        float | None,
        typer.Option(min=8, max=4096, help="Smallest faces to find, px; by the photo's size when left out."),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="Leave out faces that the detector scores lower, 0 to 1.")
    ] = None,
    max_uncertainty: Annotated[
        float | None, typer.Option(help="Leave out faces that are less certain, mm.")
    ] = None,
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
            "numbers, axes, posebox, box; rendered (weights that know colours); or none.",
        ),
    ] = "mesh,landmarks,axes,box",
) -> None:
    """Align every face of photographs in 3D.

    Writes NAME_overlay.png, NAME_face0.obj, NAME_face1.obj, ... and NAME.json for each photo, and prints a
    line for each face. A photo that cannot be read is reported and the others go on; the exit status is 1.
    Results of photos of several folders are in folders of the same names.
    docs/exports.md describes the other formats.
    """
    from lineament.aligner import FaceAligner
    from lineament.cli.photos import boxes_of, find_photos, read_boxes
    from lineament.cli.results import FORMATS, ResultWriter, chosen_from
    from lineament.cli.whole_results import remove_results, remove_unfinished
    from lineament.draw import LAYERS
    from lineament.errors import ConfigError, LineamentError
    from lineament.export import export_parquet

    try:
        chosen = chosen_from(formats, FORMATS, "format")
        writer = ResultWriter(chosen, chosen_from(overlay, tuple(LAYERS), "layer"))
        found = find_photos(photos)
        all_boxes = None if boxes is None else boxes_of(found, read_boxes(boxes))
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    out.mkdir(parents=True, exist_ok=True)
    remove_unfinished(out)
    try:
        aligner = FaceAligner.from_pretrained(
            method,
            threads=threads,
            passes=passes,
            device=device,
            min_face=min_face,
            min_score=min_score,
            max_uncertainty_mm=max_uncertainty,
        )
    except LineamentError as error:
        _say(f"error: {error}", stream=sys.stderr)
        raise typer.Exit(1) from error
    counts: list[int] = []
    failed: list[str] = []
    incomplete: list[str] = []

    def aligned() -> Iterator[tuple[dict[str, Any], Sequence[FaceResult]]]:
        for photo in _with_progress(found):
            try:
                faces, is_whole = _align_photo(aligner, writer, photo, out / photo.target, all_boxes)
            except LineamentError as error:
                failed.append(photo.shown)
                _say(f"{photo.shown}: error: {error}", stream=sys.stderr)
                with suppress(OSError):
                    remove_results(out / photo.target)  # those of a former run would pass for new ones
            else:
                counts.append(len(faces))
                if not is_whole:
                    incomplete.append(photo.shown)
                yield {"photo": photo.path.name, "source": str(photo.path)}, faces

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
    aligner: FaceAligner,
    writer: ResultWriter,
    photo: Photo,
    target: Path,
    all_boxes: Mapping[Path, NDArray[np.floating]] | None,
) -> tuple[Sequence[FaceResult], bool]:
    """Align one photo, write its results under names that begin with `target`, print its lines.

    Returns:
        The faces, and whether all that was asked for could be made.
    """
    from lineament.errors import ConfigError
    from lineament.image import as_picture, read_picture

    boxes = None if all_boxes is None else all_boxes.get(photo.path)
    if all_boxes is not None and boxes is None:
        raise ConfigError(f"The file of boxes has no line for {photo.shown}.")
    pixels = as_picture(read_picture(photo.path))
    faces = aligner(pixels, boxes=boxes)
    impossible = writer.write(pixels, faces, target, source=photo.path)
    for line in _face_lines(faces):
        _say(f"{photo.shown}: {line}")
    for line in impossible:
        _say(f"{photo.shown}: {line}", stream=sys.stderr)
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


def _with_progress(items: Sequence[Photo]) -> Iterator[Photo]:
    """The photos, with a bar on the terminal when there are many."""
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
