"""What is known of every face, and of the photo it is on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.errors import ConfigError, LineamentError
from lineament.face_values import face_values
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.face_mesh import FaceMesh, LandmarkScheme, Recipe, init_values, whole
from lineament.geometry.landmark_neighbours import scheme_neighbours
from lineament.geometry.raster import rasterize_values, visible_vertices
from lineament.result.face_mask import FaceMask

Array: TypeAlias = NDArray[Any]
Extended = TypeVar("Extended", bound="FaceResult")

DEFAULT_SCHEME = "300w-lp"
"""The landmarks that methods find and crops are cut by: 68 points with the hidden side of the jaw, as 300W-LP
labels them. AFLW2000-3D is measured with them."""

LANDMARKS = "ibug-68"
"""The landmarks that an aligner puts into `landmarks_image`: 68 points where people set them."""


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A face found in the photo.

    Attributes:
        box_xyxy: (4,) float32 left, top, right, bottom in px: the upright box of the 68 landmarks, hidden
            side included.
        score: 0..1.
        roll: radians, counter-clockwise to the viewer; roughly.
    """

    box_xyxy: Array
    score: float
    roll: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """How the head is turned, and where it is in the photo.

    Attributes:
        rotation: (3, 3) of the model frame, ``Rx(pitch) @ Ry(yaw) @ Rz(roll)``.
        yaw: radians; positive turns the nose to the viewer's right.
        pitch: radians; positive lowers the nose.
        roll: radians; positive is counter-clockwise to the viewer.
        scale: image px per mm.
        translation: (3,) px, where the model's origin falls in the photo; its depth is arbitrary.
    """

    rotation: Array
    yaw: float
    pitch: float
    roll: float
    scale: float
    translation: Array

    @classmethod
    def of_camera(cls, camera: WeakPerspective) -> Pose:
        """The pose that a camera of the photo sees."""
        angles = camera.angles
        return cls(
            rotation=camera.rotation,
            yaw=float(angles.yaw),
            pitch=float(angles.pitch),
            roll=float(angles.roll),
            scale=camera.scale,
            translation=camera.translation,
        )

    @property
    def angles_deg(self) -> tuple[float, float, float]:
        """Yaw, pitch and roll in degrees, for people to read."""
        return math.degrees(self.yaw), math.degrees(self.pitch), math.degrees(self.roll)


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class FaceResult:
    """One aligned face: what every method gives.

    A face that was asked for by its box, but for which the network gave NaN or infinity, is NaN throughout
    and not :attr:`is_finite`; among faces that a detector found there is none such.

    Attributes:
        detection: where the face was found, or the box that was given.
        crop_box: the crop the face was last predicted from.
        camera: maps the model frame into the photo.
        landmarks_image: (P, 3) float32 px; depth in px too, growing away from the viewer.
        landmark_scheme: which landmarks these are.
        vertices_image: (N, 3) float32 px, the dense face.
        mesh: what all faces of its topology share: triangles, chart, parts, landmark schemes.
        uncertainty_mm: how far off the 68 landmarks are expected to be on average, mm on the head; most faces
            have less than 4, what is no face about 30. Of methods that have not learned it, how far
            predictions of the face and of its mirror image are apart; None where there is neither.
        shown: what the occlusion network of close-ups saw in front of the face: hands, hair, masks, people;
            None where none has looked. Methods that look themselves have their :attr:`own_mask` beside it.
    """

    detection: Detection
    crop_box: CropBox
    camera: WeakPerspective
    landmarks_image: Array
    landmark_scheme: str
    vertices_image: Array
    mesh: FaceMesh
    uncertainty_mm: float | None = None
    shown: FaceMask | None = None
    _found: ClassVar[tuple[str, ...]] = ("landmarks_image", "vertices_image")
    """Fields that a network or a fit gives as arrays or numbers, but camera and uncertainty."""
    _beside: ClassVar[tuple[str, ...]] = ()
    """Arrays that a method gives beside these, which need not be finite in a face that is believed."""
    _visibility: Array | None = field(default=None, init=False)
    _landmark_visibility: Array | None = field(default=None, init=False)

    def __repr__(self) -> str:
        """Where, how turned, how certain."""
        yaw, pitch, roll = self.pose.angles_deg
        left, top, right, bottom = np.asarray(self.detection.box_xyxy).round().astype(int).tolist()
        doubt = "" if self.uncertainty_mm is None else f"uncertainty={self.uncertainty_mm:.1f} mm, "
        return (
            f"{type(self).__name__}(box=({left}, {top}, {right}, {bottom}), "
            f"score={self.detection.score:.2f}, {doubt}yaw={yaw:.0f}°, pitch={pitch:.0f}°, roll={roll:.0f}°, "
            f"landmarks={len(self.landmarks_image)}, vertices={len(self.vertices_image)})"
        )

    def __reduce__(self) -> Recipe:
        """Pickled and copied without what is found again when asked for."""
        return whole(self)

    @property
    def pose(self) -> Pose:
        """How the head is turned, and where it is in the photo."""
        return Pose.of_camera(self.camera)

    @property
    def triangles(self) -> Array:
        """(M, 3) int32, counter-clockwise seen from outside."""
        return self.mesh.triangles

    @property
    def vertices_model(self) -> Array:
        """(N, 3) float32 mm, frame `model`: the face itself, not turned, with its expression."""
        return self.camera.model_from_image(self.vertices_image)

    @property
    def is_finite(self) -> bool:
        """Whether all values are numbers; False where the method failed on a box that was given."""
        uncertainty = 0.0 if self.uncertainty_mm is None else self.uncertainty_mm
        if not (math.isfinite(uncertainty) and math.isfinite(self.camera.scale)):
            return False
        values = [getattr(self, name) for name in self._found]
        return all(
            bool(np.isfinite(value).all())
            for value in (self.camera.rotation, self.camera.translation, *values)
        )

    def without_values(self) -> Self:
        """The same face with NaN for all that a network said, so that nothing of it can be believed."""
        camera = WeakPerspective(np.full((3, 3), np.nan), math.nan, np.full(3, np.nan))
        found = {name: getattr(self, name) for name in (*self._found, *self._beside)}
        values: dict[str, Any] = {
            name: np.full_like(value, np.nan) if isinstance(value, np.ndarray) else math.nan
            for name, value in found.items()
        }
        return replace(self, camera=camera, uncertainty_mm=math.nan, shown=None, **values)

    @property
    def visibility(self) -> Array:
        """(N,) float32 in 0..1: 0 where a vertex is hidden, between at silhouettes.

        By the head itself, which follows from the mesh, and by what is in front of the face where somebody
        looked for that (:attr:`sees_occluders`): with weights that do not, a vertex behind a hand counts as
        visible. Found once, when first asked for.
        """
        if self._visibility is None:
            visibility = self._visibility_of(None)
            object.__setattr__(self, "_visibility", visibility)
            return visibility
        return self._visibility

    def _visibility_of(self, vertices: NDArray[np.integer] | None) -> Array:
        """(K,) :attr:`visibility` of some vertices, which is quicker; None takes all."""
        visibility = visible_vertices(self.vertices_image, self.triangles, of=vertices)
        mask = self.own_mask if self.shown is None else self.shown
        if mask is not None:
            places = self.vertices_image if vertices is None else self.vertices_image[vertices]
            visibility *= mask.at(places, extended=mask is self.shown)
        return visibility

    @property
    def own_mask(self) -> FaceMask | None:
        """Where the method's own network sees the face, as its paper has it; None of methods without one.

        :attr:`visibility` and :meth:`face_mask` are by it where close-ups lend no better look
        (:attr:`shown`); ``replace(face, shown=None)`` has them by it alone.
        """
        return None

    @property
    def sees_occluders(self) -> bool:
        """Whether somebody looked for what is in front of the face, so that visibility and mask know it."""
        return self.shown is not None or self.own_mask is not None

    @property
    def landmark_visibility(self) -> Array:
        """(P,) float32 in 0..1 for `landmarks_image`: 0 where a landmark is hidden, as :attr:`visibility`.

        That of the most visible vertex near each landmark: landmarks lie on silhouettes and in corners, where
        the visibility of vertices ends. Found once, when first asked for, without that of all vertices.
        """
        if self._landmark_visibility is None:
            visibility = self._found_landmark_visibility()
            object.__setattr__(self, "_landmark_visibility", visibility)
            return visibility
        return self._landmark_visibility

    def _found_landmark_visibility(self) -> Array:
        """See :attr:`landmark_visibility`."""
        scheme = self.mesh.schemes.get(self.landmark_scheme)
        if scheme is None or len(scheme.vertex_index) != len(self.landmarks_image):
            return np.ones(len(self.landmarks_image), np.float32)
        if not self.is_finite:
            return np.full(len(self.landmarks_image), np.nan, np.float32)
        near = scheme_neighbours(self.mesh, self.landmark_scheme)
        known = self._visibility
        found = self._visibility_of(near.vertices) if known is None else known[near.vertices]
        visibility: Array = np.maximum.reduceat(found, near.starts)
        return visibility

    def face_mask(self, size_hw: tuple[int, int]) -> Array:
        """(H, W) float32 in 0..1: where a photo of that size shows the skin of this face.

        Inside the mesh's outline, and not behind a hand, hair or anything else where somebody looked for that
        (:attr:`sees_occluders`). Where the method's own network alone has looked, its mask as it is.

        Args:
            size_hw: height and width of the photo, px.
        """
        if not self.is_finite:
            return np.full(size_hw, np.nan, np.float32)
        own = self.own_mask
        if own is not None and self.shown is None:
            return own.over(size_hw)
        skin = self.triangles[slice(*self.mesh.parts.get("face", (0, len(self.triangles))))]
        inside, _ = rasterize_values(
            self.vertices_image, skin, np.zeros((len(self.vertices_image), 1)), size_hw=size_hw
        )
        mask = inside.astype(np.float32)
        if self.shown is not None:
            row, column = np.nonzero(inside)
            mask[inside] = self.shown.at(np.stack([column, row], axis=1) + 0.5, extended=True)
        return mask

    def to_dict(self, *, targets: str = "arkit") -> dict[str, Any]:
        """The face as plain values, under the names of ``docs/json.md``: what its JSON says of it.

        Args:
            targets: names of `blendshapes`: "arkit" for ARKit's 52, "all" for the face model's own.

        Raises:
            ConfigError: other targets.
        """
        return face_values(self, targets=targets)

    def landmarks(self, scheme: str = DEFAULT_SCHEME) -> Array:
        """(P, 3) float32 px of the photo: the landmarks of one of ``mesh.schemes``.

        Those of `landmark_scheme` are `landmarks_image`, which a method may have found by themselves; others
        lie on the mesh, moved as their convention has them.

        Args:
            scheme: such as "300w-lp" (as 300W-LP and AFLW2000-3D label them), "ibug-68" (where people set
                them) or "lfm-68" (as registered on the mesh).

        Raises:
            ConfigError: the mesh has no such scheme.
        """
        if scheme == self.landmark_scheme:
            return self.landmarks_image
        return self._landmarks_on_mesh(scheme)

    def with_landmarks(self, scheme: str) -> Self:
        """The same face whose `landmarks_image` are those of another scheme.

        Where a method found its landmarks by themselves, beside the mesh, the others are moved as far as its
        own lie from the mesh.

        Raises:
            ConfigError: the mesh has no such scheme.
        """
        if scheme == self.landmark_scheme:
            return self
        points = self._landmarks_on_mesh(scheme)
        if self.landmark_scheme in self.mesh.schemes and points.shape == self.landmarks_image.shape:
            points = points + (self.landmarks_image - self._landmarks_on_mesh(self.landmark_scheme))
        return replace(self, landmarks_image=points.astype(np.float32), landmark_scheme=scheme)

    def _landmarks_on_mesh(self, scheme: str) -> Array:
        """(P, 3) float32 px of the photo."""
        layout = self.mesh.schemes.get(scheme)
        if layout is None:
            raise ConfigError(
                f"The face model {self.mesh.name!r} has no landmark scheme {scheme!r}. "
                f"Choose from {', '.join(sorted(self.mesh.schemes))}."
            )
        return self._image_from_model(self.points_model(layout))

    def _image_from_model(self, points: Array) -> Array:
        return self.camera.image_from_model(points)

    def points_model(self, layout: LandmarkScheme) -> Array:
        """(P, 3) float32 mm, frame `model`: the landmarks of a scheme on this face's mesh."""
        return layout.moved(self._points_on_mesh(layout), rotation=self.camera.rotation)

    def _points_on_mesh(self, layout: LandmarkScheme) -> Array:
        """(P, 3) mm, frame `model`; a weak-perspective camera keeps barycentric weights."""
        return self.camera.model_from_image(layout.points_on(self.vertices_image))


def extended(face: FaceResult, kind: type[Extended], **own: Any) -> Extended:  # noqa: ANN401 - its fields
    """The same face as the result of a method that says more of it.

    Args:
        face: what every method of its family gives.
        kind: a child of its class.
        **own: the fields that this has beside.
    """
    return kind(**init_values(face), **own)


@dataclass(frozen=True, slots=True, eq=False)
class AlignedPhoto:
    """One photo of many: its faces, or why it has none.

    Attributes:
        source: what was given.
        faces: the faces found, best first; empty when there are none or the photo could not be read.
        error: what went wrong with this photo, or None.
    """

    source: object
    faces: list[FaceResult]
    error: LineamentError | None = None
