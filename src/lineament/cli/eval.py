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
    from lineament.evaluate.items import EvaluationItem, EvaluationSet, Prediction
    from lineament.evaluate.predictors import Predictor
    from lineament.evaluate.protocols.protocol import Crops
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
        _expressions(weights or ["default"], data, out, pictures, passes, threads, device)
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
        baselines = [*(baseline or []), *(peer or [])]
        predictors = _predictors(
            weights,
            predictions,
            baselines,
            crops,
            scheme,
            passes,
            threads,
            device,
            rows=tuple(row) if row else rows,
        )
        with working_folder(out):
            evaluation = _evaluate(loaded, predictors, out, protocol, workers)
            _finish(evaluation, predictors, out)
    finally:
        for predictor in predictors:
            predictor.close()
    if evaluation.failed:
        raise typer.Exit(1)


def _expressions(
    weights: list[str],
    data: Path | None,
    out: Path | None,
    pictures: Path | None,
    passes: int,
    threads: int,
    device: str,
) -> None:
    """Print, and with a folder write, what expression weights are worth."""
    from lineament.aligner import FaceAligner
    from lineament.evaluate.expressions.report import expression_report, to_text, write_reports

    shown = out / "pictures.npz" if pictures is None and out is not None else pictures
    reports = []
    for name in weights:
        aligner = FaceAligner.from_pretrained(name, passes=passes, threads=threads, device=device)
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


def _predictors(
    weights: list[str] | None,
    predictions: list[Path] | None,
    baselines: list[str] | None,
    crops: str,
    scheme: str | None,
    passes: int,
    threads: int,
    device: str,
    *,
    rows: bool | tuple[str, ...],
) -> list[Predictor]:
    """Ours in the order given (the default when nothing else is named), then files, then baselines.

    With `rows` a method's own rows are in its place: all, or those named.
    """
    from lineament.errors import ConfigError
    from lineament.evaluate.baselines import baseline_predictor
    from lineament.evaluate.predictors import FilePredictor, LineamentPredictor
    from lineament.evaluate.protocols.protocol import Crops

    kinds = {"truth": (Crops.TRUTH,), "detector": (Crops.DETECTOR,), "both": (Crops.TRUTH, Crops.DETECTOR)}
    if crops not in kinds:
        raise ConfigError(f"--crops is truth, detector or both, not {crops!r}.")
    names = weights or ([] if predictions else ["default"])
    shown = _shown_names([*names, *map(str, predictions or [])])
    predictors: list[Predictor] = []
    for name in names:
        for where in kinds[crops]:
            predictor = LineamentPredictor.from_pretrained(
                name,
                crops=where,
                scheme=scheme,
                passes=passes,
                threads=threads,
                name=shown[name],
                device=device,
            )
            named = rows if isinstance(rows, tuple) else ()
            for each in predictor.rows(named) if rows else [predictor]:
                predictors.append(_told_apart(each, where, len(kinds[crops]) > 1))
    predictors += [FilePredictor.read(path, name=shown[str(path)]) for path in predictions or []]
    for name in baselines or []:
        for where in kinds[crops]:
            predictors.append(
                _told_apart(baseline_predictor(name, crops=where), where, len(kinds[crops]) > 1)
            )
    return predictors


def _shown_names(given: Sequence[str]) -> dict[str, str | None]:
    """Names for rows: None, a predictor's own, unless files in two folders are called the same."""
    stems = [Path(name).stem for name in given]
    return {name: name if stems.count(Path(name).stem) > 1 else None for name in given}


def _told_apart(predictor: Predictor, where: Crops, both: bool) -> Predictor:
    """The predictor, its name telling whose boxes it gets when both ways are in one report."""
    from lineament.evaluate.protocols.protocol import Crops

    if both:
        predictor.name += ", own detector" if where is Crops.DETECTOR else ", true boxes"
    return predictor


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
