"""The inputs of ../shared/cases that went wrong: pictures, and files that got past a boundary."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.aligner import FaceAligner
from lineament.cli.photos import find_photos, read_boxes
from lineament.data.formats.pts import parse_pts
from lineament.data.photographs.landmark_files import read_table
from lineament.data.samples.recipe import read_recipe
from lineament.data.samples.shard_index import read_index, scan_shard
from lineament.data.samples.shards import read_manifest
from lineament.detect import overlap
from lineament.errors import ImageError, LineamentError
from lineament.image import read_image
from lineament.models.loading import load_model
from lineament.video import FaceTracker
from shared import shared_path

PHOTOS = Path(__file__).parents[1] / "demo" / "photos"


@pytest.fixture(scope="module")
def aligner():
    return FaceAligner.from_pretrained("fast", threads=2)


@pytest.mark.parametrize(
    ("name", "minimum", "maximum"),
    [
        ("crowd_alone.jpg", 40, 40),
        ("crowd_behind_selfie.jpg", 41, 41),
        ("group_6000px_faces_of_60.jpg", 22, 24),
    ],
)
def test_what_is_found_does_not_depend_on_who_else_is_there_nor_on_the_size_of_the_photo(
    aligner, name, minimum, maximum
):
    faces = aligner(shared_path("cases") / name)
    assert minimum <= len(faces) <= maximum
    boxes = np.array([face.detection.box_xyxy for face in faces])
    truth = json.loads((shared_path("cases") / "true_boxes.json").read_text())[name]
    assert sum(overlap(np.array(box), boxes).max() > 0.4 for box in truth) >= min(minimum, len(truth))


def test_eighty_faces_of_60_px_on_a_photo_of_24_megapixels_are_found(aligner):
    crowd = Image.open(shared_path("cases") / "crowd_alone.jpg").convert("RGB")
    boxes = np.array(json.loads((shared_path("cases") / "true_boxes.json").read_text())["crowd_alone.jpg"])
    photo, corners = Image.new("RGB", (6000, 4000), (96, 110, 104)), [(700, 500), (3500, 2300)]
    for corner in corners:
        photo.paste(crowd, corner)
    truth = np.concatenate([boxes + 2 * corner for corner in corners])
    found = np.array([face.detection.box_xyxy for face in aligner(np.asarray(photo))])
    assert len(truth) == 80
    assert sum(overlap(box, found).max() > 0.4 for box in truth) >= 74


@pytest.mark.parametrize("name", ["default", "fast", "open"])
def test_a_portrait_of_12_megapixels_shows_the_detector_no_more_than_a_small_one_needs(name, monkeypatch):
    portrait = Image.open(PHOTOS / "hopper.jpg").convert("RGB").resize((3413, 4000))
    detector = FaceAligner.from_pretrained(name, threads=2).detector
    seen, infer = [], detector._infer

    def counted(pictures):
        seen.append(math.prod(pictures.shape[:3]))
        return infer(pictures)

    monkeypatch.setattr(detector, "_infer", counted)
    assert detector.detect(portrait)
    assert sum(seen) < 900_000  # px; one pass over all of it at 320 px and one at 576 px are 370,000


@pytest.mark.parametrize(
    "name",
    [
        *("png_xmp_over_1mb.png", "png_icc_over_1mb.png", "jpeg_without_eoi.jpg", "grey_10_bits_in_16.png"),
        "alpha_zero_everywhere.png",
    ],
)
def test_photographs_as_they_are_have_their_face(aligner, name):
    assert len(aligner(shared_path("cases") / name)) == 1


@pytest.mark.parametrize("height", [100, 200, 400])
@pytest.mark.parametrize("ratio", [4, 6, 8, 12])
def test_one_face_in_a_panorama_of_nothing_else_is_found(aligner, height, ratio):
    portrait = Image.open(PHOTOS / "astronaut.jpg").convert("RGB").resize((height, height))
    for place in (0.1, 0.5, 0.9):
        left = round(place * height * (ratio - 1))
        panorama = Image.new("RGB", (ratio * height, height), (200, 200, 200))
        panorama.paste(portrait, (left, 0))
        nose_xy = np.array([left + 0.435 * height, 0.26 * height])
        boxes = [face.detection.box_xyxy for face in aligner(np.asarray(panorama))]
        assert any((nose_xy > box[:2]).all() and (nose_xy < box[2:]).all() for box in boxes), (place, boxes)


def test_a_face_in_a_film_of_a_panorama_is_followed(aligner):
    portrait = Image.open(PHOTOS / "astronaut.jpg").convert("RGB").resize((200, 200))
    tracker, seen = FaceTracker(aligner), []
    for number in range(8):
        panorama = Image.new("RGB", (1600, 200), (200, 200, 200))
        panorama.paste(portrait, (700 + 4 * number, 0))
        seen.append([tracked.person for tracked in tracker.step(number / 12, np.asarray(panorama))])
    assert seen == [[1]] * 8


@pytest.mark.parametrize("name", ["palette_png_without_PLTE.png", "eps_named.jpg", "skinny_1x256M_11GB.png"])
def test_hostile_pictures_are_one_clear_line(name):
    with pytest.raises(ImageError, match=name):
        read_image(shared_path("cases/hostile") / name)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("evil-tar_KeyError_17.tar", lambda path: scan_shard(path, sha256="")),
        ("manifest-crafted_OSError_16.json", lambda path: read_manifest(path.parent)),
        ("shard-index-crafted_IndexError_10.npz", lambda path: read_index(path.parent / "s.tar", sha256="")),
        ("shard-index-crafted_OSError_4.npz", lambda path: read_index(path.parent / "s.tar", sha256="")),
        ("lm-npz_NotImplementedError_1.npz", lambda path: read_table(path.read_bytes(), name=path.name)),
        ("pts_ValueError_1.pts", lambda path: parse_pts(path.read_bytes(), name=path.name)),
        ("model-npz-header_TokenError_6.npz", load_model),
        ("model-mat4_MemoryError_7.mat", load_model),
        ("flame_hash_hang.pkl", load_model),
        ("config_RecursionError_2.toml", read_recipe),
    ],
)
def test_hostile_files_are_one_clear_line(tmp_path, name, read):
    path = tmp_path / name
    shutil.copyfile(shared_path("cases/hostile") / name, path)
    shutil.copyfile(path, tmp_path / "manifest.json")
    shutil.copyfile(path, tmp_path / "s.index.npz")
    with pytest.raises(LineamentError):
        read(path)


def test_boxes_beyond_all_photos_are_refused_and_the_rest_is_read(aligner):
    boxes = read_boxes(shared_path("cases/hostile") / "boxes_1e30.csv")
    assert list(boxes) == ["000002.jpg", "000009.jpg"]
    photo = np.zeros((200, 200, 3), np.uint8)
    with pytest.raises(LineamentError, match="reaches beyond"):
        aligner(photo, boxes=boxes["000002.jpg"])
    assert len(aligner(photo, boxes=boxes["000009.jpg"])) == 1
    assert find_photos([str(shared_path("cases") / "crowd_alone.jpg")])[0].shown == "crowd_alone.jpg"
