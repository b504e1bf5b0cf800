import io
import sys

import numpy as np
import pytest
from scipy.io import savemat

from lineament.data.formats.matlab import field, read_mat, read_mat_file
from lineament.errors import DataError


def mat(**arrays):
    stream = io.BytesIO()
    savemat(stream, arrays)
    return stream.getvalue()


def test_arrays_come_out_as_they_went_in():
    arrays = read_mat(mat(a=np.arange(6.0).reshape(2, 3)), name="x.mat")
    np.testing.assert_array_equal(field(arrays, "a", (2, None), name="x.mat"), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("content", [b"", b"no mat file at all" * 20, mat(a=np.ones((50, 50)))[:300]])
def test_a_damaged_file_is_named(content):
    with pytest.raises(DataError, match=r"x\.mat cannot be read"):
        read_mat(content, name="x.mat")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.mat"):
        read_mat_file(tmp_path / "none.mat")


@pytest.mark.parametrize(
    ("key", "says"), [("b", "no 'b'; it holds a, c, d"), ("a", r"\(2, 3\)"), ("c", "finite"), ("d", "<U")]
)
def test_fields_that_do_not_fit_say_what_was_found(key, says):
    arrays = {"a": np.ones((2, 3)), "c": np.full((2, 2), np.nan), "d": np.array([["x", "y"], ["z", "w"]])}
    with pytest.raises(DataError, match=says):
        field(arrays, key, (2, 2), name="x.mat")


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(DataError, match=r"lineament\[data\]"):
        read_mat(b"", name="x.mat")
