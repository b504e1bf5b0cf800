"""FLAME, the head model of the Max Planck Institute: .pkl or .npz, files of the versions 2016 to 2023.

What is read is the linear part: identity and expression. Pose blend shapes, jaw, neck and eye joints are
left out, so a mouth opens only as far as the expression modes open it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lineament.errors import ModelError
from lineament.geometry.mesh import outward_triangles
from lineament.geometry.morphable import MorphableModel
from lineament.models.arrays import checked, checked_index, existing, load_npz
from lineament.models.pickles import read_pickled_arrays

_IDENTITY_COUNT = 300
_EXPRESSION_COUNT = 100
_MM = 1000.0  # FLAME is in metres


def read_flame(path: str | Path) -> MorphableModel:
    """FLAME as a linear face model; a pickle is read without running it.

    Args:
        path: `generic_model.pkl`, `FLAME2023.pkl` and so on, or an .npz with the same names: v_template
            (N, 3), shapedirs (N, 3, 400), f (M, 3).

    Returns:
        300 identity and 100 expression modes, both per standard deviation, in mm. It has no landmark
        schemes, and coefficients mean what they mean in FLAME.

    Raises:
        ModelError: the file is missing, of another format, incomplete, or a pickle that asks for more than
            arrays.
    """
    path = existing(path, kind="a FLAME model, .pkl or .npz")
    if path.suffix.lower() not in (".pkl", ".npz"):
        raise ModelError(
            f"{path} is neither .pkl nor .npz; pass FLAME's model file, such as generic_model.pkl."
        )
    arrays = load_npz(path) if path.suffix.lower() == ".npz" else read_pickled_arrays(path)
    neutral = checked(arrays, "v_template", (None, 3), path=path) * _MM
    count = len(neutral)
    modes = _IDENTITY_COUNT + _EXPRESSION_COUNT
    basis = checked(arrays, "shapedirs", (count, 3, modes), path=path) * _MM
    basis = np.ascontiguousarray(basis.transpose(2, 0, 1), dtype=np.float32)
    triangles = outward_triangles(neutral, checked_index(arrays, "f", (None, 3), count=count, path=path))
    return MorphableModel(
        name="flame",
        neutral_model=neutral.astype(np.float32),
        identity_basis=basis[:_IDENTITY_COUNT],
        expression_basis=basis[_IDENTITY_COUNT:],
        expression_names=tuple(f"expression_{number}" for number in range(_EXPRESSION_COUNT)),
        triangles=triangles,
        parts={"face": (0, len(triangles))},
    )
