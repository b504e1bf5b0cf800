"""`lineament eval`: a data set, weights or predictions, and a report that says what its numbers mean."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineament.cli.lines import say
from lineament.cli.options import Device, named_weights

EXPRESSIONS = "expressions"

if TYPE_CHECKING:
    from lineament.batch import AlignerOptions
    from lineament.evaluate.items import EvaluationItem, EvaluationSet, Prediction
    from lineament.evaluate.predictors import Predictor
    from lineament.evaluate.run import Evaluation


def evaluate(
    data_set: Annotated[
        str,
        typer.Argument(metavar="DATASET", help="Name of a data set; `list` prints all and the protocols."),
    ],
    data: Annotated[Path | None, typer.Option(help="Folder or file of the data set.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the report.")] = None,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", "-w", help="Name or file of weights; may be given several times."),
    ] = None,
    methods: Annotated[
        str | None, typer.Option(help='"all" weights that are installed, before those of --weights.')
    ] = None,
    predictions: Annotated[
        list[Path] | None, typer.Option(help=".npz of predictions of any method; may be given several times.")
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="Another method, NAME or NAME=PYTHON with the interpreter that has it."),
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(hidden=True, help="The former name of --baseline.")
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="Only these protocols; those of the set when left out.")
    ] = None,
    crops: Annotated[str, typer.Option(help="Whose boxes: truth, detector or both.")] = "truth",
    scheme: Annotated[
        str | None,
        typer.Option(help="Landmark scheme of our results; what fits the set's labels when left out."),
    ] = None,
    passes: Annotated[int, typer.Option(min=1, max=5, help="Passes of the network over each face.")] = 2,
    labels: Annotated[Path | None, typer.Option(help="Folder of label files that came apart.")] = None,
    basel: Annotated[Path | None, typer.Option(help="Your own Basel model, for dense truth.")] = None,
    basel_vertices: Annotated[
        Path | None, typer.Option(help="Which of its vertices are without neck (.npy or .npz).")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Zip of backgrounds, for the occluders of NSOD; for `expressions` the file of its rendered "
            "faces, made when missing (OUT/pictures.npz when left out)."
        ),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Folder of pictures of masks, for the sets of masks; occluders/masks of $LINEAMENT_SHARED "
            "when left out."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first faces.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Faces at a time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="CPU threads of a network.")] = 1,
    rows: Annotated[
        bool,
        typer.Option(
            "--rows",
            help="In place of each method its own rows: simpler solvers and parts (of cprfa), branches (of "
            "dsfnet).",
        ),
    ] = False,
    row: Annotated[
        list[str] | None,
        typer.Option(help="As --rows, only this row, by its name; may be given several times."),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Measure weights, other methods or files of predictions on a data set.

    Writes report.html, report.md and report.json; what is known of each face is kept in the folder `records`,
    and a run that was stopped goes on from there. Each table says in words what its numbers mean.

    `lineament eval expressions` measures what each expression weight is worth, on rendered faces on which one
    is raised at a time; with --data (a folder with london, lfw_expressions and ytf) on photographs too.
    """
    from lineament.batch import AlignerOptions
    from lineament.cli.candidates import Candidates
    from lineament.errors import LineamentError
    from lineament.evaluate.registry import SetOptions, load_set
    from lineament.files import working_folder

    if data_set == "list":
        _print_known()
        return
    if methods is not None:
        try:
            weights = named_weights(methods, weights or [])
        except LineamentError as error:
            raise typer.BadParameter(str(error)) from error
    if data_set == EXPRESSIONS:
        aligners = [
            AlignerOptions(weights=name, passes=passes, threads=threads, device=device)
            for name in weights or ["default"]
        ]
        _expressions(aligners, data, out, pictures)
        return
    if data is None or out is None:
        raise typer.BadParameter("--data and --out are needed: where the set is, where the report goes.")
    options = SetOptions(
        data=data,
        labels=labels,
        basel=basel,
        basel_vertices=basel_vertices,
        pictures=pictures,
        masks=masks,
        limit=limit,
    )
    predictors: list[Predictor] = []
    try:
        loaded = load_set(data_set, options)
        say(f"{loaded.title}: {len(loaded.items)} faces")
        predictors = Candidates(
            weights=tuple(weights or ()),
            predictions=tuple(predictions or ()),
            baselines=(*(baseline or ()), *(peer or ())),
            crops=crops,
            scheme=scheme,
            passes=passes,
            threads=threads,
            device=device,
            with_rows=rows or bool(row),
            rows=tuple(row or ()),
        ).open()
        with working_folder(out):
            evaluation = _evaluate(loaded, predictors, out, protocol, workers)
            _finish(evaluation, predictors, out)
    finally:
        for predictor in predictors:
            predictor.close()
    if evaluation.failed:
        raise typer.Exit(1)


