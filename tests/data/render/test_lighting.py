from __future__ import annotations

import numpy as np

from lineament.data.render.lighting import Light, LightConfig, random_light, shadow_frame
from lineament.geometry.harmonics import harmonics


def unit_vectors(count: int) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_the_nine_functions_are_orthogonal_over_the_sphere():
    values = harmonics(unit_vectors(40_000))
    gram = values.T @ values / len(values)
    scale = np.sqrt(np.diag(gram))
    np.testing.assert_allclose(gram / np.outer(scale, scale), np.eye(9), atol=0.04)


def test_they_are_those_of_lamberts_law():
    # What a distant light of unit strength gives a matt surface, max(n . l, 0), to second order: its moments
    # with the harmonics are those of the basis (Basri & Jacobs 2003, a_l = pi, 2 pi / 3, pi / 4).
    normals = unit_vectors(40_000)
    basis = harmonics(normals)
    cosine = np.maximum(normals[:, 2], 0)
    fitted = basis @ np.linalg.lstsq(basis, cosine, rcond=None)[0]
    assert np.sqrt(np.mean((fitted - cosine) ** 2)) < 0.08  # second order keeps 99.2 % of the energy


def test_light_adds_up():
    one, two = (random_light(np.random.default_rng(seed), LightConfig()) for seed in (1, 2))
    both = Light(one.ambient + two.ambient, one.key_direction, one.key_rgb)
    normals = unit_vectors(200)
    lit = (harmonics(normals) @ one.ambient) + (harmonics(normals) @ two.ambient)
    np.testing.assert_allclose(both.irradiance(normals), np.maximum(lit, 0), atol=1e-9)
    np.testing.assert_allclose(one.scaled(3).irradiance(normals), 3 * one.irradiance(normals))


def test_random_light_is_positive_and_neither_black_nor_blinding():
    front = np.array([[0.0, 0.0, 1.0]])
    for seed in range(100):
        light = random_light(np.random.default_rng(seed), LightConfig())
        assert (light.irradiance(unit_vectors(50)) >= 0).all()
        assert (light.key_rgb > 0).all()
        assert abs(np.linalg.norm(light.key_direction) - 1) < 1e-9
        total = light.irradiance(front)[0] + max(light.key_direction[2], 0) * light.key_rgb
        assert 0.3 < total.mean() < 3


def test_depth_in_the_shadow_map_grows_away_from_the_light():
    for direction in unit_vectors(20):
        frame = shadow_frame(direction, 100, 50.0)
        visible = frame[:, :3] @ direction + frame[:, 3]
        np.testing.assert_allclose(visible, [50, 50, -1], atol=1e-9)
        across = frame[:2, :3]
        np.testing.assert_allclose(across @ across.T, np.eye(2), atol=1e-9)  # 100 px over 100 mm
        # Pictures have y down: the frame is right-handed with depth away, like the picture's.
        assert np.linalg.det(frame[:, :3]) > 0
