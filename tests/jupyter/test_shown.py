import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from html_pictures import pictures_in
from lineament.draw import draw_overlay
from lineament.errors import ImageError
from lineament.jupyter import PhotoFaces
from lineament.jupyter.shown import SHOWN_PX, face_html, faces_html, photo_html
from lineament.result import AlignedPhoto

PHOTO = np.full((200, 200, 3), 90, np.uint8)


def two_faces():
    return [egg_face(center_xy=(60.0, 100.0), scale=0.4), egg_face(center_xy=(140.0, 100.0), scale=0.4)]


@pytest.mark.parametrize("photo", [PHOTO, Image.fromarray(PHOTO)], ids=["array", "PIL"])
def test_faces_on_their_photo_are_the_overlay_and_a_line_a_face(photo):
    faces = two_faces()
    html = PhotoFaces(photo, faces)._repr_html_()
    (picture,) = pictures_in(html)
    difference = np.asarray(picture, float) - draw_overlay(PHOTO, faces)
    assert np.abs(difference).mean() < 4  # what JPEG costs
    assert html.count("<tr>") == 1 + 2
    (bare,) = pictures_in(PhotoFaces(photo, [])._repr_html_())
    assert np.abs(np.asarray(bare, float) - PHOTO).max() < 4


def test_a_large_photo_is_shown_small_with_the_faces_where_they_are():
    plain = np.full((1280, 1920, 3), 90, np.uint8)
    face = egg_face(center_xy=(1200.0, 500.0), scale=4.0)
    (picture,) = pictures_in(PhotoFaces(plain, [face])._repr_html_())
    drawn_large = Image.fromarray(draw_overlay(plain, [face])).reduce(3)
    assert picture.size == drawn_large.size == (SHOWN_PX, 427)
    expected, found = (np.asarray(shown, float) - 90 for shown in (drawn_large, picture))
    assert np.abs(found - expected).mean() < 0.2 * np.abs(expected).mean()


def test_what_a_notebook_has_to_keep_is_bounded():
    noise = np.random.default_rng(0).integers(0, 256, (3000, 2000, 3), np.uint8)
    assert len(PhotoFaces(noise, [egg_face()] * 60)._repr_html_()) < 300_000


def test_one_face_shows_its_mesh_beside_its_pose_and_strongest_expressions():
    html = face_html(egg_face(yaw=np.deg2rad(30), pitch=-0.2, roll=0.1, expression=0.5))
    assert len(pictures_in(html)) == 1
    assert "+30.0°, -11.5°, +5.7°" in html
    assert "jawOpen" in html
    assert html.count("<tr>") == html.count("</tr>") == 4 + 1


def test_a_table_of_faces_has_a_line_a_face_and_says_how_many_it_leaves_out():
    table = faces_html([egg_face(yaw=0.1 * number) for number in range(7)], max_lines=5)
    assert table.count("<tr>") == 1 + 5
    assert "and 2 more" in table
    assert "+5.7°" in table
    assert faces_html([]) == "<div>no face found</div>"


def test_a_photo_of_many_shows_its_faces_or_what_went_wrong():
    assert "+5.7°" in photo_html(AlignedPhoto(source="a.jpg", faces=[egg_face(yaw=0.1)]))
    failed = AlignedPhoto(source="a.jpg", faces=[], error=ImageError("a.jpg is empty."))
    assert photo_html(failed) == "<div>a.jpg: a.jpg is empty.</div>"
    assert photo_html(AlignedPhoto(source=b"\xff\xd8", faces=[])).startswith("<div>bytes</div>")


def test_a_face_without_values_is_shown_as_far_as_it_goes():
    lost = face_html(egg_face().without_values())
    assert "nan°" in lost
    assert pictures_in(lost) == []
    assert "jawOpen" not in lost + faces_html([egg_face().without_values()])
