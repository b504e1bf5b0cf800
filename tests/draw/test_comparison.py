from dataclasses import replace

import numpy as np
import pytest

from faces import egg_face
from lineament.crop import CropBox
from lineament.draw.comparison import Compared, comparison, part_with_faces
from lineament.errors import ImageError
from lineament.result.face_mask import FaceMask

PHOTO = np.full((400, 600, 3), 90, np.uint8)
GAP, TILE, LINE = 8, 140, 10  # of a sheet, px


def tile_of(sheet, row, column):
    top, left = GAP + row * (TILE + LINE + GAP), GAP + column * (TILE + GAP)
    return sheet[top : top + TILE, left : left + TILE].astype(int)


def masked(face, *, left_half=0.0):
    """The face with a mask of one cell more to the left, hidden there."""
    values = np.array([[left_half, 1.0]] * 2, np.float32)
    return replace(face, shown=FaceMask(values, CropBox(center_xy=(300.0, 200.0), side=200.0, size=64)))


def test_each_method_has_a_tile_and_masks_lie_below_their_methods():
    face = egg_face(center_xy=(300, 200))
    sheet = comparison(PHOTO, [Compared("a", [face]), Compared("b", [masked(face)], "9 ms")], tile=TILE)
    assert sheet.shape == (2 * (TILE + LINE + GAP) + GAP, 3 * (TILE + GAP) + GAP, 3)
    assert (tile_of(sheet, 0, 0)[60:80, 60:80] == 90).all()
    assert (tile_of(sheet, 0, 1)[60:80, 60:80] != 90).any()
    assert (tile_of(sheet, 0, 2)[60:80, 60:80] != 90).any()
    for column in (0, 1):
        assert (tile_of(sheet, 1, column) == (24, 24, 28)).all()
    mask = tile_of(sheet, 1, 2)
    green = mask[..., 1] - mask[..., 0]
    assert green[70, 55] < 35  # hidden, left of the middle
    assert green[70, 85] > 60


def test_without_masks_there_is_one_row_and_what_is_not_finite_is_not_drawn():
    face = egg_face(center_xy=(300, 200))
    sheet = comparison(PHOTO, [Compared("a", [face.without_values()])], tile=TILE)
    assert sheet.shape[0] == TILE + LINE + 2 * GAP
    assert (tile_of(sheet, 0, 1)[40:100, 40:100] == 90).all()


def test_the_tiles_show_the_part_with_the_faces_and_the_whole_photo_without_any():
    face = egg_face(center_xy=(100, 100))
    _, top, right, bottom = face.detection.box_xyxy
    rows, columns = part_with_faces(PHOTO, [face])
    assert (rows.start, columns.start) == (0, 0) or rows.start < top
    assert bottom < rows.stop < 400
    assert right < columns.stop < 300
    assert part_with_faces(PHOTO, []) == (slice(0, 400), slice(0, 600))


def test_a_large_face_is_shrunk_to_its_tile_with_its_mask():
    face = egg_face(center_xy=(300, 200), scale=2.5)
    values = np.array([[0.0, 1.0]] * 2, np.float32)
    face = replace(face, shown=FaceMask(values, CropBox(center_xy=(300.0, 200.0), side=500.0, size=64)))
    sheet = comparison(PHOTO, [Compared("a", [face])], tile=TILE)
    mask = tile_of(sheet, 1, 1)
    green = mask[..., 1] - mask[..., 0]
    assert green[70, 55] < 35
    assert green[70, 95] > 60


def test_nothing_to_compare_is_an_error():
    with pytest.raises(ImageError, match="nothing to compare"):
        comparison(PHOTO, [])
