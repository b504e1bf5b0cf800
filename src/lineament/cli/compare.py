"""`lineament compare`: several methods on the same photographs, side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineament.cli.options import Device, MinFace, OverlayFormat, Passes, Photos, Recursive, named_weights
from lineament.cli.overlay_file import OverlayStyle

if TYPE_CHECKING:
    from lineament.aligner import FaceAligner
    from lineament.cli.photos import Photo
    from lineament.draw.comparison import Compared
    from lineament.image import Picture
    from lineament.result import Detection

RUNS = 3


def compare(
    photos: Photos,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the pictures; made when missing.")],
    methods: Annotated[
        str | None,
        typer.Option(help='"all" weights that are installed; taken too when none are named by --weights.'),
    ] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", "-w", help="Name or file of weights; may be given several times."),
    ] = None,
    recursive: Recursive = False,
    overlay: Annotated[
        str, typer.Option(help="Layers of the overlays, see `lineament align`.")
    ] = "mesh,landmarks,axes",
    tile: Annotated[int, typer.Option(min=64, max=4096, help="Side of each picture on the sheet, px.")] = 480,
    overlay_format: OverlayFormat = "auto",
    passes: Passes = 2,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="CPU threads of a network.")] = 1,
    device: Device = "cpu",
    min_face: MinFace = None,
) -> None:
    """Lay the results of several methods for a photograph side by side.

    Writes NAME_compare.png (.jpg above a megapixel): the photograph, each method's overlay with its time a
    face and its uncertainty, and below them the masks of those methods that look for what is in front of a
    face. One detector finds the faces, that of `default`, so that all methods see the same ones. Prints a
    line for each method. A photo that cannot be read is reported and the others go on; the exit status is 1.
    """
    from lineament.cli.choices import chosen_from
    from lineament.cli.lines import say
    from lineament.cli.photos import find_photos
    from lineament.draw import LAYERS
    from lineament.errors import ConfigError, LineamentError
    from lineament.files import results_folder
    from lineament.runtime import check_device_name

    try:
        layers = chosen_from(overlay, tuple(LAYERS), "layer")
        style = OverlayStyle(overlay_format)
        problems: list[str] = []
        found = find_photos(photos, recursive=recursive, on_problem=problems.append)
        check_device_name(device)
        names = named_weights(methods, weights or [])
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    aligners = _aligners(names, passes=passes, threads=threads, device=device, min_face=min_face)
    for problem in problems:
        say(f"error: {problem}", error=True)
    failed = bool(problems)
    with results_folder(out):
        for photo in found:
            try:
                _compare_on(photo, aligners, out, layers=layers, tile=tile, style=style)
            except LineamentError as error:
                failed = True
                say(f"{photo.shown}: error: {error}", error=True)
        if failed:
            raise typer.Exit(1)


def _aligners(
    names: Sequence[str], *, passes: int, threads: int, device: str, min_face: float | None
) -> dict[str, FaceAligner]:
    """The aligner of each; the first one's detector is that of `default`, the others share it."""
    from lineament.aligner import FaceAligner
    from lineament.cli.candidates import shown_names

    default = FaceAligner.from_pretrained(
        "default", passes=passes, threads=threads, device=device, min_face=min_face
    )
    shown = shown_names(names)
    return {
        shown[name] or Path(name).stem: default
        if name == "default"
        else FaceAligner.from_pretrained(
            name, detector=default.detector, passes=passes, threads=threads, device=device
        )
        for name in names
    }


def _compare_on(
    photo: Photo,
    aligners: dict[str, FaceAligner],
    out: Path,
    *,
    layers: Sequence[str],
    tile: int,
    style: OverlayStyle,
) -> None:
    """Write the sheet of a photograph and print a line for each method."""
    from PIL import Image

    from lineament.cli.lines import say
    from lineament.cli.overlay_file import write_picture
    from lineament.draw.comparison import comparison
    from lineament.image import read_image

    picture = read_image(photo.path)
    first = next(iter(aligners.values()))
    detector = first.detector
    detections = [] if detector is None else detector.detect(picture)
    compared = [_measured(name, aligner, picture, detections) for name, aligner in aligners.items()]
    sheet = Image.fromarray(comparison(picture, compared, layers=layers, tile=tile))
    (out / photo.target).parent.mkdir(parents=True, exist_ok=True)
    write_picture(sheet, out / photo.target, ending="compare", style=style)
    for one in compared:
        say(f"{photo.shown}, {one.name}: {one.note}")


def _measured(name: str, aligner: FaceAligner, photo: Picture, detections: Sequence[Detection]) -> Compared:
    """The faces of a method at places that are known, with the time that they take."""
    from lineament.draw.comparison import Compared

    if not detections:
        return Compared(name, [], "no face found")
    faces, seconds = [], []
    for _ in range(RUNS):
        begin = time.perf_counter()
        faces = aligner.align_found(photo, detections)
        seconds.append(time.perf_counter() - begin)
    if not faces:
        return Compared(name, [], "believes no face")
    # The first run makes what later ones find ready.
    note = f"{1000 * min(seconds[1:]) / len(detections):.0f} ms a face"
    doubts = [face.uncertainty_mm for face in faces if face.uncertainty_mm is not None]
    if doubts:
        note += f", ±{statistics.fmean(doubts):.1f} mm"
    if len(faces) < len(detections):
        note += f", {len(faces)} of {len(detections)} faces"
    return Compared(name, faces, note)
