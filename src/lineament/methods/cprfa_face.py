"""What CPRFA says of a face: coefficients and pose, and beside them what each pixel shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.geometry.raster import visible_vertices
from lineament.methods.cprfa_points import FaceCodes, Retrieval, nearest_vertices
from lineament.methods.estimate import MorphableEstimate
from lineament.result import Detection, MorphableResult
from lineament.result.face import extended
from lineament.result.face_mask import FaceMask

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Correspondence:
    """Which point of the head each of S x S pixels of a crop shows.

    Attributes:
        code: (S, S, 3) float32 in 0..1, place on the mean face (PNCC), x, y, z of the model frame; it means
            nothing where the mask is low.
        mask: (S, S) float32 in 0..1, whether the skin of the face is seen.
        vertex: (S, S) int, the nearest vertex of the mesh; -1 where none is near or no face is seen.
        crop_box: where the pixels lie in the photo.
    """

    code: Array
    mask: Array
    vertex: Array
    crop_box: CropBox

    def at(self, points_image: Array) -> tuple[Array, NDArray[np.bool_]]:
        """(P, 3) codes at (P, 2) px of the photo, and (P,) whether the face is seen there."""
        size = len(self.mask)
        places = self.crop_box.resized(size).crop_from_image(np.asarray(points_image, np.float64)[:, :2])
        inside = np.asarray(((places >= 0) & (places < size)).all(axis=1))
        column, row = np.where(inside[:, None], places, 0).astype(np.int64).T
        return self.code[row, column], inside & (self.mask[row, column] > 0.5)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class CprfaResult(MorphableResult):
    """A face of CPRFA.

    Attributes:
        crop_code: (S, S, 3) float32, see :class:`Correspondence`.
        crop_mask: (S, S) float32.
        detected_image: (N, 2) float32 px of the photo, where vertices were detected; NaN for the others.
        seen: (N,) float32 in 0..1: 1 for detected vertices, of the others the share of their neighbours that
            are; NaN for eyes and mouth, which are not looked for.
        chosen_vertices: (C,) int, the vertices whose matrices are compared.
        solver: what made the face of them: "cpr", "least_squares" or "pnp".
        reliable: False where too few vertices were detected, so that the face is only where the crop is.
        retrieval: how vertices were found.
    """

    crop_code: Array
    crop_mask: Array
    detected_image: Array
    seen: Array
    chosen_vertices: Array
    solver: str
    reliable: bool
    retrieval: Retrieval = Retrieval()
    _beside: ClassVar[tuple[str, ...]] = ("crop_code", "crop_mask", "detected_image", "seen")
    _correspondence: Correspondence | None = field(default=None, init=False)

    @property
    def detected(self) -> NDArray[np.bool_]:
        """(N,) which vertices were detected."""
        return np.isfinite(self.detected_image[:, 0])

    @property
    def correspondence(self) -> Correspondence:
        """Code and vertex of each pixel of the crop; found once, when first asked for."""
        if self._correspondence is None:
            code, mask = self.crop_code, np.nan_to_num(self.crop_mask)
            codes = FaceCodes.of(self.mesh)
            place = nearest_vertices(np.moveaxis(code, -1, 0), mask, codes, self.retrieval)
            vertex = np.where(place >= 0, codes.vertex[np.maximum(place, 0)], -1)
            found = Correspondence(code, mask, vertex, self.crop_box.resized(len(mask)))
            object.__setattr__(self, "_correspondence", found)
            return found
        return self._correspondence

    @property
    def own_mask(self) -> FaceMask:
        """See :attr:`FaceResult.own_mask`: :attr:`crop_mask` over its crop."""
        return FaceMask(self.crop_mask, self.crop_box)

    def _visibility_of(self, vertices: NDArray[np.integer] | None) -> Array:
        """See :class:`FaceResult`; by the maps alone :attr:`seen`, of eyes and mouth whether the head itself
        hides them.
        """  # noqa: D205
        if self.shown is not None:
            return MorphableResult._visibility_of(self, vertices)
        own = visible_vertices(self.vertices_image, self.triangles, of=vertices)
        seen = self.seen if vertices is None else self.seen[vertices]
        return np.where(np.isfinite(seen), seen, own).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CprfaEstimate(MorphableEstimate):
    """An estimate of CPRFA; attributes as of :class:`CprfaResult`."""

    crop_code: Array
    crop_mask: Array
    detected_image: Array
    seen: Array
    chosen_vertices: Array
    solver: str
    reliable: bool
    retrieval: Retrieval

    def result(self, *, crop_box: CropBox, detection: Detection) -> CprfaResult:
        """The whole face."""
        plain = MorphableEstimate.result(self, crop_box=crop_box, detection=detection)
        return extended(
            plain,
            CprfaResult,
            crop_code=self.crop_code,
            crop_mask=self.crop_mask,
            detected_image=self.detected_image,
            seen=self.seen,
            chosen_vertices=self.chosen_vertices,
            solver=self.solver,
            reliable=self.reliable,
            retrieval=self.retrieval,
        )
