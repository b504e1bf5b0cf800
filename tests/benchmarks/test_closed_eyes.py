from collections import Counter

import numpy as np
import pytest

from benchmarks.closed_eyes import COLLECTIONS, EYE_LABELS, WIDE, best_threshold, judged_photos
from lineament.data.photographs.collections import read_collection
from lineament.data.samples.held_out import is_held_out, key_of
from shared import shared_path


def test_every_judged_photograph_is_there_and_its_person_kept_from_training():
    labels, found = judged_photos(), []
    for name in COLLECTIONS:
        collection = read_collection(shared_path("photos"), name)
        for photo, person in zip(collection.photo_names, collection.people, strict=True):
            label = labels.get(key_of(f"{name}/{photo}"))
            if label is not None:
                assert is_held_out(name, person)
                found.append(label)
    assert Counter(found) == Counter(labels.values())
    assert set(found) == {*EYE_LABELS, WIDE}


def test_the_best_threshold_lies_between_groups_that_do_not_overlap():
    threshold, right = best_threshold(np.array([0.1, 0.5, 1.0]), np.array([5.0, 7.0]))
    assert 1.0 < threshold < 5.0
    assert right == 1.0


def test_a_threshold_parts_like_groups_no_better_than_guessing_does():
    both = np.arange(5.0)
    assert best_threshold(both, both)[1] == pytest.approx(0.5, abs=0.11)
