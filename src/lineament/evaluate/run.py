"""Runs tools over a set: in batches, resumed where a run was stopped, deterministic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lineament.errors import BoxError, ConfigError, DataError, ImageError
from lineament.evaluate.items import Case, EvaluationSet, Prediction
from lineament.evaluate.predictors import Tool
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.protocols.protocol import Protocol, Quantity
from lineament.evaluate.scores.records import Record, RecordFile
from lineament.evaluate.scores.scoring import Score, score
from lineament.evaluate.scores.surfaces import MEASURES

log = logging.getLogger(__name__)

BATCH = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evaluation:
    """A set, what tools said of it, and how well.

    Attributes:
        data: the set.
        protocols: in the order of the report.
        tools: row names, in order.
        crops: tool -> where it looked.
        records: tool -> one a case, in the set's order.
        scores: (protocol name, tool) -> score, where there is one.
        failed: (tool, case, why) of photographs that could not be read.
    """

    data: EvaluationSet
    protocols: tuple[Protocol, ...]
    tools: tuple[str, ...]
    crops: Mapping[str, object]
    records: Mapping[str, Sequence[Record]]
    scores: Mapping[tuple[str, str], Score]
    failed: tuple[tuple[str, str, str], ...]

    def score(self, protocol: Protocol, tool: str) -> Score | None:
        """Of one tool under one protocol, or None."""
        return self.scores.get((protocol.name, tool))


def evaluate(
    data: EvaluationSet,
    tools: Sequence[Tool],
    *,
    out: Path,
    protocols: Sequence[str] = (),
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Run what has not been run, then score everything.

    Args:
        data: the set.
        tools: with names of their own.
        out: folder; records go to its folder ``records`` as each batch is done.
        protocols: names; those of the set when empty.
        workers: threads that share a batch; the numbers do not depend on them.
        progress: told of (tool, cases done, cases in all).

    Raises:
        ConfigError: a protocol is unknown, or two tools have the same name.
    """
    names = [tool.name for tool in tools]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"Two tools have the same name among {', '.join(names)}: their rows could not be told apart."
        )
    chosen = tuple(_protocol(name) for name in (protocols or data.protocols))
    measures = tuple(dict.fromkeys(p.measure for p in chosen if p.quantity is Quantity.SURFACE))
    records, failed = {}, []
    for tool in tools:
        records[tool.name], broken = _run(tool, data, out / "records", measures, workers, progress)
        failed += [(tool.name, name, why) for name, why in broken]
    scores = {}
    for protocol in chosen:
        for tool in tools:
            found = score(protocol, data.cases, records[tool.name], tool=tool.name)
            if found is not None:
                scores[protocol.name, tool.name] = found
    return Evaluation(
        data=data,
        protocols=tuple(p for p in chosen if any(p.name == name for name, _ in scores)),
        tools=tuple(tool.name for tool in tools),
        crops={tool.name: tool.crops for tool in tools},
        records=records,
        scores=scores,
        failed=tuple(failed),
    )


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise ConfigError(f"There is no protocol {name!r}. Choose from {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def _run(
    tool: Tool,
    data: EvaluationSet,
    folder: Path,
    measures: tuple[str, ...],
    workers: int,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[list[Record], list[tuple[str, str]]]:
    """Records of all cases in order, and which could not be read."""
    file = RecordFile.of(folder, tool.name, {"set": data.name, "measures": measures, "tool": tool.recipe})
    # Sets of one name may lie in other folders or have other labels: what is known is of these very faces.
    checksums = {case.name: case.checksum for case in data.cases}
    known = {name: record for name, record in file.read().items() if record.case == checksums.get(name)}
    todo = [case for case in data.cases if case.name not in known]
    done, failed = len(data.cases) - len(todo), []
    if done and todo:
        log.info("%s: %d of %d are known from before", tool.name, done, len(data.cases))
    for batch in _batches(todo):
        made, broken = records_of(tool, batch, measures, workers=workers)
        file.append(made)
        # As they read back: a run that goes on must give the same digits as one that was not stopped.
        known |= {record.name: Record.from_line(record.line()) for record in made}
        failed += broken
        done += len(batch)
        if progress is not None:
            progress(tool.name, done, len(data.cases))
    return [known.get(case.name) or Record.nothing(case.name) for case in data.cases], failed


def _batches(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    for first in range(0, len(cases), BATCH):
        yield cases[first : first + BATCH]


def records_of(
    tool: Tool, cases: Sequence[Case], measures: Sequence[str], *, workers: int = 1
) -> tuple[list[Record], list[tuple[str, str]]]:
    """Records of a batch, and (name, why) of photographs that could not be read: these are tried again.

    Args:
        tool: what looks at them.
        cases: the batch.
        measures: names of :data:`MEASURES` that are taken of meshes.
        workers: threads that share the batch.
    """

    def one(case: Case) -> Record | tuple[str, str]:
        try:
            prediction = tool.predict([case])[0]
        except (ImageError, DataError, BoxError) as error:
            return case.name, str(error)
        return record_of(case, prediction, measures)

    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            outcomes = list(pool.map(one, cases))
    else:
        outcomes = [one(case) for case in cases]
    made = [outcome for outcome in outcomes if isinstance(outcome, Record)]
    return made, [outcome for outcome in outcomes if not isinstance(outcome, Record)]


def record_of(case: Case, prediction: Prediction | None, measures: Sequence[str]) -> Record:
    """What is kept of a prediction, with the errors that need its mesh."""
    nothing = Record.nothing(case.name)
    if prediction is None:
        return replace(nothing, case=case.checksum)
    landmarks = np.full((68, 3), np.nan)
    given = np.asarray(prediction.landmarks_image, np.float64)
    landmarks[:, : given.shape[1]] = given
    values = {}
    if measures and case.surface is not None and prediction.vertices_image is not None:
        surface = case.surface()
        values = {name: MEASURES[name].value(prediction, surface) for name in measures}
    return Record(
        name=case.name,
        case=case.checksum,
        landmarks=landmarks,
        rotation=nothing.rotation if prediction.rotation is None else prediction.rotation,
        visibility=nothing.visibility if prediction.visibility is None else prediction.visibility,
        measures=values,
    )
