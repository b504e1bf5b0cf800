"""What must hold of every rotation, camera, square, similarity and mirror, on examples drawn at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import cameras, clouds, crop_boxes, head_rotations, numbers, rotations, vectors
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import triangle_areas, vertex_normals
from lineament.geometry.rotation import (
    angle_between,
    angles_from_matrix,
    matrix_from_angles,
    matrix_from_six,
    matrix_from_vector,
    vector_from_matrix,
)
from lineament.geometry.similarity import Similarity, fit_similarity

FLIP = np.diag([-1.0, 1, 1])  # a mirror to the left and right of the head
TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])


def assert_same(found, expected, *, size=1.0):
    """Equal to rounding, for numbers of about so much."""
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * size)


@given(head_rotations())
def test_angles_there_and_back_are_the_same_rotation(rotation):
    angles = angles_from_matrix(rotation)
    assert_same(matrix_from_angles(angles.yaw, angles.pitch, angles.roll), rotation)


@given(numbers(-1.5, 1.5), numbers(-1.5, 1.5), numbers(-3.1, 3.1))
def test_a_mirror_turns_yaw_and_roll_round_and_leaves_pitch(yaw, pitch, roll):
    mirrored = FLIP @ matrix_from_angles(yaw, pitch, roll) @ FLIP
    assert_same(mirrored, matrix_from_angles(-yaw, pitch, -roll))


@given(rotations())
def test_a_vector_there_and_back_is_the_same_rotation(rotation):
    assert_same(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert_same(matrix_from_vector(vector_from_matrix(rotation)), rotation, size=100)


@given(rotations(), vectors(3, 0.1, 10))
def test_six_numbers_are_a_rotation_whatever_the_lengths_of_the_two_vectors(rotation, lengths):
    six = np.concatenate([lengths[0] * rotation[0], lengths[1] * rotation[1] + lengths[2] * rotation[0]])
    assert_same(matrix_from_six(six), rotation, size=100)


@given(rotations(), rotations(), rotations())
def test_the_angle_between_rotations_is_a_distance(a, b, c):
    assert angle_between(a, b) == pytest.approx(angle_between(b, a), abs=1e-7)
    assert angle_between(a, a) == pytest.approx(0, abs=1e-7)
    assert angle_between(a, c) <= angle_between(a, b) + angle_between(b, c) + 1e-7
    assert angle_between(c @ a, c @ b) == pytest.approx(angle_between(a, b), abs=1e-6)


@given(cameras(), clouds())
def test_through_a_camera_and_back_points_are_where_they_were(camera, points):
    assert_same(camera.model_from_image(camera.image_from_model(points)), points, size=1e7)


@given(cameras(), clouds())
def test_a_mirrored_camera_sees_a_mirrored_head_in_a_mirrored_picture(camera, points):
    mirrored = WeakPerspective(FLIP @ camera.rotation @ FLIP, camera.scale, FLIP @ camera.translation)
    assert_same(mirrored.image_from_model(points @ FLIP), camera.image_from_model(points) @ FLIP, size=1e5)


@given(crop_boxes(), clouds(radius=3000))
def test_into_a_crop_box_and_back_points_are_where_they_were(box, points):
    assert_same(box.image_from_crop(box.crop_from_image(points)), points, size=1e6)
    assert_same(box.crop_from_image(box.image_from_crop(points)), points, size=1e6)


@given(crop_boxes(), cameras(), clouds())
def test_a_camera_of_the_crop_and_of_the_photo_show_the_same_points(box, camera, points):
    in_image = box.camera_in_image(camera)
    expected = box.image_from_crop(camera.image_from_model(points))
    assert_same(in_image.image_from_model(points), expected, size=1e8)
    back = box.camera_in_crop(in_image)
    assert_same(back.image_from_model(points), camera.image_from_model(points), size=1e8)


@given(crop_boxes(), st.integers(8, 512), clouds(radius=3000))
def test_another_size_of_the_crop_is_the_same_crop_box_of_the_photo(box, size, points):
    scaled = box.crop_from_image(points) * (size / box.size)
    assert_same(box.resized(size).crop_from_image(points), scaled, size=1e6)


@given(clouds(), rotations(), numbers(0.01, 100), vectors(3, -1000, 1000))
def test_a_similarity_is_found_from_the_points_it_moved(points, rotation, scale, translation):
    moved = Similarity(np.array(scale), rotation, translation).apply(points)
    found = fit_similarity(points, moved)
    assert_same(found.apply(points), moved, size=1e6)
    assert_same(found.rotation, rotation, size=1e4)
    assert found.scale == pytest.approx(scale)
    back = fit_similarity(moved, points)
    assert_same(back.apply(moved), points, size=1e6)


@given(clouds(), clouds(), rotations(), vectors(3, -1000, 1000))
def test_how_far_two_clouds_are_apart_does_not_depend_on_where_the_second_lies(one, two, rotation, shift):
    def rest(target):
        return np.linalg.norm(fit_similarity(one, target).apply(one) - target)

    assert rest(two @ rotation.T + shift) == pytest.approx(rest(two), rel=1e-6)


@given(clouds(count=4), rotations(), numbers(0.1, 10), vectors(3, -1000, 1000))
def test_normals_turn_with_the_mesh_and_areas_grow_with_the_square(points, rotation, scale, shift):
    moved = scale * points @ rotation.T + shift
    assert_same(
        vertex_normals(moved, TETRAHEDRON), vertex_normals(points, TETRAHEDRON) @ rotation.T, size=1e5
    )
    assert_same(triangle_areas(moved, TETRAHEDRON), scale**2 * triangle_areas(points, TETRAHEDRON), size=1e7)


@given(st.integers(0, 2**32 - 1))
def test_mirrored_coefficients_are_the_mirrored_face_and_twice_mirrored_the_face_itself(lfm, seed):
    rng = np.random.default_rng(seed)
    identity, expression = rng.normal(0, 1, 100), rng.uniform(0, 1, 53)
    mirrored = lfm.mirrored(identity, expression)
    flipped = lfm.vertices_model(identity, expression)[lfm.mirror.vertex] @ FLIP
    np.testing.assert_allclose(lfm.vertices_model(*mirrored), flipped, atol=2e-3)  # mm, single precision
    for found, given_ in zip(lfm.mirrored(*mirrored), (identity, expression), strict=True):
        np.testing.assert_array_equal(found, given_)
