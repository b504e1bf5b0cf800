from dataclasses import replace

import numpy as np
import pytest

from lineament.data.drawing.zbuffer import draw_mesh
from lineament.errors import DataError
from lineament.evaluate.items import LFM, Prediction
from lineament.evaluate.scores.surfaces import MEASURES
from lineament.evaluate.sets import scans as scans_module
from lineament.evaluate.sets.florence import load_florence
from lineament.evaluate.sets.scan_pictures import PX_PER_MM, SIZE
from lineament.evaluate.sets.scans import IctHeads, load_scans
from lineament.geometry.rotation import matrix_from_angles
from shared import shared_path


@pytest.fixture(scope="module")
def scans():
    """One head in its 20 poses."""
    return load_scans(shared_path("ict_facekit"), identities=1)


@pytest.fixture
def heads(scans):
    """The model that the scans are drawn from."""
    return scans.items[0].photo.head.args[0]


def of_truth(item, move=lambda points: points):
    """A prediction on LFM's vertices that is the truth itself, moved."""
    surface = item.surface()
    face = move(surface.vertices_image)
    return Prediction(
        landmarks_image=move(surface.landmarks_image),
        rotation=item.rotation,
        vertices_image=np.concatenate([face, np.zeros((480, 3))]),
        topology=LFM,
    ), surface


def test_the_poses_are_those_of_the_florence_protocol(scans):
    angles = [tuple(item.angles_deg[:2].tolist()) for item in scans.items]
    assert len(set(angles)) == len(angles) == 20
    assert {pitch for pitch, _ in angles} == {-15, 0, 20, 25}
    assert {yaw for _, yaw in angles} == {-80, -40, 0, 40, 80}


def test_the_pictures_show_the_true_surface_where_it_is_said_to_be(scans):
    item = scans.items[7]  # nearly frontal
    surface = item.surface()
    picture = item.photo.read()
    assert picture.shape == (SIZE, SIZE, 3)
    background = np.all(picture == item.photo.background, axis=-1)
    drawn = draw_mesh(surface.vertices_image, surface.triangles, size_hw=(SIZE, SIZE)).triangle_index >= 0
    assert (drawn & background).sum() < 0.003 * drawn.sum()
    assert np.isfinite(item.landmarks["lfm-68"]).all()
    np.testing.assert_array_equal(picture, item.photo.read())


def test_turned_noses_point_where_their_yaw_says(scans):
    for item in scans.items:
        landmarks = item.landmarks["lfm-68"]
        toward = landmarks[30, 0] - landmarks[[36, 45], 0].mean()
        if item.angles_deg[1]:
            assert np.sign(toward) == np.sign(item.angles_deg[1])


def test_the_truth_has_no_error_wherever_and_however_large_it_is(scans):
    turn = matrix_from_angles(0.2, -0.1, 0.3)
    for item in scans.items[5:6]:
        prediction, surface = of_truth(item)
        for name in MEASURES:
            # What is detected at all has tests of its own (tests/evaluate/scores/test_detections.py).
            if name != "points" and not name.startswith("detection"):
                assert MEASURES[name].value(prediction, surface) == pytest.approx(0, abs=2e-3), name
        prediction, surface = of_truth(item, lambda p: 1.2 * p @ turn.T + 30)
        for name in ("reconstruction", "interocular-icp", "point-to-plane"):
            assert MEASURES[name].value(prediction, surface) == pytest.approx(0, abs=2e-3), name
        assert MEASURES["dense-3d"].value(prediction, surface) > 5


def test_a_face_one_mm_too_thick_has_about_that_error(scans):
    item = scans.items[7]
    prediction, surface = of_truth(item)
    rough = np.random.default_rng(0).normal(0, PX_PER_MM, prediction.vertices_image.shape)
    noisy = Prediction(
        landmarks_image=prediction.landmarks_image,
        vertices_image=prediction.vertices_image + rough,
        topology=LFM,
    )
    # Of noise in all directions about one mm is along the normal, less what the nearest vertex takes off.
    assert 0.6 < MEASURES["point-to-plane"].value(noisy, surface) < 1.1


def test_the_first_heads_do_not_depend_on_how_many_follow(scans, heads, monkeypatch):
    monkeypatch.setattr(IctHeads, "read", lambda path: heads)
    more = load_scans(shared_path("ict_facekit"), identities=2)
    for first, second in zip(scans.items, more.items[:20], strict=True):
        np.testing.assert_array_equal(first.landmarks["lfm-68"], second.landmarks["lfm-68"])
    assert not np.allclose(more.items[0].landmarks["lfm-68"], more.items[20].landmarks["lfm-68"])


def test_heads_are_not_those_the_face_model_was_computed_from(scans, heads):
    drawn = np.random.default_rng(20261120).standard_normal(
        (3000, 100)
    )  # as tools/face_model draws its samples
    person = np.array(scans.items[0].photo.head.args[1].identity)
    assert np.linalg.norm(drawn - person, axis=1).min() > 5
    assert heads.vertices(person).shape == (26719, 3)


def test_another_face_kit_is_refused(heads, monkeypatch, tmp_path):
    larger = replace(heads.model, neutral_model=heads.model.neutral_model * 1.05)
    monkeypatch.setattr(scans_module, "read_ict", lambda path: larger)
    with pytest.raises(DataError, match="not the ICT-FaceKit"):
        load_scans(tmp_path, identities=1)


def write_scan(path, vertices, triangles):
    lines = [f"v {x} {y} {z}" for x, y, z in vertices] + [f"f {a} {b} {c}" for a, b, c in triangles + 1]
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines) + "\n")


def test_scans_without_landmarks_are_drawn_from_the_tip_of_their_nose(tmp_path, lfm):
    face = lfm.triangles[slice(*lfm.parts["face"])]
    away = lfm.neutral_model + np.array([40.0, -900, 120])
    write_scan(tmp_path / "subject_01" / "Model" / "frontal1" / "1.obj", away, face)
    data = load_florence(tmp_path)
    assert len(data.items) == 20
    item = data.items[7]
    assert item.yaw_deg == {"SET": 0.0}
    surface = item.surface()
    camera = item.photo.camera
    prediction = Prediction(
        landmarks_image=camera.image_from_model(lfm.landmark_points("lfm-68").neutral_model.astype(float)),
        vertices_image=camera.image_from_model(lfm.neutral_model.astype(float)),
        topology=LFM,
    )
    for name in ("point-to-plane", "interocular-icp"):
        assert MEASURES[name].value(prediction, surface) == pytest.approx(0, abs=0.3), name
    shown = item.photo.read()
    left, top, right, bottom = item.box_xyxy.round().astype(int)
    assert (shown[top:bottom, left:right] != item.photo.background).any(axis=-1).mean() > 0.8
