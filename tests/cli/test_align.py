import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import shared
from faces import egg_face, mesh_alone
from lineament.batch.result_names import ALIGN_RESULT, RESULT_PICTURE
from lineament.cli.main import app
from lineament.cli.results import FORMATS, TABLE_FORMATS
from lineament.errors import ConfigError, WeightsError
from lineament.image import read_image
from lineament.image.several import is_photo_name
from lineament.result import AlignedPhoto

GREY, BLACK = 90, 0


class EggAligner:
    """Sees an egg in every photo that is not black, or one for each box."""

    def __call__(self, image, boxes=None):
        photo = read_image(image)
        if boxes is not None:
            return [
                egg_face(center_xy=(box[:2] + box[2:]) / 2, scale=(box[3] - box[1]) / 190) for box in boxes
            ]
        return [egg_face(center_xy=(100, 100), yaw=np.radians(30))] if photo.any() else []

    def align_together(self, photos):
        return [AlignedPhoto(photo, self(photo)) for photo in photos]


@pytest.fixture
def asked(monkeypatch):
    """What `from_pretrained` was asked for; it gives an aligner without weights."""
    calls = []
    monkeypatch.setattr("lineament.cli.results.TEXTURE_SIZE", 64)

    def from_pretrained(*arguments, **options):
        calls.append((arguments, options))
        return EggAligner()

    monkeypatch.setattr("lineament.aligner.FaceAligner.from_pretrained", from_pretrained)
    return calls


