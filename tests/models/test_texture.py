from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lineament.errors import ModelError
from lineament.models.texture import (
    TEXTURE_PATH,
    TextureModel,
    load_texture_model,
    sampled,
    save_texture_model,
)

SIZE, MODES = 16, 6


@pytest.fixture(scope="module")
def texture() -> TextureModel:
    """A chart whose whole left half has colours, with as many symmetric as antisymmetric modes."""
    rng = np.random.default_rng(1)
    texel = np.argwhere(np.ones((SIZE, SIZE // 2), bool))
    return TextureModel(
        name="tiny",
        source="numbers",
        licence="none",
        size=SIZE,
        texel=texel,
        mean_rgb=rng.uniform(0.3, 0.7, (len(texel), 3)).astype(np.float32),
        modes=rng.normal(0, 0.1, (MODES, len(texel), 3)).astype(np.float32),
        sign=np.float32([1, -1] * (MODES // 2)),
        vertex_uv=rng.uniform(0.1, 0.9, (40, 2)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def shipped() -> TextureModel:
    return load_texture_model()


def test_mirrored_coefficients_make_the_mirrored_texture(texture):
    coefficients = texture.sample(np.random.default_rng(2))
    mirrored = texture.uv_map(texture.mirrored(coefficients))
    np.testing.assert_allclose(mirrored, texture.uv_map(coefficients)[:, ::-1], atol=1e-6)


def test_the_vertices_have_the_colours_of_the_map(texture):
    coefficients = texture.sample(np.random.default_rng(3))
    mean, modes = texture.vertex_basis()
    by_basis = mean + np.tensordot(coefficients, modes, 1)
    np.testing.assert_allclose(texture.vertex_colors(coefficients), by_basis, atol=1e-5)


def test_fewer_coefficients_leave_the_others_at_zero(texture):
    np.testing.assert_allclose(
        texture.uv_map(np.array([0.5, -1.0])), texture.uv_map(np.array([0.5, -1.0, 0, 0, 0, 0])), atol=1e-6
    )


def test_a_texture_gives_back_the_coefficients_that_made_it(texture):
    coefficients = texture.sample(np.random.default_rng(4))
    found = texture.coefficients(texture.uv_map(coefficients))
    np.testing.assert_allclose(found, coefficients, atol=0.05)


def test_half_a_texture_is_enough_to_find_its_coefficients(texture):
    coefficients = texture.sample(np.random.default_rng(5))
    weight = np.zeros((SIZE, SIZE), np.float32)
    weight[:, : SIZE // 2 + 2] = 1
    shown = texture.uv_map(coefficients) * weight[..., None]
    np.testing.assert_allclose(texture.coefficients(shown, weight=weight), coefficients, atol=0.1)


def test_a_linear_map_is_looked_up_exactly():
    v, u = (np.mgrid[0:8, 0:8] + 0.5) / 8
    uv = np.random.default_rng(0).uniform(0.1, 0.9, (20, 2))
    np.testing.assert_allclose(sampled(np.stack([u, v], -1), uv), uv, atol=1e-6)


def test_a_written_model_reads_back_within_its_steps(texture, tmp_path):
    save_texture_model(tmp_path / "t.npz", texture)
    again = load_texture_model(tmp_path / "t.npz")
    step = np.abs(texture.modes).max(axis=(1, 2)) / 127
    assert (np.abs(again.modes - texture.modes).max(axis=(1, 2)) <= 0.51 * step).all()
    np.testing.assert_allclose(again.mean_rgb, texture.mean_rgb, atol=1e-3)
    np.testing.assert_allclose(again.vertex_uv, texture.vertex_uv, atol=1e-5)
    assert (again.name, again.source, again.licence) == ("tiny", "numbers", "none")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.npz does not exist"):
        load_texture_model(tmp_path / "nowhere.npz")


def test_another_archive_is_refused_with_what_it_lacks(tmp_path):
    np.savez(tmp_path / "other.npz", neutral=np.zeros(3))
    with pytest.raises(ModelError, match="no array 'size'"):
        load_texture_model(tmp_path / "other.npz")


def test_texels_off_the_half_are_refused(texture, tmp_path):
    wrong = replace(texture, texel=texture.texel + np.array([0, SIZE // 2]))
    save_texture_model(tmp_path / "wrong.npz", wrong)
    with pytest.raises(ModelError, match="left half"):
        load_texture_model(tmp_path / "wrong.npz")


def test_the_shipped_model_is_small_public_and_for_the_built_in_face(shipped, lfm):
    assert TEXTURE_PATH.stat().st_size < 4e6
    assert "public domain" in shipped.licence
    assert "Congress" in shipped.source
    assert len(shipped.modes) >= 80
    np.testing.assert_allclose(shipped.vertex_uv, lfm.uv, atol=1e-5)


def test_the_shipped_faces_have_skin_colours_everywhere(shipped, lfm):
    first, last = lfm.parts["face"]
    skin = np.unique(lfm.triangles[first:last])
    red, green, blue = shipped.vertex_colors(np.zeros(0))[skin].T
    assert (red > green).mean() > 0.98
    assert (green > blue).mean() > 0.9
    assert red.min() > 0.15


def test_the_shipped_modes_are_those_of_different_standard_deviations(shipped):
    strength = np.einsum("ktc,ktc->k", shipped.modes, shipped.modes)
    assert strength[0] > 10 * strength[40] > 0
    assert set(np.unique(shipped.sign)) == {-1.0, 1.0}
