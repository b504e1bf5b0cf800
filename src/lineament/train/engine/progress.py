"""How far a run is, how fast, and how long it will take: a line on the terminal, numbers for the log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Pace:
    """Samples a second since the last reading, and the fraction of the time spent waiting for data.

    Args:
        batch: samples a step, of all processes.
    """

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._since = time.monotonic()
        self._steps, self._waited = 0, 0.0

    def stepped(self, *, waited: float) -> None:
        """Count a step whose batch came after `waited` seconds."""
        self._steps += 1
        self._waited += waited

    def read(self, steps_left: int) -> dict[str, float]:
        """Figures of the steps since the last reading."""
        now = time.monotonic()
        spent = max(now - self._since, 1e-9)
        figures = {
            "samples_a_second": self._steps * self._batch / spent,
            "waiting_share": self._waited / spent,
            "minutes_left": steps_left * spent / max(self._steps, 1) / 60,
        }
        self._since, self._steps, self._waited = now, 0, 0.0
        return figures


class ProgressLine:
    """A bar with pace and time left; silent where no person is watching."""

    def __init__(self, steps: int, *, step: int, shown: bool) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not (shown and console.is_terminal),
            transient=True,
        )
        self._task = self._bar.add_task("steps", total=steps, completed=step, figures="")

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()

    def show(self, step: int, figures: dict[str, float] | None = None) -> None:
        """Move the bar; new figures replace the old ones."""
        self._bar.update(self._task, completed=step)
        if figures is not None:
            text = f"{figures['samples_a_second']:.0f} samples/s, loss {figures['loss']:.4f}"
            self._bar.update(self._task, figures=text)