@pytest.fixture
def album(tmp_path):
    """A folder with a photo, one without a face, and a text file that claims to be a photo."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name, value in (("a.png", GREY), ("empty.png", BLACK)):
        Image.fromarray(np.full((200, 240, 3), value, np.uint8)).save(folder / name)
    (folder / "liar.jpg").write_text("I am no photo")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["align", *map(str, arguments)])


def test_a_photo_gives_an_overlay_a_mesh_and_json_and_a_line_for_its_face(asked, album, tmp_path):
    out = tmp_path / "new" / "out"
    done = run(album / "a.png", "--out", out)
    assert done.exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "a_face0.obj", "a_overlay.png"]
    assert "a.png: face 0: yaw +30.0 pitch " in done.stdout
    assert "box 58 43 142 157, score 0.90" in done.stdout
    overlay = read_image(out / "a_overlay.png")
    assert overlay.shape == (200, 240, 3)
    assert (overlay != GREY).any()
    content = json.loads((out / "a.json").read_text())
    source = str(album / "a.png")
    assert content["photo"] == {"file": "a.png", "source": source, "width": 240, "height": 200}
    assert [face["mesh"] for face in content["faces"]] == ["a_face0.obj"]


def test_every_format_that_is_asked_for_is_written(asked, album, tmp_path):
    shared.package("pyarrow", extra="parquet")
    formats = "glb,ply,npz,json,parquet,depth,pncc,normals,parts"
    done = run(album, "--out", tmp_path / "out", "--format", formats, "--overlay", "none")
    assert done.exit_code == 1  # because of liar.jpg
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    of_faces = [f"a_face0.{name}" for name in ("glb", "npz", "ply")]
    of_photos = ["", *(f"_{name}" for name in ("normals", "parts", "pncc", "depth"))]
    of_a = [f"a{name}.png" for name in of_photos[1:]] + ["a_depth.npz", "a.json", *of_faces]
    of_empty = [f"empty{name}.png" for name in of_photos[1:]] + ["empty_depth.npz", "empty.json"]
    assert names == sorted([*of_a, *of_empty, "faces.parquet", "lineament_align.jsonl"])
    content = json.loads((tmp_path / "out" / "a.json").read_text())
    assert content["faces"][0]["mesh"] == "a_face0.glb"


def test_textures_and_the_frontal_view_are_written_for_each_face(asked, album, tmp_path):
    run(album / "a.png", "--out", tmp_path / "out", "-f", "obj,texture,frontal", "--overlay", "none")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    pictures = ["a_face0.png", "a_face0_frontal.png", "a_face0_texture.png", "a_face0_texture_seen.png"]
    assert names == sorted(["a_face0.mtl", "a_face0.obj", *pictures])


def test_pictures_written_before_are_not_taken_for_photographs(asked, album, tmp_path):
    formats = "obj,json,depth,pncc,normals,parts,texture,frontal"
    (album / "liar.jpg").unlink()
    run(album, "--out", album, "-f", formats)
    done = run(album, "--out", album, "-f", "none", "--overlay", "none")
    assert "2 photos, 1 faces" in done.stdout


def test_every_file_of_a_photo_is_known_for_a_result_by_its_name(asked, album, tmp_path):
    formats = ",".join(set(FORMATS) - set(TABLE_FORMATS))
    run(album / "a.png", "--out", tmp_path / "out", "--format", formats)
    made = [path.name for path in (tmp_path / "out").iterdir()]
    assert len(made) == 16
    assert all(ALIGN_RESULT.fullmatch(name.removeprefix("a")) for name in made)
    pictures = [name for name in made if is_photo_name(Path(name))]
    assert [name for name in made if RESULT_PICTURE.search(name)] == pictures


def test_an_overlay_shows_the_layers_asked_for(asked, album, tmp_path):
    run(album / "a.png", "--out", tmp_path / "all")
    run(album / "a.png", "--out", tmp_path / "few", "--overlay", "wireframe,posebox", "-f", "none")
    assert [path.name for path in (tmp_path / "few").iterdir()] == ["a_overlay.png"]
    few, everything = (read_image(tmp_path / name / "a_overlay.png") for name in ("few", "all"))
    assert (few != everything).any()


def test_a_photo_without_a_face_says_so_and_is_no_failure(asked, album, tmp_path):
    done = run(album / "empty.png", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "empty.png: no face found" in done.stdout
    assert json.loads((tmp_path / "out" / "empty.json").read_text())["faces"] == []


def test_a_bad_file_is_one_line_the_rest_goes_on_and_the_status_tells(asked, album, tmp_path):
    done = run(album, album / "gone.jpg", "--out", tmp_path / "out")
    assert done.exit_code == 1
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert [line.split(":")[0] for line in errors] == ["liar.jpg", "gone.jpg"]
    assert "4 photos, 1 faces, 1 without a face, 2 failed" in done.stdout
    assert "failed: liar.jpg, gone.jpg" in done.stderr
    assert (tmp_path / "out" / "a.json").exists()
    assert not list((tmp_path / "out").glob("liar*"))


def test_boxes_of_a_file_replace_the_detector(asked, album, tmp_path):
    (tmp_path / "boxes.csv").write_text("a.png,10,10,80,105\na.png,100,20,170,115\n")
    done = run(album / "a.png", "--out", tmp_path / "out", "--boxes", tmp_path / "boxes.csv")
    assert done.exit_code == 0
    assert re.findall(r"face \d", done.stdout) == ["face 0", "face 1"]
    content = json.loads((tmp_path / "out" / "a.json").read_text())
    np.testing.assert_allclose(content["faces"][1]["box_xyxy"], [100, 20, 170, 115], atol=0.1)


def test_a_photo_that_the_file_of_boxes_leaves_out_has_failed(asked, album, tmp_path):
    (tmp_path / "boxes.csv").write_text("empty.png,10,10,80,105\n")
    done = run(
        album / "a.png", album / "empty.png", "--out", tmp_path / "out", "--boxes", tmp_path / "boxes.csv"
    )
    assert done.exit_code == 1
    assert "no line for a.png" in done.stderr


def test_photos_of_the_same_name_do_not_overwrite_each_other(asked, album, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (200, 200), "white").save(other / "a.jpg")
    Image.new("RGB", (200, 200), "white").save(other / "a.png")
    parquet = shared.package("pyarrow.parquet", extra="parquet")
    done = run(album / "a.png", other, "--out", tmp_path / "out", "-f", "json,parquet")
    files = {
        path.relative_to(tmp_path / "out").as_posix(): json.loads(path.read_text())["photo"]["source"]
        for path in (tmp_path / "out").rglob("*.json")
    }
    assert files == {
        "album/a.json": str(album / "a.png"),
        "other/a.json": str(other / "a.jpg"),
        "other/a_2.json": str(other / "a.png"),
    }
    assert "album/a.png: face 0" in done.stdout
    rows = parquet.read_table(tmp_path / "out" / "faces.parquet").to_pylist()
    assert [row["source"] for row in rows] == list(files.values())


def test_a_photo_deleted_meanwhile_is_a_line_and_the_rest_goes_on(asked, album, tmp_path, monkeypatch):
    whole = EggAligner.__call__

    def delete_the_next(*given, **boxes):
        (album / "empty.png").unlink(missing_ok=True)
        return whole(*given, **boxes)

    monkeypatch.setattr(EggAligner, "__call__", delete_the_next)
    Image.new("RGB", (200, 200), "white").save(album / "z.png")
    done = run(album, "--out", tmp_path / "out", "--jobs", 1)
    assert done.exit_code == 1
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert [line.split(":")[0] for line in errors] == ["empty.png", "liar.jpg"]
    assert "There is no file" in errors[0]
    assert "z.png: face 0" in done.stdout


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="this system has no /dev/fd")
def test_a_photo_may_come_through_a_pipe(asked, album, tmp_path):
    readable, writable = os.pipe()
    with os.fdopen(writable, "wb") as file:
        file.write((album / "a.png").read_bytes())
    done = run(f"/dev/fd/{readable}", "--out", tmp_path / "out")  # as shells name <(...)
    os.close(readable)
    assert done.exit_code == 0, done.output
    (content,) = (json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json"))
    assert len(content["faces"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_is_shown_as_well_as_may_be(asked, album, tmp_path):
    photo = album / os.fsdecode(b"caf\xe9.png")
    (album / "a.png").rename(photo)
    done = run(photo, "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "caf?.png: face 0" in done.stdout
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_options_reach_the_aligner(asked, album, tmp_path):
    limits = ("--min-face", 20, "--min-score", 0.6, "--max-uncertainty", 4, "--device", "auto")
    limits += ("--landmarks", "lfm-68")
    run(album / "a.png", "--out", tmp_path, "--passes", 1, "--threads", 3, "--weights", "mine.onnx", *limits)
    options = {"min_face": 20, "min_score": 0.6, "max_uncertainty_mm": 4, "device": "auto"}
    options["landmarks"] = "lfm-68"
    assert asked == [(("mine.onnx",), {"threads": 3, "passes": 1, **options})]


def test_an_unknown_landmark_scheme_is_named(album, tmp_path):
    done = run(album / "a.png", "--out", tmp_path / "out", "--landmarks", "dlib")
    assert done.exit_code == 2
    assert "'dlib'" in done.output
    assert "ibug-68" in done.output


def test_missing_weights_are_one_line_and_status_1(monkeypatch, album, tmp_path):
    def from_pretrained(*arguments, **options):
        raise WeightsError("The weights are not installed.")

    monkeypatch.setattr("lineament.aligner.FaceAligner.from_pretrained", from_pretrained)
    done = run(album, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stderr == "error: The weights are not installed.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["ALBUM"],
        ["--out", "OUT"],
        ["ALBUM/none/*.jpg", "--out", "OUT"],
        ["ALBUM", "--out", "OUT", "--boxes", "OUT/none.csv"],
        ["ALBUM", "--out", "OUT", "--passes", "0"],
        ["ALBUM", "--out", "OUT", "--format", "obj,fbx"],
        ["ALBUM", "--out", "OUT", "--overlay", "mash"],
        ["ALBUM", "--out", "OUT", "--threads", "0"],
        ["ALBUM", "--out", "OUT", "--threads", "100000"],
        ["ALBUM", "--out", "OUT", "--min-face", "1"],
        ["ALBUM", "--out", "OUT", "--refine", "-1"],
        ["ALBUM", "--out", "OUT", "--min-score", "2"],
        ["ALBUM", "--out", "OUT", "--max-uncertainty", "nan"],
        ["ALBUM", "--out", "OUT", "--device", "gpu"],
        ["ALBUM", "--out", "OUT", "--texture", "clay"],
        ["ALBUM", "--out", "OUT", "--texture", "albedo", "--no-texture"],
    ],
)
def test_a_usage_error_is_status_2_and_aligns_nothing(asked, album, tmp_path, arguments):
    done = run(
        *(word.replace("ALBUM", str(album)).replace("OUT", str(tmp_path / "out")) for word in arguments)
    )
    assert done.exit_code == 2
    assert "Traceback" not in done.stderr
    assert asked == []
    assert not (tmp_path / "out").exists()


def test_a_second_run_gives_the_same_files(asked, album, tmp_path):
    run(album / "a.png", "--out", tmp_path / "out")
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    run(album / "a.png", "--out", tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first


def test_what_cannot_be_made_of_a_mesh_alone_is_named_and_all_else_is_made(
    asked, album, tmp_path, monkeypatch
):
    whole = EggAligner.__call__
    monkeypatch.setattr(
        EggAligner, "__call__", lambda *given, **boxes: [mesh_alone(whole(*given, **boxes)[0])]
    )
    formats = ("obj", "ply", "glb", "npz", "json", "parquet", "depth", "pncc", "normals", "parts", "texture")
    done = run(album / "a.png", "--out", tmp_path / "out", "--format", ",".join([*formats, "frontal"]))
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("a.png: face 0: no glb, which needs coefficients")
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"a_face0.obj", "a_face0.ply", "a_face0.npz", "a_depth.png", "a_pncc.png", "a_parts.png"} <= made
    assert {"a_face0_texture.png", "a_face0_frontal.png", "faces.parquet", "a_normals.png"} <= made
    (face,) = json.loads((tmp_path / "out" / "a.json").read_text())["faces"]
    assert face["mesh"] == "a_face0.obj"


def test_an_albedo_that_is_not_known_is_named_and_all_else_is_made(asked, album, tmp_path):
    done = run(album / "a.png", "--out", tmp_path, "-f", "obj,glb,texture,json", "--texture", "albedo")
    assert done.exit_code == 1
    glb, texture = done.stderr.splitlines()
    assert glb.startswith("a.png: face 0: no glb, which needs the face's own colours: refine the face")
    assert texture.startswith("a.png: face 0: no texture, which needs the face's own colours")
    assert {path.name for path in tmp_path.glob("a_face*")} == {"a_face0.obj"}
    (face,) = json.loads((tmp_path / "a.json").read_text())["faces"]
    assert face["mesh"] == "a_face0.obj"


@pytest.mark.parametrize(
    "left_out", [["--no-texture"], ["--texture", "none"], ["--no-texture", "--texture", "photo"]]
)
def test_a_glb_can_do_without_the_colours_of_the_photo(asked, album, tmp_path, left_out):
    assert run(album / "a.png", "--out", tmp_path / "with", "-f", "glb").exit_code == 0
    assert run(album / "a.png", "--out", tmp_path / "without", "-f", "glb", *left_out).exit_code == 0
    assert b"image/jpeg" in (tmp_path / "with" / "a_face0.glb").read_bytes()
    assert b"image/jpeg" not in (tmp_path / "without" / "a_face0.glb").read_bytes()


def test_faces_are_refined_where_that_is_asked_for(asked, album, tmp_path, monkeypatch):
    asked_for = []

    def refine(self, photo, face, *, steps):
        asked_for.append((photo.size, steps))
        return egg_face(center_xy=(150, 100))

    monkeypatch.setattr(EggAligner, "refine", refine, raising=False)
    monkeypatch.setattr("lineament.refining.check_refining", lambda: None)
    assert run(album / "a.png", "--out", tmp_path, "--refine", "7", "-f", "json").exit_code == 0
    assert asked_for == [((240, 200), 7)]
    (face,) = json.loads((tmp_path / "a.json").read_text())["faces"]
    assert np.mean(face["landmarks_image"], axis=0)[0] == pytest.approx(150, abs=15)


def test_a_face_that_cannot_be_refined_stays_and_is_named(asked, album, tmp_path, monkeypatch):
    def refuse(self, photo, face, *, steps):
        raise ConfigError("This face cannot be refined: it is an egg.")

    monkeypatch.setattr(EggAligner, "refine", refuse, raising=False)
    monkeypatch.setattr("lineament.refining.check_refining", lambda: None)
    done = run(album / "a.png", "--out", tmp_path, "--refine", "7", "-f", "json")
    assert done.exit_code == 1
    assert done.stderr == "a.png: face 0: not refined, This face cannot be refined: it is an egg.\n"
    assert len(json.loads((tmp_path / "a.json").read_text())["faces"]) == 1


def test_refining_without_torch_names_the_extra_before_anything_is_done(asked, album, tmp_path, monkeypatch):
    monkeypatch.setattr("lineament.refining.find_spec", lambda name: None)
    done = run(album / "a.png", "--out", tmp_path / "out", "--refine", "7")
    assert done.exit_code == 1
    assert "pip install 'lineament[train,data]'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_old_results_do_not_stay_beside_new_ones(asked, album, tmp_path):
    out = tmp_path / "out"
    run(album, "--out", out, "-f", "glb,json,depth")
    (out / "a_notes.json").touch()  # not ours
    (out / "liar.json").touch()
    (album / "a.png").unlink()
    (album / "empty.png").rename(album / "a.png")
    run(album, "--out", out, "-f", "json", "--overlay", "none")
    assert sorted(path.name for path in out.glob("a*")) == ["a.json", "a_notes.json"]
    assert not (out / "liar.json").exists()


def test_results_are_written_whole_or_not_at_all(asked, album, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run(album / "a.png", "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    killed = out / ".align-999999999-01234567.part"
    killed.mkdir()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lineament.files.Path.replace", fail)
    done = run(album / "a.png", album / "liar.jpg", "--out", out, "-f", "obj,json")
    assert done.exit_code == 1
    assert "a.png: error: Cannot write" in done.stderr
    assert [path.name for path in out.iterdir() if path.name not in before] == []


def test_links_that_lead_nowhere_are_one_line_each_and_the_rest_goes_on(asked, album, tmp_path):
    (album / "broken.jpg").symlink_to("gone.jpg")
    (album / "loop.jpg").symlink_to("loop.jpg")
    done = run(album, "--out", tmp_path / "out")
    assert done.exit_code == 1
    errors = [line.split(":")[0] for line in done.stderr.splitlines() if "error:" in line]
    assert errors == ["broken.jpg", "liar.jpg", "loop.jpg"]
    assert "a.png: face 0" in done.stdout


def test_hidden_parts_of_textures_stay_black_if_asked_and_unknown_ways_are_refused(asked, album, tmp_path):
    options = "-f", "texture", "--overlay", "none"
    pictures = []
    for number, more in enumerate(((), ("--complete", "none"))):
        run(album / "a.png", "--out", tmp_path / str(number), *options, *more)
        pictures.append(read_image(tmp_path / str(number) / "a_face0_texture.png"))
    assert (pictures[0] > 0).all()
    assert (pictures[1] == 0).any()
    for more, said in (
        (("--complete", "magic"), "There is no completion 'magic'"),
        (("--complete", "gan"), "train uv-gan"),
        (("--gan-weights", "x.lineament"), "with --complete gan only"),
    ):
        done = run(album / "a.png", "--out", tmp_path / "no", *options, *more)
        assert done.exit_code == 2
        assert said in " ".join(done.output.replace("│", " ").split())
    done = run(
        album / "a.png", "--out", tmp_path / "no", *options, "--complete", "gan", "--gan-weights", "fast"
    )
    assert done.exit_code == 1
    assert "complete no textures" in done.output
    done = run(album / "a.png", "--out", tmp_path / "other", *options, "--complete", "model")
    assert done.exit_code == 1
    assert "does not know the chart of the mesh" in done.output


def test_a_folder_without_photographs_is_a_line_and_the_rest_goes_on(asked, album, tmp_path):
    (tmp_path / "none").mkdir()
    done = run(tmp_path / "none", album / "a.png", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "error: There are no photographs in the folder" in done.stderr
    assert "a.png: face 0" in done.stdout


def test_a_run_that_makes_nothing_leaves_no_folder(asked, album, tmp_path):
    assert run(album / "liar.jpg", "--out", tmp_path / "deep" / "out").exit_code == 1
    assert not (tmp_path / "deep").exists()
    (tmp_path / "mine").mkdir()
    assert run(album / "liar.jpg", "--out", tmp_path / "mine").exit_code == 1
    assert (tmp_path / "mine").exists()  # was there before


def test_what_cannot_be_written_has_the_name_it_was_to_have(asked, album, tmp_path, monkeypatch):
    opened = Path.open

    def fail(path, mode="r", *arguments, **options):
        if "w" in mode and ".part" in str(path):
            raise OSError(28, "No space left on device")
        return opened(path, mode, *arguments, **options)

    monkeypatch.setattr(Path, "open", fail)
    done = run(album / "a.png", "--out", tmp_path / "out", "-f", "obj", "--overlay", "none")
    assert done.exit_code == 1
    assert f"Cannot write {tmp_path / 'out' / 'a_face0.obj'} (No space left" in done.stderr
    assert ".part" not in done.stderr


def test_warnings_of_decoders_are_not_for_people(album, tmp_path):
    """Pillow warns of a TIFF that ends within its header."""
    (album / "cut.tif").write_bytes(b"II*\0\x08\0\0\0")
    command = [sys.executable, "-m", "lineament", "align", album / "cut.tif", "--out", tmp_path / "out"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    done = subprocess.run(command, capture_output=True, text=True, env=clean)
    assert done.returncode == 1
    assert "begins as a TIFF does" in done.stderr
    assert "Warning" not in done.stderr
