"""Rendered faces before drawn scenes, and heads from behind, for the detector's mosaics."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import get_context
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.build.builder import one_thread_each
from lineament.data.fitting.fitted import MadeView
from lineament.data.mosaics.drawn_scenes import drawn_scene
from lineament.data.photographs.face_sets import FaceSet, up_in_image
from lineament.data.render.renderer import FaceRenderer
from lineament.data.render.scene import RenderConfig, framed, random_scene
from lineament.geometry.rotation import matrix_from_angles
from lineament.models.builtin import load_builtin
from lineament.models.texture import load_texture_model
from lineament.result import DEFAULT_SCHEME

Array: TypeAlias = NDArray[Any]
Row: TypeAlias = tuple[bytes, Array, Array]
"""JPEG file, landmarks (68, 2) px, and unit vector (2,) to the top of the head."""

SIZE_PX = 224
SCENES = 60
FACES_A_TASK = 100
QUALITY = 80
BACK_YAW = (np.radians(140), np.pi)


def rendered_faces(count: int, *, seed: int = 1, backs: bool = False, processes: int = 1) -> FaceSet:
    """Faces that nobody has, of any yaw to 105 degrees; picture `n` depends on the seed and `n` alone.

    Args:
        count: of pictures.
        seed: of all random choices.
        backs: heads from behind instead, on which no face is seen; the landmarks are then on the hidden side.
        processes: how many work at once.
    """
    rows = list(_rows(count, seed, backs=backs, processes=processes))
    return FaceSet(
        names=tuple(f"rendered{number:06d}_0" for number in range(len(rows))),
        pictures=[file for file, _, _ in rows],
        landmarks_image=np.array([landmarks for _, landmarks, _ in rows], np.float32).reshape(-1, 68, 2),
        up_xy=np.array([up for _, _, up in rows], np.float32).reshape(-1, 2),
    )


def _rows(count: int, seed: int, *, backs: bool, processes: int) -> Iterator[Row]:
    starts = range(0, count, FACES_A_TASK)
    tasks = [range(start, min(start + FACES_A_TASK, count)) for start in starts]
    work = partial(_task, seed, backs)
    if processes == 1:
        for rows in map(work, tasks):
            yield from rows
        return
    with one_thread_each(), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for rows in pool.map(work, tasks):
            yield from rows


def _task(seed: int, backs: bool, numbers: range) -> list[Row]:
    renderer, rows = _renderer(seed), []
    for number in numbers:
        rng = np.random.default_rng([seed, int(backs), number])
        view = _from_behind(renderer, rng) if backs else renderer(rng)
        rows.append(_row(renderer, view))
    return rows


@lru_cache(maxsize=1)
def _renderer(seed: int) -> FaceRenderer:
    scenes = [drawn_scene(np.random.default_rng([seed, 2, number])) for number in range(SCENES)]
    return FaceRenderer(load_builtin(), load_texture_model(), scenes, RenderConfig(size=SIZE_PX))


def _from_behind(renderer: FaceRenderer, rng: np.random.Generator) -> MadeView:
    """A head, turned so far that its face cannot be seen."""
    config, model = renderer.config, renderer.model
    scene = random_scene(model, renderer.texture, renderer.backgrounds, config, rng)
    yaw = rng.choice([-1.0, 1.0]) * rng.uniform(*BACK_YAW)
    head = matrix_from_angles(yaw, rng.normal(0, 0.2), rng.normal(0, 0.15))
    shoulders = matrix_from_angles(yaw + rng.normal(0, 0.25), 0.0, 0.0)
    camera = framed(model, scene.identity, scene.expression, head, config, rng)
    return renderer.view_of(replace(scene, camera=camera, shoulders=shoulders))


def _row(renderer: FaceRenderer, made: MadeView) -> Row:
    view, file = made.view, io.BytesIO()
    Image.fromarray(view.image).save(file, "JPEG", quality=QUALITY)
    points = renderer.model.landmarks_model(view.identity, view.expression, scheme=DEFAULT_SCHEME)
    landmarks = view.camera.image_from_model(points)[:, :2]
    return file.getvalue(), landmarks, up_in_image(view.camera.rotation)
