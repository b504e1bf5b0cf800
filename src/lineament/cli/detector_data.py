"""`lineament data faces` and `lineament data mosaics`: what a face detector is trained on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from lineament.cli.cores import cores
from lineament.cli.lines import say
from lineament.cli.wings import data_wing

MIB = 2**20


def faces(
    out: Annotated[Path, typer.Option("--out", "-o", help="File of the pack, .npz.")],
    rendered: Annotated[
        int, typer.Option(min=0, help="So many rendered faces, which need nothing but the package.")
    ] = 0,
    behind: Annotated[bool, typer.Option("--behind", help="Rendered heads from behind.")] = False,
    budget: Annotated[float, typer.Option(min=0.1, help="MiB of portraits.")] = 12.0,
    side: Annotated[int, typer.Option(min=16, help="Px, at most, along a portrait's longer side.")] = 160,
    quality: Annotated[int, typer.Option(min=1, max=95, help="Of JPEG, for portraits.")] = 65,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes that render; all cores when left out.")
    ] = None,
) -> None:
    """Pack faces for the training of a detector, which draws mosaics of them while it trains.

    With --rendered, faces that nobody has; without, the portraits of the US Congress in the shared folder,
    which anyone may use.
    """
    with data_wing():
        from lineament.data.mosaics.detector_faces import pack_portraits, pack_rendered
        from lineament.data.photographs.collections import shared_folder
        from lineament.errors import ConfigError

        if behind and not rendered:
            raise ConfigError("Heads from behind are rendered: say how many with --rendered N.")
        if rendered:
            count = pack_rendered(out, count=rendered, behind=behind, processes=processes or cores())
        else:
            size = round(budget * MIB)
            count = pack_portraits(out, shared=shared_folder(), budget=size, side=side, quality=quality)
        say(f"{count} pictures, {out.stat().st_size / MIB:.1f} MiB in {out}")


def mosaics(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the shards; made when missing.")],
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="TOML of a detector trained on packs of faces: its mosaics."),
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Change of --config."),
    ] = None,
    shards: Annotated[int, typer.Option(min=1, help="How many shards.")] = 10,
    first: Annotated[int, typer.Option(min=0, help="Number of the first shard.")] = 0,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Mosaics a shard.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of all chance.")] = 0,
    views: Annotated[
        Path | None, typer.Option(help="Samples of `lineament data build`, for heads turned far to the side.")
    ] = None,
    view_fraction: Annotated[float, typer.Option(min=0, max=1, help="Of the faces, from --views.")] = 0.45,
    empty: Annotated[float, typer.Option(min=0, max=1, help="Fraction of mosaics without a face.")] = 0.1,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Of people whom training never sees: for validation.")
    ] = False,
    sheet: Annotated[Path | None, typer.Option(help="Picture of the first mosaics, .png.")] = None,
) -> None:
    """Make mosaics for the training of a detector, in shards, or look at those it makes for itself.

    With --config the mosaics of that training; without, photographs and backgrounds of the shared folder. A
    core makes about 80 a second. Half of the backgrounds is never used: false faces are counted on it.
    """
    with data_wing():
        from lineament.data.mosaics import mosaic_shards as shards_of
        from lineament.data.mosaics.record import about_shared, record_about
        from lineament.data.photographs.collections import shared_folder

        if config is not None:
            from lineament.train.detector.live_shards import live_mosaics, live_rows

            source = live_mosaics(config, changes=change or (), held_out=held_out)
            rows_of, size, name = partial(live_rows, source), source.config.composites.size, "live"
            about = source.config.about
        else:
            composer = shards_of.shared_composer(
                shared_folder(), views=views, view_fraction=view_fraction, held_out=held_out, empty=empty
            )
            rows_of, size, name = partial(shards_of.composed, composer), composer.config.size, "shard"
            about = about_shared(views=views is not None)
        record_about(out, about)
        paths = [out / f"{name}_{seed}_{number:03d}" for number in range(first, first + shards)]
        for number, path in enumerate(paths, first):
            rows = rows_of(count=count, seed=(seed, number))
            found = shards_of.write_shard(rows, path, count=count, size=size)
            say(f"{path.name}: {count} mosaics, {found} faces")
        if sheet is not None:
            shards_of.save_sheet(paths[0], sheet)
