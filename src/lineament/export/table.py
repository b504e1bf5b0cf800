"""Parquet: many photographs, or the frames of a video, a row a face."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lineament.errors import ExportError
from lineament.files import whole_file
from lineament.result import FaceResult, FreeFormResult, MorphableResult


def export_parquet(
    photos: Iterable[tuple[Mapping[str, Any], Sequence[FaceResult]]],
    path: str | os.PathLike[str],
    *,
    rows_at_once: int = 1000,
) -> int:
    """Write the faces of many photos as one Parquet table, a row a face; memory does not grow with them.

    Args:
        photos: for each photo what its rows begin with, such as ``{"photo": "a.jpg"}`` or ``{"time_s": 0.04,
            "track": 1}`` (the same names and types for all), and its faces. A photo without faces has no row.
        path: where to; a file that is there is replaced.
        rows_at_once: rows of a block.

    Returns:
        How many rows were written.

    Raises:
        ExportError: the package pyarrow is missing, the rows do not fit together, or the file cannot be
            written.
    """
    pyarrow, parquet = _pyarrow()
    path = Path(path)
    writer, rows, count = None, [], 0
    try:
        with whole_file(path) as temporary:
            for start, faces in photos:
                words = {name: _readable(value) for name, value in start.items()}
                rows += [words | {"face": number} | face_row(face) for number, face in enumerate(faces)]
                if len(rows) >= rows_at_once:
                    writer = _write(parquet, pyarrow, writer, temporary, rows)
                    count, rows = count + len(rows), []
            writer = _write(parquet, pyarrow, writer, temporary, rows)
            writer.close()
    except (OSError, pyarrow.ArrowException) as error:
        if writer is not None:
            writer.close()
        raise ExportError(
            f"Cannot write {path} ({error}). Check the folder, the disk and the rows."
        ) from error
    return count + len(rows)


def face_row(face: FaceResult) -> dict[str, Any]:
    """The columns of one face: numbers, and lists of numbers."""
    pose = face.pose
    row: dict[str, Any] = {
        "box_xyxy": _floats(face.detection.box_xyxy),
        "score": float(face.detection.score),
        "uncertainty_mm": math.nan if face.uncertainty_mm is None else face.uncertainty_mm,
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
        "rotation": _floats(pose.rotation),
        "scale": float(pose.scale),
        "translation": _floats(pose.translation),
        "landmark_scheme": face.landmark_scheme,
        "landmarks_image": _floats(face.landmarks_image),
        "face_model": face.mesh.name,
    }
    if isinstance(face, MorphableResult):
        row |= {
            "identity": _floats(face.identity),
            "expression": _floats(face.expression),
            **{f"blendshape_{name}": float(weight) for name, weight in face.blendshapes.items()},
        }
    if isinstance(face, FreeFormResult):
        row["fit_residual_mm"] = float(face.fit_residual_mm)
    return row


def _readable(value: Any) -> Any:  # noqa: ANN401 - whatever rows begin with
    """Text that UTF-8 can hold: names of files may be other bytes."""
    return value.encode("utf-8", errors="replace").decode("utf-8") if isinstance(value, str) else value


def _floats(values: Any) -> list[float]:  # noqa: ANN401 - an array of any shape
    """Numbers row by row, as Parquet's lists have them."""
    return np.asarray(values, dtype=np.float32).ravel().tolist()


def _write(parquet: Any, pyarrow: Any, writer: Any, path: Path, rows: list[dict[str, Any]]) -> Any:  # noqa: ANN401
    """Write a block; the first one opens the file and fixes the columns."""
    if not rows:
        return writer or parquet.ParquetWriter(path, pyarrow.schema([]))
    if writer is None:
        table = pyarrow.Table.from_pylist(rows)
        writer = parquet.ParquetWriter(path, table.schema, compression="zstd")
    else:
        table = pyarrow.Table.from_pylist(rows, schema=writer.schema)
    writer.write_table(table)
    return writer


def _pyarrow() -> tuple[Any, Any]:
    """The optional library and its Parquet part."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ExportError("Parquet needs one more package: pip install 'lineament[parquet]'.") from error
    return pyarrow, pyarrow.parquet
