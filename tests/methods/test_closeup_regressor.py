from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lineament.bundle import Bundle
from lineament.errors import WeightsError
from lineament.geometry.rotation import matrix_from_angles
from lineament.image import read_image
from lineament.methods import CloseUpRegressor, closeup_networks
from lineament.resample import resample_crop

HOPPER = Path(__file__).parents[2] / "demo" / "photos" / "hopper.jpg"


@pytest.fixture(scope="module")
def method():
    return CloseUpRegressor.from_bundle(Bundle.open("default"), threads=1)


@pytest.fixture(scope="module")
def photo():
    return read_image(HOPPER)


def estimates_of(method, photo, boxes):
    crop_boxes = [method.crop_rule.around_box(box) for box in boxes]
    return method.estimate(np.stack([resample_crop(photo, box) for box in crop_boxes]), crop_boxes)


@pytest.fixture(scope="module")
def estimates(method, photo):
    """Of one face, framed in two ways."""
    height, width = photo.shape[:2]
    box = np.array([0.3 * width, 0.3 * height, 0.7 * width, 0.75 * height])
    return estimates_of(method, photo, [box, box + 3])


def test_a_mouth_is_cut_once_for_both_looks_at_it(method, photo, estimates, monkeypatch):
    cut = []
    monkeypatch.setattr(
        closeup_networks, "resample_crop", lambda image, box: cut.append(box) or resample_crop(image, box)
    )
    method.finish(photo, estimates[:1])
    assert len(cut) == len(set(cut)) == 3  # two eyes and a mouth


def test_faces_are_finished_together_as_each_alone(method, photo, estimates):
    together = method.finish(photo, estimates)
    for one, found in zip(estimates, together, strict=True):
        (alone,) = method.finish(photo, [one])
        np.testing.assert_allclose(found.identity, alone.identity, atol=1e-5)
        np.testing.assert_allclose(found.landmarks_image, alone.landmarks_image, atol=1e-3)
        assert np.abs(found.landmarks_image - one.landmarks_image).max() > 0.01


def test_what_is_not_finite_stays_as_it_is(method, photo, estimates):
    lost = replace(estimates[0], uncertainty_mm=np.nan)
    found = method.finish(photo, [lost, estimates[1]])
    assert found[0] is lost
    assert found[1] is not estimates[1]


@pytest.mark.parametrize("part", ["network", "eye"])
def test_a_table_that_is_no_covariance_is_refused(part, tmp_path):
    bundle = Bundle.open("default")
    arrays = {name: bundle.arrays(name) for name in bundle.manifest.arrays}
    name = "prior" if part == "network" else "noise"
    for broken in (np.zeros_like(arrays[part][name]), np.triu(arrays[part][name])):
        changed = arrays | {part: arrays[part] | {name: broken}}
        graphs = {graph: bundle.graph(graph) for graph in bundle.manifest.graphs}
        path = Bundle.write(tmp_path / "w.lineament", bundle.manifest, graphs=graphs, arrays=changed)
        with pytest.raises(WeightsError, match=f"'{name}' that is no covariance"):
            CloseUpRegressor.from_bundle(Bundle.open(path), threads=1)


def test_an_eye_that_is_turned_away_looks_nowhere(method, photo, estimates):
    names = method.model.expression_names
    gaze = {side: [names.index(f"eyeLook{way}{side}") for way in ("Up", "In")] for side in ("Left", "Right")}
    expression = estimates[0].expression.copy()
    expression[gaze["Left"] + gaze["Right"]] = 0.4
    front = replace(estimates[0], expression=expression)

    def hidden(yaw):
        camera = replace(front.camera, rotation=matrix_from_angles(yaw, 0.0, 0.0))
        [found] = method.finish(photo, [replace(front, camera=camera)])
        return {side for side in gaze if not found.expression[gaze[side]].any()}

    assert hidden(0.0) == set()
    assert {frozenset(hidden(yaw)) for yaw in (1.4, -1.4)} == {frozenset({"Left"}), frozenset({"Right"})}


def test_a_mouth_that_the_photo_cuts_off_by_half_is_left_to_the_network_of_whole_faces(
    method, photo, estimates, monkeypatch
):
    whole = estimates[0]
    chin, lip, nose = (int(whole.landmarks_image[number, 1]) for number in (8, 57, 33))
    for bottom, parts in ((chin + 40, 3), (lip + 10, 3), (nose, 2)):
        cut = []
        monkeypatch.setattr(
            closeup_networks,
            "resample_crop",
            lambda image, box, cut=cut: cut.append(box) or resample_crop(image, box),
        )
        method.finish(photo[:bottom], [whole])
        assert len({*cut}) == parts  # both eyes, with the mouth or without


def test_a_face_that_nothing_follows_from_stays_as_the_whole_face_is(method, photo, estimates, monkeypatch):
    def impossible(self, face, sightings):
        raise np.linalg.LinAlgError("Singular matrix")

    monkeypatch.setattr(type(method.close_ups.update), "__call__", impossible)
    for before, after in zip(estimates, method.finish(photo, estimates), strict=True):
        np.testing.assert_array_equal(after.landmarks_image, before.landmarks_image)
