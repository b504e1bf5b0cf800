"""The report on expression weights: all figures of one set of weights, as text, Markdown and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.errors import ConfigError
from lineament.evaluate.expressions.photographs import REST, OnPhotographs, on_photographs
from lineament.evaluate.expressions.pictures import PictureRecipe, RaisedPictures, raised_pictures
from lineament.evaluate.expressions.round_trip import (
    CROSS_TALK,
    OTHER_SIDE,
    RAISED,
    KeyReading,
    key_readings,
    passed_arkit_names,
)
from lineament.files import whole_file
from lineament.result import Detection, MorphableResult

Array = NDArray[Any]
Progress = Callable[[str, int, int], None]

MEANINGS = (
    f"A key passes if, raised to 1 alone, it reads at least {RAISED}, its other side at most {OTHER_SIDE} "
    f"and every other key at most {CROSS_TALK}: medians over the rendered faces on which it was raised."
)
ASKED = {
    "keys_passed": 40,
    "rest_share": 0.9,
    "blink_shut": 0.85,
    "blink_open": 0.15,
    "lips_correlation": 0.92,
    "first_four": 0.75,
    "gaze_correlation": 0.85,
    "gaze_yaw_correlation": 0.2,
}
"""What expression weights should reach: at least or, of `AT_MOST`, at most."""
AT_MOST = ("blink_open", "first_four", "gaze_yaw_correlation")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionReport:
    """What the keys of one set of weights are worth.

    Attributes:
        weights: its name.
        faces: rendered faces.
        pictures: pictures of them.
        keys: one reading a key of the face model.
        passed_without_gaze: how many would pass if the keys of looking (eyeLook...) were reported as 0.
        photographs: None where no folder was given.
    """

    weights: str
    faces: int
    pictures: int
    keys: tuple[KeyReading, ...]
    passed_without_gaze: int
    photographs: OnPhotographs | None

    @property
    def passed(self) -> tuple[str, ...]:
        """The face model's names that pass."""
        return tuple(key.name for key in self.keys if key.passed)

    def goals(self) -> Iterator[tuple[str, float, float, bool]]:
        """Name, value, what is asked, and whether it is reached."""
        values = {"keys_passed": float(len(self.passed))}
        if self.photographs is not None:
            values |= {name: getattr(self.photographs, name) for name in ASKED if name not in values}
        for name, value in values.items():
            asked = ASKED[name]
            reached = abs(value) <= asked if name in AT_MOST else value >= asked
            yield name, value, asked, reached


def expression_report(
    aligner: FaceAligner,
    weights: str,
    *,
    pictures: Path | None = None,
    photographs: Path | None = None,
    recipe: PictureRecipe | None = None,
    progress: Progress | None = None,
) -> ExpressionReport:
    """Measure the keys of an aligner.

    Args:
        aligner: whose method gives coefficients of a face model.
        weights: how the report calls it.
        pictures: file of the rendered pictures, made when missing; None keeps none.
        photographs: folder of collections; None measures on rendered faces alone.
        recipe: which pictures.
        progress: told of (what, done, in all).

    Raises:
        ConfigError: the method gives no expression.
        DataError: the file holds other pictures, or a collection is missing.
    """
    shown = raised_pictures(pictures, recipe, progress)
    names, found = read_keys(aligner, shown, progress)
    without_gaze = np.where([name.startswith("eyeLook") for name in names], 0.0, found)
    model = getattr(aligner.method, "model", None)
    on = None
    if photographs is not None and model is not None:
        on = on_photographs(aligner, model, photographs, progress)
    return ExpressionReport(
        weights=weights,
        faces=len(np.unique(shown.face)),
        pictures=len(shown),
        keys=tuple(key_readings(names, found, shown.key)),
        passed_without_gaze=sum(key.passed for key in key_readings(names, without_gaze, shown.key)),
        photographs=on,
    )


def read_keys(
    aligner: FaceAligner, shown: RaisedPictures, progress: Progress | None = None
) -> tuple[tuple[str, ...], Array]:
    """The face model's names, and (n, E) what the aligner reads on pictures cut by their true boxes.

    Raises:
        ConfigError: the method gives no expression.
    """
    names: tuple[str, ...] = ()
    rows = []
    for number in range(len(shown)):
        box = Detection(shown.box_xyxy[number].astype(np.float32), 1.0)
        face = aligner.align_given(shown.read(number), [box])[0]
        if not isinstance(face, MorphableResult):
            raise ConfigError(f"{aligner.method!r} gives no expression weights: there is nothing to measure.")
        names = tuple(face.named_weights("all"))
        rows.append(face.reported_expression)
        if progress is not None:
            progress("raised keys", number + 1, len(shown))
    return names, np.array(rows)


