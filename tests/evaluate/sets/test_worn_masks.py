import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lineament
from lineament.errors import DataError
from lineament.evaluate.sets.occlusion import OccluderPictures, load_occlusion
from lineament.evaluate.sets.occlusion_pictures import TestFace, mask_occlusions
from lineament.evaluate.sets.worn_masks import FOLDER, SHAPES, SIDES, WornMasks, turned_deg
from lineament.geometry.rotation import matrix_from_angles
from shared import shared_path

SKIN = (190, 140, 115)


class Plain:
    """A photograph of nothing but skin."""

    def read(self):
        return np.full((200, 220, 3), SKIN, np.uint8)


def turned(lfm, yaw_deg, roll_deg=0.0):
    """(68, 2) px of the mean face, turned, in the middle of a picture of 220 x 200 px."""
    points = lfm.landmark_points("300w-lp").neutral_model.astype(float)
    about_itself, in_the_picture = (
        matrix_from_angles(np.radians(yaw_deg), 0.0, 0.0),
        matrix_from_angles(0.0, 0.0, np.radians(roll_deg)),
    )
    rotation = in_the_picture @ about_itself
    return (points @ rotation.T * (1, -1, -1))[:, :2] * 0.8 + (110, 100)


@pytest.fixture(scope="module")
def masks():
    return WornMasks.read(shared_path(str(FOLDER)))


@pytest.mark.parametrize("roll_deg", [0, 40, -100])
@pytest.mark.parametrize("yaw_deg", [-80, -50, -20, 0, 20, 50, 80])
def test_a_face_is_turned_as_far_as_its_landmarks_say(lfm, yaw_deg, roll_deg):
    assert turned_deg(turned(lfm, yaw_deg, roll_deg)) == pytest.approx(yaw_deg, abs=12)


@pytest.mark.parametrize("yaw_deg", [-60, -10, 0, 10, 60])
def test_every_mask_hides_mouth_and_chin_but_neither_eyes_nor_brows(lfm, masks, yaw_deg):
    points = turned(lfm, yaw_deg)
    for seed in range(12):
        image, hidden = masks(Plain().read(), points, np.random.default_rng(seed))
        column, row = np.floor(points).astype(int).T
        assert hidden[row[48:68], column[48:68]].mean() > 0.7
        assert not hidden[row[17:27], column[17:27]].any()
        seen_eye = slice(42, 48) if yaw_deg <= 0 else slice(36, 42)
        assert not hidden[row[seen_eye], column[seen_eye]].any()
        changed = (image != SKIN).any(axis=-1)
        assert changed[hidden].mean() > 0.95
        assert (changed & ~hidden).sum() < 0.25 * hidden.sum()  # soft edges and straps


def test_a_mask_seen_from_the_left_is_one_from_the_right_mirrored(lfm, masks):
    hidden = [masks(Plain().read(), turned(lfm, yaw), np.random.default_rng(3))[1] for yaw in (-50.0, 50.0)]
    mirrored = hidden[1][:, ::-1]
    assert (hidden[0] & mirrored).sum() > 0.9 * (hidden[0] | mirrored).sum()


def test_the_same_mask_is_on_a_face_whatever_came_before(lfm, masks):
    faces = [TestFace(f"face{n}", Plain(), turned(lfm, 15.0 * n)) for n in range(3)]
    forwards = {face.name: face.photo.read() for face in mask_occlusions(faces, masks)}
    for face in mask_occlusions(faces[::-1], masks):
        np.testing.assert_array_equal(face.photo.read(), forwards[face.name])
    assert not np.array_equal(forwards["face0"], forwards["face1"])


def test_faces_in_the_dark_get_dark_masks(lfm, masks):
    points = turned(lfm, 0.0)
    bright, dark = (
        masks((np.full((200, 220, 3), SKIN) * factor).astype(np.uint8), points, np.random.default_rng(1))
        for factor in (1.0, 0.3)
    )
    assert dark[0][dark[1]].mean() < 0.5 * bright[0][bright[1]].mean()


def test_without_the_folder_the_message_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("LINEAMENT_SHARED", str(tmp_path))
    with pytest.raises(DataError, match=r"occluders.masks.*--masks.*LINEAMENT_SHARED"):
        WornMasks.read()
    with pytest.raises(DataError, match=r"elsewhere.*--masks"):
        WornMasks.read(tmp_path / "elsewhere")


def test_a_missing_or_broken_picture_is_named(tmp_path):
    names = [kind + side for kind in SHAPES for side in SIDES]
    for name in names[:-1]:
        Image.new("RGBA", (8, 8)).save(tmp_path / f"{name}.webp")
    with pytest.raises(DataError, match=rf"lacks 1 of the 21 .*{names[-1]}\.webp"):
        WornMasks.read(tmp_path)
    (tmp_path / f"{names[-1]}.webp").write_bytes(b"no picture")
    with pytest.raises(DataError, match=rf"{names[-1]}\.webp"):
        WornMasks.read(tmp_path)


def test_no_code_of_data_or_training_knows_of_the_masks():
    root = Path(lineament.__file__).parent
    inner = [path for name in ("data", "train", "methods") for path in (root / name).rglob("*.py")]
    words = re.compile(r"worn_masks|WornMasks|occluders/masks|[\"']masks[\"'] / |KN95")
    assert len(inner) > 100
    assert [str(path) for path in inner if words.search(path.read_text(encoding="utf-8"))] == []


def test_the_set_of_masks_needs_nothing_but_their_folder(tmp_path):
    from evaluate.items import item, small_set

    base = small_set(items=(item(0),))
    with pytest.raises(DataError, match="--masks"):
        load_occlusion("masks", base, pictures=OccluderPictures(masks=tmp_path / "nowhere"))
    data = load_occlusion("masks", base, pictures=OccluderPictures(masks=shared_path(str(FOLDER))))
    assert data.name == "masks"
    assert [one.name for one in data.items] == ["face0"]
