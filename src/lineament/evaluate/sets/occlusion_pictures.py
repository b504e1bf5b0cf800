"""The three occlusion sets of DSFNet (Li et al., CVPR 2023), made of any test set, the same on every machine.

A fourth, of faces with masks on, is made alike (:mod:`.worn_masks`).

The paper measures on NOD, 127 naturally occluded faces of AFLW2000-3D that were chosen automatically; CSOD,
6,000 pictures, each of the 2,000 with three types of colour occluders; NSOD, the full set with occluders of
NatOcc (Voo et al., CVPRW 2022). No list, picture or seed was published, so figures on ours are not to be put
beside its Table 4 without saying so. Where the paper is silent:

- **CSOD**: what the three types are. Ours are the three fills of SADRNet's generator (Ruan et al. 2021), on
  whose code DSFNet was built: one grey, one colour, the three channels multiplied. Like there the last is
  shading and no occlusion: its mask is empty. Shapes are that generator's too: 1 to 3 rectangles, each of 2
  to 30 % of the crop and 0.3 to 3.33 times as wide as high, with wavy edges.
- **NSOD**: how much of a face is hidden. NatOcc pastes hands, tinted like the face's skin, and objects. We
  have neither of its collections of photographs: hands are drawn, objects are shapes filled with photographs
  that no training sees. Of the 68 landmarks' hull :data:`MIN_HIDDEN` to :data:`MAX_HIDDEN` are hidden.
- **NOD**: how faces were chosen. Where a set tells which points are hidden (COFW), that decides. Elsewhere
  the fraction of the face whose colour is not its own skin's does. It finds hair, dark glasses, paint and
  things, takes hard shadows for them and sees no hands: pass a better measure where one is at hand. The same
  share of the set is taken, 127 of 2,000.

All chance comes from the set's and the face's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.item import AnnotatedFace, Photo
from lineament.data.occlusion.drawing import Layer, Light
from lineament.data.occlusion.natural import hull_mask, unlike_skin
from lineament.data.occlusion.textures import photo_texture
from lineament.data.occlusion.things import Placing, blob, hand, polygon, rounded, textured
from lineament.data.photographs.backgrounds import (
    WITH_CARVED_FACES,
    WITH_PEOPLE,
    is_held_out,
    read_backgrounds,
)
from lineament.files import text_bytes

Array: TypeAlias = NDArray[Any]
Image8: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]

CROP_MARGIN = 1.5
"""Side of the square that takes patches over the mean side of the landmarks' box: DSFNet's crop."""
PATCH_AREA = (0.02, 0.30)
PATCH_ASPECT = (0.3, 3.33)
MAX_WAVE = 0.08
MIN_HIDDEN, MAX_HIDDEN = 0.10, 0.60
NATURAL_FRACTION = 127 / 2000
FACE_MM = 165.0
COLOR_TYPES = ("grey", "color", "tint")


@dataclass(frozen=True, slots=True)
class TestFace:
    """A face of a test set.

    Attributes:
        name: unique in the set.
        photo: opened by `photo.read()`.
        landmarks_image: (68, 2 or 3) px, image frame.
        visible: (68,) bool, or None where the set does not tell.
    """

    __test__ = False  # not a test of pytest's

    name: str
    photo: Photo
    landmarks_image: Array
    visible: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, item: AnnotatedFace) -> TestFace:
        """The face of an item with 68 landmarks."""
        return cls(item.name, item.photo, item.landmarks, item.visible)


Spoiler: TypeAlias = Callable[[Image8, Array, np.random.Generator], tuple[Image8, Mask]]
"""A picture and its mask from a picture, (68, 2) landmarks and chance."""


@dataclass(frozen=True, slots=True)
class OccludedPhoto:
    """A photograph with something in front of the face, made when it is opened: a :class:`Photo`.

    Attributes:
        photo: the photograph itself.
        landmarks_image: (68, 2 or 3) px.
        spoiler: what comes before the face.
        seed: of all chance.
    """

    photo: Photo
    landmarks_image: Array
    spoiler: Spoiler
    seed: tuple[int, ...]

    def read(self) -> Image8:
        """(H, W, 3) uint8 RGB."""
        return self.read_with_mask()[0]

    def read_with_mask(self) -> tuple[Image8, Mask]:
        """The picture and (H, W) bool, True where something hides what is behind."""
        rng = np.random.default_rng(self.seed)
        return self.spoiler(self.photo.read(), self.landmarks_image[:, :2], rng)


@dataclass(frozen=True, slots=True)
class OccludedFace:
    """A face of an occlusion set.

    Attributes:
        name: unique in it.
        source: the face it was made of; all labels but visibility are still those.
        photo: what is to be shown.
    """

    name: str
    source: TestFace
    photo: OccludedPhoto


def natural_occlusions(
    faces: Iterable[TestFace],
    *,
    fraction: float = NATURAL_FRACTION,
    measure: Callable[[Image8, Array], float] = unlike_skin,
) -> list[TestFace]:
    """NOD: the most hidden faces of a set, in the order of the set.

    Args:
        faces: of the set; photographs are read unless a face says which points are visible.
        fraction: of the set that is taken.
        measure: hidden fraction of a face from the picture and (68, 2) landmarks.
    """
    listed = list(faces)
    hidden = [
        measure(f.photo.read(), f.landmarks_image[:, :2])
        if f.visible is None
        else 1 - float(f.visible.mean())
        for f in listed
    ]
    # Stable order: of faces equally hidden the earlier one is taken.
    chosen = np.argsort(-np.array(hidden), kind="stable")[: round(fraction * len(listed))]
    return [listed[index] for index in sorted(chosen.tolist())]


def color_occlusions(faces: Iterable[TestFace]) -> Iterator[OccludedFace]:
    """CSOD: every face three times, before it patches of grey, of a colour, of tinted glass."""
    for face in faces:
        for kind in COLOR_TYPES:
            yield _occluded(face, f"{face.name}_{kind}", "csod", ColorPatches(kind))


def natural_synthetic_occlusions(
    faces: Iterable[TestFace], pictures: Sequence[Image8]
) -> Iterator[OccludedFace]:
    """NSOD: every face once, before it a hand or an object.

    Args:
        faces: of the set.
        pictures: textures that no training has seen, as :func:`held_out_pictures` gives them.
    """
    things = HandsAndObjects(tuple(pictures))
    for face in faces:
        yield _occluded(face, face.name, "nsod", things)


def mask_occlusions(faces: Iterable[TestFace], masks: Spoiler) -> Iterator[OccludedFace]:
    """A fourth set, not DSFNet's: every face once, with a mask on (:mod:`.worn_masks`)."""
    for face in faces:
        yield _occluded(face, face.name, "masks", masks)


