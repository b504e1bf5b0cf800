from dataclasses import replace

import numpy as np
import pytest

from lineament.geometry.face_mesh import LandmarkScheme

IDENTITY = np.float32([[1, -2, 0.5, 0.25], [0, 1, 0, -1]])
EXPRESSION = np.float32([[0.5, 0, 1], [0, 0.25, 0]])
ZERO = np.zeros(4, np.float32), np.zeros(3, np.float32)


def scheme_with_offsets(rng: np.random.Generator) -> LandmarkScheme:
    """Five landmarks inside triangles, moved by offsets that follow two identity modes and one blendshape."""
    return LandmarkScheme(
        name="moved",
        vertex_index=rng.integers(0, 81, (5, 3)),
        weights=rng.dirichlet(np.ones(3), 5).astype(np.float32),
        offset_model=rng.normal(size=(5, 3)).astype(np.float32),
        identity_offset=rng.normal(size=(2, 5, 3)).astype(np.float32),
        expression_offset=rng.normal(size=(1, 5, 3)).astype(np.float32),
    )


def test_no_coefficients_give_the_neutral_face(tiny_model):
    np.testing.assert_array_equal(tiny_model.vertices_model(*ZERO), tiny_model.neutral_model)


def test_a_face_is_the_neutral_one_plus_weighted_differences(tiny_model):
    expected = tiny_model.neutral_model.astype(float)
    for weight, mode in zip(IDENTITY[0], tiny_model.identity_basis, strict=True):
        expected = expected + weight * mode
    for weight, mode in zip(EXPRESSION[0], tiny_model.expression_basis, strict=True):
        expected = expected + weight * mode
    np.testing.assert_allclose(tiny_model.vertices_model(IDENTITY[0], EXPRESSION[0]), expected, atol=1e-4)


def test_a_stack_of_faces_is_made_as_each_by_itself(tiny_model):
    stack = tiny_model.vertices_model(IDENTITY, EXPRESSION)
    assert stack.shape == (2, 81, 3)
    for number in range(2):
        alone = tiny_model.vertices_model(IDENTITY[number], EXPRESSION[number])
        np.testing.assert_allclose(stack[number], alone, atol=1e-5)


def test_one_face_of_the_built_in_model_is_made_from_half_of_it_and_is_the_same(lfm):
    numbers = np.random.default_rng(1)
    identity = numbers.normal(size=len(lfm.identity_basis)).astype(np.float32)
    expression = numbers.uniform(size=len(lfm.expression_basis)).astype(np.float32)
    (whole,) = lfm.vertices_model(identity[None], expression[None])
    assert lfm._half_basis() is not None
    np.testing.assert_allclose(lfm.vertices_model(identity, expression), whole, atol=1e-4)


def test_a_face_is_right_even_where_the_mirror_is_wrong(tiny_model):
    wrong = replace(tiny_model, mirror=replace(tiny_model.mirror, expression=np.array([0, 1, 2])))
    expected = tiny_model.vertices_model(IDENTITY[0], EXPRESSION[0])
    np.testing.assert_allclose(wrong.vertices_model(IDENTITY[0], EXPRESSION[0]), expected, atol=1e-5)


def test_stacks_of_any_depth_are_made_at_once(tiny_model):
    deep = tiny_model.vertices_model(IDENTITY[:, None], EXPRESSION[None, :])
    assert deep.shape == (2, 2, 81, 3)
    alone = tiny_model.vertices_model(IDENTITY[1], EXPRESSION[0])
    np.testing.assert_allclose(deep[1, 0], alone, atol=1e-5)


def test_the_order_of_a_basis_in_memory_does_not_matter(tiny_model):
    rotated = replace(
        tiny_model,
        identity_basis=np.asfortranarray(tiny_model.identity_basis),
        expression_basis=np.moveaxis(
            np.ascontiguousarray(np.moveaxis(tiny_model.expression_basis, 0, -1)), -1, 0
        ),
    )
    for identity, expression in (
        (IDENTITY[0], EXPRESSION[0]),
        (IDENTITY[0, :2], EXPRESSION[1]),
        (IDENTITY, EXPRESSION),
    ):
        expected = tiny_model.vertices_model(identity, expression)
        np.testing.assert_allclose(rotated.vertices_model(identity, expression), expected, atol=1e-4)


def test_fewer_coefficients_leave_the_others_at_zero(tiny_model):
    short = tiny_model.vertices_model(IDENTITY[0, :2], EXPRESSION[0, :0])
    full = tiny_model.vertices_model(IDENTITY[0] * [1, 1, 0, 0], 0 * EXPRESSION[0])
    np.testing.assert_allclose(short, full, atol=1e-5)


def test_landmarks_of_vertices_are_those_vertices(tiny_model):
    points = tiny_model.landmarks_model(IDENTITY, EXPRESSION, scheme="300w-lp")
    vertices = tiny_model.vertices_model(IDENTITY, EXPRESSION)
    np.testing.assert_allclose(points, vertices[:, :68], atol=1e-5)


def test_landmarks_are_the_same_from_the_mesh_and_without_it(tiny_model):
    scheme = scheme_with_offsets(np.random.default_rng(0))
    model = replace(tiny_model, schemes={"moved": scheme})
    vertices = model.vertices_model(IDENTITY, EXPRESSION)
    np.testing.assert_allclose(
        model.landmarks_model(IDENTITY, EXPRESSION, scheme="moved"),
        scheme.points_model(vertices, IDENTITY, EXPRESSION),
        atol=1e-4,
    )


def test_a_scheme_that_is_not_there_is_named_with_those_that_are(tiny_model):
    with pytest.raises(ValueError, match=r"'tiny'.*'300w-lp', 'lfm-68'.*'dlib'"):
        tiny_model.landmarks_model(*ZERO, scheme="dlib")


def test_a_truncated_model_makes_the_faces_of_its_modes(tiny_model):
    short = tiny_model.truncated(2)
    np.testing.assert_allclose(
        short.vertices_model(IDENTITY[:, :2], EXPRESSION),
        tiny_model.vertices_model(IDENTITY[:, :2], EXPRESSION),
    )
    assert len(short.mirror.identity_sign) == 2


def test_blendshapes_of_a_model_with_a_mirror_map_stay_together(tiny_model):
    with pytest.raises(ValueError, match="cannot lose"):
        tiny_model.truncated(2, 1)
    assert replace(tiny_model, mirror=None).truncated(2, 1).expression_names == ("eyeBlinkLeft",)


def test_mirrored_coefficients_make_the_mirrored_face(tiny_model):
    vertices = tiny_model.vertices_model(IDENTITY, EXPRESSION)
    mirrored = tiny_model.vertices_model(*tiny_model.mirrored(IDENTITY, EXPRESSION))
    np.testing.assert_allclose(mirrored, vertices[:, tiny_model.mirror.vertex] * [-1, 1, 1], atol=1e-5)


def test_mirroring_twice_gives_the_coefficients_back(tiny_model):
    again = tiny_model.mirrored(*tiny_model.mirrored(IDENTITY, EXPRESSION))
    np.testing.assert_array_equal(again[0], IDENTITY)
    np.testing.assert_array_equal(again[1], EXPRESSION)


def test_a_model_without_symmetry_says_so(tiny_model):
    with pytest.raises(ValueError, match="not symmetric"):
        replace(tiny_model, mirror=None).mirrored(*ZERO)


def test_a_model_shows_its_sizes_only(tiny_model):
    assert repr(tiny_model) == "MorphableModel('tiny', vertices=81, triangles=128, identity=4, expression=3)"
