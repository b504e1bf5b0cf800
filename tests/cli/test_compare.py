from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from faces import egg_face
from lineament.batch.result_names import RESULT_PICTURE
from lineament.cli.main import app
from lineament.cli.options import named_weights
from lineament.errors import ConfigError
from lineament.image import read_image
from lineament.weights import installed


class EggAligner:
    """Its detector sees one egg in every photo that is not black; the weights "blind" believe no face."""

    def __init__(self, name, detector):
        self.name = name
        self.detector = detector or SimpleNamespace(
            detect=lambda photo: [egg_face(center_xy=(100, 100)).detection] if photo.any() else []
        )

    def align_found(self, photo, detections):
        return [] if self.name == "blind" else [egg_face(center_xy=(100, 100)) for _ in detections]


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def from_pretrained(name, *, detector=None, **options):
        calls.append((name, detector, options))
        return EggAligner(name, detector)

    monkeypatch.setattr("lineament.aligner.FaceAligner.from_pretrained", from_pretrained)
    return calls


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for name, value in (("a.png", 90), ("empty.png", 0)):
        Image.fromarray(np.full((200, 240, 3), value, np.uint8)).save(folder / name)
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def test_every_photo_gets_a_sheet_and_every_method_a_line(asked, photos, tmp_path):
    out = tmp_path / "new" / "out"
    done = run(photos, "--out", out, "-w", "default", "-w", "mine/blind", "-w", "blind", "--tile", 100)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == ["a_compare.png", "empty_compare.png"]
    lines = done.stdout.splitlines()
    assert lines[0].startswith("a.png, default: ")
    assert lines[0].endswith(" ms a face")
    assert "empty.png, default: no face found" in lines
    assert read_image(out / "a_compare.png").shape[1] == 4 * 108 + 8  # the photo and three methods
    assert (read_image(out / "a_compare.png") != read_image(out / "empty_compare.png")[0, 0]).any()


def test_all_methods_see_what_the_detector_of_default_found(asked, photos, tmp_path):
    done = run(photos / "a.png", "--out", tmp_path, "-w", "fast", "-w", "blind", "--device", "auto")
    assert "a.png, blind: believes no face" in done.stdout
    assert [name for name, _, _ in asked] == ["default", "fast", "blind"]
    assert asked[0][1] is None
    assert asked[1][1] is asked[2][1] is not None
    assert all(options["device"] == "auto" for _, _, options in asked)


def test_a_photo_that_cannot_be_read_is_reported_and_the_others_go_on(asked, photos, tmp_path):
    (photos / "liar.jpg").write_text("I am no photo")
    done = run(photos, "--out", tmp_path / "out", "-w", "fast", "--tile", 100)
    assert done.exit_code == 1
    assert "liar.jpg: " in done.output
    assert (tmp_path / "out" / "empty_compare.png").exists()


def test_all_weights_are_those_that_align_and_come_before_named_ones():
    names = named_weights("all", ["fast", "mine.lineament"])
    assert names[:3] == ["default", "fast", "open"]
    assert names[-1] == "mine.lineament"
    assert len(names) == len(set(names))
    assert not {"face-detector", "face-detector-open"} & set(names)
    assert named_weights(None, []) == named_weights("all", [])
    assert named_weights(None, ["open"]) == ["open"]
    assert installed()[0].entries  # or the test says nothing
    with pytest.raises(ConfigError, match='--methods is "all", found'):
        named_weights("synergynet", [])


def test_a_word_that_is_not_all_is_refused(asked, photos, tmp_path):
    done = run(photos, "--out", tmp_path / "out", "--methods", "some")
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_sheets_are_not_taken_for_photographs():
    assert RESULT_PICTURE.search("a_compare.jpg")
    assert not RESULT_PICTURE.search("compare.jpg")
