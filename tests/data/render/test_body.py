from __future__ import annotations

import numpy as np
import pytest

from lineament.data.render.body import BodyMesh
from lineament.geometry.rotation import matrix_from_angles
from lineament.geometry.topology import boundary_loops


@pytest.fixture(scope="module")
def body(lfm) -> BodyMesh:
    return BodyMesh.of(lfm)


def test_it_closes_the_border_of_the_skin_and_opens_only_below(lfm, body):
    first, last = lfm.parts["face"]
    together = np.concatenate([lfm.triangles[first:last], body.triangles])
    border = boundary_loops(together)
    vertices = np.concatenate([lfm.neutral_model, body.rest_model])
    low = [loop for loop in border if vertices[loop, 1].max() < -300]
    assert len(low) == 1  # the chest
    assert len(border) == len(boundary_loops(lfm.triangles[first:last]))  # the rest: eyes and mouth


def test_it_follows_an_open_jaw_at_the_chin_and_not_at_the_chest(lfm, body):
    opened = np.zeros(53, np.float32)
    opened[lfm.expression_names.index("jawOpen")] = 1
    shape = lfm.vertices_model(np.zeros(100), opened)
    moved = body.vertices_model(lfm, shape) - body.rest_model
    chin = np.abs(body.rest_model[:, 0]) < 20
    chin &= (body.rest_model[:, 2] > 0) & (body.follow > 0.5)
    assert moved[chin, 1].min() < -10
    assert np.abs(moved[body.follow == 0]).max() == 0


def test_head_and_shoulders_each_turn_by_their_own_rotation(body):
    head, shoulders = matrix_from_angles(0.9, 0.2, 0.1), matrix_from_angles(0.3, 0.0, 0.0)
    bent = body.bent(body.rest_model, head, shoulders)
    top, chest = body.bend == 0, body.bend == 1
    np.testing.assert_allclose(bent[top], body.rest_model[top] @ head.T, atol=1e-3)
    offset = bent[chest] - body.rest_model[chest] @ shoulders.T
    np.testing.assert_allclose(offset, np.broadcast_to(offset[0], offset.shape), atol=1e-2)


def test_it_is_nearly_symmetric(body):
    mirrored = body.rest_model * [-1, 1, 1]
    distance = np.linalg.norm(mirrored[::7, None] - body.rest_model, axis=-1).min(axis=1)
    assert np.quantile(distance, 0.95) < 6


def test_it_leaves_the_jaw_and_the_temples_across_the_border_not_along_it(lfm, body):
    first, last = lfm.parts["face"]
    border = np.array(boundary_loops(lfm.triangles[first:last])[0])
    rest = lfm.neutral_model[border].astype(float)
    onward = body.rest_model[: len(border)] - rest
    along = np.roll(rest, -1, axis=0) - np.roll(rest, 1, axis=0)
    parallel = np.abs((onward * along).sum(axis=1))
    parallel /= np.linalg.norm(onward, axis=1) * np.linalg.norm(along, axis=1)
    ear = (np.abs(rest[:, 0]) > 64) & (rest[:, 1] < 40)
    # Rings that slide along the border fold: a dark line from ear to jaw.
    assert np.quantile(parallel[~ear], 0.95) < 0.9
    assert np.median(parallel[~ear]) < 0.6


def test_a_slim_neck_is_slim_between_head_and_shoulders_alone(lfm, body):
    slim = body.vertices_model(lfm, lfm.neutral_model, neck=0.8)
    np.testing.assert_allclose(slim[:, 1:], body.rest_model[:, 1:], atol=1e-5)
    throat = np.abs(body.rest_model[:, 1] + 130) < 20
    np.testing.assert_allclose(slim[throat, 0], 0.8 * body.rest_model[throat, 0], atol=1e-4)
    apart = (body.rest_model[:, 1] > -45) | (body.rest_model[:, 1] < -200)
    np.testing.assert_array_equal(slim[apart, 0], body.rest_model[apart, 0])
