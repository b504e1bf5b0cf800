import sys

import numpy as np
from PIL import Image

from lineament.data.photographs.face_packs import about_face_pack, read_face_pack
from lineament.train.detector.mosaics import Shards
from tools import make_detector_canvases, pack_detector_faces


def test_rendered_faces_are_packed_and_shown_on_canvases(tmp_path, monkeypatch):
    pack, sheet = tmp_path / "packs" / "rendered.npz", tmp_path / "sheet.png"
    command = ["pack", "--out", str(pack), "--rendered", "3", "--processes", "1"]
    monkeypatch.setattr(sys, "argv", command)
    pack_detector_faces.main()
    assert len(read_face_pack(pack)) == 3
    assert about_face_pack(pack)["about"] == "rendered faces of nobody"

    config, out = tmp_path / "config.toml", tmp_path / "canvases"
    config.write_text(f'[live]\nfaces = ["{pack}"]\nscenes = 2\n')
    command = ["make", "--config", str(config), "--out", str(out), "--shards", "1", "--canvases", "4"]
    monkeypatch.setattr(sys, "argv", [*command, "--sheet", str(sheet)])
    make_detector_canvases.main()
    pictures, labels = Shards(out).batch(Shards(out).rows)
    assert pictures.shape == (4, 320, 320, 3)
    assert labels.shape[:1] == (4,)
    with Image.open(sheet) as picture:
        assert picture.size == (6 * 320, 5 * 320)


def test_a_sheet_shows_faces_in_green_and_those_that_do_not_count_in_red():
    labels = np.zeros((1, 2, 8), np.float32)
    labels[0, 0] = [10, 10, 30, 30, 0, -1, 1, 1]
    labels[0, 1] = [40, 40, 60, 60, 0, -1, 1, -1]
    sheet = make_detector_canvases.draw_sheet(np.zeros((1, 64, 64, 3), np.uint8), labels, columns=1, rows=1)
    assert sheet.getpixel((10, 20)) == (0, 255, 0)
    assert sheet.getpixel((40, 50)) == (255, 0, 0)
