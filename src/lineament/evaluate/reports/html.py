"""The report as one page that needs nothing else: tables, curves, errors by cause, worst and median faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from string import Template

import numpy as np

from lineament.errors import LineamentError
from lineament.evaluate.items import EvaluationItem, Prediction
from lineament.evaluate.protocols.protocol import Protocol, Quantity
from lineament.evaluate.reports.charts import bar_chart, line_chart
from lineament.evaluate.reports.pictures import as_data_url, panels
from lineament.evaluate.reports.report import CAUTION, Row, Table, choices, scores_of, table, table_beside
from lineament.evaluate.run import Evaluation
from lineament.evaluate.scores.breakdown import UNITS, breakdowns
from lineament.evaluate.scores.curves import counted_errors, fraction_within
from lineament.evaluate.scores.scoring import FAILURE_LIMIT, Score
from lineament.version import __version__

Predict = Callable[[EvaluationItem], Prediction | None]

WORST, MEDIAN = 6, 3

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>$title</title><style>
:root{--ink:#1d2330;--faint:#667085;--line:#e4e7ec;--wash:#f6f7f9;--own:#eef4ff}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);max-width:1180px;margin:0 auto;padding:28px 20px}
h1{font-size:26px;margin:0 0 4px}
h2{font-size:19px;margin:44px 0 6px}
h3{font-size:15px;margin:22px 0 6px}
p,ul{margin:6px 0}
.faint,.tick{color:var(--faint)}
code{background:var(--wash);padding:1px 5px}
table{border-collapse:collapse;margin:10px 0;font-variant-numeric:tabular-nums}
th,td{padding:4px 12px 4px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:8px}
tr.own td{background:var(--own);font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:8px 0;font-size:13px}
dt{color:var(--faint)}
dd,figure{margin:0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:18px}
figcaption{font-size:13px;color:var(--faint)}
svg{width:100%;height:auto}
.grid{stroke:var(--line)}
.tick,.label{font:11px system-ui,sans-serif;fill:var(--faint)}
.legend{font-size:13px}
.key{margin-right:14px;white-space:nowrap}
.key i{display:inline-block;width:11px;height:11px;margin-right:5px;border-radius:2px}
.cases{display:flex;flex-wrap:wrap;gap:14px}
.cases img{height:170px;display:block}
.scroll{overflow-x:auto}
</style></head><body>
<h1>$title</h1><p class="faint">lineament $version. $caution</p>$notes$beside
$body
</body></html>
""")


def to_html(evaluation: Evaluation, predict_by_name: dict[str, Predict]) -> str:
    """The page.

    Args:
        evaluation: what was measured.
        predict_by_name: name -> predicts an item once more, for the pictures; a predictor that is left out
            has no pictures.
    """
    notes = "".join(f"<li>{escape(note)}</li>" for note in evaluation.data.notes)
    drawn: set[Quantity] = set()
    body = []
    for protocol in evaluation.protocols:
        first = protocol.quantity not in drawn
        drawn.add(protocol.quantity)
        body.append(_section(evaluation, protocol, predict_by_name, whole=first))
    failed = "".join(f"<li>{escape(' - '.join(row))}</li>" for row in evaluation.failed)
    if failed:
        body.append(f"<h2>Not read</h2><ul>{failed}</ul>")
    return PAGE.substitute(
        title=escape(evaluation.data.title),
        version=__version__,
        caution=CAUTION,
        notes=f"<ul>{notes}</ul>" if notes else "",
        beside=_beside(evaluation),
        body="\n".join(body),
    )


def _section(
    evaluation: Evaluation, protocol: Protocol, predict_by_name: dict[str, Predict], *, whole: bool
) -> str:
    """One protocol: table and choices; curves, causes and pictures only for the first of its kind."""
    scores = scores_of(evaluation, protocol)
    definition = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in choices(evaluation, protocol)
    )
    parts = [
        f"<h2>{escape(protocol.title)}</h2>",
        f'<p class="faint"><code>{protocol.name}</code>, {protocol.unit}; shaded rows were measured in this '
        "run, the others are printed in papers</p>",
        _table(table(evaluation, protocol)),
        f"<dl>{definition}</dl>",
    ]
    if protocol.note:
        parts.append(f'<p class="faint">{escape(protocol.note)}</p>')
    if whole:
        parts.append(f'<div class="charts">{"".join(_charts(evaluation, scores))}</div>')
        if protocol.quantity in (Quantity.LANDMARKS, Quantity.SURFACE):
            parts += [_items(evaluation, score, predict_by_name.get(score.predictor)) for score in scores]
    return "\n".join(parts)


def _table(content: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in ("", *content.columns))
    rows = "".join(_row(row) for row in content.rows)
    remarks = f'<p class="faint">{escape(content.remarks)}</p>' if content.remarks else ""
    return f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>{remarks}'


def _row(row: Row) -> str:
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in (row.name, *row.cells))
    return f'<tr class="{"own" if row.ours else "printed"}">{cells}</tr>'


def _beside(evaluation: Evaluation) -> str:
    beside = table_beside(evaluation)
    return "" if beside is None else _table(beside)


def _charts(evaluation: Evaluation, scores: Sequence[Score]) -> Iterator[str]:
    """The cumulative curve, then errors by cause."""
    unit = scores[0].protocol.unit
    limit = FAILURE_LIMIT[unit]
    x = np.linspace(0, limit, 101)
    curves = {
        score.predictor: (x, 100 * fraction_within(counted_errors(score.errors, score.expected), x))
        for score in scores
    }
    chart = line_chart(curves, x_label=f"error, {unit}", y_label="faces within, %", max_x=limit, max_y=100)
    yield _figure(chart, "Cumulative error; faces that were not found stay below the line")
    for cause in breakdowns(evaluation.data.items, scores):
        chart = bar_chart(
            cause.groups,
            cause.means,
            x_label=UNITS[cause.cause],
            y_label=f"mean error, {unit}",
            counts=cause.counts,
        )
        yield _figure(chart, f"Mean error by {cause.cause}; faces in brackets")


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{escape(caption)}</figcaption></figure>"


def _items(evaluation: Evaluation, score: Score, predict: Predict | None) -> str:
    """The worst and the median faces of one predictor, as pictures."""
    if predict is None:
        return ""
    order = np.argsort(score.errors, kind="stable")
    order = order[np.isfinite(score.errors[order])]
    middle = max(0, len(order) // 2 - MEDIAN // 2)
    parts = []
    for name, chosen in (("Worst", order[::-1][:WORST]), ("Median", order[middle : middle + MEDIAN])):
        figures = "".join(_item(evaluation, score, int(number), predict) for number in chosen)
        parts.append(f"<h3>{name} faces of {escape(score.predictor)}</h3><div class='cases'>{figures}</div>")
    return "".join(parts)


def _item(evaluation: Evaluation, score: Score, number: int, predict: Predict) -> str:
    item = evaluation.data.items[number]
    try:
        picture = panels(item, predict(item), score.protocol.labels)
    except LineamentError as error:
        return f"<p>{escape(item.name)}: {escape(str(error))}</p>"
    text = f"{item.name}: {score.errors[number]:.2f} {score.protocol.unit}"
    pitch, yaw, roll = item.angles_deg
    if np.isfinite(item.angles_deg).all():
        text += f"; yaw {yaw:.0f}, pitch {pitch:.0f}, roll {roll:.0f} degrees"
    return _figure(f'<img src="{as_data_url(picture)}" alt="{escape(item.name, quote=True)}">', text)
