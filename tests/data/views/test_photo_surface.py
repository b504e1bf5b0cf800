import numpy as np
import pytest

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.data.views.photo_surface import SurfaceGenerator
from lineament.data.views.rotated import framing_camera
from lineament.geometry.rotation import matrix_from_angles

SIZE = 240
DOTS = (30, 36, 45, 33, 48, 54, 57, 19, 24)  # inside the outline: nose, eye and mouth corners, lip, brows
BEHIND = np.full((SIZE, SIZE, 3), [0, 0, 255], np.uint8)
SHOWN = np.ones((SIZE, SIZE))
REST = np.zeros(1, np.float32), np.zeros(1, np.float32)


@pytest.fixture(scope="module")
def head(lfm):
    """The neutral vertices and landmarks of the built-in face, mm, and the maker of surfaces."""
    landmarks = lfm.landmarks_model(*REST, scheme="lfm-68").astype(float)
    return lfm.neutral_model.astype(float), landmarks, SurfaceGenerator(lfm)


def surface_of(head, image, rotation):
    vertices, landmarks, generator = head
    camera = framing_camera(rotation, 0.7, landmarks, SIZE)
    return generator.surface(image, SHOWN, camera, vertices), camera


def dotted(points_image):
    """A grey picture with one white dot of 3 px radius."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    dot = np.hypot(x - points_image[0], y - points_image[1]) < 3
    return np.where(dot[..., None], 255, 60).astype(np.uint8).repeat(3, axis=2)


def test_turning_to_the_present_pose_gives_the_picture_back(head):
    x, y = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    image = (120 + 80 * np.sin(x / 9) * np.cos(y / 7))[..., None].repeat(3, axis=2).astype(np.uint8)
    surface, camera = surface_of(head, image, matrix_from_angles(0.2, 0.1, 0))
    again = surface.rotated(camera, BEHIND)[8:-8, 8:-8].astype(int)
    difference = np.abs(again - image[8:-8, 8:-8])
    # Where the photograph is not to be trusted, at grazing angles, other colours are.
    assert (difference.max(axis=-1) > 12).mean() < 0.08
    assert np.median(difference) <= 1


@pytest.mark.parametrize(("yaw", "pitch"), [(0.6, 0.0), (-0.6, 0.0), (0.2, 0.4), (0.3, -0.3)])
def test_points_of_the_face_land_where_the_camera_sees_them(head, yaw, pitch):
    landmarks = head[1]
    start = matrix_from_angles(0.05, 0, 0)
    target = framing_camera(matrix_from_angles(yaw, pitch, 0), 0.7, landmarks, SIZE)
    visible = 0
    for number in DOTS:
        dot = framing_camera(start, 0.7, landmarks, SIZE).image_from_model(landmarks[number])
        surface, _ = surface_of(head, dotted(dot), start)
        rows, columns = np.nonzero(surface.rotated(target, BEHIND)[..., 1] > 150)
        if len(rows) < 6:
            continue  # turned out of sight
        visible += 1
        middle = [columns.mean() + 0.5, rows.mean() + 0.5]
        assert np.linalg.norm(middle - target.image_from_model(landmarks[number])[:2]) < 1.6, number
    assert visible >= 6


@pytest.mark.parametrize("yaw", np.radians([60, 80, 90, 105]))
def test_the_profile_ends_exactly_where_the_mesh_ends(head, lfm, yaw):
    vertices, landmarks, _ = head
    surface, _ = surface_of(head, np.full((SIZE, SIZE, 3), 200, np.uint8), matrix_from_angles(0.1, 0, 0))
    target = framing_camera(matrix_from_angles(yaw, 0, 0), 0.7, landmarks, SIZE)
    picture = surface.rotated(target, BEHIND, keep_wall=False)
    mesh = draw_mesh(target.image_from_model(vertices), lfm.triangles, size_hw=(SIZE, SIZE)).mask
    brow, chin = (int(target.image_from_model(landmarks[n])[1]) for n in (21, 8))
    person = picture[..., 2] < 230
    ends = []
    for row in range(brow, chin):  # the face looks to the viewer's right
        ends.append([np.flatnonzero(mask[row]).max() for mask in (mesh, person)])
    apart = np.abs(np.diff(ends, axis=1))
    assert apart.mean() < 0.3
    assert (apart > 1).mean() < 0.02  # the slit between the lips is thinner than a pixel


@pytest.mark.parametrize("yaw", np.radians([-105, -50, 0, 70, 105]))
def test_far_turns_give_whole_pictures(head, yaw):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    surface, _ = surface_of(head, image, matrix_from_angles(0.05 * np.sign(yaw), 0, 0))
    target = framing_camera(matrix_from_angles(yaw, 0.8, 0), 0.7, head[1], 160)
    with np.errstate(invalid="raise", divide="raise"):
        picture = surface.rotated(target, BEHIND[:160, :160], body_turn=0.5)
    assert picture.shape == (160, 160, 3)
    assert picture.std() > 10


def test_the_side_the_photograph_hides_takes_no_colours_from_it(head):
    vertices, landmarks, generator = head
    camera = framing_camera(matrix_from_angles(0.9, 0, 0), 0.7, landmarks, SIZE)
    image = np.full((SIZE, SIZE, 3), 200, np.uint8)
    visible = camera.image_from_model(vertices)
    skin = generator.skin.read(image, SHOWN, np.full((SIZE, SIZE), 9.0), visible)
    far_ear = vertices[:, 0] > 75  # the head looks to the viewer's right: its left side is hidden
    near_cheek = (np.abs(vertices[:, 0] + 55) < 8) & (np.abs(vertices[:, 1] + 20) < 15) & (vertices[:, 2] > 0)
    assert skin.trust[far_ear].mean() < 0.005
    assert skin.trust[far_ear].max() < 0.2
    assert skin.trust[near_cheek].min() == 1


def test_a_background_shows_where_the_wall_is_not_kept(head):
    surface, _ = surface_of(head, np.full((SIZE, SIZE, 3), 200, np.uint8), np.eye(3))
    target = framing_camera(matrix_from_angles(1.2, 0, 0), 0.7, head[1], SIZE)
    corner = surface.rotated(target, BEHIND, keep_wall=False)[:20, -20:]
    np.testing.assert_array_equal(corner, BEHIND[:20, -20:])


def test_the_body_turns_less_than_the_head_if_asked(head):
    x = np.arange(SIZE)[None, :, None] * np.ones((SIZE, 1, 3))
    surface, _ = surface_of(head, x.astype(np.uint8), np.eye(3))
    target = framing_camera(matrix_from_angles(0.7, 0, 0), 0.7, head[1], SIZE)
    whole, half = (surface.rotated(target, BEHIND, body_turn=fraction).astype(int) for fraction in (1.0, 0.5))
    face = slice(70, 150)
    assert np.abs(whole - half)[face, face].mean() < 1
    assert np.abs(whole - half)[-15:].mean() > 3
