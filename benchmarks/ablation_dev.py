"""The rows of an ablation on AFLW2000-3D, which is for validation only and was not trained on.

    python -m benchmarks.ablation_dev FOLDER --data ../shared/aflw2000_dev

FOLDER was made by ``lineament ablate``. Each finished run in it is exported and looked at with crops
made from the truth; the figures are kept beside it as ``dev.json``, and the table is printed: means over
seeds, the figure of each seed in brackets.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from lineament.errors import LineamentError
from lineament.evaluate.items import EvaluationSet
from lineament.evaluate.predictors import LineamentPredictor
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.protocols.protocol import Crops
from lineament.evaluate.run import record_of
from lineament.evaluate.scores.scoring import score
from lineament.evaluate.sets.aflw2000 import load_aflw2000
from lineament.train.engine.run_folder import CONFIG, FIGURES
from lineament.train.methods import export_run
from lineament.train.runs.ablation import ROWS

DEV = "dev.json"
COLUMNS = {
    "original labels": ("dsfnet-table1", "mean"),
    "re-annotated": ("synergynet-reannotated", "mean"),
    "pose MAE": ("dsfnet-pose", "mean"),
}


def dev_figures(run: Path, data: EvaluationSet) -> dict[str, float]:
    """NME with both label sets, percent, mean of the yaw bins, and mean error of the angles, degrees."""
    path = export_run(run, run / "weights.lineament")
    predictor = LineamentPredictor.from_pretrained(
        str(path), crops=Crops.TRUTH, scheme="300w-lp", passes=2, threads=1
    )
    records = [record_of(item, found, ()) for item, found in zip(data.items, predictor.predict(data.items))]
    found = {}
    for name, (protocol, column) in COLUMNS.items():
        result = score(PROTOCOLS[protocol], data.items, records, predictor="300w-lp")
        if result is not None:
            found[name] = float(result.columns[column])
    return found


def rows_of(folder: Path) -> dict[str, list[Path]]:
    """The finished runs of each variant, in the table's order."""
    order = json.loads((folder / ROWS).read_text())["rows"] if (folder / ROWS).exists() else ()
    found = {name: sorted(path.parent for path in folder.glob(f"{name}/*/{FIGURES}")) for name in order}
    finished = {name: [run for run in runs if _is_finished(run)] for name, runs in found.items()}
    return {name: runs for name, runs in finished.items() if runs}


def _is_finished(run: Path) -> bool:
    config, figures = (json.loads((run / name).read_text()) for name in (CONFIG, FIGURES))
    return figures["step"] >= config["loop"]["steps"]


def table(rows: dict[str, list[dict[str, float]]]) -> str:
    """Markdown."""
    lines = ["| variant | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for name, seeds in rows.items():
        cells = []
        for column in COLUMNS:
            values = [figures[column] for figures in seeds if column in figures]
            each = f" ({', '.join(f'{value:.2f}' for value in values)})" if len(values) > 1 else ""
            cells.append(f"{sum(values) / len(values):.2f}{each}" if values else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    runs = rows_of(options.folder)
    if not runs:
        print(f"error: {options.folder} has no finished runs of an ablation in it.", file=sys.stderr)
        return 1
    try:
        data = load_aflw2000(options.data)
        for run in (run for found in runs.values() for run in found):
            if not (run / DEV).exists() or (run / DEV).stat().st_mtime < (run / FIGURES).stat().st_mtime:
                (run / DEV).write_text(json.dumps(dev_figures(run, data)) + "\n")
    except LineamentError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        table({name: [json.loads((run / DEV).read_text()) for run in found] for name, found in runs.items()})
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
