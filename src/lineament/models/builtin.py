"""LFM, the face model inside the package: computed from ICT-FaceKit (MIT) by ``tools/face_model``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ModelError
from lineament.foreign import foreign
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import Mirror, MorphableModel

Array = NDArray[np.floating]

BUILTIN_PATH = Path(__file__).parent.parent / "assets" / "lfm.npz"
SCHEMES = ("lfm-68", "300w-lp", "ibug-68")
FLIP_X = np.array([-1, 1, 1], np.float32)


def load_builtin(path: Path = BUILTIN_PATH) -> MorphableModel:
    """LFM with 100 identity modes and 53 blendshapes under ARKit's names (two of them split by side)."""
    with _opened(path) as data:
        mirror = Mirror(
            vertex=data["mirror_vertex"].astype(np.int32),
            identity_sign=data["identity_sign"].astype(np.float32),
            expression=data["mirror_expression"].astype(np.int32),
        )
        ranges = zip(data["part_names"], data["part_ranges"], strict=True)
        return MorphableModel(
            name="lfm",
            neutral_model=data["neutral"],
            identity_basis=_identity_basis(data, mirror),
            expression_basis=_expression_basis(data, mirror),
            expression_names=tuple(str(name) for name in data["expression_names"]),
            triangles=data["triangles"].astype(np.int32),
            expression_bounds=(0.0, 1.0),
            uv=data["uv"],
            mirror=mirror,
            schemes={name: _scheme(data, name) for name in SCHEMES},
            parts={str(name): (int(first), int(last)) for name, (first, last) in ranges},
        )


def load_builtin_compact(count: int = 29, path: Path = BUILTIN_PATH) -> MorphableModel:
    """LFM with `count` statistical expression modes (at most 29) in place of the blendshapes.

    The modes span the same space, have unit standard deviation, no names and no bounds; the landmark schemes
    follow. They have no mirror map here, since a mode's sign is not stored.
    """
    model = load_builtin(path)
    with _opened(path) as data:
        modes = data["expression_modes"][:count]
    schemes = {
        name: replace(s, expression_offset=np.tensordot(modes, s.expression_offset, 1))
        if len(s.expression_offset)
        else s
        for name, s in model.schemes.items()
    }
    return replace(
        model,
        name=f"lfm-compact-{count}",
        expression_basis=np.tensordot(modes, model.expression_basis, 1),
        expression_names=tuple(f"expression_{i}" for i in range(len(modes))),
        expression_bounds=None,
        mirror=None,
        schemes=schemes,
    )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The arrays of the package's file, every error of which becomes a ModelError."""
    what = f"The face model {path} is damaged"
    with foreign(ModelError, what, "Reinstall lineament."), path.open("rb") as file, np.load(file) as data:
        yield data


def _identity_basis(data: Any, mirror: Mirror) -> Array:  # noqa: ANN401 - numpy types no NpzFile
    """(K, N, 3) from the stored half: the other side mirrors it, with the mode's sign."""
    stored = _modes_innermost(data["identity_steps"]) * data["identity_step_mm"]
    half = np.flatnonzero(np.arange(len(mirror.vertex)) <= mirror.vertex)
    basis = np.empty((len(mirror.vertex), 3, stored.shape[-1]), np.float32)
    basis[mirror.vertex[half]] = stored * (FLIP_X[:, None] * mirror.identity_sign)
    basis[half] = stored
    return np.moveaxis(basis, -1, 0)


def _expression_basis(data: Any, mirror: Mirror) -> Array:  # noqa: ANN401
    """(E, N, 3) from the stored shapes: a shape's opposite is its mirror image."""
    stored = _modes_innermost(data["expression_steps"]) * data["expression_step_mm"]
    own = np.flatnonzero(np.arange(len(mirror.expression)) <= mirror.expression)
    basis = np.empty((len(mirror.vertex), 3, len(mirror.expression)), np.float32)
    basis[..., mirror.expression[own]] = stored[mirror.vertex] * FLIP_X[:, None]
    basis[..., own] = stored
    return np.moveaxis(basis, -1, 0)


def _modes_innermost(steps: NDArray[np.integer]) -> NDArray[np.integer]:
    """(N, 3, C) of (C, N, 3): the order that a face model keeps its bases in, while they are small."""
    return np.ascontiguousarray(np.moveaxis(steps, 0, -1))


def _scheme(data: Any, name: str) -> LandmarkScheme:  # noqa: ANN401
    fields = ("vertex_index", "weights", "offset_model", "identity_offset", "expression_offset")
    scheme = LandmarkScheme(name, *(data[f"scheme/{name}/{field}"] for field in fields))
    turn = f"scheme/{name}/turn_offset"
    return replace(scheme, turn_offset=data[turn]) if turn in data else scheme
