import re

import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from lineament.draw.marks import AXES_RGB
from scripts.docs import convention_pictures as pictures
from shared import ROOT

IMAGES = ROOT / "docs" / "images"


def place_of(picture, color):
    """Mean (x, y) of the pixels of nearly one colour."""
    near = np.abs(picture.astype(int) - color).max(axis=2) < 24
    rows, columns = np.nonzero(near)
    return columns.mean(), rows.mean()


def test_the_photos_axes_run_right_and_down():
    photo = np.full((600, 500, 3), 128, np.uint8)
    picture = pictures.image_frame(photo, egg_face(center_xy=(250.0, 300.0)))
    x, y = (np.array(place_of(picture, color)) for color in AXES_RGB[:2])
    origin = np.array(place_of(picture, AXES_RGB[2]))
    assert x[0] > origin[0] + 100
    assert y[1] > origin[1] + 100
    assert abs(x[1] - y[0]) < 30


def test_the_heads_axes_are_those_of_the_model(monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        pictures.Panel, "arrow", lambda self, start, end, color, width=4.0: drawn.update({color: end - start})
    )
    pictures.model_frame(egg_face())
    x, y, z = (drawn[color] for color in AXES_RGB)
    assert x[0] > 0
    assert y[1] < 0
    assert z[0] > 0  # the head looks to the viewer's right, and down
    assert z[1] > 0


@pytest.mark.parametrize("name", ["frames", "angles", "landmarks", "chart", "pixels"])
def test_every_picture_is_there_small_and_shown(name):
    path = IMAGES / f"{name}.jpg"
    assert path.stat().st_size < 250_000
    with Image.open(path) as picture:
        assert min(picture.size) > 300
    page = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    (words,) = re.findall(rf"!\[(.*?)\]\(images/{name}\.jpg\)", page)
    assert len(words) > 30  # for those who do not see it


def test_the_pixels_of_the_sheet_are_where_it_says():
    sheet = pictures.pixels()
    assert sheet.shape == (2 * 130 + 2 * 70, 4 * 130 + 2 * 70, 3)
    center = sheet[70 + 65, 70 + 65]  # of photo[0, 0]: a dot
    assert center.min() > 200
