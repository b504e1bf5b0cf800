from functools import partial

import numpy as np
import pytest

from faces import egg_face
from lineament.draw import LAYERS, draw_axes, draw_landmarks, draw_mesh, draw_overlay, draw_pose_box, marks
from lineament.draw.marks import pose_box_image
from lineament.errors import ConfigError, ImageError
from lineament.geometry.raster import rasterize

GREY = np.full((200, 200, 3), 90, np.uint8)
ONE_FACE = [draw_mesh, draw_landmarks, draw_axes, draw_pose_box]


def changed(before, after):
    """(H, W) bool: the pixels that differ."""
    return (before != after).any(axis=-1)


@pytest.mark.parametrize("draw", ONE_FACE)
def test_drawing_gives_a_new_picture_and_leaves_the_photo_alone(draw):
    photo = GREY.copy()
    picture = draw(photo, egg_face())
    assert picture.shape == photo.shape
    assert picture.dtype == np.uint8
    assert changed(picture, photo).any()
    np.testing.assert_array_equal(photo, GREY)


def test_a_photo_without_faces_comes_back_as_a_copy():
    picture = draw_overlay(GREY, [])
    np.testing.assert_array_equal(picture, GREY)
    assert not np.shares_memory(picture, GREY)


def test_a_read_only_photo_can_be_drawn_on():
    photo = GREY.copy()
    photo.flags.writeable = False
    assert changed(draw_overlay(photo, [egg_face()]), photo).any()


def test_the_mesh_covers_the_face_and_nothing_else():
    covered = changed(GREY, draw_mesh(GREY, egg_face(center_xy=(100, 100), scale=0.5)))
    assert covered[100, 100]
    rows, columns = np.nonzero(covered)
    # 70 x 95 mm half axes at 0.5 px a mm
    np.testing.assert_allclose([columns.min(), columns.max() + 1], [65, 135], atol=2)
    np.testing.assert_allclose([rows.min(), rows.max() + 1], [52.5, 147.5], atol=2)


def test_drawing_follows_the_face_when_both_move():
    there = draw_overlay(GREY, [egg_face(center_xy=(90, 80), scale=0.4)])
    moved = draw_overlay(GREY, [egg_face(center_xy=(110, 95), scale=0.4)])
    np.testing.assert_allclose(np.roll(there, (15, 20), axis=(0, 1)).astype(int), moved.astype(int), atol=40)
    np.testing.assert_array_equal(np.roll(changed(GREY, there), (15, 20), axis=(0, 1)), changed(GREY, moved))


def test_the_mesh_is_translucent():
    black, white = np.zeros_like(GREY), np.full_like(GREY, 255)
    on_black, on_white = (draw_mesh(photo, egg_face(), opacity=0.3)[100, 120] for photo in (black, white))
    np.testing.assert_allclose(on_white.astype(int) - on_black, 0.7 * 255, atol=2)
    np.testing.assert_array_equal(draw_mesh(white, egg_face(), opacity=0.0), white)


def test_the_wireframe_leaves_most_pixels_of_the_face_alone():
    photo = np.full((800, 800, 3), 90, np.uint8)
    face = egg_face(center_xy=(400, 400), scale=3.5)
    wires = changed(photo, draw_mesh(photo, face, style="wireframe"))
    surface = changed(photo, draw_mesh(photo, face))
    assert 0.02 < wires.sum() / surface.sum() < 0.6


def test_an_unknown_style_is_refused():
    with pytest.raises(ConfigError, match="shaded"):
        draw_mesh(GREY, egg_face(), style="dotted")


def test_the_blue_axis_points_where_the_nose_does():
    face = egg_face(yaw=0.9)
    picture = draw_axes(GREY, face).astype(int)
    blue = (picture[..., 2] - picture[..., 0]) > 80
    assert np.nonzero(blue)[1].mean() > face.landmarks_image[30, 0] + 5


def test_hidden_landmarks_are_fainter_than_seen_ones():
    face = egg_face(center_xy=(100, 100), scale=1.0, yaw=1.2)
    hidden, visible = face.landmarks_image[16, :2], face.landmarks_image[33, :2]
    picture = draw_landmarks(np.zeros_like(GREY), face)
    brightness = [
        picture[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].max() for x, y in (hidden, visible)
    ]
    assert brightness[0] < 150 < brightness[1]


@pytest.mark.parametrize("center_xy", [(-500, 100), (100, 900), (0, 0), (200, 200)])
def test_faces_across_and_beyond_the_border_are_drawn_as_far_as_they_are_in_the_photo(center_xy):
    picture = draw_overlay(GREY, [egg_face(center_xy=center_xy)])
    assert changed(picture, GREY).any() == (max(np.abs(center_xy)) <= 200)


@pytest.mark.parametrize("scale", [0.01, 0.05, 3000.0])
def test_very_small_and_very_large_faces_are_drawn(scale):
    assert draw_overlay(GREY, [egg_face(scale=scale)]).shape == GREY.shape


