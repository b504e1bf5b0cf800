import pytest

from lineament.aligner import FaceAligner
from lineament.crop import CropRule
from lineament.methods.regressor import MorphableRegressor
from tests.aligner.setups import DISCS, FixedDetector, boxes_around


@pytest.fixture
def photo(disc_photo):
    return disc_photo((240, 320), DISCS)


@pytest.fixture
def method(disc_network, tiny_model):
    return MorphableRegressor(disc_network, tiny_model, crop_rule=CropRule(64, 1.75))


@pytest.fixture
def aligner(method):
    return FaceAligner(method, detector=FixedDetector(boxes_around(DISCS, shift=4.0)))
