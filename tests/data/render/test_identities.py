from __future__ import annotations

import numpy as np
import pytest

from lineament.data.render.identities import (
    MAX_DEVIATION,
    Identities,
    load_identities,
    measured_identities,
    photographed_identities,
    prior_identities,
    rms_mm,
    save_identities,
)
from lineament.errors import ModelError

SIGN = np.array([1.0, -1.0, 1.0])


def people(count, rng):
    """Faces with a mean of (2, 0, -1) and deviations of 1, 0.5 and 0.2."""
    return rng.normal(size=(count, 3)) * [1, 0.5, 0.2] + [2, 0, -1]


def test_measuring_finds_mean_and_deviations():
    rng = np.random.default_rng(0)
    found = measured_identities(people(4000, rng), rng.normal(0, 0.3, 4000), SIGN)
    np.testing.assert_allclose(found.mean, [2, 0, -1], atol=0.06)
    np.testing.assert_allclose(np.sqrt(np.diag(found.factor @ found.factor.T)), [1, 0.5, 0.2], rtol=0.05)


def test_what_comes_from_the_pose_is_taken_out():
    rng = np.random.default_rng(1)
    yaw = rng.normal(0, 0.3, 4000)
    bent = people(4000, rng) + np.outer(yaw, [0, 3, 0]) + np.outer(yaw**2, [4, 0, 0])
    found = measured_identities(bent, yaw, SIGN)
    np.testing.assert_allclose(found.mean, [2, 0, -1], atol=0.08)
    assert np.linalg.norm(found.factor[1]) == pytest.approx(0.5, rel=0.05)


def test_mirrored_people_have_the_same_distribution():
    rng = np.random.default_rng(2)
    identity, yaw = people(50, rng) + np.array([0, 0.3, 0]), rng.normal(0, 0.3, 50)
    found, mirrored = (
        measured_identities(*faces, SIGN) for faces in ((identity, yaw), (identity * SIGN, -yaw))
    )
    np.testing.assert_allclose(found.mean, mirrored.mean, atol=1e-6)
    np.testing.assert_allclose(found.factor, mirrored.factor, atol=1e-6)
    assert found.mean[1] == 0
    assert found.factor[1, 0] == found.factor[2, 1] == 0


def test_draws_have_the_distribution_asked_for():
    identities = Identities(np.array([1.0, -2.0]), np.array([[0.5, 0.0], [0.3, 0.4]]))
    rng = np.random.default_rng(3)
    drawn = np.stack([identities.sample(rng, 2, std=2.0) for _ in range(6000)])
    np.testing.assert_allclose(drawn.mean(axis=0), [1, -2], atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), 4 * identities.factor @ identities.factor.T, atol=0.06)
    assert drawn[:, 0].max() <= 1 + 2 * 0.5 * MAX_DEVIATION


def test_fewer_modes_are_the_leading_ones_and_more_are_refused():
    identities = prior_identities(3)
    rng = np.random.default_rng(4)
    assert identities.sample(rng, 2).shape == (2,)
    with pytest.raises(ValueError, match="3 modes"):
        identities.sample(rng, 4)


def test_a_file_gives_back_what_was_written_and_others_are_refused(tmp_path):
    identities = Identities(np.array([1.0, -2.0]), np.array([[0.5, 0.0], [0.25, 0.4]]))
    save_identities(tmp_path / "some.npz", identities, 7, "seven people")
    found = load_identities(tmp_path / "some.npz")
    np.testing.assert_allclose(found.factor, identities.factor, rtol=1e-3)
    np.testing.assert_allclose(found.mean, identities.mean, rtol=1e-3)
    with pytest.raises(ModelError, match="does not exist"):
        load_identities(tmp_path / "none.npz")


def test_the_packages_identities_are_symmetric_and_closer_together_than_the_prior(lfm):
    identities, sign = photographed_identities(), lfm.mirror.identity_sign
    assert (identities.mean[sign < 0] == 0).all()
    assert not identities.factor[np.not_equal.outer(sign, sign)].any()
    std, prior = (
        np.linalg.norm(rms_mm(lfm.identity_basis, known.factor.T))
        for known in (identities, prior_identities(len(sign)))
    )
    assert 0.2 * prior < std < 0.6 * prior
