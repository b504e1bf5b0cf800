import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from faces import egg_face
from lineament import notebook
from lineament.errors import ImageError
from lineament.result import AlignedPhoto, faces_table


def pictures_in(html):
    """The pictures a piece of HTML carries, decoded."""
    return [
        Image.open(BytesIO(base64.b64decode(data)))
        for data in re.findall(r"src='data:image/\w+;base64,([^']+)'", html)
    ]


def test_a_bar_is_as_long_as_its_weight_and_no_longer_than_a_whole_one():
    assert "width:60px" in notebook.bar(0.5)
    assert "width:120px" in notebook.bar(1.7)
    assert "width:0px" in notebook.bar(-0.2)
    assert notebook.bar(-0.2).endswith("-0.20")


def test_a_line_of_text_cannot_be_taken_for_html():
    assert notebook.line("<b>.jpg") == "<div>&lt;b&gt;.jpg</div>"


def test_a_portrait_has_the_size_asked_for_and_the_shape_of_the_mesh():
    face = egg_face(scale=3.0)
    (portrait,) = pictures_in(notebook.portrait_tag(face.vertices_image, face.triangles, size=80))
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
    first, turned, elsewhere = (
        pictures_in(notebook.portrait_tag(face.vertices_image, face.triangles))[0]
        for face in (upright, lying, far)
    )
    assert first.size == turned.size[::-1]
    assert first.width < first.height
    difference = np.asarray(first, float) - np.asarray(elsewhere, float)
    assert np.abs(difference).mean() < 0.5


def test_a_mesh_that_is_not_finite_or_has_no_extent_has_no_portrait():
    face = egg_face()
    lost = face.vertices_image.copy()
    lost[3] = np.nan
    assert notebook.portrait_tag(lost, face.triangles) == ""
    assert notebook.portrait_tag(np.zeros_like(lost), face.triangles) == ""


def test_one_face_shows_its_mesh_beside_its_pose():
    html = egg_face(yaw=np.deg2rad(30), pitch=-0.2, roll=0.1, expression=0.5)._repr_html_()
    assert len(pictures_in(html)) == 1
    assert "+30.0°, -11.5°, +5.7°" in html
    assert "jawOpen" in html


def test_a_table_of_faces_has_a_line_a_face_and_says_how_many_it_leaves_out():
    table = faces_table([egg_face(yaw=0.1 * number) for number in range(7)], most=5)
    assert table.count("<tr>") == 1 + 5
    assert "and 2 more" in table
    assert "+5.7°" in table
    assert faces_table([]) == "<div>no face found</div>"


def test_a_photo_of_many_shows_its_faces_or_what_went_wrong():
    assert "+5.7°" in AlignedPhoto(source="a.jpg", faces=[egg_face(yaw=0.1)])._repr_html_()
    failed = AlignedPhoto(source="a.jpg", faces=[], error=ImageError("a.jpg is empty."))
    assert failed._repr_html_() == "<div>a.jpg: a.jpg is empty.</div>"
    assert AlignedPhoto(source=b"\xff\xd8", faces=[])._repr_html_().startswith("<div>bytes</div>")


def test_jupyters_own_formatter_takes_all_of_them_for_html():
    try:
        from IPython.core.formatters import DisplayFormatter
    except ImportError:
        pytest.skip("IPython is not installed: pip install ipython")
    for shown in (egg_face(), AlignedPhoto(source="a.jpg", faces=[egg_face()])):
        formats, _ = DisplayFormatter().format(shown)
        assert set(formats) == {"text/html", "text/plain"}
        assert formats["text/html"] == shown._repr_html_()
