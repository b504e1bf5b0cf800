"""Photographs aligned together get what each gets alone; where they would not, they are aligned alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lineament import FaceAligner
from lineament.batch.together import TogetherAligner, are_alike
from lineament.errors import WeightsError
from lineament.result import AlignedPhoto
from shared import ROOT


@pytest.fixture(scope="module")
def portraits():
    """The demo's faces, turned a little and cut out otherwise, one of them twice in a picture; and none."""
    pictures = [Image.new("RGB", (120, 90), (90, 120, 70))]
    for path in sorted((ROOT / "demo" / "photos").glob("*.jpg")):
        photo = Image.open(path).convert("RGB")
        photo.thumbnail((360, 360))
        pictures += [photo.rotate(turn) for turn in (-12, 7)]
    twice = Image.new("RGB", (2 * pictures[1].width, pictures[1].height))
    twice.paste(pictures[1])
    twice.paste(pictures[2], (pictures[1].width, 0))
    return [*pictures, twice]


@pytest.mark.parametrize("weights", ["default", "fast", "open"])
def test_no_bit_of_a_face_depends_on_the_photos_it_is_aligned_with(weights, portraits):
    aligner = FaceAligner.from_pretrained(weights, threads=1)
    for some in (portraits, portraits[1:4]):
        for photo, found in zip(some, aligner.align_together(some), strict=True):
            assert are_alike(found, AlignedPhoto(photo, aligner(photo)))


class Mood:
    """An aligner that is `shift` px off on photos that it aligns together; bright pictures break it."""

    def __init__(self, shift):
        self.shift, self.calls = shift, []

    def _faces(self, photo, shift):
        if photo.getpixel((0, 0))[0] > 200:
            raise WeightsError("too bright")
        where = np.full((2, 3), photo.width + shift)
        return [
            SimpleNamespace(
                vertices_image=where,
                landmarks_image=where,
                uncertainty_mm=None,
                shown=None,
                camera=SimpleNamespace(rotation=np.eye(3), scale=1.0, translation=np.zeros(3)),
                detection=SimpleNamespace(box_xyxy=np.zeros(4)),
                crop_box=SimpleNamespace(side=1.0),
            )
        ]

    def __call__(self, photo, boxes=None):
        self.calls.append(1)
        return self._faces(photo, 0)

    def align_together(self, photos):
        self.calls.append(len(photos))
        return [AlignedPhoto(photo, self._faces(photo, self.shift)) for photo in photos]


def places(found):
    return [photo.faces[0].vertices_image[0, 0] for photo in found]


def gray(width):
    return Image.new("RGB", (width, 9), (9, 9, 9))


def test_it_is_tried_once_and_then_believed():
    mood = Mood(shift=0)
    aligner = TogetherAligner(mood, may_join=True)
    for _ in range(2):
        assert places(aligner([gray(20), gray(30), gray(40)])) == [20, 30, 40]
    assert mood.calls == [3, 1, 3]


def test_an_aligner_that_gives_something_else_together_aligns_one_by_one_from_then_on():
    mood = Mood(shift=1e-6)
    aligner = TogetherAligner(mood, may_join=True)
    for _ in range(2):
        assert places(aligner([gray(20), gray(30)])) == [20, 30]
    assert mood.calls == [2, 1, 1, 1, 1, 1]


def test_where_photos_may_not_join_and_for_one_nothing_is_aligned_together():
    mood = Mood(shift=0)
    assert places(TogetherAligner(mood, may_join=False)([gray(20), gray(30)])) == [20, 30]
    assert places(TogetherAligner(mood, may_join=True)([gray(20)])) == [20]
    assert mood.calls == [1, 1, 1]


def test_a_photo_that_fails_alone_says_so():
    found = TogetherAligner(Mood(shift=0), may_join=False)([Image.new("RGB", (9, 9), "white"), gray(20)])
    assert str(found[0].error) == "too bright"
    assert places(found[1:]) == [20]
