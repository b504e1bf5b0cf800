from dataclasses import replace

import numpy as np
import pytest

from lineament.data.samples.codec import Storage, decode, encode
from lineament.errors import DataError
from samples import assert_same, make_sample

EXACT = Storage(picture="png", coefficients="float32")


@pytest.mark.parametrize("occluded", [True, False])
def test_png_and_float32_lose_nothing(occluded):
    sample = make_sample(yaw=0.3, occluded=occluded)
    again = decode(encode(sample, EXACT), name="one")
    assert_same(again, sample)


def test_half_precision_keeps_three_digits_of_the_coefficients_and_all_of_the_camera():
    sample = make_sample(yaw=0.3)
    again = decode(encode(sample, Storage(picture="png")), name="one")
    np.testing.assert_allclose(again.identity, sample.identity, rtol=5e-4, atol=1e-6)
    np.testing.assert_allclose(again.expression, sample.expression, rtol=5e-4, atol=1e-6)
    np.testing.assert_array_equal(again.camera.rotation, sample.camera.rotation)
    np.testing.assert_array_equal(again.occlusion, sample.occlusion)
    assert again.identity.dtype == np.float32


def test_half_precision_moves_no_vertex_by_more_than_a_hundredth_of_a_millimetre(lfm):
    sample = make_sample()
    again = decode(encode(sample, Storage()), name="one")
    one, two = (lfm.vertices_model(s.identity, s.expression) for s in (sample, again))
    assert np.linalg.norm(one - two, axis=1).max() < 0.01


def test_jpeg_stays_close_to_the_picture_and_the_mask_exact():
    sample = make_sample()
    again = decode(encode(sample, Storage(quality=92)), name="one")
    assert np.abs(again.image.astype(int) - sample.image).mean() < 1.5
    np.testing.assert_array_equal(again.occlusion, sample.occlusion)


def test_members_are_named_as_webdataset_reads_them():
    assert sorted(encode(make_sample(), Storage())) == ["jpg", "json", "mask.png", "npz"]
    assert sorted(encode(make_sample(occluded=False), EXACT)) == ["json", "npz", "png"]


def test_the_same_sample_gives_the_same_bytes(lfm):
    sample = make_sample(yaw=0.2)
    assert encode(sample, Storage()) == encode(make_sample(yaw=0.2), Storage())
    twice = sample.mirrored(lfm).mirrored(lfm)
    assert encode(twice, EXACT)["png"] == encode(sample, EXACT)["png"]


@pytest.mark.parametrize("member", ["jpg", "npz", "json"])
def test_a_missing_or_damaged_member_is_named(member):
    members = encode(make_sample(), Storage())
    cut = {**members, member: members[member][: len(members[member]) // 2]}
    missing = {key: value for key, value in members.items() if key != member}
    for broken in (cut, missing):
        with pytest.raises(DataError, match="shard:0007"):
            decode(broken, name="shard:0007")


def test_a_damaged_mask_is_an_error():
    members = {**encode(make_sample(), Storage()), "mask.png": b"no picture"}
    with pytest.raises(DataError, match="picture of one is damaged"):
        decode(members, name="one")


@pytest.mark.parametrize("value", [np.nan, 1e6])
def test_labels_that_half_precision_cannot_hold_are_refused(value):
    sample = make_sample()
    identity = sample.identity.copy()
    identity[3] = value
    with pytest.raises(DataError, match="identity of 'A_0"):
        encode(replace(sample, view=replace(sample.view, identity=identity)), Storage())
