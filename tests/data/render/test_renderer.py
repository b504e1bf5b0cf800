from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lineament.data.heads.lids import Lids
from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import Segment, image_maps, posed
from lineament.data.render.drawing import Drawing
from lineament.data.render.hair import HairStyle
from lineament.data.render.renderer import FaceRenderer
from lineament.data.render.scene import RenderConfig, random_scene
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.models.texture import load_texture_model

CONFIG = RenderConfig(size=96)
SEEDS = range(6)


@pytest.fixture(scope="module")
def renderer(lfm) -> FaceRenderer:
    background = np.full((60, 80, 3), 90, np.uint8)
    return FaceRenderer(lfm, load_texture_model(), [background], CONFIG)


@pytest.fixture(scope="module")
def surface(lfm) -> LabelSurface:
    return LabelSurface.of(lfm, size=32)


def scene_of(renderer, seed):
    rng = np.random.default_rng(seed)
    return random_scene(renderer.model, renderer.texture, renderer.backgrounds, CONFIG, rng)


def unlit_from(renderer, scene, *, shadowless):
    drawing = Drawing(renderer.model, renderer._tables, scene, CONFIG)
    if shadowless:
        drawing.shadow[:] = np.inf
    return drawing.rendered()


def test_the_same_numbers_give_the_same_picture(renderer):
    one, two = (renderer(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.view.image, two.view.image)
    np.testing.assert_array_equal(one.view.identity, two.view.identity)
    assert not np.array_equal(one.view.image, renderer(np.random.default_rng(4)).view.image)


def test_it_is_a_rendered_view_of_the_size_asked_for(renderer):
    made = renderer(np.random.default_rng(0))
    assert made.kind is Kind.RENDERED
    assert made.view.image.shape == (96, 96, 3)
    assert made.view.image.dtype == np.uint8
    assert made.occlusion is None or made.occlusion.shape == (96, 96)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_labels_lie_where_the_face_is_drawn(renderer, surface, lfm, seed):
    scene = scene_of(renderer, seed)
    drawn = renderer.draw(scene)
    made = renderer.view_of(scene)
    sample = Sample(made.view, made.occlusion, Provenance("rendered", "0", "0", Kind.RENDERED))
    maps = image_maps(posed(sample, lfm), surface)
    both = (maps.surface & drawn.skin).sum() / (maps.surface | drawn.skin).sum()
    assert both > 0.92  # 0.98 in the mean; the labels' chart is coarse here
    # What is said to hide the face lies before the face, and only there.
    if made.occlusion is not None:
        assert (drawn.skin[made.occlusion]).all()
        assert ((maps.segmentation == Segment.OCCLUDER) == made.occlusion).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_picture_is_the_sum_of_its_lights(renderer, seed):
    scene = scene_of(renderer, seed)
    dark = np.zeros(3)
    ambient = renderer.draw(replace(scene, light=replace(scene.light, key_rgb=dark))).light
    key = renderer.draw(replace(scene, light=replace(scene.light, ambient=np.zeros((9, 3))))).light
    both = renderer.draw(scene).light
    np.testing.assert_allclose(ambient + key, both, atol=2e-4)
    doubled = renderer.draw(replace(scene, light=scene.light.scaled(2))).light
    np.testing.assert_allclose(doubled, 2 * both, atol=2e-4, rtol=1e-4)
    assert ambient.min() >= 0
    assert key.min() >= 0


def test_shadows_only_darken_and_there_are_some(renderer):
    darker = 0
    for seed in SEEDS:
        scene = scene_of(renderer, seed)
        lit = unlit_from(renderer, scene, shadowless=True).light
        with_shadow = renderer.draw(scene).light
        assert (with_shadow <= lit + 1e-5).all()
        darker += (with_shadow < 0.9 * lit).sum()
    assert darker > 1000


def test_nothing_shows_through_the_head(renderer):
    for seed in SEEDS:
        drawn = renderer.draw(scene_of(renderer, seed))
        assert drawn.cover.min() >= 0
        assert drawn.cover.max() <= 1 + 1e-6
        inner = drawn.skin & np.roll(drawn.skin, 2, 0) & np.roll(drawn.skin, -2, 0)
        inner &= np.roll(drawn.skin, 2, 1) & np.roll(drawn.skin, -2, 1)
        assert (drawn.cover[inner] > 0.99).mean() > 0.995


@pytest.mark.parametrize("seed", [1, 2, 14])
def test_closed_eyes_show_no_white(renderer, lfm, seed):
    bald = HairStyle("bald", 0.0, np.full(3, 0.1))
    bare = np.zeros(16, np.float32)  # no clothes, whose colour could be any
    scene = replace(scene_of(renderer, seed), beard="", hair=bald, clothes=bare)
    blinking = np.zeros(53, np.float32)
    blinking[[lfm.expression_names.index(f"eyeBlink{side}") for side in ("Left", "Right")]] = 1
    shut = Lids.of(lfm).shut(scene.identity, blinking)
    front = replace(scene.camera, rotation=np.eye(3))
    green = np.array([0.0, 1.0, 0.0])
    painted = replace(scene.eyes, sclera_rgb=green, iris_rgb=green)
    counts = []
    for expression in (np.zeros(53, np.float32), shut):
        light = renderer.draw(replace(scene, camera=front, expression=expression, eyes=painted)).light
        counts.append(int((light[..., 1] > 1.5 * light[..., 0] + 0.02).sum()))
    assert counts[0] > 20
    assert counts[1] <= 0.05 * counts[0]


def test_a_texture_of_another_face_model_is_refused(lfm, renderer):
    wrong = replace(renderer.texture, vertex_uv=renderer.texture.vertex_uv[:10])
    with pytest.raises(ValueError, match="10 vertices"):
        FaceRenderer(lfm, wrong, renderer.backgrounds)
    with pytest.raises(ValueError, match="background"):
        FaceRenderer(lfm, renderer.texture, [])
