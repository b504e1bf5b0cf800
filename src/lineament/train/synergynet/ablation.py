"""SynergyNet's ablation table (tables 2 and 3 of the paper) on our data, each variant with the same budget.

    lineament train ablation --config FILE --out FOLDER

Each row is a run folder of its own for each seed (``FOLDER/both/1``), so that an interrupted table goes on;
the table is written beside them as ``ablation.md`` and ``ablation.json``. Where the budget is too small to
train each row from random weights, `pretraining` trains the image branch once, without the modules that are
compared, and all rows go on from it; the table then says so.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch

from lineament.errors import ConfigError
from lineament.train.engine.loop import ALONE, LoopConfig
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import FIGURES
from lineament.train.networks.synergynet import MafaConfig, ReverseConfig, SynergyConfig
from lineament.train.synergynet.loss import SynergyLossConfig
from lineament.train.synergynet.training import PUBLISHED, SynergyTrainConfig
from lineament.train.synergynet.training import train as train_synergynet

log = logging.getLogger(__name__)

NO_MAFA, NO_REVERSE = MafaConfig(enabled=False), ReverseConfig(enabled=False)
FIGURE_NAMES = (
    "nme_percent_0",
    "nme_percent_30",
    "nme_percent_60",
    "nme_percent",
    "yaw_error_deg",
    "pitch_error_deg",
    "roll_error_deg",
    "rotation_error_deg",
)
"""Angles lose their meaning near profiles, where pitch and roll turn about one axis; the last does not."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A row of the table.

    Attributes:
        network: changes of the network against the base.
        loss: changes of the loss.
        published: the paper's NME of all bins on AFLW2000-3D, percent; None where it has none.
    """

    network: dict[str, object]
    loss: dict[str, object]
    published: float | None


VARIANTS = {
    "baseline": Variant({"mafa": NO_MAFA, "reverse": NO_REVERSE}, {}, 3.88),
    "MAFA": Variant({"reverse": NO_REVERSE}, {}, 3.49),
    "reverse": Variant({"mafa": NO_MAFA}, {}, 3.65),
    "both": Variant({}, {}, 3.41),
    "points": Variant({"mafa": MafaConfig(attributes=()), "reverse": NO_REVERSE}, {}, 3.58),
    "points-image": Variant({"mafa": MafaConfig(attributes=("image",)), "reverse": NO_REVERSE}, {}, 3.56),
    "reverse-pose": Variant({}, {"targets": ("pose",)}, 3.51),
    "reverse-shape": Variant({}, {"targets": ("shape", "expression")}, 3.48),
    "reverse-coarse": Variant({"reverse": ReverseConfig(input="coarse")}, {}, 3.49),
    "reverse-attributes": Variant({"reverse": ReverseConfig(attributes=True)}, {}, 3.41),
    "wide-baseline": Variant({"mafa": NO_MAFA, "reverse": NO_REVERSE, "width": 1.3}, {}, 3.86),
    "no-consistency": Variant({}, {"consistency": 0.0}, None),
    "smooth-l1": Variant({}, {"landmarks": "smooth-l1"}, None),
    "no-coarse-loss": Variant({}, {"coarse": 0.0}, None),
    "coarse-result": Variant({"landmarks": "coarse"}, {}, None),
    "code-endings": Variant(
        {"mafa": MafaConfig(last="code", step=0.05), "reverse": ReverseConfig(last="code")}, {}, None
    ),
    "code-index": Variant({}, {"index": "code", "targets": ("shape", "expression")}, None),
}


@dataclass(frozen=True, slots=True)
class AblationConfig:
    """The rows and what they share.

    Attributes:
        base: of every variant: budget, data, backbone. Its seed gives way to `seeds`.
        variants: names of :data:`VARIANTS`, in the table's order.
        seeds: of weights, data and dropout; each row is trained once for each. All rows of the first seed
            come before those of the second.
        pretraining: of the image branch without refinement and way back, which all rows then begin with;
            None lets each row begin with random weights.
    """

    base: SynergyTrainConfig = SynergyTrainConfig(
        loop=LoopConfig(
            steps=1500,
            batch=64,
            optimiser=replace(PUBLISHED.optimiser, learning_rate=0.005),
            schedule=PUBLISHED.schedule,
        )
    )
    variants: tuple[str, ...] = tuple(VARIANTS)
    seeds: tuple[int, ...] = (1,)
    pretraining: LoopConfig | None = None

    def __post_init__(self) -> None:
        """Refuse rows that are not known, or that cannot begin with the pretraining."""
        unknown = [name for name in self.variants if name not in VARIANTS]
        if unknown:
            raise ConfigError(f"Unknown variants {', '.join(unknown)}; known are {', '.join(VARIANTS)}.")
        if not self.variants or not self.seeds:
            raise ConfigError("The table has no rows: name at least one of its variants, and one seed.")
        wide = [name for name in self.variants if "width" in VARIANTS[name].network]
        if self.pretraining is not None and wide:
            raise ConfigError(
                f"{', '.join(wide)} has another backbone than the pretraining: leave it out of variants."
            )

    def variant(self, name: str, *, seed: int = 1, start: Path | None = None) -> SynergyTrainConfig:
        """The run of a row."""
        change = VARIANTS[name]
        network: SynergyConfig = replace(self.base.network, **change.network)
        loss: SynergyLossConfig = replace(self.base.loss, **change.loss)
        run = replace(self.base, network=network, loss=loss, loop=replace(self.base.loop, seed=seed))
        return run if start is None else replace(run, start=str(start))

    def shared(self) -> SynergyTrainConfig:
        """The run of what all rows begin with."""
        assert self.pretraining is not None
        network = replace(self.base.network, mafa=NO_MAFA, reverse=NO_REVERSE)
        return replace(self.base, network=network, loop=self.pretraining)

    def budget(self) -> str:
        """What each row was given, in words."""
        loop, before = self.base.loop, self.pretraining
        text = f"Each row: {loop.steps:,} steps of {loop.batch} crops of {self.base.network.crop_size} px"
        if before is None:
            return f"{text}, from random weights."
        return (
            f"{text}, after {before.steps:,} steps of {before.batch} that all rows share: the image branch "
            f"alone."
        )


Rows: TypeAlias = dict[str, dict[str, dict[str, float]]]
"""Figures by variant and seed."""


def train(
    config: AblationConfig, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train what is left of the table's rows, and write the table of those that are begun.

    Returns:
        The table.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    start = None if config.pretraining is None else out / "pretraining"
    runs = [] if start is None else [(start, config.shared())]
    for seed in config.seeds:
        runs += [
            (out / name / str(seed), config.variant(name, seed=seed, start=start)) for name in config.variants
        ]
    for run, settings in runs:
        if _is_finished(run, settings):
            continue
        left = None if deadline is None else deadline - time.monotonic()
        if _first_says(processes, left is not None and left <= 0):
            break
        log.info("training %s", run)
        train_synergynet(settings, run, processes=processes, seconds=left)
        if _first_says(processes, not _is_finished(run, settings)):
            break  # the time is up; what follows may need this run
    rows = read_rows(config, out)
    text = table(rows, steps=config.base.loop.steps, budget=config.budget())
    if processes.is_first:
        (out / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n")
        (out / "ablation.md").write_text(text)
        log.info("%s", text)
    return out / "ablation.md"


def _is_finished(run: Path, settings: SynergyTrainConfig) -> bool:
    figures = run / FIGURES
    return figures.exists() and json.loads(figures.read_text())["step"] >= settings.loop.steps


def _first_says(processes: Processes, answer: bool) -> bool:
    """The first process's answer, for all: clocks differ, and it is the one that writes files."""
    own = torch.tensor(float(answer and processes.is_first), device=processes.device)
    return bool(processes.mean(own) > 0)