def held_out_pictures(archive: Path) -> list[Image8]:
    """The half of a zip of backgrounds that no training sees, without people and carved faces."""
    left_out = WITH_PEOPLE | WITH_CARVED_FACES
    pictures = read_backgrounds(archive).items()
    return [picture for stem, picture in pictures if is_held_out(stem) and int(stem) not in left_out]


@dataclass(frozen=True, slots=True)
class ColorPatches:
    """SADRNet's occluders of one fill: "grey", "color" or "tint"."""

    kind: str

    def __call__(self, image: Image8, landmarks_xy: Array, rng: np.random.Generator) -> tuple[Image8, Mask]:
        """The picture with patches in the face's square, and what they hide."""
        low, high = landmarks_xy.min(axis=0), landmarks_xy.max(axis=0)
        side = CROP_MARGIN * float((high - low).mean())
        corner = (low + high - side) / 2
        patches = np.zeros(image.shape[:2], bool)
        out = image.copy()
        for _ in range(int(np.sqrt(rng.integers(1, 16)))):
            patch = _wavy_rectangle(image.shape[:2], corner, side, rng)
            out[patch] = self._filled(out[patch], rng)
            patches |= patch
        return out, patches if self.kind != "tint" else np.zeros_like(patches)

    def _filled(self, pixels: Image8, rng: np.random.Generator) -> Image8:
        if self.kind == "grey":
            return np.full_like(pixels, rng.integers(256))
        if self.kind == "color":
            return np.broadcast_to(rng.integers(0, 256, 3, dtype=np.uint8), pixels.shape)
        return np.clip(pixels * rng.uniform(0.0, 2.0, 3), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, repr=False)
