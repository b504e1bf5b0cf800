import contextlib
import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from lineament.errors import ModelError
from lineament.models.mat_structure import check_mat5
from lineament.models.matlab import read_mat


def mat(*, compressed):
    stream = io.BytesIO()
    content = {"a": np.arange(9.0), "s": {"inner": np.arange(4), "text": "words"}, "c": np.array([[1 + 2j]])}
    savemat(stream, content, do_compression=compressed)
    return stream.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_what_matlab_writes_passes(compressed):
    check_mat5(mat(compressed=compressed))


def test_a_type_that_does_not_exist_is_refused_before_scipy_sees_it(tmp_path):
    path = tmp_path / "model.mat"
    content = bytearray(mat(compressed=False))
    place = content.index(struct.pack("<II", 9, 72))  # the numbers of `a`
    content[place : place + 4] = struct.pack("<I", 0x4D98)
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.mat cannot be read as \.mat \(an element of type 19864"):
        read_mat(path)


@settings(max_examples=150, deadline=None)
@given(edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6), compressed=st.booleans())
def test_a_mutated_file_is_read_or_a_model_error(tmp_path_factory, edits, compressed):
    content = bytearray(mat(compressed=compressed))
    for place, value in edits:
        content[int(place * (len(content) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "any.mat"
    path.write_bytes(content)
    with contextlib.suppress(ModelError):
        read_mat(path)
