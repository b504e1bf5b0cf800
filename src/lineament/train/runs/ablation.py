"""Tables that take a method apart: each variant with the same budget, the published figures beside ours.

Each row is a run folder of its own for each seed (``FOLDER/both/1``), so that an interrupted table goes on;
the table is written beside them as ``ablation.md`` and ``ablation.json``. Where the budget is too small to
train each row from random weights, `pretraining` trains once what all rows have in common, and all rows go on
from it; the table then says so.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from lineament import config_file
from lineament.config_file import from_table
from lineament.errors import ConfigError
from lineament.train.batches.alignment_figures import FIGURES as SHARED_FIGURES
from lineament.train.batches.alignment_figures import NME
from lineament.train.engine.loop import ALONE, LoopConfig, is_finished
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import FIGURES, read_table
from lineament.train.runs.method import Ablation, TrainableMethod, changed

log = logging.getLogger(__name__)

TABLE, ROWS = "ablation.md", "ablation.json"
HEADINGS = ("0-30", "30-60", "60-90", "NME %", "yaw", "pitch", "roll", "rotation", "train NME %")
"""Of :data:`lineament.train.batches.alignment_figures.FIGURES`."""
ANGLES = ("yaw_error_deg", "pitch_error_deg", "roll_error_deg")

Rows: TypeAlias = dict[str, dict[str, dict[str, float]]]
"""Figures by variant and seed."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """Which rows a table has.

    Attributes:
        variants: names of the method's, in the table's order; all of them when empty.
        seeds: of weights, data and dropout; each row is trained once for each. All rows of the first seed
            come before those of the second.
        pretraining: of what all rows have in common, which they then begin with; None lets each row begin
            with random weights.
    """

    variants: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1,)
    pretraining: LoopConfig | None = None


@dataclass(frozen=True, slots=True)
class AblationTable:
    """A method's table with all that its rows share.

    Attributes:
        method: the method.
        base: configuration of every variant: budget, data, network. Its seed gives way to the plan's.
        plan: rows and seeds.
    """

    method: TrainableMethod[Any]
    base: Any
    plan: TablePlan = TablePlan()

    def __post_init__(self) -> None:
        """Refuse rows that are not known, or that cannot begin with the pretraining."""
        known, plan = self.ablation.variants, self.plan
        unknown = [name for name in plan.variants if name not in known]
        if unknown:
            raise ConfigError(f"Unknown variants {', '.join(unknown)}; known are {', '.join(known)}.")
        if not plan.seeds:
            raise ConfigError("The table has no rows: name at least one seed.")
        if plan.pretraining is None:
            return
        if self.ablation.shared is None:
            raise ConfigError(f"The variants of {self.method.name} share no network: leave pretraining out.")
        odd = [name for name in self.variants if not known[name].fits_pretraining]
        if odd:
            raise ConfigError(
                f"{', '.join(odd)} has another network than the pretraining: leave it out of variants."
            )

    @property
    def ablation(self) -> Ablation:
        """What the method's row says.

        Raises:
            ConfigError: the method has no variants.
        """
        if self.method.ablation is None:
            raise ConfigError(f"{self.method.name} has no variants to compare.")
        return self.method.ablation

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the rows, in order."""
        return self.plan.variants or tuple(self.ablation.variants)

    def variant(self, name: str, *, seed: int = 1, start: Path | None = None) -> Any:  # noqa: ANN401
        """The configuration of a row."""
        config = changed(self.base, self.ablation.variants[name].changes)
        config = replace(config, loop=replace(config.loop, seed=seed))
        return config if start is None else replace(config, start=str(start))

    def shared(self) -> Any:  # noqa: ANN401
        """The configuration of what all rows begin with."""
        config = changed(self.base, self.ablation.shared or {})
        return replace(config, loop=self.plan.pretraining)

    def budget(self) -> str:
        """What each row was given, in words."""
        loop, before = self.base.loop, self.plan.pretraining
        text = f"Each row: {loop.steps:,} steps of {loop.batch} crops of {self.base.network.crop_size} px"
        if before is None:
            return f"{text}, from random weights."
        return f"{text}, after {before.steps:,} steps of {before.batch} that all rows share."


