import zipfile

import numpy as np
import pytest

from lineament.data.formats.aflw2000 import iterate_aflw2000
from lineament.errors import DataError, ImageError
from lineament.geometry.rotation import matrix_from_angles
from shared import shared_path

UNKNOWN_MM = 229  # the mean and 199 + 29 basis vectors


@pytest.fixture(scope="module")
def real():
    """The 400 faces kept for development, in the order of the arrays beside them."""
    return list(iterate_aflw2000(shared_path("aflw2000_dev") / "aflw2000_dev.zip"))


@pytest.fixture(scope="module")
def arrays():
    with np.load(shared_path("aflw2000_dev") / "aflw2000_dev.npz") as data:
        return dict(data)


def landmarks_3d(x=20.0, y=10.0, z=3.0):
    return np.float32(np.tile([[x], [y], [z]], 68))


def test_a_tiny_file_is_read_into_our_frames(tmp_path, write_fit):
    pt2d = np.tile([[7.0], [9.0]], 21)
    pt2d[:, 4] = -1, 42
    write_fit(tmp_path / "image1", (0.1, 0.2, -0.3, 30, 20, 5, 2e-3), pt3d_68=landmarks_3d(), pt2d=pt2d)
    (item,) = iterate_aflw2000(tmp_path)
    assert item.name == "image1"
    assert item.scheme == "300w-lp"
    np.testing.assert_array_equal(item.landmarks[0], [19.5, 9.5, -3])
    np.testing.assert_array_equal(item.landmarks_annotated[0], [6.5, 8.5])
    assert np.isnan(item.landmarks_annotated[4]).all()
    np.testing.assert_array_equal(item.box_xyxy, [19.5, 9.5, 19.5, 9.5])
    np.testing.assert_allclose(item.camera.translation, [29.5, 40.5 - 20, -5])
    assert item.camera.scale == pytest.approx(2.0)  # px a mm
    found = item.camera.angles
    np.testing.assert_allclose([found.pitch, found.yaw, found.roll], [-0.1, -0.2, 0.3], rtol=1e-6)
    np.testing.assert_array_equal(item.coefficients.identity, np.arange(199))
    np.testing.assert_array_equal(item.coefficients.roi, [1, 2, 30, 40])
    assert item.photo.read().shape == (40, 60, 3)


def test_the_top_left_pixels_centre_is_where_the_flip_has_it(tmp_path, write_fit):
    # The model's origin at Matlab's pixel (1, H) of the upward frame is the photograph's first pixel.
    write_fit(tmp_path / "a", (0, 0, 0, 1, 40, 0, 1e-3), pt3d_68=landmarks_3d(1, 1, 0), pt2d=np.ones((2, 21)))
    (item,) = iterate_aflw2000(tmp_path)
    np.testing.assert_allclose(item.camera.image_from_model(np.zeros((1, 3)))[0], [0.5, 0.5, 0])
    np.testing.assert_allclose(item.landmarks[0], [0.5, 0.5, 0])


def test_bad_files_are_noted_and_the_rest_is_read(tmp_path, write_fit):
    for name in "abcd":
        write_fit(tmp_path / name, pt3d_68=landmarks_3d(), pt2d=np.ones((2, 21)))
    (tmp_path / "a.mat").write_bytes(b"no mat file")
    (tmp_path / "b.jpg").unlink()
    write_fit(tmp_path / "c", pt2d=np.ones((2, 21)))
    errors = []
    assert [item.name for item in iterate_aflw2000(tmp_path, errors=errors)] == ["d"]
    assert len(errors) == 3
    for error, word in zip(errors, ("a.mat", "b.jpg", "pt3d_68"), strict=True):
        assert word in str(error)
    with pytest.raises(DataError, match=r"a\.mat"):
        next(iterate_aflw2000(tmp_path))


def test_a_face_on_a_damaged_photograph_keeps_its_labels(tmp_path, write_fit):
    for name in "ab":
        write_fit(tmp_path / name, pt3d_68=landmarks_3d(), pt2d=np.ones((2, 21)))
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    damaged, whole = iterate_aflw2000(tmp_path)
    assert damaged.camera is None
    np.testing.assert_array_equal(damaged.landmarks, whole.landmarks)
    with pytest.raises(ImageError, match=r"a\.jpg"):
        damaged.photo.read()


def test_the_kits_own_programs_are_not_faces(tmp_path, write_fit):
    write_fit(tmp_path / "AFLW2000" / "image1", pt3d_68=landmarks_3d(), pt2d=np.ones((2, 21)))
    (tmp_path / "AFLW2000" / "Code").mkdir()
    (tmp_path / "AFLW2000" / "Code" / "Model_Shape.mat").write_bytes(b"")
    assert len(list(iterate_aflw2000(tmp_path))) == 1


