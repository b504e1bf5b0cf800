import numpy as np
import pytest

from lineament.errors import DataError
from lineament.train.detector.method import MosaicPictures
from lineament.train.detector.training import DetectorTrainConfig


@pytest.fixture
def folders(tmp_path):
    """Three shards of four mosaics each, all of the shard's number, to train on; one to validate on."""
    for folder, numbers in (("train", range(3)), ("validation", [9])):
        (tmp_path / folder).mkdir()
        for number in numbers:
            np.save(tmp_path / folder / f"shard_{number}.npy", np.full((4, 8, 8, 3), number, np.uint8))
            np.save(tmp_path / folder / f"shard_{number}.labels.npy", np.zeros((4, 2, 8), np.float32))
    return tmp_path


def test_mosaics_for_the_check_are_not_those_of_the_calibration(folders):
    config = DetectorTrainConfig(str(folders / "train"), str(folders / "validation"))
    of_the_run = MosaicPictures(config)
    assert (of_the_run.calibration(3).max(), of_the_run.check(3).min()) == (0, 9)
    given = MosaicPictures(DetectorTrainConfig(), (str(folders / "train"),))
    assert (given.calibration(3).shape, given.check(3).shape) == ((3, 8, 8, 3), (3, 8, 8, 3))
    assert (given.calibration(3).max(), given.check(3).min()) == (0, 2)
    with pytest.raises(DataError, match=r"holds 12 mosaics, 14 are needed.*lineament data mosaics"):
        given.calibration(7)
