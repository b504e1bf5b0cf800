"""The Basel Face Models: 2009 as 300W-LP and 3DDFA use it (.mat), 2017 and 2019 (.h5).

Mean faces include the mean of the expressions. Coefficients are in standard deviations, identity and
expression alike; those printed with 300W-LP (`Shape_Para`, `Exp_Para`) are raw: divide them by
`standard_deviations_2009` first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import LineamentError, ModelError
from lineament.foreign import reason_of
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.mesh import outward_triangles
from lineament.geometry.morphable import MorphableModel
from lineament.models.arrays import RIGHT_FILE, checked, checked_index, existing
from lineament.models.matlab import read_hdf5, read_mat

_MM_PER_MICROMETRE = 1e-3
_GROUPS = ("shape", "expression", "metadata")  # not the colours, which are as large again
UV_FILE = "BFM_UV.mat"
"""The chart of the 2009 model (3DMMasSTN's), as face3d, PRNet, SADRNet and DSFNet have it."""
_CHART_PX = 256  # of their maps
_MERGED, _SHAPE, _EXPRESSION = "BFM.mat", "Model_Shape.mat", "Model_Exp.mat"
# The same arrays under the names of the 300W-LP kit's two files and of face3d's merged one.
_KIT_NAMES = {
    "mu_shape": "shapeMU",
    "w": "shapePC",
    "sigma": "shapeEV",
    "mu_exp": "expMU",
    "w_exp": "expPC",
    "sigma_exp": "expEV",
    "tri": "tri",
    "keypoints": "kpt_ind",
}


@dataclass(frozen=True, slots=True)
class StandardDeviations:
    """What one unit of each coefficient is worth in the raw numbers of 300W-LP's annotations."""

    identity: NDArray[np.float64]  # (K,) of Shape_Para
    expression: NDArray[np.float64]  # (E,) of Exp_Para


def read_bfm2009(path: str | Path) -> MorphableModel:
    """The Basel Face Model 2009 with the expressions of FaceWarehouse, as in 300W-LP and 3DDFA.

    Args:
        path: a folder with `Model_Shape.mat` and `Model_Exp.mat` (the 300W-LP kit) or with `BFM.mat`
            (merged, as face3d makes it), or one of these files; Matlab's formats 5 to 7.3.

    Returns:
        The model in mm; its 68 keypoints are the scheme "300w-lp", exactly. Where `BFM_UV.mat` lies beside,
        it has that chart, with the centres of texels where maps of 256 px have them: column 255 u, row
        255 - 255 v.

    Raises:
        ModelError: a file is missing, of another format, or incomplete, or scipy or h5py is not installed.
    """
    path, arrays = _arrays_2009(path)
    neutral = _points(arrays, "shapeMU", path) + _points(arrays, "expMU", path)
    deviations = _deviations(arrays, path)
    count = len(neutral)
    columns = _index_columns(arrays, "tri", count, path)
    triangles = outward_triangles(neutral, columns)
    parts = {"face": (0, len(triangles))}
    if "tri_mouth" in arrays:
        # The triangles that close the mouth are turned as the face is.
        joined = np.concatenate([columns, _index_columns(arrays, "tri_mouth", count, path)])
        triangles = joined if np.array_equal(triangles, columns) else np.ascontiguousarray(joined[:, ::-1])
        parts["mouth"] = (len(columns), len(triangles))
    identity = _basis(arrays, "shapePC", deviations.identity, count, path)
    expression = _basis(arrays, "expPC", deviations.expression, count, path)
    keypoints = checked_index(arrays, "kpt_ind", (1, 68), (68, 1), (68,), count=count, path=path, first=1)
    return MorphableModel(
        name="bfm2009",
        neutral_model=(neutral * _MM_PER_MICROMETRE).astype(np.float32),
        identity_basis=(identity * _MM_PER_MICROMETRE).astype(np.float32),
        expression_basis=(expression * _MM_PER_MICROMETRE).astype(np.float32),
        expression_names=_numbered(len(expression)),
        triangles=triangles,
        uv=_chart(path if path.is_dir() else path.parent, count),
        schemes={"300w-lp": LandmarkScheme.of_vertices("300w-lp", keypoints.ravel())},
        parts=parts,
    )


def _chart(folder: Path, count: int) -> NDArray[np.float64] | None:
    """(N, 2) places on the chart, right and down from its corner in 0..1; None without the file."""
    path = folder / UV_FILE
    if not path.is_file():
        return None
    u, v = checked(read_mat(path), "UV", (count, 2), path=path).astype(np.float64).T
    last = _CHART_PX - 1
    return np.stack([last * u + 0.5, last * (1 - v) + 0.5], axis=1) / _CHART_PX


def standard_deviations_2009(path: str | Path) -> StandardDeviations:
    """What 300W-LP's raw `Shape_Para` and `Exp_Para` are to be divided by for the model of the same path.

    Raises:
        ModelError: as `read_bfm2009`.
    """
    path, arrays = _arrays_2009(path)
    return _deviations(arrays, path)


def read_bfm_h5(path: str | Path) -> MorphableModel:
    """The Basel Face Model 2017 or 2019, whole or cropped, from its .h5 file.

    Args:
        path: such as `model2017-1_bfm_nomouth.h5` or `model2019_fullHead.h5`.

    Returns:
        The model in mm. Where the file names landmarks (`metadata/landmarks/json`) they are the scheme
        "bfm-landmarks", in the file's order, each at its nearest vertex: not the 68.

    Raises:
        ModelError: the file is missing, of another format, or incomplete, or h5py is not installed.
    """
    path = existing(path, kind="a Basel Face Model 2017 or 2019, .h5")
    arrays = read_hdf5(path, groups=_GROUPS)
    shape_mean = _points(arrays, "shape/model/mean", path)
    count = len(shape_mean)
    neutral = shape_mean + _points(arrays, "expression/model/mean", path)
    identity, expression = (_variance_basis(arrays, kind, count, path) for kind in ("shape", "expression"))
    cells = _cells(arrays, count, path)
    return MorphableModel(
        name=path.stem,
        neutral_model=neutral.astype(np.float32),
        identity_basis=identity.astype(np.float32),
        expression_basis=expression.astype(np.float32),
        expression_names=_numbered(len(expression)),
        triangles=outward_triangles(neutral, cells),
        schemes=_landmark_scheme(arrays, shape_mean, path),
        parts={"face": (0, len(cells))},
    )


def bfm_landmark_names(path: str | Path) -> tuple[str, ...]:
    """Names of the landmarks of the scheme "bfm-landmarks", such as `center.nose.tip`; empty without one.

    Raises:
        ModelError: as `read_bfm_h5`.
    """
    path = existing(path, kind="a Basel Face Model 2017 or 2019, .h5")
    return tuple(name for name, _ in _landmarks(read_hdf5(path, groups=("metadata",)), path))


def _arrays_2009(path: str | Path) -> tuple[Path, dict[str, NDArray[Any]]]:
    """The file or folder and its arrays, under the names of the merged file."""
    path = existing(path, kind="a folder with Model_Shape.mat and Model_Exp.mat, or BFM.mat")
    folder = path if path.is_dir() else path.parent
    if path.is_file() and path.name not in (_SHAPE, _EXPRESSION):
        return path, _merged(read_mat(path))
    if path.is_dir() and (folder / _MERGED).is_file():
        return folder / _MERGED, _merged(read_mat(folder / _MERGED))
    missing = [name for name in (_SHAPE, _EXPRESSION) if not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} lacks {' and '.join(missing)}; the 300W-LP kit has both: put them together."
        )
    both = read_mat(folder / _SHAPE) | read_mat(folder / _EXPRESSION)
    return folder, {_KIT_NAMES.get(key, key): array for key, array in both.items()}


