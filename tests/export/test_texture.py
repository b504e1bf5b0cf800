from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from lineament.errors import ExportError
from lineament.export import FaceTexturer, export_texture, frontal_view
from lineament.export.texture_completion import fill_smoothly

SIZE = 128


def painted(lfm, yaw, *, colors=None):
    """A face of the built-in model, turned, and a photo of one colour or of the colours asked for."""
    egg = egg_face(center_xy=(150, 150), scale=1.2, yaw=yaw)
    zeros = np.zeros(100, np.float32), np.zeros(53, np.float32)
    face = type(egg).from_coefficients(
        lfm, *zeros, camera=egg.camera, crop_box=egg.crop_box, detection=egg.detection
    )
    photo = np.full((300, 300, 3), (120, 90, 80), np.uint8)
    return face, photo if colors is None else colors(photo)


@pytest.fixture(scope="module")
def texturer(lfm):
    return FaceTexturer(lfm.mesh, size=SIZE)


def test_what_is_seen_is_the_photo_and_what_is_hidden_is_marked(lfm, texturer):
    face, photo = painted(lfm, 1.2)
    texture = texturer(photo, face)
    visible = texture.visibility > 0.9
    assert (texture.seen_rgb[visible] == (120, 90, 80)).all()
    # Turned to the viewer's right: of the face's two halves the viewer's left one is seen.
    assert visible[30:90, :64].mean() > 0.4 > 0.05 > visible[30:90, 70:].mean()
    np.testing.assert_array_equal(texture.marked_rgba[..., 3] > 0, np.rint(texture.visibility * 255) > 0)


def test_a_hidden_half_is_completed_by_the_other_ones_pattern(lfm, texturer):
    def striped(photo):
        photo[::8] = photo[1::8] = (200, 200, 200)
        return photo

    face, photo = painted(lfm, 1.1, colors=striped)
    texture = texturer(photo, face)
    hidden = (texture.visibility < 0.02) & (texture.visibility[:, ::-1] > 0.98)
    assert hidden.sum() > 1000
    difference = texture.colors_rgb.astype(int) - texture.colors_rgb[:, ::-1]
    assert np.abs(difference[hidden]).mean() < 20
    assert texture.colors_rgb[hidden].std() > 15


def test_a_plain_face_is_completed_plainly(lfm, texturer):
    face, photo = painted(lfm, 0.9)
    colors = texturer(photo, face).colors_rgb.astype(int)
    assert np.abs(colors - (120, 90, 80)).max() <= 1


def test_hair_beside_the_face_is_not_taken_for_skin_and_a_fringe_stays(lfm, texturer):
    hair = (25, 15, 10)
    face, photo = painted(lfm, 0.0)
    marks = face.landmarks("lfm-68")
    outline = np.abs(marks[[0, 16], 0] - 150).mean()
    photo[:, np.abs(np.arange(300) + 0.5 - 150) > 0.88 * outline] = hair
    fringe = int(marks[17:27, 1].min()) - 25  # px, 21 mm above the brows
    photo[:fringe] = hair
    texture = texturer(photo, face)
    drawn = frontal_view(face, texture, size=200).astype(int)
    rows = slice(90, 120)  # of ears, below the eyes
    ears = drawn[rows][drawn[rows][..., 3] == 255][:, :3]
    np.testing.assert_allclose(ears, [[120, 90, 80]] * len(ears), atol=15)
    np.testing.assert_allclose(drawn[20:40, 90:110, :3], np.broadcast_to(hair, (20, 20, 3)), atol=2)


def test_a_skin_that_is_not_seen_judges_nothing(lfm, texturer):
    face, photo = painted(lfm, 0.0)
    away = replace(face, vertices_image=face.vertices_image + np.float32([120, 0, 0]))
    seen_rgb, trust = texturer.visible(photo, away)
    assert trust.max() > 0.9
    assert (seen_rgb[trust > 0.9] == (120, 90, 80)).all()


def test_a_face_beyond_the_photo_has_nothing_seen(lfm, texturer):
    face, photo = painted(lfm, 0.0)
    away = replace(face, vertices_image=face.vertices_image + np.float32([5000, 0, 0]))
    assert texturer(photo, away).visibility.max() == 0


def test_a_face_of_another_model_is_refused(texturer):
    with pytest.raises(ExportError, match="'lfm'"):
        texturer(np.zeros((9, 9, 3), np.uint8), egg_face())
    with pytest.raises(ExportError, match="no texture coordinates"):
        FaceTexturer(replace(egg_face().mesh, uv=None))


def test_a_texture_is_written_completed_or_marked(tmp_path, lfm, texturer):
    texture = texturer(*painted(lfm, 1.0)[::-1])
    export_texture(texture, tmp_path / "a.png")
    export_texture(texture, tmp_path / "b.png", hidden="marked")
    with Image.open(tmp_path / "a.png") as completed, Image.open(tmp_path / "b.png") as marked:
        assert (completed.mode, marked.mode) == ("RGB", "RGBA")
    with pytest.raises(ExportError, match="completed"):
        export_texture(texture, tmp_path / "c.png", hidden="ignored")


def test_the_frontal_view_looks_ahead_and_shows_what_was_hidden_only_when_completed(lfm, texturer):
    face, photo = painted(lfm, 1.2)
    texture = texturer(photo, face)
    whole = frontal_view(face, texture, size=100)
    visible = frontal_view(face, texture, size=100, completed=False)
    assert whole.shape == (100, 100, 4)
    alpha = whole[..., 3] > 128
    assert (alpha == alpha[:, ::-1]).mean() > 0.98
    np.testing.assert_allclose(whole[alpha][:, :3].astype(int), [[120, 90, 80]] * alpha.sum(), atol=2)
    assert visible[20:80, 20:48, 3].mean() > 128 > 20 > visible[30:70, 60:80, 3].mean()


def test_known_values_stay_and_the_rest_is_between_them():
    rng = np.random.default_rng(0)
    values = rng.uniform(10, 20, (37, 50, 2))
    weight = (rng.random((37, 50, 1)) < 0.05).astype(np.float32)
    filled = fill_smoothly(values, weight)
    known = weight[..., 0] == 1
    np.testing.assert_allclose(filled[known], values[known], rtol=1e-6)
    assert filled.min() >= values[known].min() - 1e-3
    assert filled.max() <= values[known].max() + 1e-3
