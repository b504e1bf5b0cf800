"""Faces as a table of pandas, an optional library: a row a face."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lineament.errors import ConfigError, ExportError
from lineament.export.rows import Row, photo_rows, readable
from lineament.result import AlignedPhoto, FaceResult

if TYPE_CHECKING:
    from pandas import DataFrame


def to_dataframe(photos: AlignedPhoto | FaceResult | Iterable[AlignedPhoto | FaceResult]) -> DataFrame:
    """Faces as a pandas DataFrame with the columns of Parquet, a row a face.

    Args:
        photos: faces of one photo as an aligner gives them, or photos of :meth:`FaceAligner.align_many`,
            whose rows begin with `photo`, the name of the file, and `source`, its path. A photo without
            faces, or one that failed, has no row.

    Returns:
        Numbers as columns; boxes, landmarks (68 x 3) and coefficients as flat float32 arrays, one a cell.
        Units and frames are those of ``docs/json.md``.

    Raises:
        ExportError: the package pandas is missing.
        ConfigError: something else than faces or photos.
    """
    try:
        import pandas
    except ImportError as error:
        raise ExportError("A DataFrame needs one more package: pip install pandas.") from error
    given = [photos] if isinstance(photos, AlignedPhoto | FaceResult) else photos
    if not isinstance(given, Iterable):
        given = [given]  # which is named below
    rows: list[Row] = []
    loose: list[FaceResult] = []
    for each in given:
        if isinstance(each, FaceResult):
            loose.append(each)
        elif isinstance(each, AlignedPhoto):
            rows += photo_rows(_words_of(each.source), each.faces)
        else:
            raise ConfigError(
                f"A table is made of faces, or of the photos that align_many gives; found "
                f"{type(each).__name__}."
            )
    rows += photo_rows({}, loose)
    return pandas.DataFrame([_plain(row) for row in rows])


def _words_of(source: object) -> dict[str, str | None]:
    """What rows of a photo begin with; nothing is known of one that was no file."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        return {"photo": readable(path.name), "source": readable(str(path))}
    return {"photo": None, "source": None}


def _plain(row: Row) -> Row:
    """Arrays that nobody shares."""
    return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in row.items()}
