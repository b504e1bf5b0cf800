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
from lineament.data.samples.point_schemes import (
    AFLW_21,
    CFP_30,
    LONDON_189,
    POINT_SCHEMES,
    find_point_scheme,
)
from lineament.errors import DataError, LineamentError
from lineament.foreign import reason_of

Array = NDArray[Any]

MAX_UNPACKED = 4 * 10**9
MESH_478 = "mesh478"
SCHEME_OF_COUNT = {478: MESH_478, 68: JAW_2D, 21: AFLW_21, 30: CFP_30, 189: LONDON_189}
"""Which points so many are, unless the file says something else. The jaw of 68 is taken for an outline."""
SCHEMES = (MESH_478, *POINT_SCHEMES)
LABEL_SUFFIXES = (".pts", ".mat")
UNITS_PER_PX, ABSENT_Q32 = 32, -32768  # of `mesh478_q32`


@dataclass(frozen=True, slots=True)
class FaceLandmarks:
    """Landmarks of one face.

    Attributes:
        points_image: (P, 2) or (P, 3) float px, image frame (z away from the viewer); NaN where absent.
        scheme: one of :data:`SCHEMES`.
        sigma_px: standard deviation of the points per axis, px, where the file tells it.
    """

    points_image: Array
    scheme: str
    sigma_px: float | None = None

    @property
    def present(self) -> NDArray[np.bool_]:
        """(P,) where there is a point at all."""
        return np.isfinite(self.points_image[:, :2]).all(axis=-1)


def read_table(content: bytes, *, name: str, scheme: str | None = None) -> dict[str, FaceLandmarks]:
    """Landmarks by photograph from an npz or CSV table.

    Args:
        content: of the file.
        name: of the file; its ending tells the format, messages show it.
        scheme: of points whose table does not say it; told by their number when None or empty.

    Raises:
        DataError: it cannot be understood, or holds points of an unknown kind.
    """
    if name.endswith(".csv"):
        return _read_csv(content, name)
    try:
        with np.load(io.BytesIO(content)) as data:
            size = sum(member.file_size for member in data.zip.infolist())
            if size > MAX_UNPACKED:
                raise ValueError(f"it unpacks to {size / 1e9:.1f} GB, more than {MAX_UNPACKED // 10**9}")
            arrays = {key: data[key] for key in data.files}
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(f"{name} is no table of landmarks ({reason_of(error)}).") from error
    photos = [str(photo) for photo in arrays.get("names", ())]
    points, scheme = _table_points(arrays, name, scheme)
    sigma = float(arrays["sigma_px"]) if "sigma_px" in arrays else None
    if len(photos) != len(points):
        raise DataError(f"{name} has {len(photos)} names and landmarks of {len(points)} photographs.")
    # An empty row belongs to a photograph that has no landmarks.
    return {
        photo: FaceLandmarks(row, scheme, sigma)
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


def _table_points(arrays: Mapping[str, Array], name: str, told: str | None) -> tuple[Array, str]:
    """(n, P, 2 or 3) points and their scheme."""
    if "mesh478_q32" in arrays:
        mesh = arrays["mesh478_q32"]
        return np.where(mesh == ABSENT_Q32, np.nan, mesh / UNITS_PER_PX), MESH_478
    key = next((key for key in ("points", "landmarks", "landmarks68") if key in arrays), None)
    points = None if key is None else arrays[key]
    if points is None or points.ndim != 3 or points.shape[2] not in (2, 3):
        held = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
        raise DataError(f"{name} needs `names` (n,) and `points` (n, P, 2 or 3); it holds {held}.")
    if "scheme" not in arrays and told:
        return points.astype(float), told
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
    scheme, columns = _header(rows, name)
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and row[0].strip().lower().partition(":")[0] == "photo"):
            continue
        try:
            points = np.array([float(value or "nan") for value in row[1:]]).reshape(-1, 2)
        except LineamentError:
            raise
        except Exception as error:
            raise DataError(
                f"{name}, line {number}: expected photo,x1,y1,x2,y2,... ({reason_of(error)})."
            ) from error
        if columns is not None and len(columns) != len(points):
            raise DataError(
                f"{name}, line {number}: {len(points)} points under a header that names {len(columns)}."
            )
        whole, kind = _whole(points, scheme, columns, f"{name}, line {number},")
        found[row[0].strip()] = FaceLandmarks(whole, kind)
    return found


def _header(rows: list[list[str]], name: str) -> tuple[str, list[int] | None]:
    """Scheme and point numbers that the first line of a CSV names: ``photo:300w-lp,x36,y36,x45,y45``."""
    if not rows or not rows[0] or rows[0][0].strip().lower().partition(":")[0] != "photo":
        return "", None
    scheme = rows[0][0].strip().partition(":")[2]
    if not scheme:
        return "", None
    count = len(find_point_scheme(scheme))
    titles = [title.strip().lower() for title in rows[0][1:]]
    numbers = [title[1:] for title in titles[::2]]
    paired = titles == [f"{axis}{number}" for number in numbers for axis in "xy"]
    if not paired or not all(number.isdecimal() and int(number) < count for number in numbers):
        raise DataError(
            f"{name}: the columns after {rows[0][0]!r} are {','.join(titles[:6])}; expected pairs xN,yN with "
            f"N from 0 to {count - 1}, the numbers of the points of {scheme!r} that follow."
        )
    return scheme, [int(number) for number in numbers]


def _whole(points: Array, scheme: str, columns: list[int] | None, name: str) -> tuple[Array, str]:
    """All points of a scheme, NaN where a table has none, and its name."""
    if columns is None:
        return points, _scheme_of(len(points), name)
    whole = np.full((len(find_point_scheme(scheme)), 2), np.nan)
    whole[columns] = points
    return whole, scheme
