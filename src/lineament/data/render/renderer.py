"""Renders faces that nobody has: head, hair and shoulders under light with shadows, before a background.

The camera is the same weak perspective as everywhere, so the labels are exact. A `FaceRenderer` is a
`lineament.data.fitting.fitted.Renderer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.fitted import MadeView
from lineament.data.heads.lids import Lids
from lineament.data.render.drawing import Drawing, Rendered, RenderTables
from lineament.data.render.scene import RenderConfig, Scene, random_scene
from lineament.data.samples.sample import Kind
from lineament.data.samples.view import View
from lineament.geometry.morphable import MorphableModel
from lineament.models.texture import TextureModel

Image8 = NDArray[np.uint8]


class FaceRenderer:
    """Draws random faces, each with its exact labels.

    Args:
        model: the face model, with a UV chart, eyeballs and a mouth.
        texture_model: colours on its chart.
        backgrounds: pictures to stand behind heads, each (H, W, 3) uint8.
        config: range of pictures.

    Raises:
        ValueError: the texture model belongs to another face model, or there is no background.
    """

    def __init__(
        self,
        model: MorphableModel,
        texture_model: TextureModel,
        backgrounds: Sequence[Image8],
        config: RenderConfig | None = None,
    ) -> None:
        if len(texture_model.vertex_uv) != len(model.neutral_model):
            raise ValueError(
                f"The texture model {texture_model.name!r} is for {len(texture_model.vertex_uv)} "
                f"vertices, the face model {model.name!r} has {len(model.neutral_model)}: take its own."
            )
        if not backgrounds:
            raise ValueError("A renderer needs at least one background picture; none was given.")
        self.config = config or RenderConfig()
        self.model, self.texture, self.backgrounds = model, texture_model, backgrounds
        self._tables, self._lids = RenderTables.of(model), Lids.of(model)

    def __call__(self, rng: np.random.Generator) -> MadeView:
        """A random face."""
        scene = random_scene(self.model, self.texture, self.backgrounds, self.config, rng)
        # A blink of one shuts the mean face's eyes: larger ones would show white between shut lids.
        return self.view_of(replace(scene, expression=self._lids.shut(scene.identity, scene.expression)))

    def view_of(self, scene: Scene) -> MadeView:
        """The picture and the labels of a scene."""
        drawn = self.draw(scene)
        behind = np.square(scene.background.astype(np.float32) / 255)
        linear = drawn.light + behind * (1 - drawn.cover[..., None])
        image = np.rint(255 * np.sqrt(np.clip(linear, 0, 1))).astype(np.uint8)
        view = View(image, scene.camera, scene.identity, scene.expression)
        return MadeView(view, Kind.RENDERED, drawn.occlusion if drawn.occlusion.any() else None)

    def draw(self, scene: Scene) -> Rendered:
        """The light that comes from a scene's head and shoulders."""
        return Drawing(self.model, self._tables, scene, self.config).rendered()
