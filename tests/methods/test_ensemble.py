"""The mean of several methods' faces; here of three regressors that every installation has."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lineament.bundle import Bundle
from lineament.crop import CropRule
from lineament.errors import WeightsError
from lineament.image import read_image
from lineament.methods import Ensemble
from lineament.methods.ensemble import DOUBT_MM, vertices_of
from lineament.methods.estimate import FreeFormEstimate
from lineament.methods.pretrained import open_method
from lineament.methods.seen_face import SeenFaceEstimate
from lineament.resample import resample_crop
from lineament.result import Detection

HOPPER = Path(__file__).parents[2] / "demo" / "photos" / "hopper.jpg"
NAMES = ("lfm-regressor", "lfm-regressor-fast", "lfm-regressor-open")


def bundle_of(tmp_path, members, **changes):
    manifest = replace(
        Bundle.open("fast").manifest, name="both", method="ensemble", members=members, **changes
    )
    return Bundle.open(Bundle.write(tmp_path / "both.lineament", manifest, graphs={}))


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    method = open_method(bundle_of(tmp_path_factory.mktemp("ensemble"), NAMES), threads=1)
    assert isinstance(method, Ensemble)
    return method


@pytest.fixture(scope="module")
def box(ensemble):
    height, width = read_image(HOPPER).shape[:2]
    return ensemble.crop_rule.around_box(np.array([0.3 * width, 0.3 * height, 0.7 * width, 0.75 * height]))


@pytest.fixture(scope="module")
def crops(box):
    return resample_crop(read_image(HOPPER), box)[None]


class Spoilt:
    """A member whose faces are changed."""

    def __init__(self, member, change):
        self.member, self.change, self.crop_rule = member, change, member.crop_rule

    def estimate(self, crops, crop_boxes):
        return [self.change(one) for one in self.member.estimate(crops, crop_boxes)]


def test_each_vertex_is_the_mean_of_the_members(ensemble, crops, box):
    [found] = ensemble.estimate(crops, [box])
    faces = np.stack([vertices_of(member.estimate(crops, [box])[0]) for member in ensemble.members.values()])
    np.testing.assert_allclose(found.vertices_image[:, :2], faces.mean(axis=0)[:, :2], atol=1e-2)
    apart = np.linalg.norm(faces[:, :, :2] - faces.mean(axis=0)[:, :2], axis=2).mean() / found.camera.scale
    assert 0.5 * apart < found.uncertainty_mm < 3 * apart


def test_members_that_agree_are_certain_and_one_that_moves_is_not(ensemble, crops, box):
    first, *_ = ensemble.members.values()
    same = Ensemble({"a": first, "b": first}, ensemble.model).estimate(crops, [box])[0]
    assert same.uncertainty_mm < 1e-3

    def shifted(one):
        camera = replace(one.camera, translation=one.camera.translation + np.array([8.0, 0, 0]))
        return replace(one, camera=camera)

    [apart] = Ensemble({"a": first, "b": Spoilt(first, shifted)}, ensemble.model).estimate(crops, [box])
    assert apart.uncertainty_mm == pytest.approx(4 / apart.camera.scale, rel=0.05)


def test_a_member_that_breaks_does_not_count(ensemble, crops, box):
    first, second, _ = ensemble.members.values()
    broken = Spoilt(second, lambda one: replace(one, landmarks_image=one.landmarks_image * np.nan))
    [alone], [beside] = (
        Ensemble(members, ensemble.model).estimate(crops, [box])
        for members in ({"a": first}, {"a": first, "b": broken})
    )
    np.testing.assert_allclose(beside.vertices_image, alone.vertices_image)
    [none] = Ensemble({"a": broken}, ensemble.model).estimate(crops, [box])
    assert not none.is_finite


def test_the_mask_is_that_of_a_member_that_has_one_and_confidence_follows_the_spread(ensemble, crops, box):
    first, second, _ = ensemble.members.values()

    def seen(one):
        plain = FreeFormEstimate.of_vertices(ensemble._nearest, vertices_of(one))
        fields = {name: getattr(plain, name) for name in FreeFormEstimate.__dataclass_fields__}
        mask = np.full((8, 8), 0.25, np.float32)
        return SeenFaceEstimate(**fields, crop_mask=mask, confidence=np.ones(len(plain.vertices_image)))

    [found] = Ensemble({"a": first, "b": Spoilt(second, seen)}, ensemble.model).estimate(crops, [box])
    assert found.crop_mask.mean() == 0.25
    face = found.result(crop_box=box, detection=Detection(np.array([0, 0, 1, 1], np.float32), 1.0))
    faces = np.stack([vertices_of(one.estimate(crops, [box])[0]) for one in (first, second)])
    faces[..., 2] -= faces[..., 2].mean(axis=1, keepdims=True)
    away_mm = np.linalg.norm(faces[0] - faces[1], axis=1) / 2 / found.camera.scale
    np.testing.assert_allclose(face.confidence, np.exp(-away_mm / DOUBT_MM), atol=1e-3)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ((), "names no members"),
        (("lfm-regressor", "face-detector"), "whose method 'detector' is none of"),
        (("lfm-regressor", "no-such-weights"), "no-such-weights"),
    ],
)
def test_bundles_that_cannot_be_opened_say_why(members, reason, tmp_path):
    with pytest.raises(WeightsError, match=reason):
        open_method(bundle_of(tmp_path, members), threads=1)


def test_members_with_crops_of_their_own_are_refused(ensemble):
    first, *_ = ensemble.members.values()
    other = Spoilt(first, lambda one: one)
    other.crop_rule = CropRule(64, 1.5)
    with pytest.raises(WeightsError, match="see the same crops"):
        Ensemble({"a": first, "b": other}, ensemble.model)
