from pathlib import Path

import numpy as np

from lineament.data.photographs.collections import Collection
from tools.calibrate_landmarks import training_photos


def test_people_kept_from_training_take_no_part_in_the_calibration():
    names = tuple(f"P{number}_{photo:04d}.jpg" for number in range(400) for photo in range(2))
    collection = Collection("ytf", Path("ytf.zip"), names, np.zeros((len(names), 470, 3)))
    kept = collection.is_validation
    assert kept.any()
    everybody = training_photos(collection, 1)
    np.testing.assert_array_equal(everybody, np.flatnonzero(~kept))
    np.testing.assert_array_equal(training_photos(collection, 3), everybody[::3])
