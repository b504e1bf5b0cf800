from dataclasses import dataclass

import numpy as np
import pytest

from lineament.data.occlusion.natural import hull_mask, unlike_skin
from lineament.data.photographs.backgrounds import training_backgrounds
from lineament.evaluate.sets.occlusion_pictures import (
    COLOR_TYPES,
    MAX_HIDDEN,
    MIN_HIDDEN,
    PATCH_AREA,
    TestFace,
    color_occlusions,
    held_out_pictures,
    natural_occlusions,
    natural_synthetic_occlusions,
)
from shared import shared_path

SIZE = 150
TEXTURES = [np.random.default_rng(9).integers(0, 256, (80, 100, 3), np.uint8)]


@dataclass(frozen=True)
class Drawn:
    """A photograph that is made when it is opened."""

    seed: int
    hidden: float = 0.0

    def read(self):
        rng = np.random.default_rng(self.seed)
        image = np.full((SIZE, SIZE, 3), (190, 140, 115)) + rng.integers(-6, 7, (SIZE, SIZE, 3))
        image[45 : 45 + int(self.hidden * 65)] = (20, 40, 160)
        return image.astype(np.uint8)


def face(seed=0, *, hidden=0.0, visible=None):
    """A plain face of 60 x 65 px in the middle of its picture, its landmarks where faces have them."""
    jaw = np.stack([np.cos(np.linspace(np.pi, 0, 17)), np.sin(np.linspace(np.pi, 0, 17))], axis=1)
    brows = np.stack([np.linspace(-0.8, 0.8, 10), np.full(10, -0.55)], axis=1)
    nose = np.stack([np.linspace(-0.15, 0.15, 9), np.linspace(-0.3, 0.15, 9)], axis=1)
    circle = np.stack([np.cos(np.arange(6) * np.pi / 3), np.sin(np.arange(6) * np.pi / 3)], axis=1)
    eyes = [0.1 * circle + (x, -0.35) for x in (-0.4, 0.4)]
    lips = np.repeat(circle, 2, axis=0)
    mouth = [0.2 * lips + (0, 0.5), 0.15 * lips[:8] + (0, 0.5)]
    points = np.concatenate([jaw, brows, nose, *eyes, *mouth])
    return TestFace(f"face{seed}", Drawn(seed, hidden), points * 32 + SIZE / 2, visible)


def all_of(generator):
    return [(made, *made.photo.read_with_mask()) for made in generator]


def test_every_face_comes_three_times_in_the_colour_set_and_once_in_the_natural_one():
    faces = [face(seed) for seed in range(3)]
    names = [made.name for made in color_occlusions(faces)]
    assert names == [f"face{n}_{kind}" for n in range(3) for kind in COLOR_TYPES]
    names = [made.name for made in natural_synthetic_occlusions(faces, TEXTURES)]
    assert names == ["face0", "face1", "face2"]


@pytest.mark.parametrize("make", [color_occlusions, lambda f: natural_synthetic_occlusions(f, TEXTURES)])
def test_sets_do_not_depend_on_what_was_made_before(make):
    faces = [face(seed) for seed in range(3)]
    once = all_of(make(faces))
    again = all_of(make(faces[::-1]))
    for made, image, mask in once:
        (other, other_mask) = next((i, m) for o, i, m in again if o.name == made.name)
        np.testing.assert_array_equal(image, other)
        np.testing.assert_array_equal(mask, other_mask)
        np.testing.assert_array_equal(made.photo.read(), image)


def test_patches_have_the_sizes_of_the_generator_and_one_fill_each():
    for made, image, mask in all_of(color_occlusions([face(seed) for seed in range(12)])):
        plain = made.source.photo.read()
        if made.name.endswith("tint"):
            assert not mask.any()
            assert (image != plain).any()
            continue
        np.testing.assert_array_equal(image[~mask], plain[~mask])
        fills = np.unique(image[mask], axis=0)
        assert 1 <= len(fills) <= 3
        if made.name.endswith("grey"):
            assert (np.ptp(fills, axis=1) == 0).all()
        side = 1.5 * np.ptp(made.source.landmarks_image, axis=0).mean()
        # Waves move edges by up to 8 % of a side either way.
        assert 0.8 * PATCH_AREA[0] < mask.sum() / side**2 < 3 * 1.2 * PATCH_AREA[1]


def test_hands_and_objects_hide_as_much_of_the_face_as_said_and_nothing_else_changes():
    for made, image, mask in all_of(natural_synthetic_occlusions([face(n) for n in range(16)], TEXTURES)):
        hidden = mask[hull_mask(mask.shape, made.source.landmarks_image)].mean()
        assert MIN_HIDDEN <= hidden <= MAX_HIDDEN
        changed = (image != made.source.photo.read()).any(axis=-1)
        assert (changed & ~mask).sum() < 0.35 * mask.sum()  # soft edges
        assert changed[mask].mean() > 0.95


def test_the_most_hidden_faces_are_chosen_in_the_order_of_the_set():
    faces = [face(n, hidden=0.5 * (n % 4 == 1)) for n in range(12)]
    assert [f.name for f in natural_occlusions(faces, fraction=0.25)] == ["face1", "face5", "face9"]


def test_where_a_set_tells_what_is_visible_photographs_are_not_opened():
    faces = [face(n, visible=np.arange(68) >= n) for n in range(10)]
    chosen = natural_occlusions(faces, fraction=0.2, measure=lambda image, points: 1 / 0)
    assert [f.name for f in chosen] == ["face8", "face9"]


def test_more_of_a_face_covered_measures_more():
    fractions = [unlike_skin(Drawn(1, hidden).read(), face().landmarks_image) for hidden in (0, 0.35, 0.5)]
    assert fractions[0] < 0.02
    assert fractions[0] < fractions[1] < fractions[2]


def test_textures_of_the_sets_are_of_the_half_that_no_training_sees():
    archive = shared_path("backgrounds/bsds500_no_faces.zip")
    held_out = {picture.tobytes() for picture in held_out_pictures(archive)}
    assert len(held_out) > 100
    assert held_out.isdisjoint(picture.tobytes() for picture in training_backgrounds(archive))