def read_rows(config: AblationConfig, out: Path) -> Rows:
    """The validation figures of what is trained so far."""
    rows: Rows = {}
    for name in config.variants:
        for seed in config.seeds:
            figures = out / name / str(seed) / FIGURES
            if figures.exists():
                rows.setdefault(name, {})[str(seed)] = json.loads(figures.read_text())
    return rows


def table(rows: Rows, *, steps: int, budget: str) -> str:
    """The figures of all rows in Markdown, means over seeds, the published ones beside them.

    The NME of each seed is in brackets; a run that is not finished is marked with its step.
    """
    lines = [
        budget,
        "",
        "| variant | 0-30 | 30-60 | 60-90 | NME % | published | yaw | pitch | roll | turn |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, seeds in rows.items():
        runs = list(seeds.values())
        values = []
        for key in FIGURE_NAMES:
            found = [run[key] for run in runs if key in run]
            values.append(f"{sum(found) / len(found):.2f}" if found else "-")
            if key == "nme_percent" and len(runs) > 1:
                values[-1] += f" ({', '.join(f'{value:.2f}' for value in found)})"
        published = VARIANTS[name].published
        values.insert(4, "-" if published is None else f"{published:.2f}")
        begun = [f"{run['step']:.0f}" for run in runs if run["step"] < steps]
        label = f"{name} (step {', '.join(begun)} of {steps})" if begun else name
        lines.append(f"| {label} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"
