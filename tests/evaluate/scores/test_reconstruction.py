import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.transform import Rotation

from lineament.evaluate.scores.reconstruction import (
    crop_to_ball,
    fit_as_published,
    icp,
    matched_error,
    point_to_plane_rmse,
)
from lineament.geometry.similarity import Similarity

RNG = np.random.default_rng(1)
POINTS = RNG.normal(0, 40, (300, 3))


def moved(points, scale=1.7, turn_deg=(10, -20, 30), shift=(5, -8, 12)):
    rotation = Rotation.from_euler("xyz", turn_deg, degrees=True).as_matrix()
    return scale * points @ rotation.T + shift


def test_a_moved_turned_and_scaled_face_has_no_error():
    for fit in ("published", "least-squares"):
        assert matched_error(POINTS, moved(POINTS), size=85.0, fit=fit) == pytest.approx(0, abs=1e-12)
    assert matched_error(POINTS, moved(POINTS, scale=1), size=85.0, fit="rigid") == pytest.approx(
        0, abs=1e-12
    )
    assert matched_error(POINTS, moved(POINTS, scale=2), size=85.0, fit="rigid") > 0.1


def test_the_rotation_of_the_published_fit_is_that_of_scipys_procrustes():
    truth = moved(POINTS) + RNG.normal(0, 3, POINTS.shape)
    found = fit_as_published(POINTS, truth)
    transposed, _ = orthogonal_procrustes(POINTS - POINTS.mean(axis=0), truth - truth.mean(axis=0))
    np.testing.assert_allclose(found.rotation, transposed.T, atol=1e-9)


def test_the_published_scale_is_a_ratio_of_distances_to_the_first_point():
    truth = moved(POINTS) + RNG.normal(0, 3, POINTS.shape)
    total = [0.0, 0.0]
    for index, points in enumerate((truth, POINTS)):
        for point in points:
            total[index] += float(np.sqrt(sum((point - points[0]) ** 2)))
    assert float(fit_as_published(POINTS, truth).scale) == pytest.approx(total[0] / total[1])


def test_no_fit_mirrors_even_where_a_mirror_would_fit_exactly():
    mirrored = POINTS * (-1, 1, 1)
    for fit in ("published", "least-squares", "rigid"):
        assert matched_error(POINTS, mirrored, size=85.0, fit=fit) > 0.2
    assert np.linalg.det(icp(POINTS, mirrored, rounds=20).similarity.rotation) == pytest.approx(1)


def surface(count=60):
    """A bumpy sheet as vertices and triangles, outside toward +z."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-80, 80, count), np.linspace(-80, 80, count)))
    z = 20 * np.cos(x / 25) + 14 * np.sin(y / 18 + x / 60) - (x**2 + y**2) / 200
    a = (np.arange(count - 1)[:, None] * count + np.arange(count - 1)).ravel()
    triangles = np.concatenate(
        [np.stack([a, a + 1, a + count], 1), np.stack([a + 1, a + count + 1, a + count], 1)]
    )
    return np.stack([x, y, z], 1), triangles.astype(np.int32)


@pytest.mark.parametrize("with_scale", [True, False])
def test_icp_finds_the_way_back_of_a_small_motion(with_scale):
    target, _ = surface()
    source = moved(target[::7], scale=1.04 if with_scale else 1, turn_deg=(2, -3, 2), shift=(1, -1, 2))
    found = icp(source, target, with_scale=with_scale, rounds=200)
    np.testing.assert_allclose(found.similarity.apply(source), target[::7], atol=1e-3)
    assert np.array_equal(found.nearest, np.arange(len(target))[::7])


def test_the_nearest_points_of_icp_are_those_of_a_loop():
    target, source = RNG.normal(size=(50, 3)), RNG.normal(size=(20, 3))
    found = icp(source, target, rounds=0)
    for point, nearest, distance in zip(source, found.nearest, found.distance, strict=True):
        all_distances = [float(np.sqrt(((point - other) ** 2).sum())) for other in target]
        assert nearest == int(np.argmin(all_distances))
        assert distance == pytest.approx(min(all_distances))


def test_a_surface_lies_on_itself_and_at_a_distance_where_it_is_offset():
    vertices, triangles = surface()
    inner = vertices[np.abs(vertices[:, :2]).max(axis=1) < 60]
    assert point_to_plane_rmse(inner, vertices, triangles) == pytest.approx(0, abs=1e-9)
    tilted = moved(inner, scale=1, turn_deg=(1, -1, 2), shift=(0.5, 0.5, 1))
    assert point_to_plane_rmse(tilted, vertices, triangles) == pytest.approx(0, abs=0.02)


def test_points_between_the_vertices_are_measured_to_the_plane():
    grid = np.stack(np.meshgrid([0.0, 10, 20, 30], [0.0, 10, 20, 30]), -1).reshape(-1, 2)
    vertices = np.column_stack([grid, np.zeros(16)])
    corner = np.array([r * 4 + c for r in range(3) for c in range(3)])
    triangles = np.concatenate(
        [np.stack([corner, corner + 1, corner + 4], 1), np.stack([corner + 1, corner + 5, corner + 4], 1)]
    )
    points = np.column_stack([grid[[5, 6, 9, 10]] + 4.0, [1.0, -1, 1, -1]])
    # A saddle over a plane: neither a shift nor a tilt lessens it.
    points[:, 2] = [1, -1, -1, 1]
    assert point_to_plane_rmse(points, vertices, triangles) == pytest.approx(1.0, abs=1e-6)


def test_a_start_is_used():
    target, _ = surface()
    away = moved(target[::5], scale=1, turn_deg=(0, 0, 0), shift=(300, 0, 0))
    start = Similarity(np.float64(1), np.eye(3), np.array([-300.0, 0, 0]))
    assert icp(away, target, start=start, with_scale=False).distance.max() < 1e-6


def test_a_ball_cuts_what_lies_wholly_inside():
    vertices, triangles = surface(20)
    part, among = crop_to_ball(vertices, triangles, center=np.zeros(3), radius=50.0)
    assert np.linalg.norm(part, axis=1).max() <= 50
    kept = {
        tuple(map(tuple, vertices[t].round(6)))
        for t in triangles
        if (np.linalg.norm(vertices[t], axis=1) <= 50).all()
    }
    assert {tuple(map(tuple, part[t].round(6))) for t in among} == kept
