from dataclasses import replace

import numpy as np
import pytest

from lineament.crop import CropBox
from lineament.errors import DataError
from samples import assert_same, make_sample


def test_a_sample_mirrored_twice_is_the_sample(lfm):
    sample = make_sample(yaw=0.5, roll=0.2)
    assert_same(sample.mirrored(lfm).mirrored(lfm), sample)


def test_a_mirrored_sample_shows_every_vertex_where_its_partner_was_mirrored_to(lfm):
    sample = make_sample(yaw=0.5, roll=0.2)
    before, after = (
        s.camera.image_from_model(lfm.vertices_model(s.identity, s.expression))
        for s in (sample, sample.mirrored(lfm))
    )
    np.testing.assert_allclose(after, before[lfm.mirror.vertex] * [-1, 1, 1] + [128, 0, 0], atol=1e-3)


def test_the_mask_is_mirrored_with_the_picture(lfm):
    sample = make_sample()
    mirrored = sample.mirrored(lfm)
    np.testing.assert_array_equal(mirrored.occlusion, sample.occlusion[:, ::-1])
    assert make_sample(occluded=False).mirrored(lfm).occlusion is None


def test_the_mask_follows_the_crop():
    sample = make_sample()
    painted = sample.image.copy()
    painted[sample.occlusion] = 255
    painted[~sample.occlusion] = 0
    sample = replace(sample, view=replace(sample.view, image=painted))
    cropped = sample.cropped(CropBox((70.0, 60.0), 80.0, 112, 0.3))
    np.testing.assert_array_equal(cropped.occlusion, cropped.image[..., 0] > 127)
    assert 0.1 < cropped.occlusion.mean() < 0.5


def test_cropping_a_sample_without_a_mask_makes_none():
    assert make_sample(occluded=False).cropped(CropBox((64.0, 64.0), 80.0, 64)).occlusion is None


@pytest.mark.parametrize("mask", [np.zeros((128, 127), bool), np.zeros((128, 128), np.uint8)])
def test_a_mask_that_is_not_the_pictures_is_refused(mask):
    with pytest.raises(DataError, match=r"occlusion mask of 'A_0\.jpg'"):
        replace(make_sample(), occlusion=mask)
