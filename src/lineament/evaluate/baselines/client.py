"""Our side of a baseline: photographs to its process, its points to predictions."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError
from lineament.evaluate.baselines.mesh478 import Mesh478Map
from lineament.evaluate.items import BASEL_NO_NECK, UNKNOWN, EvaluationItem, Prediction
from lineament.evaluate.predictors import best_box
from lineament.evaluate.protocols.protocol import Crops
from lineament.foreign import foreign

Array = NDArray[Any]

WORKER = Path(__file__).with_name("worker.py")
LAST_WORDS = 1500
ANSWER = "Is it the version that this one knows?"


@dataclass(slots=True)
class BaselinePredictor:
    """A `Predictor` in another process, started when first asked (:mod:`lineament.evaluate.predictors`).

    Attributes:
        name: of the row.
        kind: key of :data:`lineament.evaluate.baselines.BASELINES`.
        crops: true boxes, or the predictor's own detector.
        python: interpreter that has the predictor.
        folder: of a checkout, or empty.
    """

    name: str
    kind: str
    crops: Crops
    python: str
    folder: str = ""
    _process: subprocess.Popen[str] | None = None
    _place: tempfile.TemporaryDirectory[str] | None = None
    _version: str = ""
    _broken: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def recipe(self) -> Mapping[str, object]:
        """See Tool."""
        self._start()
        return {"peer": self.kind, "version": self._version, "crops": self.crops.name}

    def predict(self, items: Sequence[EvaluationItem]) -> list[Prediction | None]:
        """See Tool; one photograph at a time, whatever the number of workers."""
        with self._lock:
            self._start()
            return [self._predict(item) for item in items]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        if self._place is not None:
            self._place.cleanup()
            self._place = None

    def _start(self) -> None:
        if self._broken:
            raise ConfigError(self._broken)
        if self._process is not None:
            return
        self._place = tempfile.TemporaryDirectory()
        # The other environment must not see our packages.
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        try:
            with (Path(self._place.name) / "log").open("w") as log:
                self._process = subprocess.Popen(
                    [self.python, str(WORKER), self.kind, self.folder],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env=variables,
                )
        except OSError as error:
            self.close()
            raise ConfigError(
                f"{self.name}: {self.python} cannot be started ({error}). Give the Python of its environment."
            ) from error
        self._version = self._answer()["version"]

    def _ask(self, request: Mapping[str, object]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended: the missing answer says so, with its last words
        self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._place is not None
        line = self._process.stdout.readline()
        if line:
            with foreign(ConfigError, f"{self.name} answered {line!r}", ANSWER):
                return dict(json.loads(line))
        words = (Path(self._place.name) / "log").read_text(errors="replace").strip()[-LAST_WORDS:]
        self.close()
        # Not started again: whatever ended it would end it at every photograph, after loading it each time.
        self._broken = f"{self.name} ended in {self.python}. Is it installed there? Its last words:\n{words}"
        raise ConfigError(self._broken)

    def _predict(self, item: EvaluationItem) -> Prediction | None:
        assert self._place is not None
        photo, answer = Path(self._place.name) / "photo.npy", Path(self._place.name) / "answer.npz"
        np.save(photo, item.photo.read())
        box = None if self.crops is Crops.DETECTOR else [float(value) for value in item.box_xyxy]
        self._ask({"photo": str(photo), "box": box, "answer": str(answer)})
        with foreign(ConfigError, f"{self.name} wrote no arrays", ANSWER), np.load(answer) as data:
            arrays = {name: data[name] for name in data.files}
        found = [_prediction(self.kind, arrays, face) for face in range(len(arrays["points"]))]
        return _at_place(found, item.box_xyxy)


def _prediction(kind: str, arrays: Mapping[str, Array], face: int) -> Prediction:
    points = arrays["points"][face]
    if kind == "mediapipe":
        return Mesh478Map.builtin().prediction(points)
    vertices, rotation = arrays.get("vertices"), arrays.get("rotation")
    return Prediction(
        landmarks_image=points,
        rotation=None if rotation is None else rotation[face],
        vertices_image=None if vertices is None else vertices[face],
        topology=UNKNOWN if vertices is None else BASEL_NO_NECK,
    )


def _at_place(found: Sequence[Prediction], box_xyxy: Array) -> Prediction | None:
    """The face whose landmarks' box overlaps the true one best; None where that is by less than half."""
    boxes = [
        np.concatenate([f.landmarks_image[:, :2].min(axis=0), f.landmarks_image[:, :2].max(axis=0)])
        for f in found
    ]
    best = best_box(boxes, box_xyxy)
    return None if best is None else found[best]
