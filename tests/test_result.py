import dataclasses
import json

import numpy as np
import pytest

from faces import egg_face
from lineament.crop import CropBox
from lineament.errors import ConfigError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.geometry.raster import visible_vertices
from lineament.geometry.rotation import matrix_from_angles
from lineament.result import AlignedPhoto, Detection, FaceResult, FreeFormResult, MorphableResult, Pose

IDENTITY = np.float32([1, -0.5, 0.25, 0])
EXPRESSION = np.float32([0.5, -0.25, 1.5])


def face_of(model, yaw=0.4):
    camera = WeakPerspective(
        rotation=matrix_from_angles(yaw, -0.2, 0.1), scale=0.8, translation=np.array([120.0, 90.0, 0.0])
    )
    return MorphableResult.from_coefficients(
        model,
        IDENTITY,
        EXPRESSION,
        camera=camera,
        crop_box=CropBox(center_xy=(120.0, 90.0), side=150.0, size=64),
        detection=Detection(np.float32([60, 30, 180, 150]), 0.9),
    )


def test_vertices_and_landmarks_are_the_model_seen_by_the_camera(tiny_model):
    face = face_of(tiny_model)
    vertices_model = tiny_model.vertices_model(IDENTITY, EXPRESSION)
    np.testing.assert_allclose(face.vertices_image, face.camera.image_from_model(vertices_model), rtol=1e-6)
    np.testing.assert_allclose(face.landmarks_image, face.vertices_image[:68], rtol=1e-6)
    assert face.landmark_scheme == "300w-lp"
    assert face.vertices_image.dtype == face.landmarks_image.dtype == np.float32


def test_the_face_itself_comes_back_from_the_photo(tiny_model):
    face = face_of(tiny_model)
    expected = tiny_model.vertices_model(IDENTITY, EXPRESSION)
    np.testing.assert_allclose(face.vertices_model, expected, atol=1e-4)


def test_every_scheme_of_the_model_can_be_asked_for(tiny_model):
    face = face_of(tiny_model)
    np.testing.assert_allclose(face.landmarks(), face.landmarks_image, atol=1e-4)
    np.testing.assert_allclose(face.landmarks("lfm-68"), face.landmarks_image[::-1], atol=1e-4)
    with pytest.raises(ConfigError, match=r"'dlib'.*300w-lp, lfm-68"):
        face.landmarks("dlib")


def test_landmarks_of_another_scheme_move_as_the_methods_own_do(tiny_model):
    face = face_of(tiny_model)
    other = face.with_landmarks("lfm-68")
    assert other.landmark_scheme == "lfm-68"
    np.testing.assert_allclose(other.landmarks_image, face.landmarks("lfm-68"), atol=1e-3)
    refined = dataclasses.replace(face, landmarks_image=face.landmarks_image + np.float32([3, -2, 1]))
    moved = refined.with_landmarks("lfm-68")
    expected = other.landmarks_image + np.float32([3, -2, 1])
    np.testing.assert_allclose(moved.landmarks_image, expected, atol=1e-3)
    assert face.with_landmarks("300w-lp") is face
    with pytest.raises(ConfigError, match="no landmark scheme 'dlib'"):
        face.with_landmarks("dlib")


def test_the_pose_tells_the_angles_of_the_camera(tiny_model):
    pose = face_of(tiny_model).pose
    np.testing.assert_allclose([pose.yaw, pose.pitch, pose.roll], [0.4, -0.2, 0.1])
    np.testing.assert_allclose(pose.angles_deg, np.rad2deg([0.4, -0.2, 0.1]))
    assert pose.scale == 0.8
    np.testing.assert_array_equal(pose.translation, [120, 90, 0])
    assert all(type(angle) is float for angle in (pose.yaw, pose.pitch, pose.roll))


def test_blendshapes_are_clipped_and_expression_is_not(tiny_model):
    face = face_of(tiny_model)
    assert face.blendshapes == {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.0, "jawOpen": 1.0}
    np.testing.assert_array_equal(face.expression, EXPRESSION)


