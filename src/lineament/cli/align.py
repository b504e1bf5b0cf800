"""`lineament align`: photographs to overlays, meshes and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.lines import say
from lineament.cli.options import (
    Device,
    ExpressionTargets,
    Landmarks,
    MaxUncertainty,
    MinFace,
    MinScore,
    OverlayFormat,
    Passes,
    Photos,
    Recursive,
    Weights,
)

MANY_FILES = 20  # photos named one by one that are an album: shells make such lists of patterns
DEFAULT_FORMATS, ALBUM_FORMATS = "obj,json", "json"


def align(
    photos: Photos,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made when missing.")],
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=1024,
            help="Processes, each at photos of its own; as many as cores.",
        ),
    ] = None,
    recursive: Recursive = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--overwrite",
            help="Of folders and patterns, leave out photos whose results are there and fit the file, the "
            "options and the weights; or do all again.",
        ),
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors alone.")] = False,
    log: Annotated[
        Path | None, typer.Option("--log", help="File that every line is added to, with the time.")
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(help="File of face boxes, lines of photo,x1,y1,x2,y2 in px; the detector is not used."),
    ] = None,
    passes: Passes = 2,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="CPU threads a process; one for several photos, what suits the weights for one.",
        ),
    ] = None,
    device: Device = "cpu",
    min_face: MinFace = None,
    min_score: MinScore = None,
    max_uncertainty: MaxUncertainty = None,
    landmarks: Landmarks = "ibug-68",
    method: Weights = "default",
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="Files to write, with commas between: obj, glb, ply, npz, json, parquet, csv, depth, pncc, "
            "normals, parts, texture, frontal; or none. obj,json for photos, json for folders.",
        ),
    ] = None,
    targets: ExpressionTargets = "arkit",
    overlay: Annotated[
        str,
        typer.Option(
            help="Layers of the overlay picture, lowest first: mesh, wireframe, depth, normals, "
            "correspondence, landmarks, numbers, axes, posebox, box; rendered (weights that know colours); "
            "or none.",
        ),
    ] = "mesh,landmarks,axes,box",
    overlay_format: OverlayFormat = "auto",
    overlay_size: Annotated[
        int, typer.Option(min=16, max=65500, help="Longer side of the overlay, px, at most.")
    ] = 2048,
    texture: Annotated[
        str,
        typer.Option(
            help="Colours of GLB's skin, and of textures: those of the photo; albedo, the face's own without "
            "light (refined faces, weights that know colours); or none, GLB without."
        ),
    ] = "photo",
    no_texture: Annotated[bool, typer.Option("--no-texture", help="The same as --texture none.")] = False,
    refine: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            help="Steps of a fit of each face to its photo, which finds colours and light too; 0 for none. "
            "30 take a second or two, and torch.",
        ),
    ] = 0,
    texture_size: Annotated[
        int | None,
        typer.Option(min=16, max=8192, help="Texels along a side of textures; what the face needs."),
    ] = None,
    complete: Annotated[
        str,
        typer.Option(
            help="What hidden parts of textures become: mirror (the face's other side), model (the likeliest "
            "face's colours), gan (a trained network's, see --gan-weights), none (black).",
        ),
    ] = "mirror",
    gan_weights: Annotated[
        str | None,
        typer.Option(help="Weights of --complete gan: what `lineament train uv-gan` and `export` wrote."),
    ] = None,
) -> None:
    """Align every face of photographs in 3D.

    Writes NAME_overlay.png (.jpg above a megapixel), NAME.json and, for photos that are named one by one,
    NAME_face0.obj, NAME_face1.obj, ... Prints a line for each face. A photo that cannot be read, or a folder
    without any, is reported and the others go on; the exit status is 1. Results of photos of several folders
    are in folders of the same names. Folders go on where a former run ended, however it did; Ctrl+C finishes
    what is in hand. docs/exports.md describes the other formats.
    """
    from lineament.batch import AlignerOptions
    from lineament.cli.album import AlbumConfig, align_album
    from lineament.cli.choices import chosen_from, landmarks_from, targets_from, texture_from
    from lineament.cli.completing import completing_from
    from lineament.cli.overlay_file import OverlayStyle
    from lineament.cli.photos import boxes_of, find_photos, is_album, read_boxes
    from lineament.cli.results import FORMATS, ResultWriter
    from lineament.cli.stopping import stopped_by_signals
    from lineament.cli.whole_results import remove_unfinished
    from lineament.draw import LAYERS
    from lineament.errors import ConfigError
    from lineament.files import results_folder
    from lineament.refining import check_refining

    many = is_album(photos) or len(photos) >= MANY_FILES
    wanted = formats if formats is not None else ALBUM_FORMATS if many else DEFAULT_FORMATS
    try:
        writer = ResultWriter(
            chosen_from(wanted, FORMATS, "format"),
            chosen_from(overlay, tuple(LAYERS), "layer"),
            OverlayStyle(overlay_format, overlay_size),
            targets=targets_from(targets),
            texture_size=texture_size,
            complete=completing_from(complete, gan_weights),
            texture=texture_from(texture, left_out=no_texture),
        )
        scheme = landmarks_from(landmarks)
        problems: list[str] = []
        found = find_photos(photos, recursive=recursive, on_problem=problems.append)
        all_boxes = None if boxes is None else boxes_of(found, read_boxes(boxes))
        options = AlignerOptions(
            weights=method,
            threads=1 if threads is None and len(found) > 1 else threads,
            passes=passes,
            device=device,
            min_face=min_face,
            min_score=min_score,
            max_uncertainty_mm=max_uncertainty,
            landmarks=scheme,
        )
        options.check()
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    if refine:
        check_refining()
    with results_folder(out):
        remove_unfinished(out)
        config = AlbumConfig(
            options, writer, out, jobs, many, anew=not resume, quiet=quiet, log=log, refine=refine
        )
        with stopped_by_signals() as stopped:
            end = align_album(config, found, all_boxes, stopped, problems=problems)
        if stopped.is_set():
            how = "run the same command again to go on" if many else "the others were not begun"
            say(f"stopped; {end.left} of {len(found)} photos are left: {how}", error=True)
            raise typer.Exit(128 + stopped.number)
        if not end.is_whole:
            raise typer.Exit(1)
