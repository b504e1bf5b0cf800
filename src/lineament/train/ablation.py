"""SynergyNet's ablation table (tables 2 and 3 of the paper) on our data, each variant with the same budget.

    lineament train ablation --config FILE --out FOLDER

Each variant is a run folder of its own, so that an interrupted table goes on; the table is written beside
them as ``ablation.md`` and ``ablation.json``.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lineament.errors import ConfigError
from lineament.train.loop import ALONE, LoopConfig
from lineament.train.networks.synergynet import MafaConfig, ReverseConfig, SynergyConfig
from lineament.train.processes import Processes
from lineament.train.run_folder import FIGURES
from lineament.train.synergy_loss import SynergyLossConfig
from lineament.train.synergynet import PUBLISHED, SynergyTrainConfig
from lineament.train.synergynet import train as train_synergynet

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
)


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
        base: of every variant: budget, data, backbone.
        variants: names of :data:`VARIANTS`, in the table's order.
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

    def __post_init__(self) -> None:
        """Refuse rows that are not known."""
        unknown = [name for name in self.variants if name not in VARIANTS]
        if unknown:
            raise ConfigError(f"Unknown variants {', '.join(unknown)}; known are {', '.join(VARIANTS)}.")

    def variant(self, name: str) -> SynergyTrainConfig:
        """The run of a row."""
        change = VARIANTS[name]
        network: SynergyConfig = replace(self.base.network, **change.network)
        loss: SynergyLossConfig = replace(self.base.loss, **change.loss)
        return replace(self.base, network=network, loss=loss)


def train(
    config: AblationConfig, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train what is left of the table's rows, and write the table of those that are finished.

    Returns:
        The table.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    rows = {}
    for name in config.variants:
        left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        run = out / name
        if left is None or left > 0:
            log.info("variant %s", name)
            train_synergynet(config.variant(name), run, processes=processes, seconds=left)
        figures = run / FIGURES
        if figures.exists() and processes.is_first:
            rows[name] = json.loads(figures.read_text())
    if processes.is_first:
        (out / "ablation.json").write_text(json.dumps(rows, indent=1) + "\n")
        (out / "ablation.md").write_text(table(rows, steps=config.base.loop.steps))
        log.info("%s", table(rows, steps=config.base.loop.steps))
    return out / "ablation.md"


def table(rows: dict[str, dict[str, float]], *, steps: int) -> str:
    """The figures of all rows in Markdown, the published ones beside them; unfinished rows say so."""
    lines = [
        "| variant | 0-30 | 30-60 | 60-90 | NME % | published | yaw | pitch | roll |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, figures in rows.items():
        values = [f"{figures[key]:.2f}" if key in figures else "-" for key in FIGURE_NAMES]
        published = VARIANTS[name].published
        values.insert(4, "-" if published is None else f"{published:.2f}")
        label = name if figures["step"] >= steps else f"{name} (step {figures['step']:.0f} of {steps})"
        lines.append(f"| {label} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"
