from __future__ import annotations

import numpy as np

from lineament.data.texture.completion import completed, fill_outward, mean_texture

SIZE = 48
ROWS, COLUMNS = np.mgrid[0:SIZE, 0:SIZE] / SIZE
MEAN = np.stack([0.6 + 0.1 * ROWS, 0.5 + 0 * ROWS, 0.4 + 0 * ROWS], axis=-1).astype(np.float32)
OWN = MEAN + np.float32(0.1) * np.sin(6 * ROWS)[..., None].astype(np.float32)  # the same on both sides


def test_what_is_wholly_seen_stays_as_it_is():
    np.testing.assert_allclose(completed(OWN, np.ones((SIZE, SIZE), np.float32), MEAN), OWN, atol=1e-5)


def test_the_hidden_half_of_a_symmetric_face_is_the_mirrored_other():
    weight = np.zeros((SIZE, SIZE), np.float32)
    weight[:, : SIZE * 6 // 10] = 1
    hidden = OWN * weight[..., None]
    np.testing.assert_allclose(completed(hidden, weight, MEAN), OWN, atol=0.01)


def test_nothing_seen_gives_the_mean():
    nothing = np.zeros((SIZE, SIZE), np.float32)
    np.testing.assert_allclose(completed(np.zeros_like(MEAN), nothing, MEAN), MEAN, atol=1e-5)


def test_seams_are_soft():
    brighter = MEAN + np.float32(0.2)
    weight = np.zeros((SIZE, SIZE), np.float32)
    weight[10:30, 20:28] = 1
    whole = completed(brighter * weight[..., None], weight, MEAN)
    # Nowhere does the deviation step by more than a part of what it is in all.
    assert np.abs(np.diff(whole - MEAN, axis=0)).max() < 0.08
    assert np.abs(np.diff(whole - MEAN, axis=1)).max() < 0.08
    np.testing.assert_allclose((whole - MEAN)[15:25, 22:26], 0.2, atol=0.02)


def test_the_mean_counts_faces_by_what_they_show_and_is_symmetric():
    one, two = np.full_like(MEAN, 0.2), np.full_like(MEAN, 0.8)
    weights = np.zeros((2, SIZE, SIZE), np.float32)
    weights[0, :24], weights[1, 24:] = 1, 1
    mean = mean_texture(np.stack([one, two]), weights, np.ones((SIZE, SIZE), bool))
    np.testing.assert_allclose(mean[:24], 0.2, atol=1e-6)
    np.testing.assert_allclose(mean[24:], 0.8, atol=1e-6)
    np.testing.assert_allclose(mean, mean[:, ::-1], atol=1e-6)


def test_colours_go_on_beyond_what_is_known():
    known = np.zeros((SIZE, SIZE), bool)
    known[10:40, 10:40] = True
    whole = fill_outward(np.where(known[..., None], np.float32(0.5), 0), known)
    np.testing.assert_allclose(whole, 0.5, atol=1e-5)
