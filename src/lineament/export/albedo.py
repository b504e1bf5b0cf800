"""The colours of a face itself, without the light of the photo, as a texture for meshes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.errors import ExportError
from lineament.export.texture_completion import fill_smoothly
from lineament.result import FaceResult


def knows_albedo(face: FaceResult) -> bool:
    """Whether a result knows the face's own colours: refined faces do, and those of weights with colours."""
    return hasattr(type(face), "albedo")


def albedo_texture(face: FaceResult, *, size: int | None = None) -> NDArray[np.uint8]:
    """The delit texture of a face, for `export_glb` and `export_obj`.

    Args:
        face: a result that has an albedo, such as :class:`lineament.methods.dff_face.DffResult`.
        size: S, texels along a side; None takes the texture model's own, which is all that is known.

    Returns:
        (S, S, 3) uint8 on the mesh's chart (right and down from the corner, as the mesh's `uv`), smooth
        beyond the chart's border.

    Raises:
        ExportError: the result knows no albedo, or is not finite.
    """
    if not knows_albedo(face):
        raise ExportError(
            f"A {type(face).__name__} knows nothing of the face's own colours. Refine it first "
            f"(`aligner.refine(photo, face)`, `--refine 30`), or take the photo's texture."
        )
    if not face.is_finite:
        raise ExportError("The face has values that are not finite: it has no texture.")
    albedo: NDArray[np.float32] = face.albedo  # type: ignore[attr-defined]
    known: NDArray[np.bool_] = face.colors.texture.mask  # type: ignore[attr-defined]
    whole = np.clip(fill_smoothly(albedo, known[..., None].astype(np.float32)), 0, 1)
    pixels = np.rint(255 * whole).astype(np.uint8)
    if size is None or size == len(pixels):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC))