class HandsAndObjects:
    """NatOcc's kinds of occluders: hands tinted like the face, objects with the texture of photographs."""

    pictures: tuple[Image8, ...]

    def __call__(self, image: Image8, landmarks_xy: Array, rng: np.random.Generator) -> tuple[Image8, Mask]:
        """The picture with a hand or an object, and what it hides; drawn again until it hides enough."""
        size_hw = (image.shape[0], image.shape[1])
        face = hull_mask(size_hw, landmarks_xy)
        best, best_excess = None, np.inf
        for _ in range(24):
            layer = self._layer(image, landmarks_xy, rng)
            hidden = float(layer.mask[face].mean()) if face.any() else MIN_HIDDEN
            excess = max(MIN_HIDDEN - hidden, hidden - MAX_HIDDEN)
            if excess < best_excess:
                best, best_excess = layer, excess
            if excess <= 0:
                break
        assert best is not None
        return best.as_grey_as(image).over(image), best.mask

    def _layer(self, image: Image8, landmarks_xy: Array, rng: np.random.Generator) -> Layer:
        size_hw = (image.shape[0], image.shape[1])
        px_per_mm = float(np.ptp(landmarks_xy, axis=0).max()) / FACE_MM
        up = landmarks_xy[17:27].mean(axis=0) - landmarks_xy[4:13].mean(axis=0)
        target = landmarks_xy[rng.integers(68)] + rng.uniform(-12, 12, 2) * px_per_mm
        if rng.random() < 0.5:
            angle = float(np.arctan2(up[0], -up[1])) + rng.uniform(-1.4, 1.4)
            placing = Placing(target, angle, px_per_mm * rng.uniform(0.85, 1.15), bool(rng.random() < 0.5))
            skin = _skin_of(image, landmarks_xy) * rng.uniform(0.85, 1.1)
            return hand(rng, size_hw, placing, skin, Light.random(rng), reach=rng.uniform(0, 1)).softened(1)
        placing = Placing(target, rng.uniform(-np.pi, np.pi), px_per_mm)
        half = rng.uniform(25, 75, 2)
        shapes = (
            blob(rng, placing, half),
            polygon(rng, placing, 1.2 * half),
            rounded(placing, half, power=4),
        )
        texture = photo_texture(rng, self.pictures, max(size_hw), fraction=(0.3, 1.0))
        return textured(rng, size_hw, shapes[rng.integers(3)], texture).softened(1)


def _occluded(face: TestFace, name: str, set_name: str, spoiler: Spoiler) -> OccludedFace:
    words = np.frombuffer(sha256(text_bytes(f"{set_name}/{name}")).digest()[:16], "<u4")
    photo = OccludedPhoto(face.photo, face.landmarks_image, spoiler, tuple(words.tolist()))
    return OccludedFace(name, face, photo)


def _wavy_rectangle(size_hw: tuple[int, ...], corner: Array, side: float, rng: np.random.Generator) -> Mask:
    """(H, W) a rectangle within a square, its edges moved by products of sines."""
    area, aspect = rng.uniform(*PATCH_AREA), np.exp(rng.uniform(*np.log(PATCH_ASPECT)))
    half = side * np.minimum(np.sqrt(area * np.array([aspect, 1 / aspect])), 1.0) / 2
    center = corner + half + rng.uniform(0, 1, 2) * (side - 2 * half)
    waves, phases = rng.uniform(0.5, 3.0, (2, 2)), rng.uniform(0, 2 * np.pi, (2, 2))
    amplitude = rng.uniform(0, 2 * MAX_WAVE, 2)
    height, width = size_hw
    u = (np.arange(width) + 0.5 - center[0])[None, :] / half[0]
    v = (np.arange(height) + 0.5 - center[1])[:, None] / half[1]
    shift = [
        amplitude[n]
        * np.sin(np.pi * waves[n, 0] * u + phases[n, 0])
        * np.sin(np.pi * waves[n, 1] * v + phases[n, 1])
        for n in range(2)
    ]
    return (np.abs(u + shift[0]) < 1) & (np.abs(v + shift[1]) < 1)


def _skin_of(image: Image8, landmarks_xy: Array) -> Array:
    """(3,) median colour along the nose and beside it."""
    x, y = np.floor(landmarks_xy[[28, 29, 30, 31, 35, 2, 14]]).astype(int).T
    height, width = image.shape[:2]
    return np.median(image[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].astype(np.float64), axis=0)
