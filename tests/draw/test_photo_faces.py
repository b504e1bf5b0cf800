import copy
import pickle

import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from lineament.draw import PhotoFaces, draw_overlay
from lineament.draw.photo_faces import SHOWN_PX
from test_notebook import pictures_in

PHOTO = np.full((200, 200, 3), 90, np.uint8)


def two_faces():
    return [egg_face(center_xy=(60.0, 100.0), scale=0.4), egg_face(center_xy=(140.0, 100.0), scale=0.4)]


def test_it_is_the_list_of_its_faces():
    faces = two_faces()
    shown = PhotoFaces(faces, PHOTO)
    assert shown == faces
    assert isinstance(shown, list)
    assert shown[1] is faces[1]
    assert PhotoFaces([], PHOTO) == []
    assert not PhotoFaces([], PHOTO)


def test_some_of_the_faces_are_still_on_their_photo():
    shown = PhotoFaces(two_faces(), PHOTO)[1:]
    assert isinstance(shown, PhotoFaces)
    assert len(shown) == 1
    assert shown.photo is PHOTO


@pytest.mark.parametrize("through", [copy.copy, list.copy, lambda faces: pickle.loads(pickle.dumps(faces))])
def test_what_is_copied_or_pickled_does_not_take_the_photo_along(through):
    again = through(PhotoFaces([egg_face()], PHOTO))
    assert type(again) is list
    assert len(again) == 1


@pytest.mark.parametrize("photo", [PHOTO, Image.fromarray(PHOTO)], ids=["array", "PIL"])
def test_it_shows_the_overlay_and_a_line_a_face(photo):
    faces = two_faces()
    html = PhotoFaces(faces, photo)._repr_html_()
    (picture,) = pictures_in(html)
    difference = np.asarray(picture, float) - draw_overlay(PHOTO, faces)
    assert np.abs(difference).mean() < 4  # what JPEG costs
    assert html.count("<tr>") == 1 + 2
    (bare,) = pictures_in(PhotoFaces([], photo)._repr_html_())
    assert np.abs(np.asarray(bare, float) - PHOTO).max() < 4


def test_a_large_photo_is_shown_small_with_the_faces_where_they_are():
    plain = np.full((1280, 1920, 3), 90, np.uint8)
    face = egg_face(center_xy=(1200.0, 500.0), scale=4.0)
    (picture,) = pictures_in(PhotoFaces([face], plain)._repr_html_())
    drawn_large = Image.fromarray(draw_overlay(plain, [face])).reduce(3)
    assert picture.size == drawn_large.size == (SHOWN_PX, 427)
    expected, found = (np.asarray(shown, float) - 90 for shown in (drawn_large, picture))
    assert np.abs(found - expected).mean() < 0.2 * np.abs(expected).mean()


def test_what_a_notebook_has_to_keep_is_bounded():
    noise = np.random.default_rng(0).integers(0, 256, (3000, 2000, 3), np.uint8)
    assert len(PhotoFaces([egg_face()] * 60, noise)._repr_html_()) < 300_000