def _expressions(
    aligners: Sequence[AlignerOptions], data: Path | None, out: Path | None, pictures: Path | None
) -> None:
    """Print, and with a folder write, what expression weights are worth."""
    from lineament.evaluate.expressions.report import expression_report, to_text, write_reports

    shown = out / "pictures.npz" if pictures is None and out is not None else pictures
    reports = []
    for options in aligners:
        aligner, name = options.open(), options.weights
        with _progress() as tell:
            reports.append(expression_report(aligner, name, pictures=shown, photographs=data, progress=tell))
        for line in to_text(reports[-1]).splitlines():
            say(line)
    if out is not None:
        for path in write_reports(reports, out):
            say(f"report: {path}")


def _evaluate(
    loaded: EvaluationSet, predictors: list[Predictor], out: Path, protocol: list[str] | None, workers: int
) -> Evaluation:
    from lineament.evaluate.run import evaluate as run

    with _progress() as tell:
        return run(loaded, predictors, out=out, protocols=protocol or (), workers=workers, progress=tell)


def _finish(evaluation: Evaluation, predictors: list[Predictor], out: Path) -> None:
    """Write the report, print the headlines."""
    from lineament.evaluate.reports.html import to_html
    from lineament.evaluate.reports.report import scores_of, write_report

    predict_by_name = {predictor.name: _predict_one(predictor) for predictor in predictors}
    paths = write_report(evaluation, out, html=to_html(evaluation, predict_by_name))
    for protocol in evaluation.protocols:
        for score in scores_of(evaluation, protocol):
            numbers = " / ".join(f"{name} {value:.2f}" for name, value in score.columns.items())
            counted = f"{score.found} of {int(score.expected.sum())}"
            say(f"{protocol.name}, {score.predictor}: {numbers} {protocol.unit} ({counted})")
    for predictor, item, why in evaluation.failed:
        say(f"{predictor}, {item}: {why}", error=True)
    say(f"report: {paths[-1]}")


def _predict_one(predictor: Predictor) -> Callable[[EvaluationItem], Prediction | None]:
    """One face at a time, for the pictures."""
    return lambda item: predictor.predict([item])[0]


def _print_known() -> None:
    """Data sets, baselines and protocols with their titles."""
    from lineament.evaluate.baselines import BASELINES
    from lineament.evaluate.protocols.presets import PROTOCOLS
    from lineament.evaluate.registry import SETS

    for title, names in (
        (
            "data sets",
            {
                **{name: entry.needs for name, entry in SETS.items()},
                EXPRESSIONS: "none: rendered faces; or folder with london, lfw_expressions and ytf",
            },
        ),
        ("baselines", {name: entry.needs for name, entry in BASELINES.items()}),
        ("protocols", {name: entry.title for name, entry in PROTOCOLS.items()}),
    ):
        say(title)
        for name, text in names.items():
            say(f"  {name:26} {text}")


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def tell(predictor: str, done: int, total: int) -> None:
            if predictor not in tasks:
                tasks[predictor] = progress.add_task(predictor, total=total)
            progress.update(tasks[predictor], completed=done)

        yield tell
