"""What each step of an alignment takes, told from inside: functions are watched while a run is made.

The package has no clocks of its own. For one run its functions are replaced by ones that note when they begin
and end; what they call in turn is not theirs, so that the steps add up to the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from lineament import FaceAligner
from lineament.aligner import aligner as flow
from lineament.detect import OnnxDetector, detector
from lineament.methods import closeup_networks, occlusion_network, predictor
from lineament.methods.coefficient_update import CoefficientUpdate
from lineament.methods.estimate import MorphableEstimate
from lineament.network import OnnxNetwork

THE_REST = "the rest"
"""What no step answers for."""


class StepClock:
    """Seconds by step, each without the steps inside it."""

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        """Start.

        Args:
            now: the time in seconds.
        """
        self._now = now
        self._seconds: dict[str, float] = {}
        self._open = [THE_REST]
        self._since = now()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """What happens inside is this step's, and not that of the step around it."""
        self._note()
        self._open.append(name)
        try:
            yield
        finally:
            self._note()
            self._open.pop()

    def stop(self) -> dict[str, float]:
        """Seconds by step in the order in which steps were first left, the rest last."""
        self._note()
        rest = self._seconds.pop(THE_REST)
        return {**self._seconds, THE_REST: rest}

    def _note(self) -> None:
        """All since the last note belongs to the innermost step."""
        now = self._now()
        self._seconds[self._open[-1]] = self._seconds.get(self._open[-1], 0.0) + now - self._since
        self._since = now


class StepWatch:
    """Turns functions into steps for as long as it is entered; :attr:`clock` is to be set before each run."""

    def __init__(self, steps: dict[tuple[object, str], str | Callable[[Any], str]]) -> None:
        """Nothing is watched yet.

        Args:
            steps: by owner (a module or class) and name of a function there its step, or the step by the
                function's first argument.
        """
        self._steps, self._stack = steps, ExitStack()
        self.clock = StepClock()

    def __enter__(self) -> StepWatch:
        for (owner, attribute), name in self._steps.items():
            timed = self._timed(getattr(owner, attribute), name)
            self._stack.enter_context(mock.patch.object(owner, attribute, timed))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _timed(self, plain: Callable[..., Any], name: str | Callable[[Any], str]) -> Callable[..., Any]:
        def timed(first: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
            with self.clock.step(name if isinstance(name, str) else name(first)):
                return plain(first, *args, **options)

        return timed


def alignment_watch(aligner: FaceAligner) -> StepWatch:
    """Of all steps from an encoded photograph to a mesh.

    Args:
        aligner: of weights with a camera and coefficients.
    """
    close_ups = getattr(aligner.method, "close_ups", aligner.close_ups)
    own = {
        id(getattr(aligner.detector, "_network", None)): "detect: network",
        id(getattr(aligner.first_look, "network", None)): "face: first look",
        id(getattr(aligner.method, "network", None)): "face: network",
        id(getattr(getattr(close_ups, "occlusion", None), "network", None)): "in front: network",
    }
    return StepWatch(
        {
            (flow, "read_picture"): "decode",
            (detector, "letterbox"): "detect: shrink",
            (OnnxDetector, "detect"): "detect: boxes",
            (OnnxNetwork, "__call__"): lambda network: own.get(id(network), "close-ups: networks"),
            (predictor, "resample_crop"): "face: crop",
            (closeup_networks, "resample_crop"): "close-ups: crops",
            (occlusion_network, "resample_crop"): "in front: crop",
            (CoefficientUpdate, "__call__"): "close-ups: update",
            (MorphableEstimate, "result"): "mesh",
        }
    )


def steps_of(aligner: FaceAligner, watch: StepWatch, photo: bytes) -> dict[str, float]:
    """Seconds of each step of one run; the watch is entered."""
    watch.clock = StepClock()
    aligner(photo)
    return watch.clock.stop()
