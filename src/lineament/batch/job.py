"""`lineament batch`: any number of photographs on a cluster, by parts that are finished once and for all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lineament.batch.actors import PartReader, PhotoAligner
from lineament.batch.cluster import SharedTries, check_installed, session
from lineament.batch.gathering import FinishedPart, Gathering, finished_parts, remove_parts
from lineament.batch.options import AlignerOptions
from lineament.batch.parts import PLAN, Part, cut, packed, read_plan, write_plan
from lineament.batch.places import Place
from lineament.batch.sources import pieces_of
from lineament.errors import ConfigError, LineamentError
from lineament.expression_keys import TargetNames
from lineament.files import remove_leftovers, working_folder
from lineament.foreign import foreign, reason_of
from lineament.version import __version__

MANIFEST, SCHEMA = "lineament_batch.json", "lineament-batch/1"
READER_CPUS, ALIGNER_CPUS = 0.25, 0.75  # of a core: decoding takes about a third of what aligning does


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """What is to be done.

    Attributes:
        sources: as :func:`lineament.batch.sources.pieces_of` takes them.
        out: path or URL of the folder for results.
        options: which aligner.
        targets: names of expressions.
        column: of tables; None finds it.
        part_photos: photographs of a part.
        concurrency: actors; None for a core, or a GPU's share, each.
        gpu_share: of a GPU that an actor has, where they are wanted.
        address: of a cluster that runs; None for this machine.
        anew: begin anew, whatever a former run has done.
        ray_options: of `ray.init`.
    """

    sources: tuple[str, ...]
    out: str
    options: AlignerOptions = field(default_factory=AlignerOptions)
    targets: TargetNames = "arkit"
    column: str | None = None
    part_photos: int = 1000
    concurrency: int | None = None
    gpu_share: float = 1.0
    address: str | None = None
    anew: bool = False
    ray_options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What there is to do.

    Attributes:
        parts: in all.
        todo: those that are not finished.
    """

    parts: int
    todo: tuple[Part, ...]


