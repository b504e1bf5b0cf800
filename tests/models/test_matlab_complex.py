import numpy as np
import pytest
from scipy.io import savemat

from lineament.errors import ModelError
from lineament.models.matlab import read_mat


def test_an_array_that_says_complex_without_an_imaginary_part_is_refused(tmp_path):
    savemat(tmp_path / "a.mat", {"a": np.arange(3.0), "b": np.arange(3.0)})
    content = bytearray((tmp_path / "a.mat").read_bytes())
    content[0x91] |= 8  # the flag
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ModelError, match="imaginary"):
        read_mat(tmp_path / "a.mat")
