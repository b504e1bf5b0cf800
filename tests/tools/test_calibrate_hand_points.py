"""Where people set points, found again from faces on which they were set."""

from dataclasses import replace

import numpy as np
import pytest

from lineament.evaluate.protocols.handset_points import CFP_30, CFP_30_MIRRORED, LONDON_23
from lineament.geometry.rotation import matrix_from_angles
from tools.calibrate_hand_points import IBUG_68
from tools.landmark_offsets import REGISTERED, Seen, errors, measured_scheme

KNOWN = sorted(
    {point for _, ours in CFP_30.pairs for point in ours} - {8, 27, 28, 29, 30, 33, 51, 57, 62, 66}
)


def seen(model, truth, rng, scheme):
    """A face of chance with the points of a true scheme."""
    turned = 1 if scheme is CFP_30 else -1
    yaw = turned * rng.uniform(0, 1.3) if scheme is not LONDON_23 else rng.normal(0, 0.1)
    rotation, scale = matrix_from_angles(yaw, rng.normal(0, 0.2), 0), rng.uniform(0.5, 3)
    identity, expression = rng.normal(size=100), rng.uniform(0, 0.3, 53)
    vertices = model.vertices_model(identity, expression)

    def picture(points):
        return scale * (points @ rotation.T)[:, :2] * [1.0, -1.0]

    points = truth.points_model(vertices, identity, expression, rotation)
    registered = model.landmarks_model(identity, expression, scheme=REGISTERED)
    return Seen(
        scheme,
        scheme.of_68(picture(points)),
        picture(registered),
        rotation,
        scale,
        identity,
        expression,
    )


def test_a_scheme_is_found_again_from_the_points_of_profiles_and_frontal_faces(lfm):
    rng = np.random.default_rng(0)
    turn = np.zeros((4, 68, 3), np.float32)
    turn[0, :8], turn[0, 9:17] = (4, 2, -3), (-4, 2, -3)  # the outline, on both sides
    truth = replace(lfm.schemes[REGISTERED], name="true", turn_offset=turn)
    faces = [seen(lfm, truth, rng, s) for s in (CFP_30, CFP_30_MIRRORED, LONDON_23) for _ in range(300)]
    found = measured_scheme(faces, lfm, IBUG_68)
    fresh = [seen(lfm, truth, rng, s) for s in (CFP_30, CFP_30_MIRRORED) for _ in range(20)]
    before, after = (errors(fresh, scheme, lfm) for scheme in (lfm.schemes[REGISTERED], found))
    assert after < 0.1 * before


@pytest.mark.parametrize("point", [8, 27, 30, 33, 51])
def test_points_in_the_middle_do_not_jump_aside_as_the_head_turns_past_the_front(lfm, point):
    scheme = lfm.schemes["ibug-68"]
    left, right = (
        scheme.points_model(lfm.neutral_model, rotation=matrix_from_angles(yaw, 0, 0))[point]
        for yaw in (1e-4, -1e-4)
    )
    np.testing.assert_allclose(left, right, atol=0.01)
