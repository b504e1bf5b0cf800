import zipfile

import numpy as np
import pytest
from PIL import Image

from lineament.crop import CropBox
from lineament.data.collections import Collection
from lineament.data.fitting import Fits
from lineament.data.layouts import mesh_layout
from lineament.data.view_store import ViewStore
from lineament.data.views import (
    ViewConfig,
    cut_reflecting,
    photo_views,
    read_backgrounds,
    target_rotations,
    write_shard,
)
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.rotation import matrix_from_angles

CONFIG = ViewConfig(views=9)


def yaws_and_pitches(rotations):
    """Angles of rotations without roll; yaw beyond a right angle is told, too."""
    rotation = np.array(rotations)
    yaw = np.arctan2(rotation[:, 0, 2], rotation[:, 0, 0])
    return yaw, np.arctan2(rotation[:, 2, 1], rotation[:, 1, 1])


@pytest.mark.parametrize("yaw", np.radians([-70, -40, -12, 12, 30, 60, 85]))
def test_a_turned_face_goes_on_to_its_side_and_hardly_back(yaw):
    rotations = target_rotations(matrix_from_angles(yaw, 0.1, 0), CONFIG, np.random.default_rng(0))
    assert len(rotations) == CONFIG.views - 1
    turned, _ = yaws_and_pitches(rotations)
    assert (np.sign(turned) == np.sign(yaw)).all()
    assert np.abs(turned).min() >= abs(yaw) - CONFIG.turn_back - 1e-9
    assert np.abs(turned).max() <= CONFIG.most_yaw + 1e-9


def test_a_frontal_face_is_turned_to_either_side_and_by_every_amount():
    rng = np.random.default_rng(0)
    rotations = [r for _ in range(20) for r in target_rotations(matrix_from_angles(0.05, 0, 0), CONFIG, rng)]
    turned, _ = yaws_and_pitches(rotations)
    assert 0.3 < (turned > 0).mean() < 0.7
    counts, _ = np.histogram(np.abs(turned), bins=CONFIG.views - 1, range=(0, CONFIG.most_yaw))
    assert counts.min() >= 15  # 20 when evenly spread


def test_turned_faces_have_no_roll_and_a_limited_change_of_pitch():
    rng = np.random.default_rng(0)
    rotations = [r for _ in range(30) for r in target_rotations(matrix_from_angles(0.4, 0.2, 0), CONFIG, rng)]
    assert np.abs(np.array(rotations)[:, 0, 1]).max() < 1e-12
    _, pitch = yaws_and_pitches(rotations)
    assert np.abs(pitch - 0.2).max() <= CONFIG.most_pitch + 1e-9
    assert np.std(pitch) > 0.5 * CONFIG.pitch_spread


