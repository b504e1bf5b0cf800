"""`lineament export`: weights of a training run, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.lines import say
from lineament.cli.training_wing import in_words, training_methods


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of `lineament train`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, such as mine.lineament.")],
    half: Annotated[
        bool | None, typer.Option("--half/--float", help="Precision of stored weights; as the method has it.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Eight bits: smaller and faster; refused where landmarks move.")
    ] = False,
    flip: Annotated[
        bool, typer.Option("--flip", help="Predict from the crop and its mirror image, with an uncertainty.")
    ] = False,
    interpolate: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Fraction of the end in a mean with the weights it began with."),
    ] = None,
    samples: Annotated[
        list[Path] | None,
        typer.Option(help="Real pictures to check and calibrate on; those of the training when left out."),
    ] = None,
    count: Annotated[int, typer.Option(min=2, help="Pictures to calibrate eight bits on.")] = 256,
    close_ups: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Installed weights whose close-ups of eyes and mouth are to correct the faces: default.",
        ),
    ] = "",
    method: Annotated[str | None, typer.Option(help="For runs of before December 2026.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="KEY=VALUE",
            help="Which answer is the result: landmarks=refined, coarse or geometry of a synergynet.",
        ),
    ] = None,
) -> None:
    """Write the weights of a training run, once ONNX Runtime agrees with torch on noise and on real pictures.

    The file holds the graphs and says what they are, what they were trained on and under which terms. An
    older file of the same name stays until the new one is checked.
    """
    with in_words():
        methods = training_methods()
        options = methods.ExportOptions(half=half, int8=int8, flip=flip, count=count, close_ups=close_ups)
        folders = tuple(str(folder) for folder in samples or ())
        path = methods.export_run(
            run,
            out,
            options=options,
            method=method,
            samples=folders,
            interpolate=interpolate,
            changes=change or [],
        )
        say(f"{path}, {path.stat().st_size / 1e6:.2f} MB")
