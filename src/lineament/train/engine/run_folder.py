"""What a run leaves behind: configuration, commit, data, log, figures."""

from __future__ import annotations

import json
import logging
import math
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from lineament.config_file import with_present_keys
from lineament.errors import DataError, LineamentError
from lineament.files import replace_durably
from lineament.foreign import reason_of
from lineament.version import __version__

log = logging.getLogger(__name__)

CONFIG, SESSIONS, DATA, LOG, FIGURES, ABOUT = (
    "config.json",
    "sessions.json",
    "data.json",
    "log.jsonl",
    "figures.json",
    "run.json",
)

LICENCE_BEGINS = "Apache-2.0 for the file; of the training data: "
NO_RECIPE = {"source": "a folder without a recipe", "licence": "not stated"}
OF_START = " (of the weights it began with)"
"""What weights of before November 2026 say after the licences of those that they began with."""


class RunFolder:
    """A folder that explains itself.

    Args:
        path: made where it is missing.
        tensorboard: write event files too, where TensorBoard is installed.
    """

    def __init__(self, path: Path, *, tensorboard: bool = False) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._events = _event_writer(path) if tensorboard else None

    def begin(
        self,
        config: Any,  # noqa: ANN401
        data: Mapping[str, Any],
        *,
        step: int,
        about: Mapping[str, Any],
    ) -> None:
        """Write what is about to be trained on what, and warn where that has changed since the last time.

        Args:
            config: a dataclass.
            data: what describes the samples.
            step: where this session starts.
            about: what is trained: its "method", and the "face_model" where there is one.
        """
        table = json.loads(json.dumps(asdict(config)))
        if step:
            before = with_present_keys(type(config), self.read(CONFIG) or {})
            for key, (old, new) in _differences(before, table).items():
                log.warning("%s was %s until step %d and is %s now", key, old, step, new)
        self.write(CONFIG, table)
        self.write(DATA, data)
        self.write(ABOUT, about)
        sessions = self.read(SESSIONS) or []
        self.write(SESSIONS, [*sessions, {"step": step, **_session()}])

    def log(self, record: Mapping[str, float]) -> None:
        """Append a line to the log, tell it to the logger, and draw it where there is TensorBoard."""
        line = json.dumps({name: round(value, 5) for name, value in record.items()})
        with (self.path / LOG).open("a") as file:
            file.write(line + "\n")
        log.info("%s", line)
        if self._events is not None:
            for name, value in record.items():
                if name != "step" and math.isfinite(value):
                    self._events.add_scalar(name, value, int(record["step"]))

    def figures(self, step: int, figures: Mapping[str, float]) -> None:
        """Log validation figures and keep the last ones in a file of their own."""
        self.log({"step": step, **figures})
        self.write(FIGURES, {"step": step, **figures})

    def write(self, name: str, content: Any) -> None:  # noqa: ANN401 - anything JSON holds
        """A JSON file of the folder, whole or not at all."""
        temporary = self.path / f"{name}.part"
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        replace_durably(temporary, self.path / name)

    def read(self, name: str) -> Any:  # noqa: ANN401
        """A JSON file of the folder, None where there is none.

        Raises:
            DataError: it is damaged.
        """
        path = self.path / name
        return read_json(self.path, name) if path.exists() else None

    def close(self) -> None:
        """Finish the event file, the last minutes of which would be lost otherwise; logging may go on."""
        if self._events is not None:
            self._events.close()


BEGUN = "; begun with weights that were trained on "
"""Between one training and the one before it."""


def about_training(run: Path) -> dict[str, str]:
    """What a weights file says of the data behind it: "trained_on" and "licence", from the run's own record.

    Each training and each licence is said once, those of the weights that the run began with included.

    Raises:
        DataError: the run folder has no record of its data; an export would have to guess.
    """
    try:
        data = json.loads((run / DATA).read_text(encoding="utf-8"))
        if "trained_on" in data:  # what the detector's runs record
            return {key: str(data[key]) for key in ("trained_on", "licence")}
        recipes = [(folder["samples"], folder.get("recipe") or NO_RECIPE) for folder in data["folders"]]
        start = data.get("start") or {}
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{run / DATA} does not say what was trained on ({reason_of(error)}). Weights state their "
            f"data: go on with "
            f"the run for a step, which writes it."
        ) from error
    parts = [f"{count:,} samples of {recipe['source']}" for count, recipe in recipes]
    licences = [recipe["licence"] for _, recipe in recipes]
    trainings = ["; ".join(parts) or "no samples"]
    if start:
        trainings += start["trained_on"].split(BEGUN)
        licences.append(start["licence"].replace(LICENCE_BEGINS, "").replace(OF_START, ""))
    once = "; ".join(dict.fromkeys("; ".join(licences).replace(" | ", "; ").split("; ")))
    trained_on = BEGUN.join(dict.fromkeys(trainings))
    return {"trained_on": trained_on, "licence": LICENCE_BEGINS + (once or "not stated")}


def read_json(run: Path, name: str) -> Any:  # noqa: ANN401 - anything JSON holds
    """A JSON file of a run folder.

    Raises:
        DataError: the folder or the file is missing, or damaged.
    """
    try:
        return json.loads((run / name).read_text(encoding="utf-8"))
    except Exception as error:
        raise DataError(f"{run} is no run folder: {name} cannot be read ({reason_of(error)}).") from error


def read_table(run: Path, name: str) -> dict[str, Any]:
    """A JSON object of a run folder.

    Raises:
        DataError: the folder or the file is missing, or damaged.
    """
    table = read_json(run, name)
    if not isinstance(table, dict):
        raise DataError(f"{run} is no run folder: {name} holds no JSON object.")
    return table


def commit_of_checkout(package: Path) -> str | None:
    """The commit that a package is checked out at, with "+changes" where files differ.

    Args:
        package: folder of the package.

    Returns:
        None unless the package lies in its own repository, as ``src/NAME``: one that is installed inside of
        somebody's repository has nothing to do with their commits.
    """
    root = package.resolve().parents[1]
    if package.resolve() != root / "src" / package.name or not (root / "pyproject.toml").is_file():
        return None
    git = ["git", "-C", str(root)]
    try:
        found = subprocess.run(
            [*git, "rev-parse", "--show-toplevel", "HEAD"], capture_output=True, text=True, check=True
        )
        top, commit = found.stdout.splitlines()
        changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "src"], check=False).returncode
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None
    return commit + ("+changes" if changed else "") if Path(top).resolve() == root else None


def _session() -> dict[str, Any]:
    return {
        "commit": commit_of_checkout(Path(__file__).parents[2]),
        "command": sys.argv,
        "lineament": __version__,
        "torch": torch.__version__,
        "python": sys.version.split()[0],
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _differences(before: Any, after: Any, where: str = "") -> dict[str, tuple[Any, Any]]:  # noqa: ANN401
    """Values that differ, by dotted key."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in before.keys() & after.keys():
            found |= _differences(before[key], after[key], f"{where}.{key}" if where else key)
        return found
    return {} if before == after else {where: (before, after)}


def _event_writer(path: Path) -> Any:  # noqa: ANN401 - TensorBoard's writer
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log.info("TensorBoard is not installed (pip install 'lineament[tensorboard]'): going on without.")
        return None
    return SummaryWriter(str(path / "events"))
