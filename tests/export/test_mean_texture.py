import numpy as np
import pytest

from faces import egg_face
from lineament.errors import ExportError
from lineament.export import FaceTexturer, MeanTexture

SIZE = 64


@pytest.fixture(scope="module")
def texturer(lfm):
    return FaceTexturer(lfm.mesh, size=SIZE)


def face_of(lfm, yaw, scale=1.2):
    egg = egg_face(center_xy=(150, 150), scale=scale, yaw=yaw)
    zeros = np.zeros(100, np.float32), np.zeros(53, np.float32)
    return type(egg).from_coefficients(
        lfm, *zeros, camera=egg.camera, crop_box=egg.crop_box, detection=egg.detection
    )


def plain(value):
    return np.full((300, 300, 3), value, np.uint8)


def test_nothing_seen_is_no_texture(texturer):
    assert MeanTexture(texturer).texture() is None


def test_one_picture_gives_its_own_texture(lfm, texturer):
    mean = MeanTexture(texturer)
    face, photo = face_of(lfm, 0.7), plain((140, 100, 90))
    mean.add(photo, face)
    texture, alone = mean.texture(), texturer(photo, face)
    assert np.abs(texture.colors_rgb.astype(int) - alone.colors_rgb).max() <= 1
    np.testing.assert_array_equal(texture.visibility, alone.visibility)


def test_equal_pictures_count_equally_and_a_larger_face_more(lfm, texturer):
    for scale, expected in ((1.0, 110), (2.0, 104)):  # 4 : 1 by the area of the face
        mean = MeanTexture(texturer)
        mean.add(plain(100), face_of(lfm, 0, scale=0.6 * scale))
        mean.add(plain(120), face_of(lfm, 0, scale=0.6))
        texture = mean.texture()
        sure = (texture.visibility > 0.99)[16:48, 16:48]
        assert np.abs(texture.colors_rgb[16:48, 16:48][sure].astype(int) - expected).max() <= 1


def test_views_from_both_sides_show_both_halves(lfm, texturer):
    mean = MeanTexture(texturer)
    for yaw, value in ((1.1, 90), (-1.1, 150)):
        mean.add(plain(value), face_of(lfm, yaw))
    colors, visibility = mean.texture().colors_rgb[..., 0].astype(int), mean.texture().visibility
    single = texturer(plain(90), face_of(lfm, 1.1)).visibility
    assert (visibility > 0.9).sum() > 1.6 * (single > 0.9).sum()
    assert abs(np.median(colors[24:40, 14:20]) - 90) < 3  # the cheek that the first shows
    assert abs(np.median(colors[24:40, -20:-14]) - 150) < 3


def test_the_memory_does_not_grow_with_the_pictures(lfm, texturer):
    mean = MeanTexture(texturer)
    held = []
    for _ in range(4):
        mean.add(plain(100), face_of(lfm, 0))
        held.append(sum(value.nbytes for value in vars(mean).values() if isinstance(value, np.ndarray)))
    assert held == [SIZE * SIZE * 5 * 4] * 4


def test_a_face_of_another_model_is_refused(texturer):
    with pytest.raises(ExportError, match="'lfm'"):
        MeanTexture(texturer).add(plain(100), egg_face())
