"""Tiny files in the formats of published data sets."""

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat


@pytest.fixture
def write_photo():
    """write_photo(path, size_wh=(60, 40)) -> the path, now a picture that is bright at its first pixel."""

    def write(path, size_wh=(60, 40)):
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
        picture[0, 0] = 255
        Image.fromarray(picture).save(path)
        return path

    return write


@pytest.fixture
def write_fit(write_photo):
    """write_fit(stem, pose, **arrays): a photograph 40 px high and the .mat of a fit beside it."""

    def write(stem, pose=(0, 0, 0, 30, 20, 5, 1e-3), **arrays):
        write_photo(stem.with_suffix(".jpg"))
        content = {
            "Shape_Para": np.arange(199.0)[:, None],
            "Exp_Para": np.arange(29.0)[:, None],
            "Tex_Para": np.zeros((199, 1)),
            "Color_Para": np.ones((1, 7), np.float32),
            "Illum_Para": np.zeros((1, 10)),
            "Pose_Para": np.array([pose], np.float32),
            "roi": np.array([[1, 2, 30, 40]], np.int16),
            **arrays,
        }
        savemat(stem.with_suffix(".mat"), content)

    return write
