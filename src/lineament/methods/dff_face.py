"""What Zhou and Huang's method says of a face: shape, a camera at a distance, colours and light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.errors import ConfigError
from lineament.geometry.face_mesh import LandmarkScheme, Recipe
from lineament.geometry.harmonics import harmonics
from lineament.geometry.mesh import vertex_normals
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.perspective import Perspective
from lineament.geometry.raster import rasterize_values
from lineament.geometry.uv import UvMap, make_uv_map
from lineament.methods.coefficient_update import FaceState
from lineament.methods.estimate import Estimate, all_coefficients
from lineament.models import load_model
from lineament.models.texture import TextureModel, load_texture_model
from lineament.result import DEFAULT_SCHEME, Detection, MorphableResult

Array: TypeAlias = NDArray[Any]

LIGHT = (9, 3)
"""Coefficients of :func:`lineament.geometry.harmonics.harmonics`, by channel."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaceColors:
    """The texture model on a face model's mesh; made once, shared by all results.

    Attributes:
        model_name: of the face model.
        texture: the texture model.
        triangles: (M, 3) of the skin.
        chart: of the skin, as large as the texture model's maps.
    """

    model_name: str
    texture: TextureModel
    triangles: Array
    chart: UvMap

    def __reduce__(self) -> Recipe:
        """Pickled as the names that it is loaded by: results are small."""
        return loaded_colors, (self.model_name,)

    def __copy__(self) -> FaceColors:
        """The same: it never changes."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FaceColors:
        """The same: it never changes."""
        return self

    @classmethod
    def of(cls, model: MorphableModel, texture: TextureModel) -> Self:
        """The colours of a face model.

        Raises:
            ValueError: the texture is of another mesh, or the model has no chart.
        """
        if model.uv is None or len(texture.vertex_uv) != len(model.neutral_model):
            raise ValueError(
                f"The texture model {texture.name!r} is for {len(texture.vertex_uv)} vertices with a chart; "
                f"the face model {model.name!r} has {len(model.neutral_model)}"
                f"{'' if model.uv is not None else ' and no chart'}."
            )
        first, last = model.parts.get("face", (0, len(model.triangles)))
        skin = model.triangles[first:last]
        return cls(model.name, texture, skin, make_uv_map(model.uv, skin, size=texture.size))


def loaded_colors(model_name: str) -> FaceColors:
    """The installed textures on a face model."""
    return FaceColors.of(load_model(model_name), load_texture_model())


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class DffResult(MorphableResult):
    """A face with its colours and the light on it.

    ``vertices_image`` and ``landmarks_image`` are what the perspective camera sees; ``camera`` and ``pose``
    are the weak-perspective ones of the same pose, exact at the depth of the model's origin.

    Attributes:
        focal_px: focal length of the perspective camera, px of the photo; None where the weights have a
            weak-perspective one. It is the customary one of a head that fills a picture, not the photo's own.
        principal_xy: (2,) px, where that camera's axis meets the photo: the middle of the crop.
        texture_coefficients: (T,) float32, standard deviations.
        light: (9, 3) float32, coefficients of the harmonics, by channel, as the camera sees directions.
        colors: the texture model on the mesh.
    """

    focal_px: float | None
    principal_xy: Array
    texture_coefficients: Array
    light: Array
    colors: FaceColors
    _beside: ClassVar[tuple[str, ...]] = ("texture_coefficients", "light")

    @property
    def distance_mm(self) -> float | None:
        """How far the head is from the camera under the focal length that is assumed; None without one."""
        return None if self.focal_px is None else self.focal_px / self.camera.scale

    @property
    def perspective(self) -> Perspective | None:
        """The perspective camera; None where the weights have a weak-perspective one."""
        if self.focal_px is None:
            return None
        return Perspective.of_weak(self.camera, focal_px=self.focal_px, center_xy=self.principal_xy)

    @property
    def vertices_model(self) -> Array:
        """See :attr:`FaceResult.vertices_model`: without the distortion of perspective."""
        return (self.perspective or self.camera).model_from_image(self.vertices_image)

    def _image_from_model(self, points: Array) -> Array:
        return (self.perspective or self.camera).image_from_model(points).astype(np.float32)

    def _points_on_mesh(self, layout: LandmarkScheme) -> Array:
        return layout.points_on(self.vertices_model)

    @property
    def albedo(self) -> NDArray[np.float32]:
        """(S, S, 3) in 0..1 on the chart: the face's own colours without light, as photographs have them."""
        return np.clip(self.colors.texture.uv_map(self.texture_coefficients), 0, 1)

    def irradiance(self, light: Array | None = None) -> Array:
        """(N, 3) light that falls on the vertices; what multiplies their colours.

        Args:
            light: (9, 3); the photo's own when None.

        Raises:
            ConfigError: it has another shape, or values that are not finite.
        """
        normals = vertex_normals(self.vertices_model.astype(np.float64), self.triangles)
        return harmonics(normals @ np.asarray(self.camera.rotation).T) @ self._checked(light)

    def vertex_colors(self, light: Array | None = None) -> Array:
        """(N, 3) in 0..1 lit colours of the vertices; see :meth:`irradiance`."""
        albedo = self.colors.texture.vertex_colors(self.texture_coefficients)
        return np.clip(albedo * self.irradiance(light), 0, 1)

    def relit(self, light: Array) -> NDArray[np.float32]:
        """(S, S, 3) in 0..1 on the chart: the face's colours in another light.

        Args:
            light: (9, 3) coefficients of :func:`lineament.geometry.harmonics.harmonics`, by channel;
                directions as the camera sees them. Coefficients of the photo's own light give back its look.

        Raises:
            ConfigError: it has another shape, or values that are not finite.
        """
        shade = self.colors.chart.position_map(self.irradiance(light))
        return np.asarray(np.clip(self.albedo * shade, 0, 1), np.float32)

    def rendered(
        self, size_hw: tuple[int, int], *, light: Array | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The face as it would be photographed.

        Args:
            size_hw: height and width of the photo, px.
            light: see :meth:`irradiance`.

        Returns:
            (H, W, 3) float32 RGB in 0..1, zero where no skin is, and (H, W) bool, where it is.
        """
        values, skin = self.vertex_colors(light), self.colors.triangles
        mask, bands = rasterize_values(self.vertices_image, skin, values, size_hw=size_hw, both_sides=False)
        return np.moveaxis(bands, 0, -1), mask

    def own_values(self) -> dict[str, Any]:
        """What files say of it beside what they say of every face; NaN for what is not known."""
        return {
            "light": self.light,
            "texture_coefficients": self.texture_coefficients,
            "focal_px": np.nan if self.focal_px is None else self.focal_px,
            "distance_mm": np.nan if self.distance_mm is None else self.distance_mm,
        }

    def _checked(self, light: Array | None) -> Array:
        given = np.asarray(self.light if light is None else light, np.float64)
        if given.shape != LIGHT or (light is not None and not np.isfinite(given).all()):
            raise ConfigError(
                f"Light is {LIGHT} finite coefficients, nine harmonics by three channels; found shape "
                f"{given.shape}. Begin with face.light and change it."
            )
        return given


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DffEstimate(Estimate):
    """A face of the network's numbers.

    Attributes:
        model: whose coefficients they are.
        identity: (K,).
        expression: (E,).
        perspective: the camera of the photo; None where the weights have a weak-perspective one.
        texture: (T,).
        light: (9, 3).
        colors: see :class:`DffResult`.
    """

    model: MorphableModel
    identity: Array
    expression: Array
    perspective: Perspective | None
    texture: Array
    light: Array
    colors: FaceColors

    def _numbers(self) -> tuple[Array, ...]:
        """See :class:`Estimate`."""
        return (*Estimate._numbers(self), self.identity, self.expression, self.texture, self.light)

    def state(self) -> FaceState:
        """See :meth:`Estimate.state`; its vertices are where the perspective camera sees them."""
        camera = self.perspective or self.camera
        vertices = camera.image_from_model(self.model.vertices_model(self.identity, self.expression))
        coefficients = all_coefficients(self.model, self.identity, self.expression)
        return FaceState(self.camera, *coefficients, vertices)

    def moved_to(self, state: FaceState) -> Self:
        """See :meth:`Estimate.moved_to`; the focal length stays."""
        perspective = self.perspective and Perspective.of_weak(
            state.camera, focal_px=self.perspective.focal_px, center_xy=self.perspective.center_xy
        )
        points = self.model.landmark_points(DEFAULT_SCHEME)
        landmarks = (perspective or state.camera).image_from_model(
            points.vertices_model(state.identity, state.expression)
        )
        return replace(
            self,
            camera=state.camera,
            perspective=perspective,
            identity=state.identity,
            expression=state.expression,
            landmarks_image=landmarks,
        )

    def result(self, *, crop_box: CropBox, detection: Detection) -> DffResult:
        """The whole face."""
        vertices = self.model.vertices_model(self.identity, self.expression)
        layout: LandmarkScheme = self.model.schemes[DEFAULT_SCHEME]
        landmarks = layout.points_model(vertices, self.identity, self.expression)
        camera = self.perspective or self.camera
        focal = None if self.perspective is None else self.perspective.focal_px
        center = crop_box.center_xy if self.perspective is None else self.perspective.center_xy
        return DffResult(
            detection=detection,
            crop_box=crop_box,
            camera=self.camera,
            landmarks_image=camera.image_from_model(landmarks).astype(np.float32),
            landmark_scheme=DEFAULT_SCHEME,
            vertices_image=camera.image_from_model(vertices).astype(np.float32),
            mesh=self.model.mesh,
            uncertainty_mm=self.uncertainty_mm,
            model=self.model,
            identity=self.identity,
            expression=self.expression,
            focal_px=focal,
            principal_xy=np.asarray(center, np.float64),
            texture_coefficients=self.texture,
            light=self.light,
            colors=self.colors,
            shown=self.shown,
        )
