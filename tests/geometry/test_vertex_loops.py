"""Loops around vertices are held against the sums over triangles that they stand for."""

import numpy as np
import pytest

from lineament.geometry.mesh import doubled_area_vectors, sum_at_vertices
from lineament.geometry.vertex_loops import USUAL, VertexLoops

CUBE_CORNER = [[0, 1, 2], [0, 2, 3], [0, 3, 1]]  # open: three triangles about vertex 0
MESHES = {
    "closed": [*CUBE_CORNER, [1, 3, 2]],
    "open": CUBE_CORNER,
    "two that touch in a vertex": [[0, 1, 2], [0, 3, 4]],
    "a vertex without a triangle": [[1, 2, 3]],
    "a triangle without an area": [[0, 1, 2], [2, 1, 1]],
    "a fan of many": [[0, 1 + k, 1 + (k + 1) % 11] for k in range(11)],
    "a half fan of many": [[0, 1 + k, 2 + k] for k in range(11)],
}


def growth(loops, vertices, moves):
    """(N, 3) what the sum around each vertex grows by, as the class says."""
    grown = np.zeros_like(vertices)

    def of(places):
        steps = np.moveaxis(places.steps(vertices.T), 0, -1)
        return np.cross(moves[places.own], steps + moves[places.after])

    grown += of(loops.usual).sum(axis=0)
    np.add.at(grown, loops.centers, of(loops.more))
    return grown


@pytest.mark.parametrize("triangles", MESHES.values(), ids=MESHES)
def test_a_sum_of_area_vectors_grows_by_what_moves_on_the_loop(triangles):
    triangles, numbers = np.array(triangles), np.random.default_rng(5)
    vertices, moves = numbers.normal(size=(2, 13, 3))

    def sums(at):
        return sum_at_vertices(doubled_area_vectors(at, triangles), triangles, len(at)).T

    grown = growth(VertexLoops.of(triangles, len(vertices)), vertices, moves)
    np.testing.assert_allclose(grown, sums(vertices + moves) - sums(vertices), atol=1e-12)


def test_what_moves_inside_of_a_loop_turns_no_normal():
    loops = VertexLoops.of(np.array(MESHES["closed"]), 4)
    turned = loops.around_any(np.arange(4) == 0)
    np.testing.assert_array_equal(turned, [False, True, True, True])


def test_a_vertex_of_many_triangles_has_places_beyond_the_usual_and_is_turned_by_them():
    loops = VertexLoops.of(np.array(MESHES["a fan of many"]), 13)
    np.testing.assert_array_equal(loops.centers, np.zeros(11 - USUAL))
    last = int(loops.more.own[-1])
    assert loops.around_any(np.arange(13) == last)[0]
    np.testing.assert_array_equal(loops.usual.own[:, 12], 12)  # of no triangle: a place at the vertex itself
