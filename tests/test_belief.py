import numpy as np
import pytest

from lineament.aligner import FaceAligner
from lineament.belief import FAINT_SCORE, STRICTER, SURE_SCORE, limit_at
from lineament.image import read_picture
from shared import shared_path


def test_low_scores_have_a_stricter_limit_and_it_grows_smoothly():
    scores = np.linspace(0, 1, 101)
    limits = np.array([limit_at(score, 6.0) for score in scores])
    assert limits[scores <= FAINT_SCORE] == pytest.approx(6 * STRICTER)
    assert limits[scores >= SURE_SCORE] == pytest.approx(6)
    assert (np.diff(limits) >= 0).all()
    assert np.diff(limits).max() < 0.07


def test_the_limit_is_a_part_of_the_weights_own():
    assert limit_at(0.4, 3.0) == pytest.approx(limit_at(0.4, 6.0) / 2)
    assert limit_at(0.4, float("inf")) == float("inf")


@pytest.mark.parametrize("name", ["default", "open"])
def test_trousers_are_no_face(name):
    photo = read_picture(shared_path("clips") / "four_faces.jpg")
    faces = FaceAligner.from_pretrained(name, threads=2)(photo)
    heads = np.array([[763, 920], [1590, 905], [2285, 930], [3120, 965]])
    for face in faces:
        left, top, right, bottom = face.detection.box_xyxy
        x, y = heads.T
        assert ((x > left) & (x < right) & (y > top) & (y < bottom)).any(), face.detection
    assert len(faces) == 4
