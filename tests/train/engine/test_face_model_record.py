from dataclasses import replace

import numpy as np
import pytest

from lineament.errors import ConfigError
from lineament.train.engine.face_model_record import check_record, record_of


@pytest.fixture(scope="module")
def other_schemes(tiny_model):
    moved = replace(tiny_model.schemes["300w-lp"], offset_model=np.ones((68, 3), np.float32))
    return replace(tiny_model, schemes={**tiny_model.schemes, "300w-lp": moved})


def test_the_same_model_passes_and_so_does_a_run_that_says_nothing(tiny_model, tmp_path):
    check_record(record_of(tiny_model), replace(tiny_model), where=tmp_path, schemes=True)
    check_record(None, tiny_model, where=tmp_path, schemes=True)


def test_another_shape_under_the_same_name_is_another_model(tiny_model, tmp_path):
    other = replace(tiny_model, neutral_model=tiny_model.neutral_model + 1)
    with pytest.raises(ConfigError, match=r"face model 'tiny' \(checksum \w+\), but 'tiny' \(checksum"):
        check_record(record_of(tiny_model), other, where=tmp_path, schemes=False)


def test_other_landmarks_count_only_where_they_are_asked_for(tiny_model, other_schemes, tmp_path):
    check_record(record_of(tiny_model), other_schemes, where=tmp_path, schemes=False)
    with pytest.raises(ConfigError, match="other landmark schemes of 'tiny'"):
        check_record(record_of(tiny_model), other_schemes, where=tmp_path, schemes=True)