ON_BOTH_SIDES = (
    *("browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut"),
    *("eyeLookUp", "eyeSquint", "eyeWide", "jaw", "mouth", "mouthDimple", "mouthFrown", "mouthLowerDown"),
    *("mouthPress", "mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer"),
)
IN_THE_MIDDLE = (
    *("browInnerUp", "cheekPuff", "jawForward", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
)
ARKIT_BUT_TONGUE = {name + side for name in ON_BOTH_SIDES for side in ("Left", "Right")} | {*IN_THE_MIDDLE}


def test_the_built_in_model_gives_arkits_52_names(lfm):
    face = with_expression(lfm, {"jawOpen": 0.5})
    assert set(face.blendshapes) == ARKIT_BUT_TONGUE | {"tongueOut"}
    assert len(face.blendshapes) == 52
    assert face.blendshapes["tongueOut"] == 0
    assert set(face.named_weights("all")) == set(lfm.expression_names)
    assert face.blendshapes["jawOpen"] == 0.5
    assert len(face.expression) == 53


def test_blendshapes_split_by_side_are_merged_into_their_mean_after_clipping(lfm):
    face = with_expression(lfm, {"cheekPuffLeft": 2.0, "cheekPuffRight": 0.5, "browInnerUpRight": 0.5})
    assert face.blendshapes["cheekPuff"] == 0.75
    assert face.blendshapes["browInnerUp"] == 0.25


def with_expression(model, weights):
    expression = np.float32([weights.get(name, 0) for name in model.expression_names])
    return dataclasses.replace(egg_face(), model=model, expression=expression)


def test_visibility_is_found_once_and_only_when_asked_for(tiny_model):
    face = face_of(tiny_model)
    expected = visible_vertices(face.vertices_image, face.triangles)
    np.testing.assert_array_equal(face.visibility, expected)
    assert face.visibility is face.visibility
    assert face.visibility.dtype == np.float32


def test_results_are_frozen_and_slotted(tiny_model):
    face = face_of(tiny_model)
    assert not hasattr(face, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        face.identity = IDENTITY


def test_a_result_shows_itself_in_one_short_line(tiny_model):
    text = repr(face_of(tiny_model))
    assert text == (
        "MorphableResult(box=(60, 30, 180, 150), score=0.90, yaw=23°, pitch=-11°, roll=6°, "
        "landmarks=68, vertices=81)"
    )


def test_a_pose_of_a_frontal_camera_is_zero():
    pose = Pose.of_camera(WeakPerspective(rotation=np.eye(3), scale=1.0, translation=np.zeros(3)))
    assert (pose.yaw, pose.pitch, pose.roll) == (0, 0, 0)


def test_a_photo_without_faces_has_no_error_of_its_own():
    assert AlignedPhoto(source="a.jpg", faces=[]).error is None


def bare(face):
    """The same face without its coefficients."""
    return FaceResult(
        **{each.name: getattr(face, each.name) for each in dataclasses.fields(FaceResult) if each.init}
    )


def test_a_face_without_coefficients_has_landmarks_triangles_and_itself_in_the_model_frame(tiny_model):
    face = face_of(tiny_model)
    plain = bare(face)
    np.testing.assert_allclose(plain.landmarks("lfm-68"), face.landmarks("lfm-68"), atol=1e-4)
    np.testing.assert_allclose(
        plain.vertices_model, tiny_model.vertices_model(IDENTITY, EXPRESSION), atol=1e-4
    )
    assert plain.triangles is tiny_model.triangles
    with pytest.raises(ConfigError, match=r"'dlib'.*300w-lp, lfm-68"):
        plain.landmarks("dlib")


def test_a_free_form_face_keeps_its_vertices_and_has_the_nearest_coefficients(tiny_model):
    face = face_of(tiny_model)
    bump = np.zeros_like(face.vertices_image)
    bump[40] = [0, 0, -8]  # a wart 10 mm high
    made = FreeFormResult.from_vertices(
        NearestCoefficients(tiny_model, noise_mm=0.05),
        face.vertices_image + bump,
        crop_box=face.crop_box,
        detection=face.detection,
        uncertainty_mm=1.5,
    )
    assert isinstance(made, MorphableResult)
    np.testing.assert_array_equal(made.vertices_image, face.vertices_image + bump)
    np.testing.assert_allclose(made.landmarks_image, made.vertices_image[:68], atol=1e-3)
    assert made.pose.yaw == pytest.approx(face.pose.yaw, abs=0.02)
    nearest = tiny_model.vertices_model(made.identity, made.expression)
    np.testing.assert_allclose(nearest, tiny_model.vertices_model(IDENTITY, EXPRESSION), atol=0.05)
    assert 10 / 81 < made.fit_residual_mm < 0.5
    assert (made.uncertainty_mm, made.mesh) == (1.5, tiny_model.mesh)


def test_hidden_landmarks_are_told_from_visible_ones():
    ahead = egg_face().landmark_visibility
    assert ahead.shape == (68,)
    assert ahead[[30, 36, 45, 48, 54]].min() > 0.9
    turned = egg_face(yaw=np.radians(80)).landmark_visibility  # the nose to the viewer's right
    assert turned[[0, 17, 36]].min() > 0.5
    assert turned[[16, 26, 45]].max() < 0.5
    assert np.isnan(egg_face().without_values().landmark_visibility).all()


def test_a_face_as_plain_values_is_what_its_json_says():
    face = egg_face(yaw=0.2, expression=0.3)
    values = face.to_dict()
    assert json.loads(json.dumps(values)) == values
    assert values["pose"]["yaw"] == pytest.approx(0.2, abs=1e-5)
    assert values["blendshapes"] == {"jawOpen": 0.3}
    assert len(values["landmark_visibility"]) == 68
    assert face.without_values().to_dict()["landmarks_image"][0] == [None, None, None]
    assert face.to_dict(targets="all")["blendshapes"] == pytest.approx(face.named_weights("all"))
