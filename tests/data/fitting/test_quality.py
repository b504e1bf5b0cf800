from dataclasses import replace

import numpy as np
import pytest

from lineament.data.fitting.fitter import Fits
from lineament.data.fitting.quality import QualityLimits, Reason, judge
from lineament.geometry.rotation import matrix_from_angles

LIMITS = QualityLimits()


@pytest.fixture
def good():
    """One frontal face at rest that fits well."""
    return Fits(
        rotation=np.eye(3)[None],
        scale=np.ones(1),
        translation=np.zeros((1, 3)),
        identity=np.full((1, 10), 0.5),
        expression=np.full((1, 20), 0.1),
        residual=np.full(1, 0.01),
        outliers=np.zeros(1),
    )


def reason_of(fits: Fits) -> Reason:
    """Why the one fit is not kept."""
    return judge(fits).reasons[0]


def test_a_good_fit_is_kept(good):
    quality = judge(good)
    assert quality.is_kept.tolist() == [True]
    assert quality.count() == {Reason.KEPT: 1}


def test_identity_is_measured_in_standard_deviations_whatever_the_number_of_modes(good):
    assert judge(good).identity[0] == pytest.approx(0.5)
    assert judge(replace(good, identity=np.full((1, 90), 0.5))).identity[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"residual": np.full(1, 1.01 * LIMITS.residual)}, Reason.RESIDUAL),
        ({"outliers": np.full(1, 1.01 * LIMITS.outliers)}, Reason.OUTLIERS),
        ({"identity": np.full((1, 10), 1.01 * LIMITS.identity)}, Reason.IDENTITY),
        ({"expression": np.full((1, 20), LIMITS.expression / 19)}, Reason.EXPRESSION),
        ({"rotation": matrix_from_angles(-1.01 * LIMITS.yaw, 0, 0)[None]}, Reason.POSE),
        ({"rotation": matrix_from_angles(0, 1.01 * LIMITS.pitch, 0)[None]}, Reason.POSE),
        ({"scale": np.full(1, 0.99 * LIMITS.min_scale)}, Reason.SIZE),
        ({"residual": np.full(1, np.nan)}, Reason.NOT_FINITE),
    ],
)
def test_a_bad_fit_says_what_is_wrong_with_it(good, change, reason):
    assert reason_of(replace(good, **change)) is reason


def test_where_people_set_points_these_decide_and_profiles_are_kept(good):
    profile = replace(good, rotation=matrix_from_angles(1.5, 1.0, 0.0)[None], set_residual=np.full(1, 0.02))
    assert reason_of(profile) is Reason.KEPT
    assert reason_of(replace(profile, set_residual=np.full(1, 1.01 * LIMITS.set_residual))) is Reason.RESIDUAL
    assert reason_of(replace(profile, set_residual=np.full(1, np.nan))) is Reason.POSE
