import numpy as np
import pytest

from lineament.data.turning import PhotoSurface, depth_map
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.raster import rasterize
from lineament.geometry.rotation import matrix_from_angles

SIZE = 240
DOTS = (30, 36, 45, 33, 48, 54, 57, 19, 24)  # inside the outline: nose, eye and mouth corners, lip, brows
BEHIND = np.full((SIZE, SIZE, 3), 7, np.uint8)
REST = np.zeros(1, np.float32), np.zeros(1, np.float32)


@pytest.fixture(scope="module")
def head(lfm):
    """The neutral vertices and landmarks of the built-in face, mm."""
    return lfm.neutral_model, lfm.landmarks_model(*REST, scheme="lfm-68"), lfm.triangles


def framing_camera(landmarks_model, rotation):
    """The camera that has the landmarks' box in the middle of the picture."""
    camera = WeakPerspective(rotation, 0.7, np.zeros(3))
    seen = camera.image_from_model(landmarks_model)[:, :2].astype(float)
    middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
    return WeakPerspective(rotation, 0.7, np.append(SIZE / 2 - middle, 0.0))


def surface_of(head, image, rotation):
    vertices, landmarks, triangles = head
    camera = framing_camera(landmarks, rotation)
    return PhotoSurface(image, camera.image_from_model(vertices), triangles, camera), camera


def dotted(points_image):
    """A grey picture with one white dot of 3 px radius."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    dot = np.hypot(x - points_image[0], y - points_image[1]) < 3
    return np.where(dot[..., None], 255, 60).astype(np.uint8).repeat(3, axis=2)


def test_turning_to_the_present_pose_gives_the_picture_back(head):
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 256, (SIZE // 8, SIZE // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    rotation = matrix_from_angles(0.2, 0.1, 0)
    surface, camera = surface_of(head, image, rotation)
    view = surface.turned(rotation, head[1], SIZE, BEHIND)
    np.testing.assert_allclose(view.camera.translation, camera.translation, atol=1e-3)
    inner = slice(8, -8)
    difference = np.abs(view.image[inner, inner].astype(int) - image[inner, inner])
    assert np.mean(difference > 2) < 0.01


@pytest.mark.parametrize(("yaw", "pitch"), [(0.6, 0.0), (-0.6, 0.0), (0.2, 0.4), (0.3, -0.3)])
def test_points_of_the_face_land_where_the_returned_camera_sees_them(head, yaw, pitch):
    vertices, landmarks, triangles = head
    start, target = matrix_from_angles(0.05, 0, 0), matrix_from_angles(yaw, pitch, 0)
    camera = framing_camera(landmarks, start)
    seen = 0
    for number in DOTS:
        dot = camera.image_from_model(landmarks[number])
        surface = PhotoSurface(dotted(dot), camera.image_from_model(vertices), triangles, camera)
        view = surface.turned(target, landmarks, SIZE, BEHIND)
        rows, columns = np.nonzero(view.image[..., 1] > 150)
        if len(rows) < 6:
            continue  # turned out of sight
        seen += 1
        middle = [columns.mean() + 0.5, rows.mean() + 0.5]
        expected = view.camera.image_from_model(landmarks[number])[:2]
        assert np.linalg.norm(middle - expected) < 1.6, number
    assert seen >= 6


def test_the_turned_camera_has_the_rotation_asked_for_and_frames_the_points(head):
    surface, camera = surface_of(head, BEHIND, np.eye(3))
    target = matrix_from_angles(1.0, 0.2, 0)
    view = surface.turned(target, head[1], 160, BEHIND[:160, :160])
    np.testing.assert_array_equal(view.camera.rotation, target)
    assert view.camera.scale == camera.scale
    points = view.camera.image_from_model(head[1])[:, :2]
    np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, [80, 80], atol=1e-3)
    assert view.image.shape == (160, 160, 3)


def test_what_the_turn_leaves_open_shows_the_background(head):
    surface, _ = surface_of(head, np.full((SIZE, SIZE, 3), 200, np.uint8), np.eye(3))
    view = surface.turned(matrix_from_angles(1.2, 0, 0), head[1], SIZE, BEHIND)
    values = np.unique(view.image)
    assert values.min() == 7
    assert values.max() == 200
    assert (view.image == 7).mean() > 0.02


def test_the_depth_map_is_that_of_the_reference_rasteriser(head):
    vertices, landmarks, triangles = head
    seen = framing_camera(landmarks, matrix_from_angles(0.5, 0.2, 0.1)).image_from_model(vertices)
    found = depth_map(seen.astype(np.float32), triangles, SIZE)
    expected = rasterize(seen.astype(np.float32), triangles, size_hw=(SIZE, SIZE))
    covered = expected.triangle_index >= 0
    assert np.mean(np.isfinite(found) != covered) < 0.001
    both = np.isfinite(found) & covered
    assert np.mean(np.abs(found[both] - expected.depth[both]) > 0.01) < 0.001
