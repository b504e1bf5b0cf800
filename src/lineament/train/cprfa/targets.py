"""What worker processes make of each crop for HS-U-Net: codes of the skin that is seen, and a mask.

The opening of the mouth has no code: a membrane's would be mixed of both lips'. That of the lids has one; it
is as wide as a detection's radius.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.zbuffer import draw_mesh, facing_mask, interpolate
from lineament.data.labels.label_surface import SKULL_MM, LabelSurface, closing_membranes
from lineament.data.labels.targets import PosedFace, posed
from lineament.data.samples.face_labels import FaceLabels
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.uv import Region
from lineament.methods.cprfa_pose import UnitFrame
from lineament.models.regions import SCHEME, face_regions

Array = NDArray[Any]

CODE, FACE, DEPTH = "code", "face_mask", "depth"
SURFACE_SIZE = 64
"""Of the surface's own chart, which these targets do not use."""
SkinRegion = Literal["full", "face"]


@dataclass(frozen=True, slots=True)
class CprfaTargets:
    """A :class:`lineament.data.labels.target_generator.TargetConfig`.

    "code" (3, S, S) float32 in 0..1, zero where no face is; "face_mask" (S, S) bool, where the skin is seen;
    with `depth` "depth" (S, S) float32, toward the viewer from the middle of the mean's landmarks, in
    crop sides.

    Attributes:
        depth: whether there is a depth.
        margin: of crops, for the frame of the depth.
        region: "full" keeps neck and ears, "face" leaves out what lies below the jaw.
    """

    depth: bool = False
    margin: float = 1.5
    region: SkinRegion = "full"

    def open(self, model: MorphableModel) -> CprfaTargetMaker:
        """The maker, with its tables of a face model."""
        return CprfaTargetMaker(
            LabelSurface.of(model, size=SURFACE_SIZE),
            UnitFrame.of(model.mesh, self.margin) if self.depth else None,
            region=self.region,
        )


class CprfaTargetMaker:
    """Makes the maps of one crop.

    Args:
        surface: of the face model.
        frame: of depths; None where none are made.
        region: see :class:`CprfaTargets`.
    """

    def __init__(
        self, surface: LabelSurface, frame: UnitFrame | None, *, region: SkinRegion = "full"
    ) -> None:
        self._surface, self._frame = surface, frame
        self._coded = coded_triangles(surface, region)

    def make(self, labels: FaceLabels, crop_size: int) -> dict[str, Array]:
        """The maps by name; zeros where the labels have no coefficients."""
        shape = (crop_size, crop_size)
        if not labels.has_coefficients:
            made: dict[str, Array] = {CODE: np.zeros((3, *shape), np.float32), FACE: np.zeros(shape, bool)}
            return made if self._frame is None else made | {DEPTH: np.zeros(shape, np.float32)}
        face = posed(labels, self._surface.model, size_hw=shape)
        code, depth, seen = self._drawn(face)
        made = {CODE: np.ascontiguousarray(np.moveaxis(code, -1, 0)), FACE: seen}
        if self._frame is None:
            return made
        middle = face.camera.image_from_model(self._frame.center_mm)[2]
        return made | {DEPTH: np.where(seen, (middle - depth) / crop_size, 0).astype(np.float32)}

    def _drawn(self, face: PosedFace) -> tuple[Array, Array, NDArray[np.bool_]]:
        """(S, S, 3) codes, (S, S) depths in px and where they are seen."""
        surface = self._surface
        apex = face.vertices_image[surface.border].mean(axis=0)
        apex = apex + face.camera.image_from_model_matrix @ [0, 0, -SKULL_MM]
        vertices = np.concatenate([face.vertices_image, apex[None]])
        raster = draw_mesh(vertices, surface.solid, size_hw=face.size_hw)
        seen = facing_mask(raster, surface.solid, vertices)
        seen &= self._coded[raster.triangle_index]  # -1 is the last of the skull's, which has no code
        raster.triangle_index[~seen] = -1
        code = interpolate(raster, surface.solid, np.concatenate([surface.ncc, np.zeros((1, 3), np.float32)]))
        return code, raster.depth, seen if face.occlusion is None else seen & ~face.occlusion


def coded_triangles(surface: LabelSurface, region: SkinRegion) -> NDArray[np.bool_]:
    """(M,) which triangles of the solid have codes: the skin's, and the membranes' but the mouth's."""
    coded = np.zeros(len(surface.solid), bool)
    coded[: len(surface.triangles)] = True
    first = surface.skin_count
    membranes = closing_membranes(surface.triangles[:first], surface.uv)
    if membranes:
        lowest = max(range(len(membranes)), key=lambda number: surface.uv[membranes[number], 1].mean())
        first += sum(len(each) for each in membranes[:lowest])
        coded[first : first + len(membranes[lowest])] = False
    if region == "face" and SCHEME in surface.model.schemes:
        neck = face_regions(surface.model) == int(Region.NECK)
        coded[: len(surface.triangles)] &= ~neck[surface.triangles].any(axis=1)
    return coded
