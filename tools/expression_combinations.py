"""Rendered faces with several keys raised, as photographs have them: made once, kept in a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.heads.lids import Lids
from lineament.data.render.expressions import random_expression, random_keys
from lineament.evaluate.expressions.pictures import (
    PictureRecipe,
    box_of,
    jpeg,
    packed,
    renderer_of,
    scene_of,
    unpacked,
)
from lineament.files import whole_file
from lineament.models.arrays import load_npz
from lineament.models.builtin import load_builtin

Array = NDArray[Any]

EACH = 3
"""Pictures of a face."""


@dataclass(frozen=True, slots=True, eq=False)
class Combinations:
    """Faces and what they do.

    Attributes:
        jpegs: n pictures.
        weights: (n, E) of the face model's expressions.
        face: (n,) int, whose face.
        box_xyxy: (n, 4) px, box of the 68 true landmarks.
    """

    jpegs: tuple[bytes, ...]
    weights: Array
    face: NDArray[np.int32]
    box_xyxy: Array

    def read(self, number: int) -> NDArray[np.uint8]:
        """(S, S, 3) uint8 RGB."""
        return np.asarray(Image.open(io.BytesIO(self.jpegs[number])).convert("RGB"))


def combinations(path: Path | None, recipe: PictureRecipe) -> Combinations:
    """Those of a file, or made and written there; half are keys by themselves, half natural expressions.

    Raises:
        DataError: the file holds pictures of another recipe.
    """
    if path is not None and path.is_file():
        arrays = load_npz(path)
        jpegs = unpacked(arrays, recipe, path)
        return Combinations(jpegs, arrays["weights"], arrays["face"], arrays["box_xyxy"])
    jpegs, weights, faces, boxes = zip(*_made(recipe), strict=True)
    made = Combinations(jpegs, np.array(weights), np.array(faces, np.int32), np.array(boxes, np.float32))
    if path is not None:
        with whole_file(path, suffix=".npz") as temporary:
            np.savez(
                temporary,
                **packed(jpegs, recipe),
                weights=made.weights,
                face=made.face,
                box_xyxy=made.box_xyxy,
            )
    return made


def _made(recipe: PictureRecipe) -> Iterator[tuple[bytes, Array, int, Array]]:
    model = load_builtin()
    renderer, lids, names = renderer_of(model, recipe), Lids.of(model), tuple(model.expression_names)
    for face in range(recipe.faces):
        scene = scene_of(renderer, recipe, face)
        rng = np.random.default_rng([recipe.seed, 9, face])
        for number in range(EACH):
            draw = random_keys if (face + number) % 2 else random_expression
            weights = draw(names, rng)
            view = renderer.view_of(replace(scene, expression=lids.shut(scene.identity, weights.copy())))
            yield jpeg(view.view.image), weights, face, box_of(model, scene, view.view.expression)
