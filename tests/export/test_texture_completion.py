from dataclasses import replace

import numpy as np
import pytest

from lineament.errors import ExportError
from lineament.export import FaceTexturer
from lineament.export.texture_completion import LikelyFace, Nothing, OtherSide, resized
from lineament.models.texture import load_texture_model


@pytest.fixture(scope="module")
def likely():
    return LikelyFace(load_texture_model())


def left_half(size):
    return np.tile(np.float32(np.arange(size) < size // 2), (size, 1))


def test_what_is_trusted_stays_and_without_completion_the_rest_is_black():
    colors = np.random.default_rng(0).uniform(20, 200, (16, 16, 3)).astype(np.float32)
    left = left_half(16)
    kept = Nothing()(colors, left, mirrored=True)
    np.testing.assert_array_equal(kept[:, :8], colors[:, :8])
    assert not kept[:, 8:].any()
    mirrored = OtherSide()(colors, left, mirrored=True)
    np.testing.assert_allclose(mirrored[:, :8], colors[:, :8], atol=1e-3)
    np.testing.assert_allclose(mirrored[:, 8:], colors[:, :8][:, ::-1], atol=1e-3)


def test_the_likeliest_face_has_the_colours_of_a_face_of_the_model_that_is_half_hidden(likely):
    """One side of a face that is not the same on both, in reddish light: nearer than the mean face is."""
    model = likely.model
    coefficients = np.where(model.sign < 0, 1.5, 0.5).astype(np.float32)
    light = np.float32([1.1, 0.9, 0.85])
    whole = np.clip(255 * model.uv_map(coefficients) * light, 0, 255)
    mean = np.clip(255 * model.uv_map(np.zeros(0)) * light, 0, 255)
    left = left_half(model.size)
    found = likely(whole, left * model.mask, mirrored=True)
    seen, hidden = model.mask & (left > 0), model.mask & (left == 0)
    np.testing.assert_allclose(found[seen], whole[seen], atol=0.01)
    wrong, of_the_mean = (np.abs(one - whole)[hidden].mean() for one in (found, mean))
    assert wrong < 0.8 * of_the_mean


def test_a_mesh_with_another_chart_is_refused(likely, lfm):
    likely.check(lfm.mesh)
    other = replace(lfm.mesh, uv=lfm.mesh.uv[:, ::-1])
    with pytest.raises(ExportError, match=r"does not know the chart of the mesh 'lfm'.*\(mirror\)"):
        FaceTexturer(other, size=32, complete=likely)


def test_a_smaller_texture_has_the_mean_of_what_is_trusted():
    colors = np.zeros((4, 4, 3), np.float32)
    trust = np.zeros((4, 4), np.float32)
    colors[0, 0], trust[0, 0] = 200, 1
    colors[0, 1], trust[0, 1] = 100, 1
    colors[2:, 2:] = 77  # not trusted
    small, weight = resized(colors, trust, 2)
    np.testing.assert_allclose(weight, [[0.5, 0], [0, 0]])
    np.testing.assert_allclose(small[0, 0], 150)
