"""Training mosaics for the face detector: many faces of any size and roll, and much that is no face.

A canvas begins as one photograph with its own surroundings, as a mosaic of photographs, or as a background.
Faces and pieces without faces are then pasted with the same kinds of edges, so that an edge gives nothing
away; things come in front of faces; the camera spoils the whole. Which faces are still visible is read from a
map of who is on top.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lineament.data.crops.camera_effects import EffectConfig, random_effects
from lineament.data.drawing.paste import Mask, Owner, Picture, affine, move, paste
from lineament.data.mosaics.clutter import (
    cut_nothing,
    fill_background,
    occlude,
    paste_cutting,
    random_mask,
)
from lineament.data.occlusion.textures import random_color
from lineament.data.photographs.face_sets import FaceSet

Array = NDArray[np.floating]

MAX_FACES = 24
FACE, IGNORED = 1.0, -1.0  # kinds in a label row; 0 is an empty row
LABEL_COLUMNS = ("x0", "y0", "x1", "y1", "up_x", "up_y", "visible", "kind")


@dataclass(frozen=True, slots=True)
class CompositeConfig:
    """How mosaics are made.

    Attributes:
        size: side of the square canvas, px.
        single: fraction of mosaics that show one photograph with its surroundings.
        mosaic: fraction that are a grid of photographs.
        crowd: fraction with faces pasted on a background; what is left has no face at all.
        occluded: fraction of the faces with something in front.
        smallest: faces of fewer px (longer side of the box) are ignored.
        visible: faces of which fewer landmarks are visible are ignored.
        hidden: faces of which fewer landmarks are visible are no faces.
        effects: what the camera does.
    """

    size: int = 320
    single: float = 0.36
    mosaic: float = 0.28
    crowd: float = 0.26
    occluded: float = 0.30
    smallest: float = 13.0
    visible: float = 0.38
    hidden: float = 0.15
    effects: EffectConfig = field(default_factory=EffectConfig)


@dataclass(frozen=True, slots=True)
class Composite:
    """A training mosaic.

    Attributes:
        canvas: (size, size, 3) uint8 RGB.
        labels: (MAX_FACES, 8) float32, columns as in LABEL_COLUMNS: box of the 68 landmarks, also beyond the
            canvas, px; unit vector to the top of the head, y down; fraction of visible landmarks; kind.
    """

    canvas: Picture
    labels: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Placed:
    """A face already on the canvas."""

    landmarks: Array  # (68, 2) px of the canvas
    up_xy: Array  # (2,)
    label: int


class Composer:
    """Makes mosaics from face sets and backgrounds."""

    def __init__(
        self,
        face_sets: list[tuple[FaceSet, float]],
        backgrounds: list[Picture],
        config: CompositeConfig | None = None,
    ) -> None:
        """Keep the sources; `face_sets` come with the fraction of faces drawn from each."""
        self.config = CompositeConfig() if config is None else config
        self._face_sets = [faces for faces, _ in face_sets]
        probabilities = np.array([fraction for _, fraction in face_sets])
        self._probabilities = probabilities / probabilities.sum()
        self._backgrounds = backgrounds

    def compose(self, rng: np.random.Generator) -> Composite:
        """A new canvas."""
        config = self.config
        canvas = np.zeros((config.size, config.size, 3), np.uint8)
        owner = np.zeros((config.size, config.size), np.int16)
        faces: list[_Placed] = []
        kind = rng.random()
        if kind < config.single:
            self._single(rng, canvas, owner, faces)
        elif kind < config.single + config.mosaic:
            self._mosaic(rng, canvas, owner, faces)
        else:
            fill_background(rng, canvas, owner, self._backgrounds)
            self._distract(rng, canvas, owner, int(rng.choice([0, 0, 1, 2, 4, 6])))
            if kind < config.single + config.mosaic + config.crowd:
                self._crowd(rng, canvas, owner, faces)
            else:
                self._distract(rng, canvas, owner, int(rng.choice([0, 0, 2, 5])))
        for face in faces:
            if rng.random() < config.occluded:
                occlude(rng, canvas, owner, face.landmarks, self._backgrounds)
        if rng.random() < 0.08:
            _letterbox(rng, canvas, owner)
        labels = _label(faces, owner, config)
        return Composite(random_effects(rng, canvas, config.effects), labels)

    def _draw(self, rng: np.random.Generator) -> tuple[FaceSet, int]:
        faces = self._face_sets[rng.choice(len(self._face_sets), p=self._probabilities)]
        return faces, int(rng.integers(len(faces)))

    def _single(self, rng: np.random.Generator, canvas: Picture, owner: Owner, faces: list[_Placed]) -> None:
        """One photograph, from much smaller than the canvas to a face much larger than it."""
        self._fill_empty(rng, canvas, owner)
        largest = 2.2 if rng.random() < 0.25 else 0.85
        size = self.config.size * np.exp(rng.uniform(np.log(0.10), np.log(largest)))
        max_offset = 0.18 + 0.25 * max(0.0, 1 - size / self.config.size)
        center = (0.5 + rng.uniform(-max_offset, max_offset, 2)) * self.config.size
        reflect = rng.random() < 0.3
        self._place(rng, canvas, owner, faces, size=size, center_xy=center, whole=True, reflect=reflect)
        if rng.random() < 0.3:
            self._distract(rng, canvas, owner, int(rng.integers(1, 4)))

    def _mosaic(self, rng: np.random.Generator, canvas: Picture, owner: Owner, faces: list[_Placed]) -> None:
        """The canvas cut into rectangles, a photograph or a piece without face in each."""
        for x0, y0, x1, y1 in _split(
            rng, (0, 0, self.config.size, self.config.size), int(rng.integers(1, 5))
        ):
            tile, tile_owner = canvas[y0:y1, x0:x1], owner[y0:y1, x0:x1]
            self._fill_empty(rng, tile, tile_owner)
            side = min(x1 - x0, y1 - y0)
            if rng.random() < 0.25:
                self._distract(rng, tile, tile_owner, 2)
                continue
            size = side * np.exp(rng.uniform(np.log(0.25), np.log(1.3)))
            center = rng.uniform(0.25, 0.75, 2) * (x1 - x0, y1 - y0)
            corner = np.array([x0, y0], float)
            self._place(
                rng,
                tile,
                tile_owner,
                faces,
                size=size,
                center_xy=center,
                whole=True,
                reflect=rng.random() < 0.3,
                corner_xy=corner,
            )

    def _crowd(self, rng: np.random.Generator, canvas: Picture, owner: Owner, faces: list[_Placed]) -> None:
        """Faces pasted one over another, most of them of one size, as people in a group are."""
        count = int(rng.choice([1, 2, 3, 4, 6, 9, 14, 20], p=[0.2, 0.17, 0.15, 0.13, 0.12, 0.1, 0.08, 0.05]))
        usual = np.exp(rng.uniform(np.log(14), np.log(self.config.size / np.sqrt(count))))
        for _ in range(count):
            alike = rng.random() < 0.7
            size = (
                usual * np.exp(rng.normal(0, 0.2)) if alike else np.exp(rng.uniform(np.log(13), np.log(200)))
            )
            center = rng.uniform(-0.02, 1.02, 2) * self.config.size
            self._place(rng, canvas, owner, faces, size=float(size), center_xy=center, whole=False)

    def _distract(self, rng: np.random.Generator, canvas: Picture, owner: Owner, count: int) -> None:
        for _ in range(count):
            size = float(np.exp(rng.uniform(np.log(14), np.log(0.7 * min(canvas.shape[:2])))))
            faces = self._face_sets[0]  # photographs; rotated views have made-up surroundings
            cutting = cut_nothing(rng, faces, self._backgrounds, size=size)
            paste_cutting(rng, canvas, owner, cutting, size=size)

    def _fill_empty(self, rng: np.random.Generator, canvas: Picture, owner: Owner) -> None:
        kind = rng.random()
        if kind < 0.35:
            canvas[:] = 0
        elif kind < 0.5:
            canvas[:] = random_color(rng)
        else:
            fill_background(rng, canvas, owner, self._backgrounds)

    def _place(
        self,
        rng: np.random.Generator,
        canvas: Picture,
        owner: Owner,
        faces: list[_Placed],
        *,
        size: float,
        center_xy: Array,
        whole: bool,
        reflect: bool = False,
        corner_xy: Array | None = None,
    ) -> None:
        """Paste one face of the given size and remember it; `whole` shows all of the photograph."""
        if len(faces) >= MAX_FACES:
            return
        source, index = self._draw(rng)
        landmarks = source.landmarks_image[index].astype(float)
        face_size = float(np.max(np.ptp(landmarks, axis=0)))
        picture, factor = source.picture(index, scale=size / face_size)
        landmarks = landmarks * factor
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        placing = affine(
            scale=size / (face_size * factor),
            angle=_random_roll(rng),
            mirrored=rng.random() < 0.5,
            source_xy=(low + high) / 2,
            target_xy=center_xy,
        )
        stretch = np.exp(rng.normal(0, 0.05))
        placing[:, :2] *= np.array([stretch, 1 / stretch])
        placing[:, 2] = center_xy - placing[:, :2] @ (low + high) / 2
        mask = _whole_mask(picture, low, high, reflect) if whole else _face_mask(rng, low, high)
        label = len(faces) + 1
        paste(canvas, owner, picture, placing, mask, label=label, reflect=whole and reflect)
        up = placing[:, :2] @ source.up_xy[index]
        corner = np.zeros(2) if corner_xy is None else corner_xy
        faces.append(_Placed(move(placing, landmarks) + corner, up / np.linalg.norm(up), label))


def _random_roll(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < 0.50:
        return float(rng.normal(0, 0.12))
    if kind < 0.76:
        return float(rng.uniform(-0.85, 0.85))
    return float(rng.uniform(-np.pi, np.pi))


def _whole_mask(picture: Picture, low: Array, high: Array, reflect: bool) -> Mask:
    """All of the photograph, or so much more of its reflection that the face does not appear twice."""
    size = np.array(picture.shape[1::-1], float)
    before, after = (0.7 * np.maximum(room, 0) * reflect for room in (low, size - high))
    center, half = (size + after - before) / 2, (size + before + after) / 2 + 0.01 * size
    return Mask((center[0], center[1]), (half[0], half[1]), power=60.0, feather=1e-3)


def _face_mask(rng: np.random.Generator, low: Array, high: Array) -> Mask:
    extent = high - low
    center = (low + high) / 2 + extent * np.array([rng.normal(0, 0.06), rng.uniform(-0.25, 0.05)])
    half = extent.max() * np.array([rng.uniform(0.62, 1.3), rng.uniform(0.75, 1.5)])
    return random_mask(rng, center, half)


def _split(
    rng: np.random.Generator, box: tuple[int, int, int, int], cuts: int
) -> list[tuple[int, int, int, int]]:
    """Cut a rectangle (x0, y0, x1, y1) into cuts + 1, always the largest next."""
    boxes = [box]
    for _ in range(cuts):
        boxes.sort(key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
        x0, y0, x1, y1 = boxes.pop()
        fraction = rng.uniform(0.35, 0.65)
        if x1 - x0 > y1 - y0:
            cut = x0 + int(fraction * (x1 - x0))
            boxes += [(x0, y0, cut, y1), (cut, y0, x1, y1)]
        else:
            cut = y0 + int(fraction * (y1 - y0))
            boxes += [(x0, y0, x1, cut), (x0, cut, x1, y1)]
    return boxes


def _letterbox(rng: np.random.Generator, canvas: Picture, owner: Owner) -> None:
    bar = int(rng.uniform(0.05, 0.25) * canvas.shape[0])
    color = 0 if rng.random() < 0.7 else random_color(rng)
    for strip in (slice(0, bar), slice(canvas.shape[0] - bar, None)):
        if rng.random() < 0.5:
            canvas[strip], owner[strip] = color, 0
        else:
            canvas[:, strip], owner[:, strip] = color, 0


def _label(faces: list[_Placed], owner: Owner, config: CompositeConfig) -> NDArray[np.float32]:
    labels = np.zeros((MAX_FACES, len(LABEL_COLUMNS)), np.float32)
    for row, face in enumerate(faces):
        low, high = face.landmarks.min(axis=0), face.landmarks.max(axis=0)
        visible = _visible_fraction(face, owner)
        small = float((high - low).max()) < config.smallest
        kind = 0.0 if visible < config.hidden else IGNORED if small or visible < config.visible else FACE
        labels[row] = [*low, *high, *face.up_xy, visible, kind]
    return labels


def _visible_fraction(face: _Placed, owner: Owner) -> float:
    """Fraction of the landmarks, jaw and inner ones weighing the same, on which this face is on top."""
    x, y = np.floor(face.landmarks).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < owner.shape[1]) & (y < owner.shape[0])
    visible = inside & (owner[y.clip(0, owner.shape[0] - 1), x.clip(0, owner.shape[1] - 1)] == face.label)
    return 0.5 * float(visible[:17].mean()) + 0.5 * float(visible[17:].mean())
