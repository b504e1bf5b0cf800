"""Dense labels of a fitted face, made on the fly: points, maps over the picture, maps over the chart.

Order of work: :func:`posed` once, then what a method needs of it::

    surface = LabelSurface.of(model)            # once a process
    face = posed(sample.labels, model, size_hw=sample.size_hw)
    face.landmarks_image("300w-lp")             # 68 points
    image_maps(face, surface)                   # correspondence, depth, segmentation, PNCC
    position_map(face, surface)                 # and shape_map, offset_map

All is in lineament's own frames and units; :mod:`lineament.data.labels.paper_units` gives what the papers
print.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.drawing.zbuffer import draw_mesh, facing_mask, interpolate, vertex_visibility
from lineament.data.labels.label_surface import SKULL_MM, LabelSurface
from lineament.data.samples.face_labels import FaceLabels
from lineament.errors import DataError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]
Mask = NDArray[np.bool_]


class Segment(IntEnum):
    """What a pixel shows."""

    BACKGROUND = 0
    FACE = 1
    OCCLUDER = 2


@dataclass(frozen=True, slots=True, repr=False)
class PosedFace:
    """The mesh of a fitted face.

    Attributes:
        camera: of the head in the picture.
        identity: (K,).
        expression: (E,).
        occlusion: (H, W) bool, what hides the head; None where nothing does.
        size_hw: of the picture, px.
        model: the face model of the coefficients.
        vertices_model: (N, 3) float32, mm, model frame.
        vertices_image: (N, 3) float32, px, image frame of the picture.
    """

    camera: WeakPerspective
    identity: Array
    expression: Array
    occlusion: Mask | None
    size_hw: tuple[int, int]
    model: MorphableModel
    vertices_model: Array
    vertices_image: Array

    def landmarks_model(self, scheme: str = "300w-lp") -> Array:
        """(68, 3) mm, model frame, of one scheme (3D jaw, hidden side included)."""
        return self.model.schemes[scheme].points_model(self.vertices_model, self.identity, self.expression)

    def landmarks_image(self, scheme: str = "300w-lp") -> Array:
        """(68, 3) px, image frame, of one scheme."""
        return self.camera.image_from_model(self.landmarks_model(scheme))

    def visibility(self) -> NDArray[np.float32]:
        """(N,) from 0, behind the head itself, to 1; occluders and the picture's border play no part."""
        return vertex_visibility(self.vertices_image, self.model.triangles)

    def visible_vertices(self) -> NDArray[np.float32]:
        """(N,) :meth:`visibility`, and 0 behind an occluder or outside the picture."""
        return self.visibility() * self.shown(self.vertices_image)

    def landmark_visibility(
        self, scheme: str = "300w-lp", *, visibility: Array | None = None
    ) -> NDArray[np.float32]:
        """(68,) visibility of the landmarks, from that of the corners of their triangles.

        Args:
            scheme: of the landmarks.
            visibility: (N,) what :meth:`visibility` gave, where it is at hand, or :meth:`visible_vertices`.
        """
        visible = self.visibility() if visibility is None else visibility
        layout = self.model.schemes[scheme]
        return np.einsum("pc,pc->p", visible[layout.vertex_index], layout.weights).astype(np.float32)

    def shown(self, points_image: Array) -> NDArray[np.bool_]:
        """(P,) which of (P, 2 or 3) points lie inside the picture and not behind an occluder."""
        height, width = self.size_hw
        column, row = np.floor(points_image[:, :2]).astype(np.int64).T
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        if self.occlusion is None:
            return inside
        return inside & ~self.occlusion[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]


def posed(labels: FaceLabels, model: MorphableModel, *, size_hw: tuple[int, int]) -> PosedFace:
    """The mesh of a fitted face in the model's frame and in the picture.

    Args:
        labels: of the face, with coefficients.
        model: the face model they belong to.
        size_hw: height and width of the picture, px.

    Raises:
        DataError: the labels have no coefficients.
    """
    camera, identity, expression = labels.camera, labels.identity, labels.expression
    if camera is None or identity is None or expression is None:
        raise DataError("A mesh is made of coefficients, and these labels have none: make no dense labels.")
    vertices = np.asarray(model.vertices_model(identity, expression), np.float32)
    vertices_image = camera.image_from_model(vertices)
    return PosedFace(camera, identity, expression, labels.occlusion, size_hw, model, vertices, vertices_image)


@dataclass(frozen=True, slots=True)
class ImageMaps:
    """Labels at each pixel of a picture.

    `surface` says where the first three are known, also behind occluders; `segmentation` which of it is seen.

    Attributes:
        surface: (H, W) bool, where the outside of the face's surface is nearest.
        correspondence_uv: (H, W, 2) float32 in [0, 1], place on the chart, right and down; zero elsewhere.
            DSFNet's Cor (Li et al. 2023) before its scaling.
        ncc: (H, W, 3) float32 in [0, 1], PNCC (Zhu et al. 2016), CPRFA's DAFI; zero elsewhere.
        depth: (H, W) float32, px, away from the viewer, counted as the camera's translation counts it;
            infinite elsewhere.
        segmentation: (H, W) uint8 values of :class:`Segment`.
    """

    surface: NDArray[np.bool_]
    correspondence_uv: Array
    ncc: Array
    depth: Array
    segmentation: NDArray[np.uint8]

    @property
    def face(self) -> NDArray[np.bool_]:
        """(H, W) pixels on which the face is seen."""
        return self.segmentation == Segment.FACE


def image_maps(face: PosedFace, surface: LabelSurface) -> ImageMaps:
    """All maps over the picture, from one pass of the z-buffer over the skin and its membranes."""
    into_head = face.camera.image_from_model_matrix @ [0, 0, -SKULL_MM]
    apex = face.vertices_image[surface.border].mean(axis=0) + into_head
    vertices = np.concatenate([face.vertices_image, apex[None]])
    raster = draw_mesh(vertices, surface.solid, size_hw=face.size_hw)
    outside = facing_mask(raster, surface.solid, vertices)
    outside &= raster.triangle_index < len(surface.triangles)
    raster.triangle_index[~outside] = -1
    values = interpolate(raster, surface.solid, np.concatenate([surface.uv, surface.ncc], axis=1))
    segmentation = outside.astype(np.uint8) * np.uint8(Segment.FACE)
    if face.occlusion is not None:
        segmentation[face.occlusion] = Segment.OCCLUDER
    depth = np.where(outside, raster.depth, np.float32(np.inf))
    return ImageMaps(outside, values[..., :2], values[..., 2:], depth, segmentation)


def position_map(face: PosedFace, surface: LabelSurface) -> NDArray[np.float32]:
    """(S, S, 3) px, image frame: where in the picture each texel of the chart is; zero off the chart.

    Hidden and occluded points are where the mesh has them (PRNet, Feng et al. 2018).
    """
    return surface.gather(face.vertices_image)


def shape_map(face: PosedFace, surface: LabelSurface) -> NDArray[np.float32]:
    """(S, S, 3) mm, model frame: the face without its pose, SADRNet's S; zero off the chart."""
    return surface.gather(face.vertices_model)


def offset_map(face: PosedFace, surface: LabelSurface) -> NDArray[np.float32]:
    """(S, S, 3) mm, model frame: how the face differs from `surface.mean_map` (SADRNet's D, DSFNet's Off)."""
    return surface.gather(face.vertices_model - face.model.neutral_model)
