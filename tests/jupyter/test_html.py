import numpy as np
import pytest

from faces import egg_face
from html_pictures import pictures_in
from lineament.jupyter import html


def test_a_bar_is_as_long_as_its_weight_and_no_longer_than_a_whole_one():
    assert "width:60px" in html.bar(0.5)
    assert "width:120px" in html.bar(1.7)
    assert "width:0px" in html.bar(-0.2)
    assert html.bar(-0.2).endswith("-0.20")


def test_a_line_of_text_cannot_be_taken_for_html():
    assert html.line("<b>.jpg") == "<div>&lt;b&gt;.jpg</div>"


def test_a_portrait_has_the_size_asked_for_and_the_shape_of_the_mesh():
    face = egg_face(scale=3.0)
    (portrait,) = pictures_in(html.portrait_tag(face.vertices_image, face.triangles, size=80))
    width, height = np.ptp(face.vertices_image[:, :2], axis=0)
    assert portrait.mode == "RGBA"
    assert max(portrait.size) == 80
    assert portrait.width / portrait.height == pytest.approx(width / height, abs=0.03)
    alpha = np.asarray(portrait)[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[portrait.height // 2, portrait.width // 2] == 255


def test_a_portrait_turns_with_the_head_and_does_not_know_where_in_the_photo_it_is():
    upright, lying = egg_face(), egg_face(roll=np.pi / 2)
    far = egg_face(center_xy=(900.0, -40.0), scale=6.0)
    first, rotated, elsewhere = (
        pictures_in(html.portrait_tag(face.vertices_image, face.triangles))[0]
        for face in (upright, lying, far)
    )
    assert first.size == rotated.size[::-1]
    assert first.width < first.height
    difference = np.asarray(first, float) - np.asarray(elsewhere, float)
    assert np.abs(difference).mean() < 0.5


def test_a_mesh_that_is_not_finite_or_has_no_extent_has_no_portrait():
    face = egg_face()
    lost = face.vertices_image.copy()
    lost[3] = np.nan
    assert html.portrait_tag(lost, face.triangles) == ""
    assert html.portrait_tag(np.zeros_like(lost), face.triangles) == ""
