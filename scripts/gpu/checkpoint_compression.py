"""A checkpoint in a few small files, for machines that hand back little.

What fits is kept exactly; what does not loses precision step by step, and the file says how much.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lineament.errors import DataError, LineamentError

LEVELS = ("exact", "half", "weights", "average")
"""Everything as it is; everything in half precision; no optimiser; the averaged weights alone."""
PART_BYTES = 15 * 2**20
SMALL = 4096
"""Tensors of fewer numbers, such as those of normalisation, stay exact."""
_SQUARES = "exp_avg_sq"


def split_checkpoint(
    checkpoint: Path, folder: Path, *, budget: int, part: int = PART_BYTES
) -> tuple[list[Path], str]:
    """Write a checkpoint as files ``checkpoint.00`` and so on, as exactly as a budget allows.

    Args:
        checkpoint: written by :class:`lineament.train.engine.loop.Run`.
        folder: made where it is missing; older parts in it are removed.
        budget: bytes of all parts together.
        part: bytes of one.

    Returns:
        The files, and the level of :data:`LEVELS` that they have.

    Raises:
        DataError: not even the averaged weights fit.
    """
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    for level in LEVELS:
        content = _bytes_of(_reduced(state, level))
        if len(content) <= budget:
            break
    else:
        raise DataError(f"{checkpoint} takes {len(content)} bytes at least, the budget is {budget}.")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("checkpoint.[0-9][0-9]"):
        old.unlink()
    paths = []
    for number, first in enumerate(range(0, len(content), part)):
        paths.append(folder / f"checkpoint.{number:02d}")
        paths[-1].write_bytes(content[first : first + part])
    return paths, level


def join_checkpoint(folder: Path, checkpoint: Path) -> str:
    """Put the parts of a folder together to a checkpoint that a run can be resumed from.

    Returns:
        The level of :data:`LEVELS` that they were written at.

    Raises:
        DataError: there are no parts, or one is missing or damaged.
    """
    parts = sorted(folder.glob("checkpoint.[0-9][0-9]"))
    if not parts:
        raise DataError(f"{folder} holds no checkpoint.00.")
    content = b"".join(part.read_bytes() for part in parts)
    try:
        state = torch.load(io.BytesIO(content), weights_only=True)
        level = state.pop("level")
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"The {len(parts)} parts in {folder} are no checkpoint: one is missing.") from error
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    torch.save(_restored(state), checkpoint)
    return str(level)


def _reduced(state: dict[str, Any], level: str) -> dict[str, Any]:
    if level == "exact":
        return state | {"level": level}
    kept = {"step": state["step"], "skipped": state["skipped"], "level": level}
    kept["average"] = _halved(state["average"])
    if level != "average":
        kept["network"] = _halved(state["network"])
    if level == "half":
        kept["optimiser"] = _halved(state["optimiser"])
    return kept


def _restored(state: dict[str, Any]) -> dict[str, Any]:
    network = state.get("network", state["average"])
    full = {**state, "network": network, "optimiser": state.get("optimiser")}
    return {name: _whole(part) for name, part in full.items()}


def _halved(part: Any, name: str = "") -> Any:  # noqa: ANN401 - any nesting of a state
    """Large float tensors as half precision with a scale; squares as their roots, whose range fits."""
    if isinstance(part, dict):
        return {key: _halved(value, str(key)) for key, value in part.items()}
    if isinstance(part, Tensor) and part.dtype == torch.float32 and part.numel() >= SMALL:
        values = part.sqrt() if name == _SQUARES else part
        scale = float(values.abs().max()) or 1.0
        return {"half": (values / scale).half(), "scale": scale, "rooted": name == _SQUARES}
    return part


def _whole(part: Any) -> Any:  # noqa: ANN401
    if not isinstance(part, dict):
        return part
    if part.keys() == {"half", "scale", "rooted"}:
        values = part["half"].float() * part["scale"]
        return values**2 if part["rooted"] else values
    return {key: _whole(value) for key, value in part.items()}


def _bytes_of(state: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()
