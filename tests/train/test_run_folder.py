import json

import pytest

from lineament.errors import DataError
from lineament.train.run_folder import DATA, about_training


def folder(samples, source, licence):
    return {"folder": "anywhere", "samples": samples, "recipe": {"source": source, "licence": licence}}


def test_weights_say_what_their_run_was_trained_on(tmp_path):
    folders = [folder(1200, "congress (100 photographs)", "public domain"), folder(50, "mine", "internal")]
    (tmp_path / DATA).write_text(json.dumps({"folders": folders}))
    about = about_training(tmp_path)
    assert about["trained_on"] == "1,200 samples of congress (100 photographs); 50 samples of mine"
    assert "public domain; internal" in about["licence"]


def test_a_licence_shared_by_folders_is_said_once(tmp_path):
    (tmp_path / DATA).write_text(
        json.dumps({"folders": [folder(1, "a", "research"), folder(2, "b", "research")]})
    )
    assert about_training(tmp_path)["licence"].count("research") == 1


def test_a_run_that_does_not_say_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not say what was trained on"):
        about_training(tmp_path)