def test_the_real_landmarks_are_those_of_the_arrays_beside_them(real, arrays):
    assert [f"{item.name}.jpg" for item in real] == arrays["names"].tolist()
    expected = np.swapaxes(arrays["pts68"], 1, 2) * [1, 1, -1] - [0.5, 0.5, 0]
    np.testing.assert_allclose([item.landmarks for item in real], expected, atol=1e-4)


def test_the_real_yaws_are_those_of_the_arrays_beside_them(real, arrays):
    yaw = np.degrees([item.coefficients.angles.yaw for item in real])
    np.testing.assert_allclose(np.abs(yaw), arrays["abs_yaw"], atol=1e-4)
    right = np.array([item.landmarks[30, 0] - item.landmarks[[36, 45], 0].mean() for item in real])
    rotated = (np.abs(yaw) > 20) & (np.abs(yaw) < 90)
    assert (np.sign(right) == np.sign(yaw))[rotated].mean() > 0.95


def test_a_quarter_of_the_annotated_points_of_the_real_set_is_absent_and_the_rest_on_the_photograph(real):
    points = np.array([item.landmarks_annotated for item in real])
    there = np.isfinite(points[..., 0])
    assert 1 - there.mean() == pytest.approx(0.257, abs=0.001)
    assert points[there].min() > 0
    assert points[there].max() < 450


def test_the_mean_face_posed_by_the_real_cameras_lies_near_the_landmarks(real):
    # 11.3 px of faces of 184 px, 10.3 of them upwards: the reference lacks the mean of the expressions, which
    # lowers everything by 7 to 8.5 mm. With it 4.8 px (2.6 %), and what is left are people and expressions.
    with np.load(shared_path("bfm_reference") / "bfm_reference.npz") as data:
        mean_mm = data["mean_shape"][data["keypoints68"]].astype(float) / 1000
    truth = np.array([item.landmarks for item in real])
    assert mean_distance(np.array([i.camera.image_from_model(mean_mm) for i in real]), truth) < 12
    lowered = mean_mm - [0, 7.75, 0]
    posed = np.array([item.camera.image_from_model(lowered) for item in real])
    assert mean_distance(posed, truth) < 5
    mirrored = np.array([item.camera.image_from_model(lowered * [-1, 1, 1]) for item in real])
    assert mean_distance(mirrored, truth) > 50


def mean_distance(points, truth):
    return np.linalg.norm((points - truth)[..., :2], axis=-1).mean()


def test_the_real_cameras_are_exact_to_a_ten_thousandth_of_a_pixel(real):
    # Landmarks are linear in the coefficients, through the camera: with right cameras least squares over 320
    # faces predicts the other 80 exactly, and leaves no offset in the picture.
    residual, offset = predict_held_out(real, [item.camera.rotation for item in real])
    assert residual < 1e-4
    np.testing.assert_allclose(offset, 0, atol=1e-4)


@pytest.mark.parametrize("signs", [(-1, 1, 1), (1, -1, 1), (1, 1, -1)], ids=["yaw", "pitch", "roll"])
def test_a_wrong_sign_of_one_angle_would_be_seen_at_once(real, signs):
    angles = [item.coefficients.angles for item in real]
    rotated = [matrix_from_angles(*np.multiply(signs, (a.yaw, a.pitch, a.roll))) for a in angles]
    residual, _ = predict_held_out(real, rotated)
    assert residual > 40


def predict_held_out(items, rotations, train=320):
    """Mean distance (px) of held-out landmarks to their prediction, and the constant offset found (3,)."""
    linear = np.array([i.camera.scale * np.diag([1.0, -1, -1]) @ r for i, r in zip(items, rotations)])
    factors = [[1, *(i.coefficients.identity / 1e5), *i.coefficients.expression] for i in items]
    design = np.einsum("nij,nk->nikj", linear, np.array(factors)).reshape(-1, 3 * UNKNOWN_MM)
    design = np.hstack([design, np.tile(np.eye(3), (len(items), 1))])
    target = np.array([(i.landmarks - i.camera.translation).T for i in items]).reshape(-1, 68)
    solution = np.linalg.lstsq(design[: 3 * train], target[: 3 * train])[0]
    error = (target - design @ solution)[3 * train :].reshape(-1, 3, 68)
    return np.linalg.norm(error, axis=1).mean(), solution[-3:].mean(axis=1)


def test_a_zip_and_its_folder_give_the_same(tmp_path, real):
    archive = shared_path("aflw2000_dev") / "aflw2000_dev.zip"
    with zipfile.ZipFile(archive) as files:
        for ending in (".jpg", ".mat"):
            files.extract(real[0].name + ending, tmp_path)
    (item,) = iterate_aflw2000(tmp_path)
    np.testing.assert_array_equal(item.landmarks, real[0].landmarks)
    np.testing.assert_array_equal(item.photo.read(), real[0].photo.read())