def read_ablation(method: TrainableMethod[Any], path: Path, *, changes: Iterable[str] = ()) -> AblationTable:
    """The table of a file: ``[base]`` is a training's configuration, the rest a :class:`TablePlan`.

    Args:
        method: the method.
        path: TOML file; what it leaves out keeps the method's default.
        changes: such as "base.loop.steps=100".

    Raises:
        ConfigError: the method has no variants, or the file does not fit.
    """
    if method.ablation is None:
        raise ConfigError(f"{method.name} has no variants to compare.")
    table = config_file.read_table(path, changes=changes)
    base = table.pop("base", {})
    if not isinstance(base, Mapping):
        raise ConfigError(f"{path.name}: base must be a table, found {base!r}.")
    config = from_table(method.config, base, where=f"{path.name}: base", base=method.ablation.base)
    return AblationTable(method, config, from_table(TablePlan, table, where=path.name))


def ablate(
    table: AblationTable, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train what is left of the table's rows, and write the table of those that are begun.

    Args:
        table: the rows.
        out: folder of the table and of all runs.
        processes: that train together.
        seconds: after which to stop at a checkpoint.

    Returns:
        The table.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    for run, settings in _runs(table, out):
        if is_finished(run, settings.loop):
            continue
        left = None if deadline is None else deadline - time.monotonic()
        if processes.first_says(left is not None and left <= 0):
            break
        log.info("training %s", run)
        table.method.train(settings, run, processes=processes, seconds=left)
        if processes.first_says(not is_finished(run, settings.loop)):
            break  # the time is up; what follows may need this run
    rows = read_rows(table, out)
    text = markdown(table, rows)
    if processes.is_first:
        out.mkdir(parents=True, exist_ok=True)
        published = {name: table.ablation.variants[name].published for name in rows}
        record = {"method": table.method.name, "budget": table.budget(), "published": published, "rows": rows}
        (out / ROWS).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        (out / TABLE).write_text(text, encoding="utf-8", errors="backslashreplace")
        log.info("%s", text)
    return out / TABLE


def _runs(table: AblationTable, out: Path) -> list[tuple[Path, Any]]:
    """Run folders and configurations, in the order in which they are trained."""
    start = None if table.plan.pretraining is None else out / "pretraining"
    runs: list[tuple[Path, Any]] = [] if start is None else [(start, table.shared())]
    for seed in table.plan.seeds:
        runs += [
            (out / name / str(seed), table.variant(name, seed=seed, start=start)) for name in table.variants
        ]
    return runs


def read_rows(table: AblationTable, out: Path) -> Rows:
    """The validation figures of what is trained so far."""
    rows: Rows = {}
    for name in table.variants:
        for seed in table.plan.seeds:
            figures = out / name / str(seed) / FIGURES
            if figures.exists():
                rows.setdefault(name, {})[str(seed)] = read_table(figures.parent, FIGURES)
    return rows


def markdown(table: AblationTable, rows: Rows) -> str:
    """The figures of all rows, means over seeds, the published ones beside them.

    The NME of each seed is in brackets; a run that is not finished is marked with its step.
    """
    steps, variants = table.base.loop.steps, table.ablation.variants
    headings = list(HEADINGS)
    headings.insert(SHARED_FIGURES.index(NME) + 1, "published")
    with_pose = any(variants[name].published_pose is not None for name in rows)
    headings += ["pose mean", "published"] if with_pose else []
    lines = [
        table.budget(),
        "",
        "| variant | " + " | ".join(headings) + " |",
        "|---" * (len(headings) + 1) + "|",
    ]
    for name, seeds in rows.items():
        runs = list(seeds.values())
        cells = [_cell(figure, runs) for figure in SHARED_FIGURES]
        cells.insert(SHARED_FIGURES.index(NME) + 1, _published(variants[name].published))
        cells += [_pose_mean(runs), _published(variants[name].published_pose)] if with_pose else []
        begun = [f"{run['step']:.0f}" for run in runs if run["step"] < steps]
        label = f"{name} (step {', '.join(begun)} of {steps})" if begun else name
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _published(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _pose_mean(runs: list[dict[str, float]]) -> str:
    """Mean absolute error of the three angles, as the papers print it."""
    found = [[run[name] for name in ANGLES] for run in runs if all(name in run for name in ANGLES)]
    return f"{sum(map(sum, found)) / (len(ANGLES) * len(found)):.2f}" if found else "-"


def _cell(figure: str, runs: list[dict[str, float]]) -> str:
    found = [run[figure] for run in runs if figure in run]
    if not found:
        return "-"
    mean = f"{sum(found) / len(found):.2f}"
    if figure == NME and len(found) > 1:
        return f"{mean} ({', '.join(f'{value:.2f}' for value in found)})"
    return mean
