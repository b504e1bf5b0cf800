"""`lineament data`: training sets of one's own photographs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lineament.cli import detector_data
from lineament.cli.cores import cores
from lineament.cli.lines import say
from lineament.cli.wings import data_wing

if TYPE_CHECKING:
    from lineament.data.build.point_samples import Labels
    from lineament.data.photographs.collection import PhotoCollection
    from lineament.data.samples.recipe import BuildRecipe
    from lineament.data.samples.sample import Kind

app = typer.Typer(no_args_is_help=True, help="Make training sets of photographs, and look at them.")
app.command()(detector_data.faces)
app.command()(detector_data.mosaics)

PhotosOption = Annotated[
    list[Path] | None,
    typer.Option("--photos", "-p", help="Folder or zip of photographs; may be given several times."),
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the result; made when missing.")]
PeopleOption = Annotated[
    str,
    typer.Option(
        help="What tells who is on a photograph: auto, names, folders, none, or a CSV file (photo, person)."
    ),
]
RecipeOption = Annotated[
    str, typer.Option("--recipe", "-r", help="default, open, or a TOML file; see docs/data.md.")
]
ProcessesOption = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Processes at once; all cores when left out.")
]
LandmarksOption = Annotated[
    Path | None, typer.Option(help="Folder in which NAME_landmarks.npz is looked for too.")
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="At most so many photographs, for a try.")]


@app.command()
def build(
    out: OutOption,
    photos: PhotosOption = None,
    recipe: RecipeOption = "default",
    people: PeopleOption = "auto",
    licence: Annotated[
        str | None, typer.Option(help="Of the photographs, in words; goes into the manifest.")
    ] = None,
    backgrounds: Annotated[
        Path | None, typer.Option(help="Zip of pictures without people, shown behind rotated heads.")
    ] = None,
    fits: Annotated[
        Path | None, typer.Option(help="Folder that keeps the fits; OUT/fits when left out.")
    ] = None,
    landmarks: LandmarksOption = None,
    processes: ProcessesOption = None,
    limit: LimitOption = None,
) -> None:
    """Make a training set: fit faces to photographs, turn, edit, render, write labelled samples.

    Interrupted work goes on where it stopped when the same command is given again. Photographs that cannot be
    used are listed in OUT/left_out.csv. Without --photos the recipe's own collections are taken from the
    shared folder; a recipe that only renders faces needs neither.
    """
    with data_wing():
        from lineament.data.build.builder import BuildConfig
        from lineament.data.build.builder import build as run
        from lineament.errors import DataError

        chosen = _recipe(recipe, photos, licence)
        config = BuildConfig(
            recipe=chosen,
            collections=tuple(_collections(photos, chosen, people, limit, landmarks)),
            out=out,
            backgrounds=_backgrounds(backgrounds, chosen),
            fits=fits,
            command=_command(
                "build",
                photos,
                recipe=recipe,
                people=people,
                licence=licence,
                backgrounds=backgrounds,
                landmarks=landmarks,
                limit=limit,
            ),
        )
        total = 0
        for step, progress in enumerate(run(config, processes=processes or cores())):
            if step == 0 and progress.outdated:
                why = "landmarks, people or the face model have changed"
                say(f"{progress.outdated} shards are made again: {why}")
            total = progress.samples
            say(f"{progress.finished}/{progress.total} shards, {total} samples, {progress.left_out} left out")
        if total == 0:  # an empty set would only be noticed in training
            raise DataError(
                f"Not one sample could be made: every photograph was left out, and left_out.csv in {out} "
                f"says why."
            )
        say(f"{total} samples are in {out}; licence: {config.manifest.licence}")


@app.command()
def fit(
    out: OutOption,
    photos: PhotosOption = None,
    recipe: RecipeOption = "default",
    people: PeopleOption = "auto",
    landmarks: LandmarksOption = None,
    processes: ProcessesOption = None,
    limit: LimitOption = None,
) -> None:
    """Fit faces to photographs and report how well; `build --fits OUT` then need not fit them again."""
    with data_wing():
        from lineament.data.build.builder import BuildConfig
        from lineament.data.build.builder import fit as run
        from lineament.data.fitting.quality import QualityLimits
        from lineament.data.fitting.summary import FitSummary, write_reports
        from lineament.data.samples.recipe import find_recipe
        from lineament.errors import ConfigError
        from lineament.files import working_folder
        from lineament.models.builtin import load_builtin

        chosen = find_recipe(recipe)
        collections = _collections(photos, chosen, people, limit, landmarks)
        if not collections:
            raise ConfigError("The recipe has no photographs to fit: say --photos FOLDER, or a zip.")
        config = BuildConfig(chosen, tuple(collections), out, fits=out)
        summary = FitSummary()
        with working_folder(out):
            for part in run(config, processes=processes or cores()):
                summary.add(part)
                say(f"{len(summary)} photographs")
            summary.write(out)
            for line in summary.lines():
                say(line)
            limits = QualityLimits(residual=chosen.photos.max_residual)
            for page in write_reports(summary, config.collections, load_builtin(), out, limits):
                say(f"histograms and sheets: {page}")


@app.command()
def points(
    out: OutOption,
    photos: PhotosOption = None,
    labels: Annotated[
        str,
        typer.Option(help="Whose points: detector (beside the photographs, or ours), mesh478, or hand."),
    ] = "detector",
    people: PeopleOption = "auto",
    licence: Annotated[
        str, typer.Option(help="Of the photographs, in words; goes into the manifest.")
    ] = "not stated",
    landmarks: LandmarksOption = None,
    weights: Annotated[
        str, typer.Option("--weights", "-w", help="Ours, where no points lie beside the photographs.")
    ] = "default",
    limit: LimitOption = None,
) -> None:
    """Make samples of photographs with points in the plane and nothing else, for `lineament train dff`.

    No face is fitted. What cannot be used is a line of OUT/points_left_out.csv.
    """
    with data_wing():
        from lineament.data.build.point_samples import PointSampleConfig, build_points
        from lineament.data.samples.recipe import BuildRecipe
        from lineament.errors import ConfigError

        if labels not in ("detector", "mesh478", "hand"):
            raise ConfigError(f"There are no labels {labels!r}: choose detector, mesh478 or hand.")
        if not photos:
            raise ConfigError("Say --photos FOLDER, or a zip.")
        collections = _collections(photos, BuildRecipe(), people, limit, landmarks)
        command = _command(
            "points",
            photos,
            labels=labels,
            people=people,
            licence=licence,
            landmarks=landmarks,
            weights=weights,
            limit=limit,
        )
        chosen = cast("Labels", labels)
        config = PointSampleConfig(tuple(collections), chosen, out, licence, command, weights)
        total = 0
        for finished, parts, total in build_points(config):
            say(f"{finished}/{parts} shards, {total} samples")
        say(f"{total} samples are in {out}; licence: {licence}")


@app.command()
def preview(
    folder: Annotated[Path, typer.Argument(help="Folder of samples.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="FILE.html or FILE.png; FOLDER/preview.html when left out."),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many samples.")] = 48,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of samples.")] = 0,
    kind: Annotated[str | None, typer.Option(help="Only photographed, turned or rendered samples.")] = None,
) -> None:
    """Look at samples with their labels laid over: a page to step through (.html) or a sheet (.png).

    The page is one file that needs no network: open it in a browser, step with the arrow keys, lay labels
    over with the keys 1 to 6.
    """
    with data_wing():
        import numpy as np

        from lineament.data.build.preview import LayerPainter, sample_sheet
        from lineament.data.build.preview_page import preview_page
        from lineament.data.samples.store import SampleStore
        from lineament.export.files import write_text
        from lineament.image import write_image
        from lineament.models.builtin import load_builtin

        target = out or folder / "preview.html"
        store = SampleStore(folder, kinds=None if kind is None else [_kind(kind)])
        numbers = np.random.default_rng(seed).permutation(len(store))[:count].tolist()
        samples = (store[number] for number in sorted(numbers))
        model = load_builtin()
        if target.suffix == ".html":
            write_text(target, preview_page(samples, model, store.recipe))
        else:
            painter = LayerPainter(model)
            write_image(target, sample_sheet([painter.layers(sample) for sample in samples]))
        say(f"{len(numbers)} of {len(store)} samples are in {target}")


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="Folder of samples.")]) -> None:
    """Compare every shard of a training set with its checksum."""
    with data_wing():
        from lineament.data.samples.shards import read_manifest
        from lineament.data.samples.store import verify as run

        recipe, entries = read_manifest(folder)
        run(folder)
        say(f"{sum(entry.samples for entry in entries)} samples in {len(entries)} shards, all whole")
        say(f"source: {recipe.source}")
        say(f"licence: {recipe.licence}")
        say(f"made by: {recipe.command}")


def _kind(text: str) -> Kind:
    from lineament.data.samples.sample import Kind
    from lineament.errors import ConfigError

    try:
        return Kind(text)
    except ValueError as error:
        raise ConfigError(f"There is no kind {text!r} of samples: choose {', '.join(Kind)}.") from error


def _recipe(name: str, photos: list[Path] | None, licence: str | None) -> BuildRecipe:
    """The recipe that is named, its terms ours only if its photographs are."""
    from dataclasses import replace

    from lineament.data.samples.recipe import RECIPES, RENDERED_LICENCE, BuildRecipe, find_recipe

    recipe = find_recipe(name)
    if not photos and not recipe.collections and recipe.licence == BuildRecipe().licence:
        recipe = replace(recipe, licence=RENDERED_LICENCE)
    if photos and name in RECIPES:
        rendered = replace(recipe.rendered, textures="open")
        recipe = replace(recipe, licence=BuildRecipe().licence, rendered=rendered)
    return recipe if licence is None else replace(recipe, licence=licence)


def _collections(
    photos: list[Path] | None,
    recipe: BuildRecipe,
    people: str,
    limit: int | None,
    landmarks: Path | None = None,
) -> list[PhotoCollection]:
    """The photographs given, or the recipe's own collections; at most `limit`; none if all is rendered."""
    from lineament.data.photographs.collection import evenly_limited, read_photo_collection
    from lineament.data.photographs.collections import shared_folder
    from lineament.data.photographs.known import find_known
    from lineament.data.photographs.people import PeopleFrom, PeopleRule
    from lineament.errors import ConfigError

    rule = PeopleRule.of_text(people)
    if photos:
        collections = [
            read_photo_collection(path, people=rule, known=find_known(path), landmarks_folder=landmarks)
            for path in photos
        ]
    elif recipe.collections:
        folder = shared_folder() / "photos"
        paths = [folder / f"{name}.zip" for name in recipe.collections]
        named = PeopleRule(PeopleFrom.NAMES)
        collections = [
            read_photo_collection(path, people=named, known=find_known(path), landmarks_folder=landmarks)
            for path in paths
        ]
    elif recipe.rendered.count:
        return []  # rendered faces need no photographs
    else:
        raise ConfigError(
            "The recipe names no collections and renders no faces: say --photos FOLDER (or a zip), or give "
            "[rendered] a count."
        )
    return collections if limit is None else evenly_limited(collections, limit)


def _backgrounds(given: Path | None, recipe: BuildRecipe) -> Path | None:
    """The pictures given, else those of the shared folder if the recipe takes them, else none."""
    from lineament.data.build.builder import SHARED_BACKGROUNDS
    from lineament.data.photographs.collections import shared_folder
    from lineament.errors import DataError

    if given is not None or recipe.backgrounds == "photos":
        return given
    try:
        found = shared_folder() / "backgrounds" / f"{SHARED_BACKGROUNDS}.zip"
    except DataError:
        return None
    return found if found.is_file() else None


def _command(name: str, photos: list[Path] | None, **options: object) -> str:
    """The command line that makes the same again; options that change nothing are left out."""
    words = ["lineament", "data", name]
    for path in photos or []:
        words += ["--photos", str(path)]
    for option, value in options.items():
        if value is not None:
            words += [f"--{option}", str(value)]
    return shlex.join(words)
