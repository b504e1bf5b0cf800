"""What `lineament eval` measures, as its options name it: weights, files of predictions, other methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineament.evaluate.predictors import Predictor
    from lineament.evaluate.protocols.protocol import Crops


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What is to be measured, and how ours are run.

    Attributes:
        weights: names and files; "default" where nothing else is named either.
        predictions: files of any method's.
        baselines: other methods, NAME or NAME=PYTHON.
        crops: whose boxes the methods get: "truth", "detector" or "both".
        scheme: landmark scheme of our results; None for what fits the labels.
        passes: of the network over each face.
        threads: CPU threads of a network.
        device: where networks run.
        with_rows: whether a method's own rows are measured in its place.
        rows: which of these; all when empty.
    """

    weights: tuple[str, ...] = ()
    predictions: tuple[Path, ...] = ()
    baselines: tuple[str, ...] = ()
    crops: str = "truth"
    scheme: str | None = None
    passes: int = 2
    threads: int = 1
    device: str = "cpu"
    with_rows: bool = False
    rows: tuple[str, ...] = ()

    def open(self) -> list[Predictor]:
        """Ours in the order given, then files, then baselines.

        Raises:
            ConfigError: other crops, or no such row or baseline.
            WeightsError: there are no such weights.
            DataError: a file of predictions cannot be read.
        """
        from lineament.evaluate.baselines import baseline_predictor
        from lineament.evaluate.predictors import FilePredictor

        ways = self._ways()
        names = self.weights or (() if self.predictions else ("default",))
        shown = shown_names([*names, *map(str, self.predictions)])
        predictors: list[Predictor] = []
        for name in names:
            for way in ways:
                predictors += [_told_apart(each, way, ways) for each in self._ours(name, shown[name], way)]
        predictors += [FilePredictor.read(path, name=shown[str(path)]) for path in self.predictions]
        for name in self.baselines:
            predictors += [_told_apart(baseline_predictor(name, crops=way), way, ways) for way in ways]
        return predictors

    def _ways(self) -> tuple[Crops, ...]:
        from lineament.errors import ConfigError
        from lineament.evaluate.protocols.protocol import Crops

        ways = {"truth": (Crops.TRUTH,), "detector": (Crops.DETECTOR,), "both": (Crops.TRUTH, Crops.DETECTOR)}
        if self.crops not in ways:
            raise ConfigError(f"--crops is truth, detector or both, not {self.crops!r}.")
        return ways[self.crops]

    def _ours(self, name: str, shown: str | None, way: Crops) -> Iterator[Predictor]:
        """Weights, or their method's rows."""
        from lineament.evaluate.predictors import LineamentPredictor

        predictor = LineamentPredictor.from_pretrained(
            name,
            crops=way,
            scheme=self.scheme,
            passes=self.passes,
            threads=self.threads,
            name=shown,
            device=self.device,
        )
        yield from predictor.rows(self.rows) if self.with_rows else [predictor]


def shown_names(given: Sequence[str]) -> dict[str, str | None]:
    """Names for rows: None, a file's own, unless files in two folders are called the same."""
    stems = [Path(name).stem for name in given]
    return {name: name if stems.count(Path(name).stem) > 1 else None for name in given}


def _told_apart(predictor: Predictor, way: Crops, ways: Sequence[Crops]) -> Predictor:
    """The predictor, its name telling whose boxes it gets when both ways are in one report."""
    from lineament.evaluate.protocols.protocol import Crops

    if len(ways) > 1:
        predictor.name += ", own detector" if way is Crops.DETECTOR else ", true boxes"
    return predictor
