"""The data sets that the command line knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from lineament.errors import ConfigError
from lineament.evaluate.cases import EvaluationSet


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOptions:
    """What a set may be made from.

    Attributes:
        data: folder or file of the set.
        labels: folder of label files that came apart from it.
        basel: the user's own Basel model.
        basel_vertices: list of its vertices without neck.
        limit: only that many cases, the first ones.
    """

    data: Path
    labels: Path | None = None
    basel: Path | None = None
    basel_vertices: Path | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class SetEntry:
    """A set the command line knows.

    Attributes:
        needs: what `--data` is.
        load: makes it.
    """

    needs: str
    load: Callable[[SetOptions], EvaluationSet]


def load_set(name: str, options: SetOptions) -> EvaluationSet:
    """A set by name, cut to the limit.

    Raises:
        ConfigError: there is no such set.
        DataError: it cannot be read.
    """
    if name not in SETS:
        raise ConfigError(f"There is no data set {name!r}. Choose from {', '.join(SETS)}.")
    data = SETS[name].load(options)
    if options.limit is None or options.limit >= len(data.cases):
        return data
    note = f"Only the first {options.limit} of {len(data.cases)} faces."
    return replace(data, cases=data.cases[: options.limit], notes=(*data.notes, note))


def _aflw2000(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.aflw2000 import load_aflw2000

    return load_aflw2000(options.data, labels=options.labels, basel=_basel(options))


def _scans(options: SetOptions) -> EvaluationSet:
    from lineament.evaluate.sets.scans import load_scans

    return load_scans(options.data)


def _basel(options: SetOptions):  # noqa: ANN202 - a type of a module that is imported late
    from lineament.evaluate.sets.aflw2000 import BaselTruth

    if options.basel is None:
        return None
    if options.basel_vertices is None:
        raise ConfigError("--basel needs --basel-vertices: which of the model's vertices are without neck.")
    return BaselTruth.read(options.basel, options.basel_vertices)


SETS: dict[str, SetEntry] = {
    "aflw2000-3d": SetEntry("folder or zip of image00002.jpg, image00002.mat, ...", _aflw2000),
    "rendered-scans": SetEntry("ICT-FaceKit: its folder FaceXModel, or an .npz of it", _scans),
}