def to_markdown(report: ExpressionReport) -> str:
    """A table a key, and the figures on photographs."""
    lines = [
        f"# Expression weights of {report.weights}",
        "",
        f"{report.pictures} pictures of {report.faces} rendered faces. {MEANINGS}",
        "",
        "| figure | value | asked | |",
        "|---|---|---|---|",
        *(
            f"| {name} | {_number(value)} | {'at most' if name in AT_MOST else 'at least'} {asked:g} "
            f"| {'yes' if reached else 'no'} |"
            for name, value, asked, reached in report.goals()
        ),
        "",
        "| key | raised | 10 % | at rest | other side | most among the rest | on photographs | |",
        "|---|---|---|---|---|---|---|---|",
        *(_key_row(report, key) for key in report.keys),
    ]
    if report.photographs is not None:
        rest = ", ".join(f"{name} {value:.2f}" for name, value in report.photographs.rest_medians)
        low, high = report.photographs.rest_largest
        lines += [
            "",
            f"{report.photographs.resting} neutral portraits: largest key of a face {low:.2f} in the median, "
            f"{high:.2f} at 90 %; at most {REST} on {report.photographs.rest_share:.0%}. Largest medians: "
            f"{rest}. Gaze up and down correlates {report.photographs.gaze_up_correlation:.2f}. "
            f"{report.photographs.everyday} expressive photographs.",
        ]
    return "\n".join(lines) + "\n"


def to_text(report: ExpressionReport) -> str:
    """The same for a terminal."""
    lines = [f"{report.weights}: {report.pictures} pictures of {report.faces} rendered faces"]
    lines += [
        f"  {'pass' if key.passed else 'FAIL'} {key.name:18} {_number(key.raised)} "
        f"(10 % {_number(key.low)}, rest {_number(key.at_rest)})  other side {_number(key.other)}  "
        f"{_number(key.cross)} {key.cross_key}"
        for key in report.keys
    ]
    lines += [
        f"  {name:22} {_number(value):>6}  asked: {'at most' if name in AT_MOST else 'at least'} {asked:g}"
        f"  {'reached' if reached else 'NOT reached'}"
        for name, value, asked, reached in report.goals()
    ]
    lines.append(
        f"  {len(report.passed)} of {len(report.keys)} keys pass; of ARKit's names "
        f"{len(passed_arkit_names(report.keys))}; without eyeLook... {report.passed_without_gaze} would pass"
    )
    if report.photographs is not None:
        on = report.photographs
        rest = ", ".join(f"{name} {value:.2f}" for name, value in on.rest_medians)
        half, most = on.rest_largest
        lines.append(f"  at rest: largest key {half:.2f} (90 %: {most:.2f}); medians {rest}")
    return "\n".join(lines)


def to_json(report: ExpressionReport) -> str:
    """All figures; NaN is null."""
    content = asdict(report) | {"passed": report.passed, "asked": ASKED}
    return json.dumps(_without_nan(content), indent=1) + "\n"


def write_reports(reports: Sequence[ExpressionReport], out: Path) -> list[Path]:
    """``WEIGHTS.md`` and ``WEIGHTS.json`` of each in a folder, which is made."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for report in reports:
        for end, text in ((".md", to_markdown(report)), (".json", to_json(report))):
            path = out / (Path(report.weights).stem + end)
            with whole_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
            paths.append(path)
    return paths


def _key_row(report: ExpressionReport, key: KeyReading) -> str:
    on = report.photographs
    spread = " to ".join(f"{value:.2f}" for value in on.ranges[key.name][::2]) if on is not None else ""
    other = _number(key.other) if key.other_side else ""
    return (
        f"| `{key.name}` | {_number(key.raised)} | {_number(key.low)} | {_number(key.at_rest)} | {other} "
        f"| {_number(key.cross)} `{key.cross_key}` | {spread} | {'yes' if key.passed else 'no'} |"
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _without_nan(value: object) -> object:
    """The same for JSON, which has no NaN."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
