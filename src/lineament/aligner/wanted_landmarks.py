"""The scheme of landmarks that an aligner's results are to have, and what faces without it keep."""

from __future__ import annotations

from lineament.errors import ConfigError
from lineament.methods.method import MeshMethod, Method
from lineament.result import LANDMARKS, FaceResult


def check_scheme(wanted: str | None, method: Method) -> None:
    """Refuse a scheme that no face of a method will have, as far as the method says whose faces it gives.

    Args:
        wanted: name of a scheme; None for the landmarks that the method finds. The usual one
            (:data:`lineament.result.LANDMARKS`) is never refused: faces without it keep the method's.
        method: whose faces they will be.

    Raises:
        ConfigError: it is no name, or the face model has no such scheme.
    """
    if wanted is None or wanted == LANDMARKS:
        return
    if not isinstance(wanted, str):
        raise ConfigError(
            f"landmarks is the name of a scheme, such as {LANDMARKS!r}, or None for those that the method "
            f"finds; found {type(wanted).__name__}."
        )
    if isinstance(method, MeshMethod) and wanted not in method.model.schemes:
        raise ConfigError(
            f"The face model {method.model.name!r} has no landmark scheme {wanted!r}. "
            f"Choose from {', '.join(sorted(method.model.schemes))}, or None for those that the method finds."
        )


def with_scheme(face: FaceResult, wanted: str | None) -> FaceResult:
    """The face with the landmarks of a scheme; its own where none is wanted, or its mesh lacks the usual one.

    Raises:
        ConfigError: its mesh has no such scheme.
    """
    if wanted is None or (wanted == LANDMARKS and wanted not in face.mesh.schemes):
        return face
    return face.with_landmarks(wanted)
