import numpy as np

from benchmarks.judged_landmarks import LABELS, agreement, read_labels
from lineament.data.formats.aflw2000 import iterate_aflw2000
from shared import shared_path


def test_sixty_photographs_for_validation_are_judged():
    judged = read_labels(LABELS)
    assert len(judged) == 60
    names = {face.name for face in iterate_aflw2000(shared_path("aflw2000_dev/aflw2000_dev.zip"))}
    assert set(judged) <= names
    for each in judged.values():
        assert not set(each["covered"]) & set(each["unclear"])
        assert set(each["covered"] + each["unclear"]) <= set(range(68))


def test_what_is_told_rightly_is_counted_for_covered_and_free_landmarks():
    covered = np.array([True, True, False, False, False, False, False, False])
    text = agreement(np.array([0.1, 0.9, 0.2, 0.8, 0.8, 0.8, 0.8, 0.8]), covered)
    assert "all 75.0 %" in text
    assert "covered 50.0 %" in text
    assert "free 83.3 %" in text
