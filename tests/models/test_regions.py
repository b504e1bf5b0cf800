import numpy as np
import pytest

from lineament.geometry.uv import Region
from lineament.models.builtin import load_builtin
from lineament.models.regions import face_regions, face_weight_map


@pytest.fixture(scope="module")
def model():
    return load_builtin()


def test_the_68_landmarks_weigh_most_and_the_under_jaw_nothing(model):
    weights = face_weight_map(model)
    assert np.unique(weights).tolist() == [0, 3, 12, 16]
    assert (weights == 16).sum() == 68


def test_regions_are_symmetric(model):
    region = face_regions(model)
    skin = np.unique(model.triangles[slice(*model.parts["face"])])
    differing = np.mean(region[skin] != region[model.mirror.vertex[skin]])
    assert differing < 0.005  # the jaw line is a polygon through registered points


def test_the_tip_of_the_nose_is_a_feature_and_the_forehead_is_not(model):
    region = face_regions(model)
    assert region[np.argmax(model.neutral_model[:, 2])] == Region.FEATURE
    forehead = np.argmin(np.linalg.norm(model.neutral_model - [0, 90, 60], axis=1))
    assert region[forehead] == Region.FACE
