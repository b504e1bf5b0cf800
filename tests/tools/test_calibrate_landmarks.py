"""Where 300W-LP has its landmarks, found again from faces that are labelled so."""

from dataclasses import replace

import numpy as np

from lineament.data.photographs.collections import is_validation
from lineament.geometry.rotation import matrix_from_angles
from tools.calibrate_landmarks import ALL_68, W300LP, training_photos
from tools.landmark_offsets import REGISTERED, Seen, cross_validated, measured_scheme

LIDS = slice(36, 48)


def seen(model, truth, rng):
    """A face of chance with the points of a true scheme."""
    rotation = matrix_from_angles(rng.uniform(-1, 1), rng.normal(0, 0.2), 0)
    scale, identity, expression = rng.uniform(0.5, 3), rng.normal(size=100), rng.uniform(0, 0.6, 53)
    vertices = model.vertices_model(identity, expression)

    def picture(points):
        return scale * (points @ rotation.T)[:, :2] * [1.0, -1.0]

    points = truth.points_model(vertices, identity, expression, rotation)
    registered = model.landmarks_model(identity, expression, scheme=REGISTERED)
    return Seen(ALL_68, picture(points), picture(registered), rotation, scale, identity, expression)


def test_a_scheme_is_found_again_and_its_lids_follow_no_expression(lfm):
    rng = np.random.default_rng(0)
    offset = np.zeros((68, 3), np.float32)
    offset[:8], offset[9:17] = (4, 2, -3), (-4, 2, -3)
    lowered = np.zeros((53, 68, 3), np.float32)
    lowered[:, LIDS, 1] = 0.5
    truth = replace(lfm.schemes[REGISTERED], name="true", offset_model=offset, expression_offset=lowered)
    faces = [seen(lfm, truth, rng) for _ in range(400)]
    found = measured_scheme(faces, lfm, W300LP)
    np.testing.assert_allclose(found.offset_model[:17], offset[:17], atol=0.7)
    assert not found.expression_offset[:, LIDS].any()
    assert len(found.turn_offset) == 0
    before, after = cross_validated(faces, lfm, W300LP)
    assert after < 0.5 * before


def test_people_kept_from_training_take_no_part_in_the_calibration():
    names = [f"P{number}_{photo:04d}.jpg" for number in range(400) for photo in range(2)]
    kept = [number for number, name in enumerate(names) if is_validation(f"ytf/{name.rsplit('_', 1)[0]}")]
    assert kept
    everybody = training_photos("ytf", names, 10_000)
    np.testing.assert_array_equal(everybody, sorted(set(range(len(names))) - set(kept)))
    some = training_photos("ytf", names, 100)
    assert len(some) == 100
    assert set(some) <= set(everybody)
