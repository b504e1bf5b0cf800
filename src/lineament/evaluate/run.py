"""Runs predictors over a set: in batches, resumed where a run was stopped, deterministic."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lineament.errors import BoxError, ConfigError, DataError, ImageError
from lineament.evaluate.items import EvaluationItem, EvaluationSet, Prediction
from lineament.evaluate.predictors import Predictor
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.protocols.protocol import Protocol, Quantity
from lineament.evaluate.scores.masks import MASK_MEASURES, mask_scores
from lineament.evaluate.scores.records import Record, RecordFile
from lineament.evaluate.scores.scoring import Score, score
from lineament.evaluate.scores.surfaces import MEASURES

log = logging.getLogger(__name__)

BATCH = 16


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evaluation:
    """A set, what predictors said of it, and how well.

    Attributes:
        data: the set.
        protocols: in the order of the report.
        predictors: row names, in order.
        crops: predictor -> whose boxes it got.
        records: predictor -> one per item, in the set's order.
        scores: (protocol name, predictor) -> score, where there is one.
        failed: (predictor, item, why) of photographs that could not be read.
    """

    data: EvaluationSet
    protocols: tuple[Protocol, ...]
    predictors: tuple[str, ...]
    crops: Mapping[str, object]
    records: Mapping[str, Sequence[Record]]
    scores: Mapping[tuple[str, str], Score]
    failed: tuple[tuple[str, str, str], ...]

    def score(self, protocol: Protocol, predictor: str) -> Score | None:
        """Of one predictor under one protocol, or None."""
        return self.scores.get((protocol.name, predictor))


def evaluate(
    data: EvaluationSet,
    predictors: Sequence[Predictor],
    *,
    out: Path,
    protocols: Sequence[str] = (),
    workers: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Evaluation:
    """Run what has not been run, then score everything.

    Args:
        data: the set.
        predictors: with names of their own.
        out: folder; records go to its folder ``records`` as each batch is done.
        protocols: names; those of the set when empty.
        workers: threads that share a batch; the numbers do not depend on them.
        progress: told of (predictor, items done, items in all).

    Raises:
        ConfigError: a protocol is unknown, or two predictors have the same name.
    """
    names = [predictor.name for predictor in predictors]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"Two predictors have the same name among {', '.join(names)}: their rows could not be told apart."
        )
    chosen = tuple(_protocol(name) for name in (protocols or data.protocols))
    measures = tuple(dict.fromkeys(p.measure for p in chosen if p.quantity is Quantity.SURFACE))
    if any(item.region is not None for item in data.items):
        measures += MASK_MEASURES
    others = _calibration_of(data, chosen)
    records, known, failed = {}, {}, []
    for predictor in predictors:
        made, broken = _run(
            predictor, _with_items(data, others), out / "records", measures, workers, progress
        )
        records[predictor.name] = made[: len(data.items)]
        known[predictor.name] = tuple(zip(others, made[len(data.items) :], strict=True))
        failed += [(predictor.name, name, why) for name, why in broken]
    scores = {}
    for protocol in chosen:
        for predictor in predictors:
            found = score(
                protocol,
                data.items,
                records[predictor.name],
                predictor=predictor.name,
                calibration=known[predictor.name],
            )
            if found is not None:
                scores[protocol.name, predictor.name] = found
    return Evaluation(
        data=data,
        protocols=tuple(p for p in chosen if any(p.name == name for name, _ in scores)),
        predictors=tuple(predictor.name for predictor in predictors),
        crops={predictor.name: predictor.crops for predictor in predictors},
        records=records,
        scores=scores,
        failed=tuple(failed),
    )


def _calibration_of(data: EvaluationSet, protocols: Sequence[Protocol]) -> tuple[EvaluationItem, ...]:
    """The faces that offsets of these protocols are measured on."""
    labels = {p.labels for p in protocols if p.quantity is Quantity.HAND_SET}
    return tuple(item for item in data.calibration if not labels.isdisjoint(item.landmarks))


def _with_items(data: EvaluationSet, more: Sequence[EvaluationItem]) -> EvaluationSet:
    return replace(data, items=(*data.items, *more), calibration=())


def _protocol(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise ConfigError(f"There is no protocol {name!r}. Choose from {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def _run(
    predictor: Predictor,
    data: EvaluationSet,
    folder: Path,
    measures: tuple[str, ...],
    workers: int,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[list[Record], list[tuple[str, str]]]:
    """Records of all items in order, and which could not be read."""
    file = RecordFile.of(
        folder, predictor.name, {"set": data.name, "measures": measures, "tool": predictor.recipe}
    )
    # Sets of one name may lie in other folders or have other labels: what is known is of these very faces.
    checksums = {item.name: item.checksum for item in data.items}
    known = {name: record for name, record in file.read().items() if record.item == checksums.get(name)}
    todo = [item for item in data.items if item.name not in known]
    done, failed = len(data.items) - len(todo), []
    if done and todo:
        log.info("%s: %d of %d are known from before", predictor.name, done, len(data.items))
    for batch in _batches(todo):
        made, broken = records_of(predictor, batch, measures, workers=workers)
        file.append(made)
        # As they read back: a run that goes on must give the same digits as one that was not stopped.
        known |= {record.name: Record.from_line(record.line()) for record in made}
        failed += broken
        done += len(batch)
        if progress is not None:
            progress(predictor.name, done, len(data.items))
    return [known.get(item.name) or Record.nothing(item.name) for item in data.items], failed


def _batches(items: Sequence[EvaluationItem]) -> Iterator[Sequence[EvaluationItem]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def records_of(
    predictor: Predictor, items: Sequence[EvaluationItem], measures: Sequence[str], *, workers: int = 1
) -> tuple[list[Record], list[tuple[str, str]]]:
    """Records of a batch, and (name, why) of photographs that could not be read: these are tried again.

    Args:
        predictor: what predicts them.
        items: the batch.
        measures: names of :data:`MEASURES` that are taken of meshes, and of :data:`MASK_MEASURES`.
        workers: threads that share the batch.
    """

    def one(item: EvaluationItem) -> Record | tuple[str, str]:
        try:
            prediction = predictor.predict([item])[0]
        except (ImageError, DataError, BoxError) as error:
            return item.name, str(error)
        return record_of(item, prediction, measures)

    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            outcomes = list(pool.map(one, items))
    else:
        outcomes = [one(item) for item in items]
    made = [outcome for outcome in outcomes if isinstance(outcome, Record)]
    return made, [outcome for outcome in outcomes if not isinstance(outcome, Record)]


def record_of(item: EvaluationItem, prediction: Prediction | None, measures: Sequence[str]) -> Record:
    """What is kept of a prediction, with the errors that need its mesh."""
    nothing = Record.nothing(item.name)
    if prediction is None:
        return replace(nothing, item=item.checksum)
    landmarks = np.full((68, 3), np.nan)
    given = np.asarray(prediction.landmarks_image, np.float64)
    landmarks[:, : given.shape[1]] = given
    values = {}
    of_meshes = [name for name in measures if name not in MASK_MEASURES]
    if of_meshes and item.surface is not None and prediction.vertices_image is not None:
        surface = item.surface()
        values = {name: MEASURES[name].value(prediction, surface) for name in of_meshes}
    if item.region is not None and prediction.face_mask is not None and set(MASK_MEASURES) <= set(measures):
        values |= mask_scores(prediction.face_mask, item.region())
    return Record(
        name=item.name,
        item=item.checksum,
        landmarks=landmarks,
        rotation=nothing.rotation if prediction.rotation is None else prediction.rotation,
        visibility=nothing.visibility if prediction.visibility is None else prediction.visibility,
        measures=values,
    )