def run_batch(
    config: BatchConfig,
    *,
    on_plan: Callable[[BatchPlan], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[FinishedPart]:
    """Align everything, and give each part as it is written; what a former run has finished is left out.

    Args:
        config: what is to be done.
        on_plan: told, before anything is aligned, what there is to do.
        is_stopped: once it says so no more parts are finished.

    Raises:
        ConfigError: Ray is not installed, there is nothing to align, the options are not those that the run
            in this folder began with, or the cluster cannot do it.
        WeightsError: the weights are missing or damaged.
        ExportError: a part cannot be written.
        BlockingIOError: another run writes into the folder.
    """
    with ExitStack() as closing_later:
        check_installed()
        folder = Place.of(config.out)
        identity = config.options.identity()
        if folder.is_local:
            closing_later.enter_context(working_folder(Path(folder.path)))
            for name in ("", "photos", "faces"):
                remove_leftovers(Path(folder.path) / name)
        plan = _planned(config, folder, identity)
        on_plan(plan)
        if not plan.todo:
            return
        ray = closing_later.enter_context(session(config.address, **config.ray_options))
        gathering = Gathering(folder, plan.todo)
        for careful in (False, True):
            if gathering.unfinished and not is_stopped():
                yield from _pass(ray, config, identity, gathering, careful=careful, is_stopped=is_stopped)
        if is_stopped():
            return
        if not gathering.came and len(gathering.unfinished) == len(plan.todo):
            raise ConfigError(
                "Not one photograph came back from the cluster: every process that worked on one failed. "
                "Try one with `lineament align`, and see Ray's logs."
            )
        yield from gathering.give_up()


def _planned(config: BatchConfig, folder: Place, identity: dict[str, Any]) -> BatchPlan:
    """The plan in the folder, with what is new in the sources; or a new one."""
    if config.anew:
        remove_parts(folder)
        for name in (PLAN, MANIFEST):
            if (folder / name).exists():
                (folder / name).remove()
    wanted = identity | {"targets": config.targets, "column": config.column, "lineament": __version__}
    _check_manifest(folder, wanted | {"sources": list(config.sources)})
    parts = read_plan(folder)
    known = {(piece.url, piece.first) for part in parts for piece in part.pieces}
    pieces = pieces_of(config.sources, column=config.column, rows=config.part_photos)
    new = list(
        cut((p for p in pieces if (p.url, p.first) not in known), config.part_photos, first=len(parts))
    )
    if new:
        parts += new
        write_plan(folder, parts)
    finished = finished_parts(folder)
    return BatchPlan(len(parts), tuple(part for part in parts if part.number not in finished))


def _check_manifest(folder: Place, wanted: dict[str, Any]) -> None:
    """See that the run in the folder is this one, or write down that it is.

    Raises:
        ConfigError: it is another.
    """
    place = folder / MANIFEST
    if not place.exists():
        if finished_parts(folder):
            raise ConfigError(
                f"{folder.url} has parts, but no {MANIFEST} that says what they are of. "
                "Choose another folder, or begin anew with --overwrite."
            )
        place.write(json.dumps({"schema": SCHEMA} | wanted, indent=1).encode())
        return
    with foreign(ConfigError, f"{place.url} cannot be read", "Begin anew with --overwrite."):
        found = json.loads(place.read())
    wanted = json.loads(json.dumps(wanted))
    differing = [name for name in wanted if found.get(name) != wanted[name]]
    if differing:
        words = "; ".join(f"{name} was {found.get(name)!r}, is {wanted[name]!r}" for name in differing)
        raise ConfigError(
            f"The run in {folder.url} was begun otherwise: {words}. Give what it was begun with, choose "
            "another folder, or do all again with --overwrite."
        )


def _pass(
    ray: Any,  # noqa: ANN401
    config: BatchConfig,
    identity: dict[str, Any],
    gathering: Gathering,
    *,
    careful: bool,
    is_stopped: Callable[[], bool],
) -> Iterator[FinishedPart]:
    """Send the unfinished parts through the cluster.

    A photograph whose decoding or aligning kills its process takes along what travels with it, however
    often it is tried. Where that has happened the careful pass sends the photographs of such parts
    one by one, each decoded where it is aligned.
    """
    parts, tries = gathering.unfinished, SharedTries.start(ray)
    done = {part.number: gathering.done_of(part.number) for part in parts}
    with _context(ray) as closing_later:
        closing_later.callback(ray.kill, tries.actor)
        data = ray.data.from_items([packed(part) for part in parts], override_num_blocks=len(parts))
        data = data.map_batches(
            PartReader(tries, careful, done),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=1.0 if _has_gpus(config, ray) else READER_CPUS,
        )
        data = data.map_batches(  # whose actors are started again, and their tasks tried again, by default
            PhotoAligner,
            fn_constructor_args=(tries, config.options, config.targets, identity),
            batch_size=1,
            batch_format="pyarrow",
            **_resources(config, ray),
        )
        batches = iter(data.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0))
        for batch in _answers(batches):
            yield from gathering.add(batch)
            if is_stopped():
                return


def _answers(batches: Iterator[Any]) -> Iterator[Any]:
    """What the cluster gives; an error of ours that was raised there is raised here."""
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except Exception as error:
            cause = _ours(error)
            if cause is not None:
                raise cause from error
            raise ConfigError(f"The cluster failed ({reason_of(error)}). See Ray's logs.") from error
        yield batch


def _ours(error: BaseException | None) -> LineamentError | None:
    """The error of ours that an error of Ray wraps."""
    while error is not None:
        if isinstance(error, LineamentError):
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None


def _context(ray: Any) -> ExitStack:  # noqa: ANN401
    """Ray's options for data sets, as they are wanted here, put back at the end."""
    context = ray.data.DataContext.get_current()
    values = {
        "enable_progress_bars": False,
        "max_errored_blocks": -1,  # what is lost for good is tried again, one by one
        "target_max_block_size": 1,  # a chunk is a block, whichever process makes it
    }
    stack = ExitStack()
    for name, value in values.items():
        stack.callback(setattr, context, name, getattr(context, name))
        setattr(context, name, value)
    return stack


def _has_gpus(config: BatchConfig, ray: Any) -> bool:  # noqa: ANN401
    """Whether actors have GPUs.

    Raises:
        ConfigError: they are wanted, and there are none.
    """
    if config.options.device == "cpu":
        return False
    has_gpus = ray.cluster_resources().get("GPU", 0) > 0
    if not has_gpus and config.options.device != "auto":
        raise ConfigError(
            f"The cluster has no GPU for --device {config.options.device}. Add nodes that have, or use cpu."
        )
    return has_gpus


def _resources(config: BatchConfig, ray: Any) -> dict[str, Any]:  # noqa: ANN401
    """How many actors there may be and what each has, so that there is room for the readers."""
    has_gpus = _has_gpus(config, ray)
    there = ray.cluster_resources()
    fitting = int(there.get("GPU", 0) / config.gpu_share) if has_gpus else int(there.get("CPU", 1))
    wanted = config.concurrency or max(1, fitting)
    if config.address is None and wanted > max(1, fitting):
        raise ConfigError(
            f"--concurrency {wanted} is more than this machine has room for, {max(1, fitting)}: "
            f"lower it, or leave it out."
        )
    strategy = ray.data.ActorPoolStrategy(min_size=1, max_size=wanted)  # more as chunks wait
    share = {"num_gpus": config.gpu_share} if has_gpus else {"num_cpus": ALIGNER_CPUS}
    return {"compute": strategy} | share
