"""`lineament video`: a film or a camera to an overlay film, animations and a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.options import Device, ExpressionTargets, Landmarks, Weights

FORMATS = ("film", "glb", "parquet")


def video(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made when missing.")],
    source: Annotated[str | None, typer.Argument(metavar="VIDEO", help="A video file.")] = None,
    camera: Annotated[
        int | None, typer.Option(min=0, help="Number of a camera, instead of a file; 0 is the first.")
    ] = None,
    allow_network: Annotated[
        bool,
        typer.Option(
            "--allow-network", help="Take an address, such as rtsp://..., for VIDEO; it is fetched."
        ),
    ] = False,
    formats: Annotated[
        str,
        typer.Option("--format", "-f", help="Files to write, with commas between: film, glb, parquet."),
    ] = "film,glb",
    overlay: Annotated[
        str, typer.Option(help="Layers of the film, as in `lineament align`.")
    ] = "mesh,landmarks,axes,box",
    smooth: Annotated[bool, typer.Option(help="Smooth the faces over time.")] = True,
    texture: Annotated[
        bool, typer.Option(help="Give animated heads their person's colours, the mean of the film.")
    ] = True,
    codec: Annotated[
        str,
        typer.Option(
            help="Of the film: h264 or vp9 by the system's ffmpeg, or auto: h264, vp9, else OpenCV's."
        ),
    ] = "auto",
    neutral: Annotated[
        str,
        typer.Option(
            help="Subtract each person's own rest from the weights of expressions: auto finds it in their "
            "quietest frames, a number takes that frame (the first is 0), none takes what is at rest for all."
        ),
    ] = "none",
    targets: ExpressionTargets = "arkit",
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds.")] = None,
    start: Annotated[float, typer.Option(min=0, help="Begin at this time of the film, s.")] = 0.0,
    end: Annotated[float | None, typer.Option(min=0, help="End before this time of the film, s.")] = None,
    stride: Annotated[int, typer.Option(min=1, max=100_000, help="Take every so manieth frame.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="CPU threads; what suits the weights when left out.")
    ] = None,
    device: Device = "cpu",
    method: Weights = "default",
    landmarks: Landmarks = "ibug-68",
) -> None:
    """Follow every face through a video.

    Ctrl+C and SIGTERM end a film; what was seen until then is written.
    Writes NAME_overlay.mp4 with the film's sound (.webm without, where ffmpeg is not installed),
    NAME_person1.glb, NAME_person2.glb, ... (animated heads) and, when asked for, NAME.parquet (a row a face
    and frame).
    """
    from concurrent.futures import ThreadPoolExecutor

    from lineament.aligner import FaceAligner
    from lineament.cli.choices import chosen_from, landmarks_from, targets_from
    from lineament.cli.film_job import FilmJob, FilmOptions
    from lineament.draw import LAYERS
    from lineament.errors import ConfigError
    from lineament.files import remove_leftovers, results_folder
    from lineament.runtime import check_device_name
    from lineament.video import FaceTracker, Section, find_encoder

    chosen_source = camera if source is None else source
    if chosen_source is None or (source is not None and camera is not None):
        raise typer.BadParameter("Give a video file, or --camera and its number.")
    try:
        chosen = chosen_from(formats, FORMATS, "format")
        layers = chosen_from(overlay, tuple(LAYERS), "layer")
        last_s = float("inf") if seconds is None else start + seconds
        section = Section(start, last_s if end is None else min(end, last_s), stride)
        encoder = find_encoder(codec) if "film" in chosen else None
        own_rest, names = _neutral_from(neutral), targets_from(targets)
        scheme = landmarks_from(landmarks)
        check_device_name(device)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    options = FilmOptions(
        chosen,
        layers,
        smooth=smooth,
        texture=texture,
        neutral=own_rest,
        targets=names,
        section=section,
        encoder=encoder,
        allow_network=allow_network,
    )

    def tracker() -> FaceTracker:
        return FaceTracker(
            FaceAligner.from_pretrained(method, threads=threads, device=device, landmarks=scheme)
        )

    _silence_opencv()
    with results_folder(out), ThreadPoolExecutor(1, "lineament-weights") as beside:
        remove_leftovers(out)
        # Weights are opened while the first pictures are decoded.
        all_made = FilmJob(chosen_source, out, beside.submit(tracker), options).run()
    if not all_made:
        raise typer.Exit(1)


def _neutral_from(text: str) -> int | str | None:
    """Of which frames the rest is taken: a number, "auto", or None.

    Raises:
        ConfigError: something else.
    """
    from lineament.errors import ConfigError

    if text == "none":
        return None
    if text == "auto":
        return text
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(f"--neutral is auto, none or the number of a frame from 0 on, not {text!r}.")
    return int(text)


def _silence_opencv() -> None:
    """Let a damaged film be one line of ours; read when OpenCV is imported, so this process's own."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
