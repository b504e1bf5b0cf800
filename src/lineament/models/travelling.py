"""How face models travel to another process: by name and checksum, loaded again where they arrive.

A model is tens of megabytes and the same for every face, so that a result that took it along would be too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from lineament.errors import ModelError
from lineament.geometry.face_mesh import FaceMesh, LandmarkScheme
from lineament.geometry.morphable import MorphableModel

Loader: TypeAlias = Callable[[str], MorphableModel]

_here: WeakValueDictionary[tuple[str, str], MorphableModel] = WeakValueDictionary()
"""Models that left or arrived, as long as anybody has them: who comes back meets the same one."""


def travels_as(model: MorphableModel, name: str, load: Loader) -> MorphableModel:
    """The model, which pickles from now on as `load(name)`.

    Args:
        model: just loaded.
        name: what it is loaded by, in any process: a name, or an absolute path.
        load: a function of a module, of which pickle remembers the name.
    """

    @cache  # of arrays of tens of megabytes, and only when somebody pickles
    def checksum() -> str:
        found = checksum_of(model)
        _here[name, found] = model
        return found

    model.loaded_by(
        lambda: (arrived_model, (load, name, checksum())), lambda: (arrived_mesh, (load, name, checksum()))
    )
    return model


@lru_cache(maxsize=2)
def arrived_model(load: Loader, name: str, checksum: str) -> MorphableModel:
    """The model of that name here; the last ones stay loaded.

    Raises:
        ModelError: there is none here, or its content is not what it was where the result was made.
    """
    known = _here.get((name, checksum))
    if known is not None:
        return known
    model = load(name)
    found = checksum_of(model)
    if found != checksum:
        raise ModelError(
            f"The face model {name!r} of this installation is not the one that the result was made with "
            f"(found {found[:12]}, expected {checksum[:12]}). Use the same version of lineament, or the same "
            f"model file, on both sides."
        )
    _here[name, checksum] = model
    return model


def arrived_mesh(load: Loader, name: str, checksum: str) -> FaceMesh:
    """The mesh of :func:`arrived_model`."""
    return arrived_model(load, name, checksum).mesh


def checksum_of(model: MorphableModel) -> str:
    """Hexadecimal SHA-256 of all that a face of the model depends on."""
    digest = hashlib.sha256()
    for array in (
        model.neutral_model,
        model.identity_basis,
        model.expression_basis,
        model.triangles,
        model.uv,
    ):
        _add(digest, array)
    for name in sorted(model.schemes):
        _add_scheme(digest, model.schemes[name])
    texts = (model.name, *model.expression_names, model.expression_bounds, sorted(model.parts.items()))
    digest.update(repr(texts).encode())
    return digest.hexdigest()


def _add_scheme(digest: hashlib._Hash, scheme: LandmarkScheme) -> None:
    digest.update(scheme.name.encode())
    offsets = (
        scheme.offset_model,
        scheme.identity_offset,
        scheme.expression_offset,
        scheme.turn_offset,
    )
    for array in (scheme.vertex_index, scheme.weights, *offsets):
        _add(digest, array)


def _add(digest: hashlib._Hash, array: np.ndarray | None) -> None:
    """An array's type, shape and values."""
    if array is None:
        digest.update(b"none")
        return
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    # Bases lie with the modes innermost; in that order they are hashed without a copy.
    digest.update(np.ascontiguousarray(np.moveaxis(array, 0, -1) if array.ndim == 3 else array).data)
