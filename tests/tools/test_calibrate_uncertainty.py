from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from lineament.bundle import Bundle
from lineament.data.photographs.face_sets import hash_fraction
from lineament.data.samples import shards
from lineament.detect import overlap
from lineament.evaluate.scores.metrics import rank_correlation
from tools import calibrate_uncertainty
from tools.calibrate_uncertainty import (
    FOR_RESEARCH,
    SHARED,
    Seen,
    described,
    fitted,
    photographs,
    squares,
)


def test_a_head_learns_errors_and_what_is_no_face_from_the_evidence():
    rng = np.random.default_rng(0)
    known = rng.standard_normal((9000, 6))
    error_mm = 3 * np.exp(0.5 * known[:, 0])
    no_face = rng.uniform(size=9000) < 0.3
    error_mm[no_face] = np.nan
    known[:, 1] += 5 * no_face
    evidence = np.tile(known, 12)  # layers say everything more than once
    kept = np.arange(9000) % 4 == 0
    crops = Seen(evidence.astype(np.float32), error_mm, np.full(9000, np.nan), kept)
    head = fitted(crops)
    with torch.no_grad():
        expected = head(torch.tensor(evidence, dtype=torch.float32)).numpy()
    faces, others = (kind & kept for kind in (crops.is_face, ~crops.is_face))
    assert rank_correlation(expected[faces], error_mm[faces]) > 0.9
    assert np.median(expected[others]) > 20
    assert np.median(np.abs(np.log(expected[faces] / error_mm[faces]))) < 0.25


def test_squares_show_hardly_anything_of_faces():
    rng = np.random.default_rng(0)
    faces = np.array([[60.0, 50, 120, 130], [150, 20, 170, 45]])
    found = [box for box, _ in squares((200, 220), faces, 200, rng)]
    assert len(found) == 200
    for box in found:
        middle = (box[:2] + box[2:]) / 2
        assert (middle >= 0).all()
        assert (middle <= [220, 200]).all()
        across = np.minimum(faces[:, 2:], box[2:]) - np.maximum(faces[:, :2], box[:2])
        shown = np.prod(np.maximum(across, 0), axis=1) / np.prod(faces[:, 2:] - faces[:, :2], axis=1)
        assert shown.max() <= SHARED
        assert overlap(box, faces).max() < 0.5


def test_every_other_photograph_and_people_who_are_measured_on_are_left_out(tmp_path):
    names = [f"{person:03d}_frontal_01.jpg" for person in range(380, 420)]
    (tmp_path / "cfp").mkdir()
    for name in names:
        Image.new("RGB", (8, 8)).save(tmp_path / "cfp" / name)
    (tmp_path / "cfp").rename(tmp_path / "cfp.zip")  # folders are read as archives are
    found = [name for name, _ in photographs(tmp_path, ["cfp"])]
    assert found == [name for name in names if hash_fraction(name) < 0.5 and int(name[:3]) <= 400]
    assert 0 < len(found) < 21


@pytest.fixture
def recipe(monkeypatch):
    def told(licence):
        about = shards.Recipe(
            source="9 portraits",
            licence=licence,
            seed=0,
            command="",
            face_model="lfm",
            storage=shards.Storage(),
        )
        monkeypatch.setattr(calibrate_uncertainty, "read_manifest", lambda folder: (about, ()))

    return told


def test_weights_say_what_their_uncertainty_learned_from(recipe):
    plain = replace(Bundle.open("open").manifest, data="portraits", licence="CC0", research=False, trained={})
    recipe("CC BY 4.0")
    manifest = described(plain, ["set"], ["streets"], "CC0", 7)
    assert manifest.data_of("network") == "portraits"
    assert manifest.data_of("uncertainty") == "0 samples of 9 portraits; what is no face in streets"
    assert (manifest.licence, manifest.research) == ("CC0 | CC BY 4.0", False)
    assert manifest.trained["uncertainty"] == {"crops": 7}
    assert described(plain, ["set"], ["streets"], FOR_RESEARCH, 7).research
    recipe("research: LFW")
    again = described(manifest, ["set"], ["streets"], "CC0", 9)
    assert again.research
    assert again.data_of("network") == "portraits"
