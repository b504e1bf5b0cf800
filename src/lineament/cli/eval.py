"""`lineament eval`: a data set, weights or predictions, and a report that says what its numbers mean."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lineament.evaluate.items import Case, EvaluationSet, Prediction
    from lineament.evaluate.predictors import Tool
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
        list[str] | None, typer.Option(help="Name or file of weights; may be given several times.")
    ] = None,
    predictions: Annotated[
        list[Path] | None, typer.Option(help=".npz of predictions of any tool; may be given several times.")
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Another tool, NAME or NAME=PYTHON with the interpreter that has it."),
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help="Only these protocols; those of the set when left out.")
    ] = None,
    crops: Annotated[str, typer.Option(help="Where to look: truth, detector or both.")] = "truth",
    scheme: Annotated[str, typer.Option(help="Landmark scheme of our results.")] = "300w-lp",
    passes: Annotated[int, typer.Option(min=1, max=5, help="Times each face is looked at.")] = 2,
    labels: Annotated[Path | None, typer.Option(help="Folder of label files that came apart.")] = None,
    basel: Annotated[Path | None, typer.Option(help="Your own Basel model, for dense truth.")] = None,
    basel_vertices: Annotated[
        Path | None, typer.Option(help="Which of its vertices are without neck (.npy or .npz).")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Zip of backgrounds, for the occluders of NSOD.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first faces.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Faces at a time.")] = 1,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="CPU threads of a network.")] = 1,
    device: Annotated[
        str, typer.Option(help="Where networks run: cpu, cuda (needs onnxruntime-gpu), or auto.")
    ] = "cpu",
) -> None:
    """Measure weights, other tools or files of predictions on a data set.

    Writes report.html, report.md and report.json; what is known of each face is kept in the folder `records`,
    and a run that was stopped goes on from there. Each table says in words what its numbers mean.
    """
    from lineament.errors import LineamentError
    from lineament.evaluate.registry import SetOptions, load_set
    from lineament.files import working_folder

    if data_set == "list":
        _print_known()
        return
    if data is None or out is None:
        raise typer.BadParameter("--data and --out are needed: where the set is, where the report goes.")
    options = SetOptions(
        data=data,
        labels=labels,
        basel=basel,
        basel_vertices=basel_vertices,
        pictures=pictures,
        limit=limit,
    )
    tools: list[Tool] = []
    try:
        loaded = load_set(data_set, options)
        _say(f"{loaded.title}: {len(loaded.cases)} faces")
        tools = _tools(weights, predictions, peer, crops, scheme, passes, threads, device)
        with working_folder(out):
            evaluation = _evaluate(loaded, tools, out, protocol, workers)
            _finish(evaluation, tools, out)
    except LineamentError as error:
        _say(f"error: {error}", error=True)
        raise typer.Exit(1) from error
    finally:
        for tool in tools:
            tool.close()
    if evaluation.failed:
        raise typer.Exit(1)


def _evaluate(
    loaded: EvaluationSet, tools: list[Tool], out: Path, protocol: list[str] | None, workers: int
) -> Evaluation:
    from lineament.evaluate.run import evaluate as run

    with _progress() as tell:
        return run(loaded, tools, out=out, protocols=protocol or (), workers=workers, progress=tell)


def _tools(
    weights: list[str] | None,
    predictions: list[Path] | None,
    peers: list[str] | None,
    crops: str,
    scheme: str,
    passes: int,
    threads: int,
    device: str,
) -> list[Tool]:
    """Ours in the order given (the default when nothing else is named), then files, then peers."""
    from lineament.errors import ConfigError
    from lineament.evaluate.peers import peer_tool
    from lineament.evaluate.predictors import FileTool, LineamentTool
    from lineament.evaluate.protocols.protocol import Crops

    kinds = {"truth": (Crops.TRUTH,), "detector": (Crops.DETECTOR,), "both": (Crops.TRUTH, Crops.DETECTOR)}
    if crops not in kinds:
        raise ConfigError(f"--crops is truth, detector or both, not {crops!r}.")
    names = weights or ([] if predictions else ["default"])
    shown = _shown_names([*names, *map(str, predictions or [])])
    tools: list[Tool] = []
    for name in names:
        for where in kinds[crops]:
            tool = LineamentTool.from_pretrained(
                name,
                crops=where,
                scheme=scheme,
                passes=passes,
                threads=threads,
                name=shown[name],
                device=device,
            )
            tools.append(_told_apart(tool, where, len(kinds[crops]) > 1))
    tools += [FileTool.read(path, name=shown[str(path)]) for path in predictions or []]
    for name in peers or []:
        for where in kinds[crops]:
            tools.append(_told_apart(peer_tool(name, crops=where), where, len(kinds[crops]) > 1))
    return tools


def _shown_names(given: Sequence[str]) -> dict[str, str | None]:
    """Names for rows: None, a tool's own, unless files in two folders are called the same."""
    stems = [Path(name).stem for name in given]
    return {name: name if stems.count(Path(name).stem) > 1 else None for name in given}


def _told_apart(tool: Tool, where: Crops, both: bool) -> Tool:
    """The tool, its name telling where it looks when both ways are in one report."""
    from lineament.evaluate.protocols.protocol import Crops

    if both:
        tool.name += ", own detector" if where is Crops.DETECTOR else ", true boxes"
    return tool


def _finish(evaluation: Evaluation, tools: list[Tool], out: Path) -> None:
    """Write the report, print the headlines."""
    from lineament.evaluate.reports.html import to_html
    from lineament.evaluate.reports.report import scores_of, write_report

    predictors = {tool.name: _predictor(tool) for tool in tools}
    paths = write_report(evaluation, out, html=to_html(evaluation, predictors))
    for protocol in evaluation.protocols:
        for score in scores_of(evaluation, protocol):
            numbers = " / ".join(f"{name} {value:.2f}" for name, value in score.columns.items())
            counted = f"{score.found} of {int(score.expected.sum())}"
            _say(f"{protocol.name}, {score.tool}: {numbers} {protocol.unit} ({counted})")
    for tool, case, why in evaluation.failed:
        _say(f"{tool}, {case}: {why}", error=True)
    _say(f"report: {paths[-1]}")


def _predictor(tool: Tool) -> Callable[[Case], Prediction | None]:
    """One face at a time, for the pictures."""
    return lambda case: tool.predict([case])[0]


def _print_known() -> None:
    """Data sets, peers and protocols with their titles."""
    from lineament.evaluate.peers import PEERS
    from lineament.evaluate.protocols.presets import PROTOCOLS
    from lineament.evaluate.registry import SETS

    for title, names in (
        ("data sets", {name: entry.needs for name, entry in SETS.items()}),
        ("peers", {name: entry.needs for name, entry in PEERS.items()}),
        ("protocols", {name: entry.title for name, entry in PROTOCOLS.items()}),
    ):
        _say(title)
        for name, text in names.items():
            _say(f"  {name:26} {text}")


def _say(line: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, errors="replace").decode(encoding) + "\n")


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

        def tell(tool: str, done: int, total: int) -> None:
            if tool not in tasks:
                tasks[tool] = progress.add_task(tool, total=total)
            progress.update(tasks[tool], completed=done)

        yield tell
