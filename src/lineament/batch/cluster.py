"""A batch on Ray Data: parts to actors on this machine or many, restarted by part, no worker loses anything.

Ray streams the parts to as many actors as fit, holds back what they cannot take yet, starts actors anew that
are killed and gives their part to another. A part's file is written whole or not at all, so what is there is
done, and a run that is started again leaves it out.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from lineament.batch.journal import key_of
from lineament.batch.options import AlignerOptions
from lineament.batch.part_worker import NAME, PartDone, PartWorker
from lineament.batch.places import Place
from lineament.batch.sources import Part, list_parts
from lineament.errors import ConfigError, LineamentError
from lineament.foreign import foreign
from lineament.version import __version__

START_WAIT_S = "300"  # Ray's own patience, a minute, is too short for a machine at work
JOB = "_job.json"  # which readers of folders of Parquet leave out


class BatchError(LineamentError):
    """A worker of a batch has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """What is to be done.

    Attributes:
        source: see :mod:`lineament.batch.sources`.
        out: folder of the parts, or its address.
        options: which aligner.
        workers: actors; None for as many as there are cores, or GPUs where networks run on these.
        photos_a_part: photographs a file.
        batch: photographs whose faces go through the network together.
        decoders: threads of an actor that fetch and decode; each actor takes so many cores, or one.
        address: of a Ray cluster, such as "auto"; None starts Ray on this machine.
        anew: do everything again.
    """

    source: str
    out: str
    options: AlignerOptions = AlignerOptions(threads=1)
    workers: int | None = None
    photos_a_part: int = 256
    batch: int = 8
    decoders: int = 1
    address: str | None = None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """What is left to do.

    Attributes:
        parts: of the whole job.
        todo: those whose file is not there.
    """

    parts: int
    todo: tuple[Part, ...]


def plan_batch(config: BatchConfig) -> BatchPlan:
    """List the source, compare it with what is in the folder of the parts, and write down what job it is.

    Raises:
        ConfigError: there are no photographs, or the folder is that of another job.
    """
    parts = list_parts(config.source, photos_a_part=config.photos_a_part)
    out = Place.of(config.out)
    job = {
        "schema": "lineament-batch/1",
        "lineament": __version__,
        "options": config.options.identity(),
        "parts": len(parts),
        "source": config.source,
        "key": key_of({"parts": [asdict(part) for part in parts], **config.options.identity()}),
    }
    names = set(out.names())
    if JOB in names and not config.anew:
        before = json.loads((out / JOB).read())
        if before.get("key") != job["key"]:
            raise ConfigError(
                f"{config.out} has parts of another job, of {before.get('source')}. "
                f"Choose another folder, the options of that job, or --overwrite."
            )
    (out / JOB).write_whole(json.dumps(job, indent=1).encode())
    todo = tuple(part for part in parts if config.anew or NAME.format(part.number) not in names)
    return BatchPlan(len(parts), todo)


def run_batch(config: BatchConfig, plan: BatchPlan) -> Iterator[PartDone]:
    """Make the parts that are left, in whichever order they get done.

    Raises:
        ConfigError: Ray is not installed.
        BatchError: the weights cannot be used by a worker, or a part cannot be written.
    """
    ray = load_ray()
    if not plan.todo:
        return
    started = not ray.is_initialized()
    if started:
        more = {} if config.address else {"include_dashboard": False}
        advice = "Is there memory, and is the machine idle enough? `ray status` says how a cluster is."
        with foreign(ConfigError, "Ray cannot be started or reached", advice):
            ray.init(address=config.address, log_to_driver=False, logging_level=logging.ERROR, **more)
    try:
        yield from _streamed(ray, config, plan)
    finally:
        if started:
            ray.shutdown()


def _streamed(ray: Any, config: BatchConfig, plan: BatchPlan) -> Iterator[PartDone]:  # noqa: ANN401 - not typed
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    on_gpu = config.options.device != "cpu"
    resources = ray.cluster_resources()
    free = int(resources.get("GPU" if on_gpu else "CPU", 1)) // (1 if on_gpu else config.decoders)
    workers = max(1, min(config.workers or free, len(plan.todo)))
    rows = [{"part": json.dumps(asdict(part))} for part in plan.todo]
    parts = ray.data.from_items(rows, override_num_blocks=len(rows))
    done = parts.map(
        _PartActor,
        fn_constructor_args=(config.options, config.out, config.batch, config.decoders),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=config.decoders,
        num_gpus=1 if on_gpu else 0,
    )
    with foreign(BatchError, "A worker has failed", "What is done stays; the same command goes on."):
        for row in done.iter_rows():
            yield PartDone(**row)


class _PartActor:
    """A worker as Ray Data wants it: rows in, rows out."""

    def __init__(self, options: AlignerOptions, out: str, batch: int, decoders: int) -> None:
        self._worker = PartWorker(options, out, batch=batch, decoders=decoders)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        values = json.loads(row["part"])
        return asdict(self._worker(Part(**values | {"names": tuple(values["names"])})))


def load_ray() -> Any:  # noqa: ANN401 - Ray is not typed
    """Ray, its usage statistics off whatever the user's settings.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray starts; nothing leaves the machine
    os.environ.setdefault("RAY_raylet_start_wait_time_s", START_WAIT_S)
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError("A batch needs Ray: pip install 'lineament[batch]'.") from error
    return ray
