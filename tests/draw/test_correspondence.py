import numpy as np
import pytest

from faces import egg_face
from lineament.crop import CropBox
from lineament.draw import draw_overlay
from lineament.methods.cprfa_face import CprfaResult

GREY = np.full((200, 200, 3), 90, np.uint8)


def coded_face(side=80.0):
    """A face whose crop shows a code of (1, 0, 0) in its upper half and nothing below."""
    plain = egg_face(center_xy=(100, 100), scale=0.4)
    names = [name for name in plain.__dataclass_fields__ if not name.startswith("_")]
    code, mask = np.zeros((16, 16, 3), np.float32), np.zeros((16, 16), np.float32)
    code[..., 0], mask[:8] = 1, 1
    count = len(plain.vertices_image)
    return CprfaResult(
        **{name: getattr(plain, name) for name in names} | {"crop_box": CropBox((100.0, 60.0), side, 16)},
        crop_code=code,
        crop_mask=mask,
        detected_image=np.full((count, 2), np.nan, np.float32),
        seen=np.zeros(count, np.float32),
        chosen_vertices=np.arange(4),
        solver="pnp",
        reliable=True,
    )


@pytest.mark.parametrize("side", [80.0, 20.0])
def test_pixels_that_show_the_face_have_the_colours_of_their_codes(side):
    drawn = draw_overlay(GREY, coded_face(side), layers="correspondence", opacity=1.0)
    changed = (drawn != GREY).any(axis=2)
    row, column = np.nonzero(changed)
    np.testing.assert_allclose(
        [row.min(), row.max() + 1, column.min(), column.max() + 1],
        [60 - side / 2, 60, 100 - side / 2, 100 + side / 2],
        atol=1,
    )
    np.testing.assert_array_equal(drawn[changed][0], [255, 0, 0])


def test_faces_of_other_methods_have_the_colours_of_their_mesh():
    face = egg_face(center_xy=(100, 100), scale=0.4)
    drawn = draw_overlay(GREY, face, layers="correspondence", opacity=1.0)
    assert drawn[100, 80, 0] < drawn[100, 100, 0] < drawn[100, 120, 0]  # x is red
    assert drawn[80, 100, 1] > drawn[120, 100, 1]  # y points up and is green
    np.testing.assert_array_equal(drawn[10, 10], GREY[10, 10])
