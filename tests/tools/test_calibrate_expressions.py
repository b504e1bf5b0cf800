"""Rest and range of keys from what a network gave."""

import numpy as np

from lineament.expression_keys import KeyScale
from tools.calibrate_expressions import MOST, key_scales

NAMES = ("jawOpen", "eyeLookUpLeft", "cheekPuffLeft", "mouthPucker")
KEY = np.array([-1, 0, 0, 0, 1, 2, 3])


def test_rest_and_range_are_medians_and_what_hardly_moves_keeps_the_range_of_the_face_model():
    found = np.zeros((7, 4))
    found[1:4, 0] = (0.5, 0.6, 0.9)
    found[4, 1], found[5, 2], found[6, 3] = 0.9, 0.2, 1.6
    rest = np.array([0.1, 0.0, 0.05, 0.0])
    assert key_scales(NAMES, rest, found, KEY, ["eyeLook"]) == {
        "jawOpen": KeyScale(0.1, 0.6),
        "eyeLookUpLeft": KeyScale(measured=False),
        "cheekPuffLeft": KeyScale(0.05, 1.0),
        "mouthPucker": KeyScale(0.0, MOST),
    }
