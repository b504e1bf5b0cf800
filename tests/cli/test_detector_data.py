import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from lineament.cli.main import app
from lineament.data.mosaics.mosaic_shards import mosaic_sheet
from lineament.data.photographs.face_packs import about_face_pack, read_face_pack
from lineament.train.detector.mosaics import Shards


def run(*arguments):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Three rendered faces."""
    path = tmp_path_factory.mktemp("packs") / "new" / "rendered.npz"
    done = run("faces", "--out", path, "--rendered", 3, "--processes", 1)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("3 pictures, ")
    return path


def test_rendered_faces_are_packed_and_say_what_they_are(pack):
    assert len(read_face_pack(pack)) == 3
    assert about_face_pack(pack)["about"] == "rendered faces of nobody"


def test_the_mosaics_of_a_configuration_are_written_in_shards_that_training_reads(pack, tmp_path):
    config, out, sheet = tmp_path / "config.toml", tmp_path / "mosaics", tmp_path / "sheet.png"
    config.write_text(f'[live]\nfaces = ["{pack}"]\nscenes = 2\n')
    command = ("mosaics", "--config", config, "--out", out, "--shards", 2, "--count", 2)
    done = run(*command, "--sheet", sheet)
    assert done.exit_code == 0, done.output
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["live_0_000", "live_0_001"]
    pictures, labels = Shards(out).batch(Shards(out).rows)
    assert pictures.shape == (4, 320, 320, 3)
    assert labels.shape[0] == 4
    with Image.open(sheet) as picture:
        assert picture.size == (6 * 320, 5 * 320)
    before = (out / "live_0_001.npy").read_bytes()
    assert run(*command).exit_code == 0
    assert (out / "live_0_001.npy").read_bytes() == before


def test_heads_from_behind_are_rendered_ones(tmp_path):
    done = run("faces", "--out", tmp_path / "pack.npz", "--behind")
    assert done.exit_code == 1
    assert "--rendered N" in done.stderr


def test_a_sheet_shows_faces_in_green_and_those_that_do_not_count_in_red():
    labels = np.zeros((1, 2, 8), np.float32)
    labels[0, 0] = [10, 10, 30, 30, 0, -1, 1, 1]
    labels[0, 1] = [40, 40, 60, 60, 0, -1, 1, -1]
    sheet = mosaic_sheet(np.zeros((1, 64, 64, 3), np.uint8), labels, columns=1, rows=1)
    assert sheet.getpixel((10, 20)) == (0, 255, 0)
    assert sheet.getpixel((40, 50)) == (255, 0, 0)
