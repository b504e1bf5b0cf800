"""Landmarks of photographs, read from the files in which people keep them.

Tables hold many photographs: an npz with ``names`` (n,) and ``points`` (n, P, 2 or 3) in px of the photograph
with the corner of the first pixel at 0, NaN where a point is absent, and ``scheme`` where P does not say
which points they are; or a CSV of lines ``photo, x1, y1, x2, y2, ...``. Files of one photograph are ``.pts``
and ``.mat`` (300W-LP, AFLW2000-3D, AFLW).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import Files
from lineament.data.formats.item import JAW_2D, JAW_3D, points_from_matlab, without_absent
from lineament.data.formats.matlab import field, read_mat
from lineament.data.formats.pts import parse_pts
from lineament.data.samples.point_schemes import AFLW_21
from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of

Array = NDArray[Any]

MESH_478 = "mesh478"
SCHEME_OF_COUNT = {478: MESH_478, 68: JAW_2D, 21: AFLW_21}
"""Which points so many are, unless the file says something else. The jaw of 68 is taken for an outline."""
SCHEMES = (MESH_478, JAW_3D, JAW_2D, AFLW_21)
LABEL_SUFFIXES = (".pts", ".mat")
UNITS_PER_PX = 32  # of `mesh478_q32`


@dataclass(frozen=True, slots=True)
class FaceLandmarks:
    """Landmarks of one face.

    Attributes:
        points_image: (P, 2) or (P, 3) float px, image frame (z away from the viewer); NaN where absent.
        scheme: one of :data:`SCHEMES`.
    """

    points_image: Array
    scheme: str

    @property
    def present(self) -> NDArray[np.bool_]:
        """(P,) where there is a point at all."""
        return np.isfinite(self.points_image[:, :2]).all(axis=-1)


def read_table(content: bytes, *, name: str) -> dict[str, FaceLandmarks]:
    """Landmarks by photograph from an npz or CSV table.

    Args:
        content: of the file.
        name: of the file; its ending tells the format, messages show it.

    Raises:
        DataError: it cannot be understood, or holds points of an unknown kind.
    """
    if name.endswith(".csv"):
        return _read_csv(content, name)
    try:
        with np.load(io.BytesIO(content)) as data:
            arrays = {key: data[key] for key in data.files}
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"{name} is no table of landmarks ({reason_of(error)}).") from error
    photos = [str(photo) for photo in arrays.get("names", ())]
    points, scheme = _table_points(arrays, name)
    if len(photos) != len(points):
        raise DataError(f"{name} has {len(photos)} names and landmarks of {len(points)} photographs.")
    # An empty row belongs to a photograph that has no landmarks.
    return {
        photo: FaceLandmarks(row, scheme)
        for photo, row in zip(photos, points)
        if np.isfinite(row[:, :2]).any()
    }


def read_label_file(files: Files, label_file: str) -> FaceLandmarks:
    """Landmarks of one photograph from its ``.pts`` or ``.mat`` file in a folder or zip.

    Raises:
        DataError: it cannot be understood, or holds points of an unknown kind.
    """
    name = str(files.root / label_file)
    if label_file.endswith(".pts"):
        points = parse_pts(files.read(label_file), name=name)
        return FaceLandmarks(points, _scheme_of(len(points), name))
    arrays = read_mat(files.read(label_file), name=name)
    if "pt3d_68" in arrays:
        x, y, z = field(arrays, "pt3d_68", (3, 68), name=name)
        return FaceLandmarks(np.column_stack([points_from_matlab(np.column_stack([x, y])), -z]), JAW_3D)
    points = points_from_matlab(without_absent(field(arrays, "pt2d", (2, None), name=name).T))
    return FaceLandmarks(points, _scheme_of(len(points), name))


def _table_points(arrays: Mapping[str, Array], name: str) -> tuple[Array, str]:
    """(n, P, 2 or 3) points and their scheme."""
    if "mesh478_q32" in arrays:
        return arrays["mesh478_q32"] / UNITS_PER_PX, MESH_478
    key = next((key for key in ("points", "landmarks", "landmarks68") if key in arrays), None)
    points = None if key is None else arrays[key]
    if points is None or points.ndim != 3 or points.shape[2] not in (2, 3):
        held = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        raise DataError(f"{name} needs `names` (n,) and `points` (n, P, 2 or 3); it holds {held}.")
    if "scheme" not in arrays:
        return points.astype(float), _scheme_of(points.shape[1], name)
    scheme = str(arrays["scheme"])
    if scheme not in SCHEMES:
        raise DataError(f"{name} holds landmarks {scheme!r}; known are {', '.join(SCHEMES)}.")
    return points.astype(float), scheme


def _scheme_of(count: int, name: str) -> str:
    if count not in SCHEME_OF_COUNT:
        known = ", ".join(str(known) for known in SCHEME_OF_COUNT)
        raise DataError(f"{name} holds {count} points a face; known are sets of {known}.")
    return SCHEME_OF_COUNT[count]


def _read_csv(content: bytes, name: str) -> dict[str, FaceLandmarks]:
    found: dict[str, FaceLandmarks] = {}
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), skipinitialspace=True))
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"{name} cannot be read as CSV ({reason_of(error)}).") from error
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and row[0].strip().lower() == "photo"):
            continue
        try:
            points = np.array([float(value or "nan") for value in row[1:]]).reshape(-1, 2)
        except LineamentError:
            raise
        except Exception as error:
            raise DataError(
                f"{name}, line {number}: expected photo,x1,y1,x2,y2,... ({reason_of(error)})."
            ) from error
        found[row[0].strip()] = FaceLandmarks(points, _scheme_of(len(points), f"{name}, line {number},"))
    return found
