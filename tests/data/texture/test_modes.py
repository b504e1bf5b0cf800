from __future__ import annotations

import numpy as np
import pytest

from lineament.data.texture.modes import folded, texture_modes

SIZE, FACES = 24, 60
MASK = np.zeros((SIZE, SIZE), bool)
MASK[2:22, 2:22] = True


@pytest.fixture(scope="module")
def faces() -> np.ndarray:
    """Textures of three hidden causes: two symmetric, one antisymmetric."""
    rng = np.random.default_rng(0)
    row, column = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    x = column + 0.5 / SIZE - 0.5
    causes = np.stack([np.cos(3 * row), np.cos(7 * x) * row, np.sin(4 * x)])
    amounts = rng.normal(0, [0.10, 0.06, 0.04], (FACES, 3))
    colors = np.stack([causes, 0.8 * causes, 0.6 * causes], axis=-1)
    return (0.5 + np.tensordot(amounts, colors, 1)).astype(np.float32)


def rebuilt(modes, faces):
    even, odd = folded(faces, modes.texel)
    flat = modes.modes.reshape(len(modes.modes), -1)
    out = []
    for part, sign in ((even - modes.mean_rgb, 1), (odd, -1)):
        own = flat[modes.sign == sign]
        rows = part.reshape(len(part), -1)
        amount = rows @ own.T / (own**2).sum(axis=1)
        out.append((amount @ own - rows).reshape(part.shape))
    return out


def test_as_many_modes_as_causes_keep_everything(faces):
    modes = texture_modes(faces, np.ones((FACES, SIZE, SIZE), np.float32), MASK, count=3, rounds=1)
    assert modes.variance_kept > 0.999
    assert sorted(modes.sign) == [-1, 1, 1]
    for wrong in rebuilt(modes, faces):
        assert np.abs(wrong).max() < 0.005


def test_fewer_modes_are_wrong_by_the_variance_they_say_they_lose(faces):
    modes = texture_modes(faces, np.ones((FACES, SIZE, SIZE), np.float32), MASK, count=2, rounds=1)
    lost = sum((wrong**2).sum() for wrong in rebuilt(modes, faces))
    even, odd = folded(faces, modes.texel)
    everything = ((even - modes.mean_rgb) ** 2).sum() + (odd**2).sum()
    assert lost / everything == pytest.approx(1 - modes.variance_kept, rel=0.02)


def test_modes_are_worth_one_standard_deviation_each(faces):
    modes = texture_modes(faces, np.ones((FACES, SIZE, SIZE), np.float32), MASK, count=3, rounds=1)
    even, _ = folded(faces, modes.texel)
    flat = modes.modes.reshape(3, -1)
    rows = (even - modes.mean_rgb).reshape(FACES, -1)
    for mode in flat[modes.sign > 0]:
        assert (rows @ mode / (mode**2).sum()).std() == pytest.approx(1, rel=1e-3)


def test_faces_seen_by_halves_have_nearly_the_modes_of_whole_ones(faces):
    weights = np.ones((FACES, SIZE, SIZE), np.float32)
    whole = texture_modes(faces, weights, MASK, count=2, rounds=1)
    for number in range(FACES):
        side = slice(0, 8) if number % 2 else slice(16, SIZE)
        weights[number, :, side] = 0
    half = texture_modes(faces * weights[..., None], weights, MASK, count=2)
    first, other = whole.modes[0].ravel(), half.modes[0].ravel()
    assert abs(first @ other) / (np.linalg.norm(first) * np.linalg.norm(other)) > 0.98
