"""Puts things in front of faces whose geometry is known, and says exactly which pixels they cover.

``FaceOccluder(model, pictures)(made, rng)`` gives the view with a hand, a hat, a pair of glasses, a mask,
hair, another face or any object before it. The mask is true where the thing hides more than half of what is
behind, the head or what is beside it; clear lenses, faint edges and shadows are not counted, nor is what the
head itself hides of a thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.fitting.fitted import MadeView, Mask
from lineament.data.heads.coarse_head import CoarseHead
from lineament.data.occlusion.drawing import Layer, Light, cast_shadow
from lineament.data.occlusion.kinds import KINDS
from lineament.data.occlusion.scene import CHEEK, Donor, Scene
from lineament.data.samples.view import View
from lineament.geometry.morphable import MorphableModel

Image8: TypeAlias = NDArray[np.uint8]

SCHEME = "lfm-68"
DONOR_PX = 96.0  # faces of donors are not kept larger than twice this


@dataclass(frozen=True, slots=True)
class OccluderConfig:
    """How often, and what.

    Attributes:
        probability: of the views that get something at all.
        second: fraction of those that get two things.
        kinds: name of each kind and its weight.
        max_covered: no more of the head's silhouette than this is covered; things too large are drawn again.
        shadow: fraction of things that throw a shadow on the face.
        soft: fraction of things blurred a little, as photographs are.
        tries: how often something is drawn that covers nothing or too much, before the view stays as it is.
    """

    probability: float = 1.0
    second: float = 0.15
    kinds: tuple[tuple[str, float], ...] = (
        ("hand", 3.0),
        ("object", 2.5),
        ("plain", 1.0),
        ("phone", 1.0),
        ("microphone", 0.7),
        ("stick", 0.7),
        ("other_face", 1.0),
        ("glasses", 3.0),
        ("hat", 2.0),
        ("headband", 0.5),
        ("mask", 1.5),
        ("scarf", 0.7),
        ("hair", 2.0),
    )
    max_covered: float = 0.65
    shadow: float = 0.4
    soft: float = 0.6
    tries: int = 3


class FaceOccluder:
    """Puts things in front of heads: an :data:`lineament.data.fitting.fitted.Occluder`.

    Args:
        model: the face model of the views' coefficients.
        pictures: textures of objects, such as the training backgrounds; never held-out ones.
        donors: other people's faces, as :func:`donor` makes them.
        config: how often, and what.

    Raises:
        ValueError: a kind has a name that is not known, or the model has no chart.
    """

    def __init__(
        self,
        model: MorphableModel,
        pictures: Sequence[Image8],
        donors: Sequence[Donor] = (),
        config: OccluderConfig | None = None,
    ) -> None:
        self.config = config = OccluderConfig() if config is None else config
        unknown = [name for name, _ in config.kinds if name not in KINDS]
        if unknown:
            raise ValueError(f"There are no occluders of the kind {unknown}; there are {sorted(KINDS)}.")
        weights = np.array([weight for _, weight in config.kinds])
        self._weights = weights / weights.sum()
        self._head = CoarseHead.of(model, scheme=SCHEME)
        self._pictures, self._donors = list(pictures), list(donors)

    def __call__(self, made: MadeView, rng: np.random.Generator) -> MadeView:
        """The view with something in front of the head, or, by chance, as it is."""
        if rng.random() >= self.config.probability:
            return made
        scene = self.scene(made.view, rng)
        count = 2 if rng.random() < self.config.second else 1
        for _ in range(count):
            made = self._occluded(made, scene, rng)
            scene = replace(scene, image=made.view.image)
        return made

    def scene(self, view: View, rng: np.random.Generator) -> Scene:
        """What the kinds need to know about a view."""
        head, camera = self._head, view.camera
        vertices = head.vertices_model(view.identity, view.expression)
        landmarks = head.scheme.points_model(vertices, view.identity, view.expression).astype(np.float64)
        return Scene(
            image=view.image,
            camera=camera,
            landmarks_model=landmarks,
            landmarks_image=camera.image_from_model(landmarks),
            front=head.front(camera, vertices, (view.image.shape[0], view.image.shape[1])),
            shell=head.shell_of(vertices),
            light=Light.random(rng),
            pictures=self._pictures,
            donors=self._donors,
        )

    def _occluded(self, made: MadeView, scene: Scene, rng: np.random.Generator) -> MadeView:
        head = np.isfinite(scene.front)
        room = self.config.max_covered * max(int(head.sum()), 1)
        before = np.zeros(head.shape, bool) if made.occlusion is None else made.occlusion
        for _ in range(self.config.tries):
            name = self.config.kinds[int(rng.choice(len(self._weights), p=self._weights))][0]
            layer = self._finished(KINDS[name](scene, rng), scene, rng)
            mask = layer.mask
            if (layer.alpha[head] > 0).any() and (before | mask)[head].sum() <= room:
                return _with_layer(made, layer, before | mask, rng, shadow=self.config.shadow)
        return made

    def _finished(self, layer: Layer, scene: Scene, rng: np.random.Generator) -> Layer:
        """As light, colourless and blurred as the photograph."""
        face = float(scene.color_at(scene.landmarks_image[CHEEK, :2]).mean())
        exposure = (max(face, 20.0) / 140.0) ** 0.4
        # A grey face may stand before a background in colours: the face's own pixels tell.
        layer = layer.as_grey_as(scene.image[np.isfinite(scene.front)][None]).tinted(
            np.float32(exposure * rng.uniform(0.85, 1.1))
        )
        return layer.softened(1) if rng.random() < self.config.soft else layer


def donor(view: View, model: MorphableModel) -> Donor:
    """The face of a view, to be pasted before others."""
    points = view.camera.image_from_model(
        model.landmarks_model(view.identity, view.expression, scheme=SCHEME)
    )[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    center, size = (low + high) / 2, float((high - low).max())
    shrink = max(int(size / DONOR_PX), 1)
    image = np.asarray(Image.fromarray(view.image).reduce(shrink))
    return Donor(image, (float(center[0]) / shrink, float(center[1]) / shrink), size / shrink)


def _with_layer(
    made: MadeView, layer: Layer, mask: Mask, rng: np.random.Generator, *, shadow: float
) -> MadeView:
    image = made.view.image
    if rng.random() < shadow:
        reach = max(image.shape[0] // 24, 1)
        shift = (int(rng.integers(-reach, reach + 1)), int(rng.integers(-reach, 2 * reach + 1)))
        image = cast_shadow(image, layer, shift_xy=shift, strength=rng.uniform(0.1, 0.5))
    image = layer.over(image)
    return replace(made, view=replace(made.view, image=image), occlusion=mask if mask.any() else None)