def _merged(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The fields of the struct `model`, or a flat file's arrays as they are."""
    inside = {key.removeprefix("model/"): array for key, array in arrays.items()}
    return {_KIT_NAMES.get(key, key): array for key, array in inside.items()}


def _points(arrays: Mapping[str, NDArray[Any]], key: str, path: Path) -> NDArray[np.float64]:
    """(N, 3) of a long vector x, y, z, x, y, z, ..."""
    vector = checked(arrays, key, (None, 1), (1, None), (None,), path=path).ravel()
    if len(vector) % 3 or not len(vector):
        raise ModelError(
            f"{key!r} in {path} has {len(vector)} numbers, which is no multiple of three. {RIGHT_FILE}"
        )
    return vector.reshape(-1, 3).astype(np.float64)


def _basis(
    arrays: Mapping[str, NDArray[Any]], key: str, scale: NDArray[Any], count: int, path: Path
) -> NDArray[np.float64]:
    """(K, N, 3) of a matrix (3 N, K) whose columns are multiplied by the scale (K,)."""
    columns = checked(arrays, key, (3 * count, len(scale)), path=path)
    return (columns * scale).T.reshape(len(scale), count, 3)


def _deviations(arrays: Mapping[str, NDArray[Any]], path: Path) -> StandardDeviations:
    identity, expression = (
        checked(arrays, key, (None, 1), (1, None), (None,), path=path).ravel().astype(np.float64)
        for key in ("shapeEV", "expEV")
    )
    return StandardDeviations(identity, expression)


def _index_columns(arrays: Mapping[str, NDArray[Any]], key: str, count: int, path: Path) -> NDArray[np.int32]:
    """(M, 3) from zero of Matlab's (3, M) from one."""
    index = checked_index(arrays, key, (3, None), (None, 3), count=count, path=path, first=1)
    return np.ascontiguousarray(index if index.shape[0] != 3 else index.T)


def _cells(arrays: Mapping[str, NDArray[Any]], count: int, path: Path) -> NDArray[np.int32]:
    index = checked_index(arrays, "shape/representer/cells", (3, None), (None, 3), count=count, path=path)
    return np.ascontiguousarray(index if index.shape[0] != 3 else index.T)


def _variance_basis(
    arrays: Mapping[str, NDArray[Any]], kind: str, count: int, path: Path
) -> NDArray[np.float64]:
    variance = checked(arrays, f"{kind}/model/pcaVariance", (None,), path=path)
    if (variance < 0).any():
        raise ModelError(f"'{kind}/model/pcaVariance' in {path} has negative variances: the file is damaged.")
    return _basis(arrays, f"{kind}/model/pcaBasis", np.sqrt(variance), count, path)


def _landmarks(arrays: Mapping[str, NDArray[Any]], path: Path) -> list[tuple[str, list[float]]]:
    """Names and places (x, y, z) of the landmarks in the file's metadata."""
    text = arrays.get("metadata/landmarks/json")
    if text is None:
        return []
    try:
        entries = json.loads(str(text.ravel()[0]))
        found = [(str(entry["id"]), [float(number) for number in entry["coordinates"]]) for entry in entries]
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"'metadata/landmarks/json' in {path} is no list of landmarks ({reason_of(error)}). {RIGHT_FILE}"
        ) from error
    if any(len(place) != 3 for _, place in found):
        raise ModelError(
            f"'metadata/landmarks/json' in {path} has landmarks without three coordinates. {RIGHT_FILE}"
        )
    return found


def _landmark_scheme(
    arrays: Mapping[str, NDArray[Any]], shape_mean: NDArray[Any], path: Path
) -> dict[str, LandmarkScheme]:
    landmarks = _landmarks(arrays, path)
    if not landmarks:
        return {}
    nearest = [int(np.argmin(np.linalg.norm(shape_mean - place, axis=-1))) for _, place in landmarks]
    return {"bfm-landmarks": LandmarkScheme.of_vertices("bfm-landmarks", np.array(nearest))}


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"expression_{number}" for number in range(count))
