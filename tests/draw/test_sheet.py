import numpy as np
import pytest

from lineament.draw import contact_sheet, side_by_side
from lineament.errors import ImageError

RED = np.full((100, 200, 3), (200, 0, 0), np.uint8)
BLUE = np.full((300, 150, 3), (0, 0, 200), np.uint8)


def test_pictures_side_by_side_have_the_height_of_the_lowest():
    row = side_by_side([RED, BLUE], gap=10)
    assert row.shape == (100, 200 + 10 + 50, 3)
    np.testing.assert_array_equal(row[:, :200], RED)
    assert (row[50, 215:] == (0, 0, 200)).all()


def test_a_height_can_be_asked_for():
    assert side_by_side([RED, BLUE], height=50).shape[0] == 50


def test_a_sheet_shows_each_picture_whole_in_reading_order():
    sheet = contact_sheet([RED, BLUE, RED], columns=2, tile=60, gap=4)
    assert sheet.shape == (4 + 2 * 64, 4 + 2 * 64, 3)
    is_red, is_blue = (
        np.abs(sheet.astype(int) - color).sum(axis=-1) < 9 for color in ((200, 0, 0), (0, 0, 200))
    )
    assert is_red.sum() == 2 * 60 * 30
    assert is_blue.sum() == 60 * 30
    assert is_red[:64, :64].any()
    assert is_blue[:64, 68:].any()
    assert is_red[68:, :64].any()


def test_captions_take_a_line_of_their_own():
    plain = contact_sheet([RED], tile=140)
    named = contact_sheet([RED], tile=140, captions=["red"])
    assert named.shape[0] == plain.shape[0] + 10
    assert (named[-14:] > 150).any()


@pytest.mark.parametrize("pictures", [[], [np.zeros((4, 4), np.uint8)]])
def test_nothing_or_what_is_no_picture_is_refused(pictures):
    for sheet in (side_by_side, contact_sheet):
        with pytest.raises(ImageError):
            sheet(pictures)


def test_each_picture_has_a_caption_or_none_has():
    with pytest.raises(ImageError, match="1 pictures but 2 captions"):
        contact_sheet([RED], captions=["a", "b"])
