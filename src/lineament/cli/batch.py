"""`lineament batch`: any number of photographs on a cluster, or on this machine, with Ray."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lineament.cli.lines import say
from lineament.cli.options import (
    Device,
    ExpressionTargets,
    Landmarks,
    MaxUncertainty,
    MinFace,
    MinScore,
    Passes,
    Weights,
)

if TYPE_CHECKING:
    from lineament.batch.gathering import FinishedPart
    from lineament.batch.job import BatchPlan

NAMED = 20  # failed photographs of a part that are named; its table names all


def batch(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Folders (with those in them), lists of paths (.txt), Parquet of paths or bytes, webdataset "
            "shards (.tar), photographs; paths, or URLs such as s3://bucket/album.",
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the results, or its URL.")],
    method: Weights = "default",
    address: Annotated[
        str | None,
        typer.Option(help="A cluster that runs, such as auto or HOST:6379; this machine when left out."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that align; as many as there are cores, or shares of GPUs."),
    ] = None,
    device: Device = "cpu",
    gpu_share: Annotated[
        float, typer.Option(min=0.01, max=1, help="Of a GPU, that a process has with --device cuda.")
    ] = 1.0,
    part_photos: Annotated[int, typer.Option(min=1, help="Photographs of a part.")] = 1000,
    column: Annotated[
        str | None, typer.Option(help="Of Parquet: where the paths or bytes are; found when left out.")
    ] = None,
    passes: Passes = 2,
    min_face: MinFace = None,
    min_score: MinScore = None,
    max_uncertainty: MaxUncertainty = None,
    landmarks: Landmarks = "ibug-68",
    targets: ExpressionTargets = "arkit",
    resume: Annotated[
        bool, typer.Option("--resume/--overwrite", help="Leave out parts that are finished; or do all again.")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors alone.")] = False,
) -> None:
    r"""Align any number of photographs on a cluster, or on this machine, with Ray.

    Writes parts of Parquet: OUT/faces, a row a face with the columns of `lineament align -f parquet`, and
    OUT/photos, a row a photograph with the number of its faces or the reason why it could not be aligned; the
    exit status is then 1. A part is finished once and for all: the same command goes on where a run ended,
    however it did. Needs pip install 'lineament\[batch]'. docs/cluster.md tells more.
    """
    from lineament.batch import AlignerOptions
    from lineament.batch.job import BatchConfig, run_batch
    from lineament.cli.choices import landmarks_from, targets_from
    from lineament.cli.stopping import stopped_by_signals
    from lineament.errors import ConfigError

    try:
        names, scheme = targets_from(targets), landmarks_from(landmarks)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    options = AlignerOptions(
        weights=method,
        threads=1,
        passes=passes,
        device=device,
        min_face=min_face,
        min_score=min_score,
        max_uncertainty_mm=max_uncertainty,
        landmarks=scheme,
    )
    config = BatchConfig(
        sources=tuple(sources),
        out=out,
        options=options,
        targets=names,
        column=column,
        part_photos=part_photos,
        concurrency=concurrency,
        gpu_share=gpu_share,
        address=address,
        anew=not resume,
    )
    lines = _Lines(quiet)
    with stopped_by_signals() as stopped:
        for part in run_batch(config, on_plan=lines.plan, is_stopped=stopped.is_set):
            lines.part(part)
    if stopped.is_set():
        say(f"stopped; {lines.left} parts are left: run the same command again to go on", error=True)
        raise typer.Exit(128 + stopped.number)
    lines.summary(out)
    if lines.failed:
        raise typer.Exit(1)


class _Lines:
    """What a run says: a line a part, a line a photograph that failed, a summary.

    Attributes:
        left: parts that are not finished.
        failed: photographs that failed.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._parts = self._photos = self._faces = self._without = self.left = self.failed = 0
        self._before = 0
        self._reasons: Counter[str] = Counter()

    def plan(self, plan: BatchPlan) -> None:
        """Say how much there is to do."""
        self._parts, self.left = plan.parts, len(plan.todo)
        self._before = plan.parts - len(plan.todo)
        done = f", {self._before} of them finished before" if self._before else ""
        self._say(f"{plan.parts} parts{done}")

    def part(self, part: FinishedPart) -> None:
        """Say what came of a part."""
        from lineament.cli.reporting import general_reason

        self.left -= 1
        self._photos += part.photos
        self._faces += part.faces
        self._without += part.without
        self.failed += len(part.errors)
        for number, (source, why) in enumerate(part.errors):
            path = Path(source)
            self._reasons[general_reason(why, (str(path), source, path.name))] += 1
            if number < NAMED:
                say(f"{source}: error: {why}", error=True)
        if len(part.errors) > NAMED:
            say(f"and {len(part.errors) - NAMED} more of part {part.number}", error=True)
        failed = f", {len(part.errors)} failed" if part.errors else ""
        self._say(
            f"part {part.number}: {part.photos} photos, {part.faces} faces{failed} "
            f"({self._parts - self.left} of {self._parts})"
        )

    def summary(self, out: str) -> None:
        """Say what was done in all, and why some of it was not."""
        self._say(
            f"{self._photos} photos, {self._faces} faces, {self._without} without a face, "
            f"{self.failed} failed"
        )
        if self._before:
            self._say(
                f"{self._before} parts, finished before, are as they were (--overwrite does them again)"
            )
        if self.failed > 1:
            for reason, count in self._reasons.most_common():
                say(f"  {count} x {reason}", error=True)
        self._say(f"results are in {out}")

    def _say(self, line: str) -> None:
        if not self._quiet:
            say(line)
