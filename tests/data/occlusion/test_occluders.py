from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from lineament.data.fitting.fitted import MadeView
from lineament.data.occlusion.kinds import KINDS
from lineament.data.occlusion.occluders import FaceOccluder, OccluderConfig, donor
from lineament.data.samples.sample import Kind
from samples import make_sample

OPAQUE = sorted(set(KINDS) - {"glasses"})


@pytest.fixture(scope="module")
def pictures():
    return [np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)]


@pytest.fixture(scope="module")
def make_occluder(lfm, pictures):
    donors = [donor(make_sample(seed=3, yaw=0.3).view, lfm)]

    def make(**settings):
        config = OccluderConfig(**{"probability": 1.0, "second": 0.0, **settings})
        return FaceOccluder(lfm, pictures, donors, config)

    return make


def made_view(*, seed=0, **pose):
    view = make_sample(seed=seed, occluded=False, **pose).view
    return MadeView(view, Kind.ROTATED)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_same_seed_gives_the_same_bytes_and_the_view_itself_stays(make_occluder, kind):
    occluder = make_occluder(kinds=((kind, 1.0),))
    made = made_view(yaw=0.4, seed=1)
    before = made.view.image.copy()
    one, two = (occluder(made, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.view.image, two.view.image)
    np.testing.assert_array_equal(one.occlusion, two.occlusion)
    np.testing.assert_array_equal(made.view.image, before)
    np.testing.assert_array_equal(one.view.camera.rotation, made.view.camera.rotation)


@pytest.mark.parametrize("kind", OPAQUE)
def test_without_shadow_the_picture_changes_where_the_mask_is_and_at_its_edge_only(make_occluder, kind):
    occluder = make_occluder(kinds=((kind, 1.0),), shadow=0.0, soft=0.0)
    shown = 0
    for seed in range(4):
        made = made_view(yaw=0.7 * (seed - 1.5), seed=seed)
        occluded = occluder(made, np.random.default_rng(seed))
        if occluded.occlusion is None:
            continue
        mask = occluded.occlusion
        change = np.abs(occluded.view.image.astype(int) - made.view.image).max(axis=-1)
        near = ndimage.binary_dilation(mask, np.ones((3, 3)))
        # What covers less than half of each pixel has no mask: tips, rubber bands, single hairs.
        thin = 0.3 if kind in ("hair", "stick", "mask") else 0.02
        assert (change[~near] > 0).sum() <= thin * mask.sum() + 3
        # A thing may have the colour of what it hides, but not all over.
        assert (change[mask] > 0).mean() > 0.9
        shown += 1
    assert shown >= 2


def test_masks_are_united_with_what_is_already_in_front(make_occluder):
    made = made_view()
    old = np.zeros((128, 128), bool)
    old[:, 60:64] = True
    occluded = make_occluder(kinds=(("hand", 1.0),))(replace(made, occlusion=old), np.random.default_rng(2))
    assert occluded.occlusion[old].all()
    assert occluded.occlusion.sum() > old.sum()


def test_things_never_cover_more_of_the_head_than_allowed(make_occluder):
    occluder = make_occluder(max_covered=0.3, second=1.0)
    for seed in range(10):
        made = made_view(yaw=0.2 * seed, seed=seed)
        occluded = occluder(made, np.random.default_rng(seed))
        if occluded.occlusion is not None:
            head = np.isfinite(occluder.scene(made.view, np.random.default_rng(0)).front)
            assert occluded.occlusion[head].sum() <= 0.3 * head.sum() + 1


def test_nothing_happens_at_a_probability_of_zero_and_to_grey_photographs_no_colour_comes(make_occluder):
    made = made_view()
    assert make_occluder(probability=0.0)(made, np.random.default_rng(0)) is made
    grey = np.repeat(made.view.image[..., :1], 3, axis=-1)
    made = replace(made, view=replace(made.view, image=grey))
    occluder = make_occluder()
    for seed in range(8):
        image = occluder(made, np.random.default_rng(seed)).view.image.astype(int)
        assert np.ptp(image, axis=-1).max() <= 1


def test_an_unknown_kind_is_refused(lfm):
    with pytest.raises(ValueError, match="umbrella"):
        FaceOccluder(lfm, [], config=OccluderConfig(kinds=(("umbrella", 1.0),)))
