import numpy as np
import pytest

from lineament.aligner.photo_groups import DecodedPhoto, align_group
from lineament.errors import ConfigError, ImageError, WeightsError
from lineament.image import write_image
from tests.aligner.setups import FixedDetector


def test_a_bad_photo_does_not_stop_the_rest(aligner, photo):
    results = list(aligner.align_many([photo, "gone.jpg", photo]))
    assert [len(result.faces) for result in results] == [2, 0, 2]
    assert [type(result.error) for result in results] == [type(None), ImageError, type(None)]
    assert results[1].source == "gone.jpg"


def test_many_photos_are_read_one_at_a_time(aligner, photo):
    def endless():
        while True:
            yield photo

    assert len(next(aligner.align_many(endless())).faces) == 2


def test_many_photos_may_be_a_folder_or_one_path(aligner, photo, tmp_path):
    for name in ("b.png", "a.png"):
        write_image(tmp_path / name, photo)
    (tmp_path / "notes.txt").touch()
    assert [result.source.name for result in aligner.align_many(tmp_path)] == ["a.png", "b.png"]
    assert [len(result.faces) for result in aligner.align_many(str(tmp_path / "a.png"))] == [2]
    for single in (photo, b"bytes", 7):
        with pytest.raises(ConfigError, match="list"):
            list(aligner.align_many(single))


class BreaksOn:
    """Aligns all places but those on one photo."""

    def __init__(self, broken):
        self.broken = broken

    def __call__(self, photos, detections):
        if any(photo is self.broken for photo in photos):
            raise WeightsError("the network broke")
        return [f"face at {found.box_xyxy[0]:.0f}" for found in detections]


def test_a_photo_on_which_the_network_breaks_is_named_and_the_others_of_its_group_are_aligned():
    pictures = [np.zeros((4, 4, 3), np.uint8) for _ in range(3)]
    group = [DecodedPhoto(number, picture) for number, picture in enumerate(pictures)]
    group.insert(1, DecodedPhoto("gone.jpg", None, ImageError("there is no file")))
    found = list(align_group(group, FixedDetector([[7, 0, 9, 9]]).detect, BreaksOn(pictures[1])))
    assert [photo.source for photo in found] == [0, "gone.jpg", 1, 2]
    assert [photo.faces for photo in found] == [["face at 7"], [], [], ["face at 7"]]
    assert [str(photo.error or "") for photo in found] == ["", "there is no file", "the network broke", ""]


def test_faces_that_turn_out_to_be_none_are_left_out_and_the_others_stay_on_their_photo():
    group = [DecodedPhoto(number, np.zeros((4, 4, 3), np.uint8)) for number in range(2)]
    faces = iter(["a", None, None, "b"])
    detect = FixedDetector([[0, 0, 9, 9], [9, 0, 18, 9]]).detect
    found = align_group(group, detect, lambda photos, _: [next(faces) for _ in photos])
    assert [photo.faces for photo in found] == [["a"], ["b"]]