def test_lines_grow_with_the_face():
    photo = np.zeros((1200, 1200, 3), np.uint8)
    small = changed(photo, draw_landmarks(photo, egg_face(center_xy=(600, 600), scale=0.6)))
    large = changed(photo, draw_landmarks(photo, egg_face(center_xy=(600, 600), scale=5.4)))
    # Nine times the face, so 81 times the pixels were everything in proportion.
    assert 81 / 3 < large.sum() / small.sum() < 81


def test_the_smallest_photo_can_be_drawn_on():
    assert draw_overlay(np.zeros((1, 1, 3), np.uint8), [egg_face(center_xy=(0, 0))]).shape == (1, 1, 3)


@pytest.mark.parametrize("photo", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3))])
def test_what_is_no_photo_is_refused(photo):
    with pytest.raises(ImageError):
        draw_overlay(photo, [egg_face()])


@pytest.mark.parametrize("layer", [name for name in LAYERS if name != "rendered"])
def test_every_layer_draws_something_and_only_near_the_face(layer):
    photo = np.full((400, 400, 3), 90, np.uint8)
    drawn = changed(photo, draw_overlay(photo, [egg_face(center_xy=(150, 200), scale=0.5)], layers=[layer]))
    assert drawn[150:250, 115:185].any()
    assert not drawn[:, 260:].any()


def test_layers_are_drawn_in_the_order_given():
    face = egg_face()
    picture = draw_overlay(GREY, [face], layers=["mesh", "landmarks"], opacity=0.3)
    expected = draw_landmarks(draw_mesh(GREY, face, opacity=0.3), face)
    np.testing.assert_array_equal(picture, expected)


def test_an_unknown_layer_is_refused_and_the_known_ones_are_named():
    with pytest.raises(ConfigError, match="wireframe"):
        draw_overlay(GREY, [egg_face()], layers=["mash"])
    with pytest.raises(ConfigError, match="1 faces but 2 labels"):
        draw_overlay(GREY, [egg_face()], labels=["a", "b"])


@pytest.mark.parametrize("size", [200, 900])
def test_a_coarse_layer_covers_what_a_fine_raster_of_the_mesh_does(size):
    face = egg_face(center_xy=(size / 2, size / 2), scale=size / 220, yaw=0.6)
    photo = np.full((size, size, 3), 90, np.uint8)
    covered = changed(photo, draw_mesh(photo, face, opacity=1.0))
    exact = rasterize(face.vertices_image, face.triangles, size_hw=(size, size)).mask
    assert (covered != exact).sum() < 0.012 * exact.sum()


def test_near_is_lighter_than_far_in_the_colours_of_depth():
    face = egg_face(yaw=0.0, scale=0.9)
    picture = draw_mesh(GREY, face, style="depth", opacity=1.0).astype(int).sum(axis=-1)
    nose, cheek = face.landmarks_image[30, :2].astype(int), (100 + 50, 100)
    assert picture[nose[1], nose[0]] > picture[cheek[1], cheek[0]] + 100


def test_the_colours_of_directions_are_those_of_a_normal_map():
    picture = draw_mesh(GREY, egg_face(scale=0.9), style="normals", opacity=1.0).astype(int)
    middle, right, top = picture[150, 100], picture[100, 155], picture[30, 100]
    assert middle[2] > 200
    assert right[0] > 200 > 150 > middle[0]
    assert top[1] > 200 > 150 > middle[1]


def test_the_heads_box_holds_the_mesh_and_turns_with_the_head():
    face = egg_face(yaw=0.5, pitch=0.3, roll=-0.4, scale=0.7)
    corners = pose_box_image(face)
    sides = corners[[4, 2, 1]] - corners[0]
    np.testing.assert_allclose(sides @ sides.T, np.diag((sides**2).sum(axis=1)), atol=1e-2)
    place = np.linalg.solve(sides.T, (face.vertices_image - corners[0]).T)
    assert place.min() > -1e-3
    assert place.max() < 1 + 1e-3
    forward = face.pose.rotation @ [0, 0, 1] * [1, -1, -1]
    assert (corners[1] - corners[0]) @ forward > 0


def test_numbers_are_written_beside_the_landmarks():
    photo = np.zeros((600, 600, 3), np.uint8)
    face = egg_face(center_xy=(300, 300), scale=2.5)
    assert (
        changed(photo, draw_landmarks(photo, face, numbers=True)).sum()
        > changed(photo, draw_landmarks(photo, face)).sum() * 1.2
    )


@pytest.mark.parametrize("center_xy", [(100, 100), (100, 40), (45, 12)])
def test_a_label_on_a_layer_of_its_own_is_the_one_on_the_whole_layer(monkeypatch, center_xy):
    face = egg_face(center_xy=center_xy)
    own = draw_overlay(GREY, face, layers="box", labels=["27"])
    monkeypatch.setattr(marks._Layer, "for_text", lambda layer, _: layer)
    monkeypatch.setattr(marks, "_layer", partial(marks._layer, with_text=True))
    np.testing.assert_array_equal(draw_overlay(GREY, face, layers="box", labels=["27"]), own)
