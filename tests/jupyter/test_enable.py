from types import SimpleNamespace

import pytest

from faces import egg_face
from lineament import jupyter
from lineament.jupyter.shown import face_html, faces_html, photo_html
from lineament.result import AlignedPhoto


@pytest.fixture
def formatter():
    """Jupyter's own, with the extension loaded."""
    try:
        from IPython.core.formatters import DisplayFormatter
    except ImportError:
        pytest.skip("IPython is not installed: pip install ipython")
    display = DisplayFormatter()
    jupyter.load_ipython_extension(SimpleNamespace(display_formatter=display))
    return display


def test_faces_lists_of_them_and_photos_show_themselves(formatter):
    face = egg_face()
    photo = AlignedPhoto(source="a.jpg", faces=[face])
    shown = [(face, face_html(face)), ([face, face], faces_html([face, face])), (photo, photo_html(photo))]
    for value, html in shown:
        formats, _ = formatter.format(value)
        assert set(formats) == {"text/html", "text/plain"}
        assert formats["text/html"] == html


@pytest.mark.parametrize("other", [[], [1, 2], ["a", None]])
def test_other_lists_stay_as_they_were(formatter, other):
    assert set(formatter.format(other)[0]) == {"text/plain"}


def test_without_the_extension_results_are_plain_values():
    assert not hasattr(egg_face(), "_repr_html_")
    assert not hasattr(AlignedPhoto(source="a.jpg", faces=[]), "_repr_html_")


def test_outside_of_a_notebook_enabling_does_nothing():
    jupyter.enable()