def ramp(width: int, height: int) -> Image.Image:
    """Red tells x, green tells y, as a share of the side."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return Image.fromarray(np.round(255 * np.stack([x, y, 0 * x], axis=-1)).astype(np.uint8))


@pytest.mark.parametrize("side", [40.0, 100.0, 160.0])
@pytest.mark.parametrize("roll", [0.0, 0.6])
def test_a_crop_shows_what_lies_where_its_box_says(side, roll):
    box = CropBox((160.0, 120.0), side, 60, roll)
    crop = cut_reflecting(ramp(320, 240), box).astype(float) / 255
    points_crop = np.stack(np.meshgrid(np.arange(60) + 0.5, np.arange(60) + 0.5), axis=-1)
    points_image = box.image_from_crop(points_crop)
    np.testing.assert_allclose(crop[..., 0] * 320, points_image[..., 0], atol=2)
    np.testing.assert_allclose(crop[..., 1] * 240, points_image[..., 1], atol=2)


def test_beyond_the_photo_its_mirror_image_follows():
    crop = cut_reflecting(ramp(100, 100), CropBox((0.0, 50.0), 80.0, 80)).astype(int)
    np.testing.assert_array_equal(crop[:, :40], crop[:, :39:-1])


def test_beyond_the_photo_another_picture_can_follow():
    behind = np.full((30, 30, 3), [0, 0, 200], np.uint8)
    crop = cut_reflecting(ramp(100, 100), CropBox((0.0, 50.0), 80.0, 80), behind)
    np.testing.assert_array_equal(crop[:, :25], np.broadcast_to([0, 0, 200], (80, 25, 3)))
    np.testing.assert_array_equal(
        crop[:, 41:], cut_reflecting(ramp(100, 100), CropBox((0.0, 50.0), 80.0, 80))[:, 41:]
    )


def fits_of(camera: WeakPerspective) -> Fits:
    return Fits(
        rotation=camera.rotation[None],
        scale=np.array([camera.scale]),
        translation=camera.translation[None],
        identity=np.zeros((1, 100), np.float32),
        expression=np.zeros((1, 53), np.float32),
        residual=np.zeros(1),
    )


def views_of(lfm, scale: float, config: ViewConfig, seed: int = 0):
    camera = WeakPerspective(matrix_from_angles(0.3, 0.1, 0.5), scale, np.array([170.0, 130.0, 0.0]))
    backgrounds = [np.full((config.size, config.size, 3), 9, np.uint8)]
    rng = np.random.default_rng(seed)
    return photo_views(ramp(320, 240), lfm, fits_of(camera), 0, backgrounds, config, rng)


def test_all_views_of_a_photograph_are_upright_centred_and_as_large_as_asked(lfm):
    config = ViewConfig(views=3)
    views = views_of(lfm, 0.8, config)
    rest = np.zeros(100, np.float32), np.zeros(53, np.float32)
    landmarks = lfm.landmarks_model(*rest, scheme="lfm-68")
    assert len(views) == 3
    for image, camera in views:
        assert image.shape == (160, 160, 3)
        assert abs(camera.rotation[0, 1]) < 0.02 + abs(camera.rotation[0, 2] * camera.rotation[1, 2])
        points = camera.image_from_model(landmarks)[:, :2]
        np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, [80, 80], atol=0.1)
    first = views[0][1].image_from_model(landmarks)[:, :2]
    assert np.ptp(first, axis=0).max() == pytest.approx(config.face, rel=1e-4)


def test_the_first_view_is_the_photograph_itself(lfm):
    config = ViewConfig(views=2, framed_share=0.0)
    image, camera = views_of(lfm, 0.5, config)[0]
    original = WeakPerspective(matrix_from_angles(0.3, 0.1, 0.5), 0.5, np.array([170.0, 130.0, 0.0]))
    nose = np.array([0.0, 0, 90])
    x, y = camera.image_from_model(nose)[:2]
    red, green, _ = image[int(y), int(x)].astype(float) / 255
    np.testing.assert_allclose([red * 320, green * 240], original.image_from_model(nose)[:2], atol=3)


def test_views_are_a_function_of_the_seed(lfm):
    one, two, other = (views_of(lfm, 0.8, ViewConfig(views=2), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one[1][0], two[1][0])
    assert (one[1][0] != other[1][0]).any()


def test_a_face_that_is_too_small_gives_no_views(lfm):
    assert views_of(lfm, 0.1, ViewConfig(views=2)) == []


def write_backgrounds(folder):
    with zipfile.ZipFile(folder / "bsds500_no_faces.zip", "w") as archive:
        for number in range(2):
            with archive.open(f"{number}.png", "w") as file:
                ramp(200, 120).save(file, "PNG")


def test_backgrounds_are_pieces_of_the_pictures_in_the_size_asked_for(tmp_path):
    write_backgrounds(tmp_path)
    pieces = read_backgrounds(tmp_path, 80, 5, np.random.default_rng(0))
    assert [piece.shape for piece in pieces] == [(80, 80, 3)] * 5
    assert all(piece[..., 2].max() == 0 for piece in pieces)


PHOTO_CAMERA = WeakPerspective(matrix_from_angles(0.4, 0.1, 0.2), 0.6, np.array([170.0, 130.0, 0.0]))


@pytest.fixture
def shared(tmp_path, lfm):
    """Two photographs of the neutral face, one person kept for validation, and backgrounds."""
    for name in ("photos", "backgrounds"):
        (tmp_path / name).mkdir()
    write_backgrounds(tmp_path / "backgrounds")
    layout = mesh_layout()
    points = PHOTO_CAMERA.image_from_model(
        barycentric_points(lfm.neutral_model, layout.vertex_index, layout.weights)
    )
    mesh = np.zeros((2, 478, 3), np.int32)
    mesh[:, [*range(468), 468, 473]] = np.round(points * 32)
    names = [
        next(name for name in candidates() if kept_for_validation(name) == side) for side in (False, True)
    ]
    np.savez(tmp_path / "photos" / "congress_landmarks.npz", names=np.array(names), mesh478_q32=mesh)
    with zipfile.ZipFile(tmp_path / "photos" / "congress.zip", "w") as archive:
        for name in names:
            with archive.open(name, "w") as file:
                ramp(320, 240).save(file, "PNG")
    return tmp_path


def candidates():
    return (f"Person{number}_0001.png" for number in range(1000))


def kept_for_validation(name: str) -> bool:
    return bool(Collection("congress", None, (name,), np.zeros((1, 470, 3))).is_validation[0])


def test_a_shard_holds_every_photographs_views_and_is_written_once(shared, tmp_path, lfm):
    config = ViewConfig(views=3, face=70.0, canvas=200)
    out = tmp_path / "views"
    out.mkdir()
    assert write_shard(shared, out, "congress", 0, config) == 6
    assert sorted(path.name for path in out.iterdir()) == [
        "congress_00000_images.npy",
        "congress_00000_labels.npz",
    ]
    assert write_shard(shared, out, "congress", 0, config) == 0
    for validation in (False, True):
        store = ViewStore(out, validation=validation)
        assert len(store) == 3
        for number in range(3):
            assert_framed(lfm, store.view(number), side=160)
    with np.load(out / "congress_00000_labels.npz") as labels:
        np.testing.assert_array_equal(labels["photo"], [0, 0, 0, 1, 1, 1])
        yaw = np.arctan2(labels["rotation"][:, 0, 2], labels["rotation"][:, 0, 0])
    assert yaw.min() > 0.4 - config.turn_back - 0.1


def assert_framed(lfm, view, *, side):
    landmarks = lfm.landmarks_model(view.identity, view.expression, scheme="lfm-68")
    points = view.camera.image_from_model(landmarks)[:, :2]
    np.testing.assert_allclose((points.min(axis=0) + points.max(axis=0)) / 2, side / 2, atol=0.1)
    assert view.image.shape == (side, side, 3)
