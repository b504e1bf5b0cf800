"""AFLW2000-3D, 68 points: ``python -m lineament.evaluate.aflw2000 --data ../shared/aflw2000_dev``.

The quick look: both label sets and head pose in a few lines, nothing written. ``lineament eval aflw2000-3d``
makes the whole report from the same numbers. Validation only.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lineament.evaluate.items import EvaluationSet
from lineament.evaluate.predictors import LineamentTool, Tool
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.protocols.protocol import Crops
from lineament.evaluate.run import records_of
from lineament.evaluate.scores.pose_errors import angles_deg, within_99_degrees
from lineament.evaluate.scores.records import Record
from lineament.evaluate.scores.scoring import Score, score
from lineament.evaluate.sets.aflw2000 import load_aflw2000

log = logging.getLogger(__name__)

CROPS = {"truth": Crops.TRUTH, "detector": Crops.DETECTOR}
LABELS = {"original": "dsfnet-table1", "re-annotated": "synergynet-reannotated"}


def report(data: EvaluationSet, records: Sequence[Record], *, scheme: str) -> str:
    """Table of both label sets and of head pose, as Markdown rows."""
    found = sum(record.found for record in records)
    title = f"found {found} of {len(records)}, landmark scheme {scheme}, 68 points, 2D NME in percent"
    lines = [title]
    for labels, protocol in LABELS.items():
        result = score(PROTOCOLS[protocol], data.cases, records, tool=scheme)
        if result is not None:
            lines.append(f"| {labels} | {_row(result)} |")
    pose = score(PROTOCOLS["dsfnet-pose"], data.cases, records, tool=scheme)
    if pose is not None:
        parts = " / ".join(f"{pose.columns[angle]:.2f}" for angle in ("pitch", "yaw", "roll"))
        bias = " / ".join(f"{value:.2f}" for value in _median_bias_deg(data, records))
        lines.append(
            f"pose MAE pitch / yaw / roll: {parts}, mean {pose.columns['mean']:.2f}; median bias {bias}"
        )
    return "\n".join(lines)


def records_in_order(tool: Tool, data: EvaluationSet) -> list[Record]:
    """One a case; a photograph that cannot be read is named and counts as a face not found."""
    made, failed = records_of(tool, data.cases, ())
    for name, why in failed:
        log.warning("not read: %s: %s", name, why)
    found = {record.name: record for record in made}
    return [found.get(case.name) or Record.nothing(case.name) for case in data.cases]


def _row(result: Score) -> str:
    *bins, mean, mean_of_images = result.columns.values()
    return f"{' / '.join(f'{value:.2f}' for value in bins)} / **{mean:.2f}** / {mean_of_images:.2f}"


def _median_bias_deg(data: EvaluationSet, records: Sequence[Record]) -> np.ndarray:
    truth = np.array([case.angles_deg for case in data.cases])
    difference = angles_deg(np.array([record.rotation for record in records])) - truth
    return np.nanmedian(difference[within_99_degrees(truth)], axis=0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--crops", choices=tuple(CROPS), nargs="+", default=list(CROPS))
    parser.add_argument("--passes", type=int, nargs="+", default=[2])
    parser.add_argument("--schemes", nargs="+", default=["300w-lp"])
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    data = load_aflw2000(given.data)
    for passes in given.passes:
        for crops in given.crops:
            for scheme in given.schemes:
                tool = LineamentTool.from_pretrained(
                    given.weights, crops=CROPS[crops], scheme=scheme, passes=passes, threads=None
                )
                table = report(data, records_in_order(tool, data), scheme=scheme)
                log.info("crops from %s, %d passes: %s", crops, passes, table)


if __name__ == "__main__":
    main()
