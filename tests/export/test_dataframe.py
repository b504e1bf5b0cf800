import sys

import numpy as np
import pytest

from faces import egg_face
from lineament import to_dataframe
from lineament.errors import ConfigError, ExportError, ImageError
from lineament.result import AlignedPhoto

FACES = [egg_face(yaw=0.1 * k, expression=0.2) for k in range(3)]


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="pandas is not installed: pip install pandas")


def test_photos_become_rows_with_their_names_and_a_bad_one_has_none(pandas):
    photos = [
        AlignedPhoto("album/a.jpg", FACES[:2]),
        AlignedPhoto("album/bad.jpg", [], ImageError("no photo")),
        AlignedPhoto(b"bytes", FACES[2:]),
    ]
    table = to_dataframe(photos)
    assert table["photo"].tolist()[:2] == ["a.jpg", "a.jpg"]
    assert table["source"].isna().tolist() == [False, False, True]
    assert table["face"].tolist() == [0, 1, 0]
    np.testing.assert_allclose(table["yaw"], [0, 0.1, 0.2], atol=1e-6)
    assert table["landmarks_image"][0].shape == (204,)
    assert table["blendshape_jawOpen"][2] == pytest.approx(0.2)


def test_the_faces_of_one_photo_are_a_table_too(pandas):
    assert len(to_dataframe(FACES)) == 3
    assert len(to_dataframe(FACES[0])) == 1
    assert len(to_dataframe([])) == 0


def test_something_else_is_refused(pandas):
    with pytest.raises(ConfigError, match="str"):
        to_dataframe(["a.jpg"])


def test_without_pandas_the_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ExportError, match="pip install pandas"):
        to_dataframe(FACES)
