"""Landmark groups tile the 68, mirroring twice changes nothing, meshes have the borders one can count."""

import numpy as np
import pytest

from lineament.geometry.topology import (
    GAP_PAIRS_68,
    GROUPS_68,
    LID_PAIRS_68,
    LIP_PAIRS_68,
    MIRROR_68,
    aflw21_from_68,
    boundary_loops,
    triangles_from_polygons,
    unique_edges,
)

SQUARE = np.array([[0, 1, 2], [0, 2, 3]])


def test_the_groups_hold_each_landmark_once_in_order():
    assert [index for group in GROUPS_68 for index in group.index] == list(range(68))


def test_closed_groups_are_drawn_back_to_their_beginning():
    strips = {group.name: group.strip for group in GROUPS_68}
    assert strips["right_eye"] == (36, 37, 38, 39, 40, 41, 36)
    assert strips["nose_base"] == (31, 32, 33, 34, 35)


def test_mirroring_is_the_published_permutation():
    assert sorted(MIRROR_68) == list(range(68))
    pairs = {0: 16, 8: 8, 17: 26, 31: 35, 33: 33, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 48: 54}
    pairs |= {51: 51, 55: 59, 57: 57, 60: 64, 61: 63, 65: 67, 66: 66}
    for index, partner in pairs.items():
        assert MIRROR_68[index] == partner
        assert MIRROR_68[partner] == index


def test_mirroring_maps_groups_to_groups():
    names = {index: group.name for group in GROUPS_68 for index in group.index}
    for index, partner in enumerate(MIRROR_68):
        first, _, rest = names[index].partition("_")
        other = {"right": "left", "left": "right"}.get(first, first)
        assert names[partner] == (f"{other}_{rest}" if rest else other)


@pytest.mark.parametrize(("pairs", "groups"), [(LID_PAIRS_68, "eye"), (LIP_PAIRS_68, "inner_lips")])
def test_what_opens_lies_on_one_ring_and_is_the_same_in_a_mirror(pairs, groups):
    ring = {index: group for group in GROUPS_68 if groups in group.name for index in group.index}
    for upper, lower in pairs:
        first, count = ring[upper].first, len(ring[upper].index)
        assert upper + lower == 2 * first + count  # as far from the first corner, either way round
        assert (MIRROR_68[upper], MIRROR_68[lower]) in pairs
    assert set(pairs) <= set(GAP_PAIRS_68)
    assert len(GAP_PAIRS_68) == 7


def test_aflw_points_are_single_landmarks_or_means():
    landmarks = np.repeat(np.arange(68.0)[:, None], 2, axis=1)
    points = aflw21_from_68(landmarks)[:, 0]
    expected = [17, 19, 21, 22, 24, 26, 36, 38.5, 39, 42, 44.5, 45, 2, 31, 30, 35, 14, 48, 63.5, 54, 8]
    np.testing.assert_allclose(points, expected)


def test_a_square_of_two_triangles_has_five_edges_and_one_border():
    np.testing.assert_array_equal(unique_edges(SQUARE), [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]])
    assert boundary_loops(SQUARE) == ((0, 1, 2, 3),)


def test_a_closed_mesh_has_no_border_and_a_torn_one_is_refused():
    assert boundary_loops(np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])) == ()
    with pytest.raises(ValueError, match="simple borders"):
        boundary_loops(np.array([[0, 1, 2], [0, 3, 4]]))


def test_quads_become_two_triangles_and_padded_rows_one():
    polygons = np.array([[0, 1, 2, 3], [4, 5, 6, -1]])
    np.testing.assert_array_equal(triangles_from_polygons(polygons), [[0, 1, 2], [0, 2, 3], [4, 5, 6]])
