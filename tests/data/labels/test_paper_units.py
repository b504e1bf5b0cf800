import numpy as np
import pytest

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.paper_units import (
    camera_from_3ddfa,
    cprfa_angles,
    dsfnet_correspondence,
    dsfnet_depth,
    pose_3ddfa,
    sadrnet_attention,
    sadrnet_offset_map,
    sadrnet_position_map,
)
from lineament.data.labels.targets import image_maps, position_map
from lineament.geometry.rotation import matrix_from_angles
from samples import make_sample, posed_sample


@pytest.fixture(scope="module")
def surface(lfm):
    return LabelSurface.of(lfm, size=256)


@pytest.fixture(scope="module")
def face(lfm):
    return posed_sample(make_sample(yaw=0.4, size=256), lfm)


def test_sadrnet_divides_a_256_px_crop_by_280_and_turns_depth_round(face, surface):
    positions = position_map(face, surface)
    scaled = sadrnet_position_map(positions, surface, size=256)
    mask = surface.mask
    np.testing.assert_allclose(scaled[mask][:, :2], positions[mask][:, :2] / 280, rtol=1e-5)
    assert scaled[mask][:, 2].min() == 0
    nose, ear = (positions[..., 2][mask].argmin(), positions[..., 2][mask].argmax())
    assert scaled[mask][nose, 2] > scaled[mask][ear, 2] == 0
    assert not scaled[~mask].any()


def test_the_same_head_scales_alike_at_any_crop_size(lfm, surface):
    scaled = [
        sadrnet_position_map(
            position_map(posed_sample(make_sample(size=size), lfm), surface), surface, size=size
        )
        for size in (128, 256)
    ]
    np.testing.assert_allclose(scaled[0], scaled[1], atol=1e-5)


def test_a_micrometre_is_1_5e_minus_5_of_sadrnets_offsets():
    assert sadrnet_offset_map(np.ones((1, 1, 3)))[0, 0, 0] == pytest.approx(1000 * 1.5e-5)


def test_attention_is_the_fraction_of_the_face_in_each_cell(face, surface):
    maps = image_maps(face, surface)
    attention = sadrnet_attention(maps)
    assert attention.shape == (32, 32)
    assert attention.mean() == pytest.approx(maps.face.mean())
    np.testing.assert_array_equal(attention[8:16, 16:24], 0)  # the occluder


def test_attention_of_a_picture_that_does_not_divide_is_refused(lfm, surface):
    with pytest.raises(ValueError, match="multiple of 32"):
        sadrnet_attention(image_maps(posed_sample(make_sample(size=100), lfm), surface))


def test_dsfnets_decoding_finds_the_texel(face, surface):
    maps = image_maps(face, surface)
    value = dsfnet_correspondence(maps)[maps.surface]
    texel = np.floor((value + 1) / 2 * 256)
    np.testing.assert_array_equal(texel, np.floor(maps.correspondence_uv[maps.surface] * 256))


def test_dsfnets_depth_is_zero_at_the_tip_of_the_nose_and_larger_when_nearer(face, surface):
    maps = image_maps(face, surface)
    depth = dsfnet_depth(maps, face)
    tip = face.landmarks_image("lfm-68")[30]
    assert abs(depth[int(tip[1]), int(tip[0])]) < 0.01
    near, far = maps.depth[maps.surface].min(), maps.depth[maps.surface].max()
    assert np.ptp(depth[maps.surface]) == pytest.approx((far - near) / 280, rel=1e-4)
    assert depth[maps.surface][maps.depth[maps.surface].argmin()] == depth[maps.surface].max()


def test_3ddfas_pose_projects_like_the_camera(face):
    pose = pose_3ddfa(face.camera, size=256, units_per_mm=1000).reshape(3, 4)
    upwards = face.vertices_model * 1000 @ pose[:, :3].T + pose[:, 3]
    # Matlab's first pixel is 1 where ours has its centre at a half; its rows are size + 1 - y.
    expected = np.stack([upwards[:, 0] - 0.5, 256 + 1 - upwards[:, 1] - 0.5, -upwards[:, 2]], axis=1)
    np.testing.assert_allclose(face.vertices_image, expected, atol=1e-3)


def test_3ddfas_pose_there_and_back_is_the_camera(face):
    camera = face.camera
    again = camera_from_3ddfa(pose_3ddfa(camera, size=120, units_per_mm=1000), size=120, units_per_mm=1000)
    np.testing.assert_allclose(again.rotation, camera.rotation, atol=1e-12)
    np.testing.assert_allclose(again.translation, camera.translation, atol=1e-9)
    assert again.scale == pytest.approx(camera.scale)


def test_cprfas_angles_compose_to_the_rotation_in_its_own_order():
    rotation = matrix_from_angles(0.4, -0.3, 0.8)
    angles = cprfa_angles(rotation)
    about_x = matrix_from_angles(0.0, angles.pitch, 0.0)
    about_y = matrix_from_angles(angles.yaw, 0.0, 0.0)
    about_z = matrix_from_angles(0.0, 0.0, angles.roll)
    np.testing.assert_allclose(about_z @ about_y @ about_x, rotation, atol=1e-12)
