"""`lineament batch`: any number of photographs, on this machine or a cluster of Ray."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer


def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Folder, list of paths (.txt), Parquet of paths or bytes, webdataset shards (.tar); a local "
            "path or an address such as s3://bucket/photos.",
        ),
    ],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the parts, or its address.")],
    weights: Annotated[
        str, typer.Option("--weights", "-w", help='"default", "fast", "open", or another name.')
    ] = "default",
    workers: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Workers; as many as cores or GPUs.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where networks run: cpu, cuda or auto.")] = "cpu",
    photos_a_part: Annotated[
        int, typer.Option(min=1, max=100_000, help="Photos a file, which is what a restart goes by.")
    ] = 256,
    batch_size: Annotated[
        int, typer.Option(min=1, max=1024, help="Photos whose faces go through the network together.")
    ] = 8,
    decoders: Annotated[int, typer.Option(min=1, max=256, help="Cores of a worker, which decode.")] = 1,
    address: Annotated[
        str | None, typer.Option(help='Of a Ray cluster, or "auto" on one of its machines.')
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--overwrite", help="Leave out parts that are there; or do all again.")
    ] = True,
) -> None:
    """Align photographs into Parquet parts on Ray Data.

    Writes part-000000.parquet, ... with a row a face, and a row for each photo without faces or with a
    reason why it failed (docs/tasks/batch.md). A worker that is killed loses nothing, and the same command
    goes on where it was. Nothing is reported to anybody.
    """
    from lineament.batch import AlignerOptions
    from lineament.batch.cluster import BatchConfig, load_ray, plan_batch, run_batch
    from lineament.cli.wings import say
    from lineament.errors import LineamentError

    config = BatchConfig(
        source=source,
        out=out,
        options=AlignerOptions(weights=weights, threads=1, device=device),
        workers=workers,
        photos_a_part=photos_a_part,
        batch=batch_size,
        decoders=decoders,
        address=address,
        anew=not resume,
    )
    try:
        load_ray()
        plan = plan_batch(config)
        say(f"{plan.parts} parts, {len(plan.todo)} to do")
        photos = faces = failed = 0
        begun_s = time.monotonic()
        for number, done in enumerate(run_batch(config, plan), start=1):
            photos, faces, failed = photos + done.photos, faces + done.faces, failed + done.failed
            rate = photos / max(time.monotonic() - begun_s, 1e-9)
            say(
                f"{number}/{len(plan.todo)} parts, {photos} photos, {faces} faces, {failed} failed, "
                f"{rate:.1f} photos a second"
            )
    except LineamentError as error:
        say(f"error: {error}", error=True)
        raise typer.Exit(1) from error
    say(f"results are in {out}")
    sys.stdout.flush()
