"""The report's content, and its plain forms: JSON for programs, Markdown for people.

Nothing in it depends on the time or the machine, so that the same run gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lineament.evaluate.protocols.protocol import Protocol
from lineament.evaluate.protocols.published import Published, published
from lineament.evaluate.reports.extras import extras
from lineament.evaluate.run import Evaluation
from lineament.evaluate.scores.scoring import FAILURE_LIMIT, Score
from lineament.version import __version__

CAUTION = "Numbers of different protocols, sets, labels or crops cannot be compared with each other."


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        name: of the predictor or method.
        cells: texts, one a column.
        ours: measured in this run, not printed in a paper.
    """

    name: str
    cells: tuple[str, ...]
    ours: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A protocol's numbers, measured and published.

    Attributes:
        columns: heads of the cells.
        rows: measured ones first.
        remarks: what is odd about the published ones.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    remarks: str


def table(evaluation: Evaluation, protocol: Protocol) -> Table:
    """The table of one protocol."""
    scores = scores_of(evaluation, protocol)
    names = tuple(scores[0].columns)
    printed = published(protocol.name, evaluation.data.name)
    limit = f"{FAILURE_LIMIT[protocol.unit]:g} {protocol.unit}"
    rows = [_measured(score, names) for score in scores]
    if printed is not None:
        rows += [_printed(method, printed, names) for method in printed.rows]
    return Table(
        columns=(*names, "found", f"above {limit}, %", f"area to {limit}, %"),
        rows=tuple(rows),
        remarks="" if printed is None else printed.remarks,
    )


def scores_of(evaluation: Evaluation, protocol: Protocol) -> list[Score]:
    """The scores of a protocol in the order of the predictors."""
    found = (evaluation.score(protocol, predictor) for predictor in evaluation.predictors)
    return [score for score in found if score is not None]


def _measured(score: Score, names: Sequence[str]) -> Row:
    numbers = [_number(score.columns[name]) for name in names]
    counts = f"{score.found} of {int(score.expected.sum())}"
    return Row(
        score.predictor, (*numbers, counts, f"{100 * score.failures:.1f}", f"{100 * score.area:.1f}"), True
    )


def _printed(method: str, printed: Published, names: Sequence[str]) -> Row:
    values = dict(zip(printed.columns, printed.rows[method], strict=True))
    return Row(method, (*(_number(values.get(name)) for name in names), "", "", ""), False)


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.2f}"


def to_json(evaluation: Evaluation) -> str:
    """Everything as one JSON object; numbers of single items are in the records."""
    content = {
        "lineament": __version__,
        "set": evaluation.data.name,
        "title": evaluation.data.title,
        "notes": list(evaluation.data.notes),
        "protocols": [_protocol_json(evaluation, protocol) for protocol in evaluation.protocols],
        "beside": {
            predictor: _clean(_extras_of(evaluation, predictor)) for predictor in evaluation.predictors
        },
        "failed": [list(row) for row in evaluation.failed],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _protocol_json(evaluation: Evaluation, protocol: Protocol) -> dict[str, Any]:
    printed = published(protocol.name, evaluation.data.name)
    return {
        "name": protocol.name,
        "title": protocol.title,
        "unit": protocol.unit,
        "choices": dict(choices(evaluation, protocol)),
        "note": protocol.note,
        "measured": {score.predictor: _score_json(score) for score in scores_of(evaluation, protocol)},
        "published": {}
        if printed is None
        else {name: dict(zip(printed.columns, row)) for name, row in printed.rows.items()},
    }


def _score_json(score: Score) -> dict[str, Any]:
    numbers = score.columns | {"failures": score.failures, "area": score.area}
    return _clean(numbers) | {"found": score.found, "expected": int(score.expected.sum())}


def _clean(numbers: Any) -> dict[str, Any]:  # noqa: ANN401 - a mapping of numbers
    return {key: None if np.isnan(value) else round(float(value), 6) for key, value in numbers.items()}


def _extras_of(evaluation: Evaluation, predictor: str) -> dict[str, float]:
    return extras(evaluation.data.items, evaluation.records[predictor])


def choices(evaluation: Evaluation, protocol: Protocol) -> tuple[tuple[str, str], ...]:
    """The eight choices as this run made them; predictors with other boxes are named."""
    crops = {predictor: evaluation.crops[predictor] for predictor in evaluation.predictors}
    if len(set(crops.values())) == 1:
        return protocol.choices(next(iter(crops.values())))
    told = "; ".join(f"{predictor}: {where}" for predictor, where in crops.items())
    return tuple((name, told if name == "crop" else text) for name, text in protocol.choices())


def to_markdown(evaluation: Evaluation) -> str:
    """The tables with the choices under each."""
    lines = [f"# {evaluation.data.title}", "", f"lineament {__version__}. {CAUTION}", ""]
    lines += [f"- {note}" for note in evaluation.data.notes]
    beside = table_beside(evaluation)
    lines += [] if beside is None else ["", *_table_markdown(beside)]
    for protocol in evaluation.protocols:
        lines += ["", f"## {protocol.title}", "", f"`{protocol.name}`, {protocol.unit}", ""]
        lines += _table_markdown(table(evaluation, protocol))
        lines += ["", *(f"- **{name}**: {text}" for name, text in choices(evaluation, protocol))]
        if protocol.note:
            lines += [f"- {protocol.note}"]
    if evaluation.failed:
        lines += ["", "## Not read", ""]
        lines += [f"- {predictor}, {item}: {why}" for predictor, item, why in evaluation.failed]
    return "\n".join(lines) + "\n"


def table_beside(evaluation: Evaluation) -> Table | None:
    """What is told beside the tables (:mod:`.extras`), a row a predictor; None where there is nothing."""
    numbers = {predictor: _extras_of(evaluation, predictor) for predictor in evaluation.predictors}
    names = list(dict.fromkeys(name for row in numbers.values() for name in row))
    if not names:
        return None
    rows = tuple(
        Row(predictor, tuple(_number(row.get(name)) for name in names), True)
        for predictor, row in numbers.items()
    )
    return Table(tuple(names), rows, "")


def _table_markdown(content: Table) -> list[str]:
    lines = ["| | " + " | ".join(content.columns) + " |", "|---" * (len(content.columns) + 1) + "|"]
    for row in content.rows:
        name = f"**{row.name}**" if row.ours else f"{row.name} (published)"
        lines.append(f"| {name} | " + " | ".join(row.cells) + " |")
    return [*lines, *(["", content.remarks] if content.remarks else [])]


def write_report(evaluation: Evaluation, out: Path, *, html: str) -> list[Path]:
    """Write report.json, report.md and report.html into a folder; their paths."""
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        "report.json": to_json(evaluation),
        "report.md": to_markdown(evaluation),
        "report.html": html,
    }
    for name, text in contents.items():
        (out / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    return [out / name for name in contents]
