import copy
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from faces import mesh_alone
from lineament.aligner import FaceAligner
from lineament.crop import CropBox
from lineament.errors import BoxError, ConfigError, ExportError
from lineament.export import albedo_texture, export_glb
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.harmonics import AMBIENT
from lineament.geometry.perspective import Perspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.methods.dff_face import DffEstimate, DffResult, FaceColors
from lineament.models.texture import load_texture_model
from lineament.result import Detection, FreeFormResult, MorphableResult
from lineament.result.face_mask import FaceMask
from lineament.train.dff.colour_solver import LightPrior
from lineament.train.dff.refine_options import DEFAULTS
from lineament.train.dff.refinement import Refiner

PHOTO_PX = 140
CROP = CropBox(center_xy=(70.0, 70.0), side=130.0, size=112)
FOUND = Detection(np.array([20, 20, 120, 120], np.float32), 0.9)


def light_from_the_left():
    light = np.zeros((9, 3))
    light[0] = 0.9 / AMBIENT * np.array([1.05, 1.0, 0.95])
    light[1], light[2], light[3] = 0.12, 0.2, -0.3
    return light.astype(np.float32)


def colored(lfm, numbers, *, focal=None):
    """A face of known shape, colours and light, 0.6 px a mm, in the middle of the photo."""
    identity, expression, texture, rotation, where = numbers
    camera = WeakPerspective(rotation, 0.6, np.array([*where, 0.0]))
    perspective = None
    if focal is not None:
        distance = focal / 0.6
        xy = (np.asarray(where) - CROP.center_xy) / 0.6
        perspective = Perspective(rotation, np.array([*xy, distance]), focal, np.array(CROP.center_xy))
    estimate = DffEstimate(
        camera=camera,
        landmarks_image=np.zeros((0, 3)),
        uncertainty_mm=1.5,
        model=lfm,
        identity=identity,
        expression=expression,
        perspective=perspective,
        texture=texture,
        light=light_from_the_left(),
        colors=FaceColors.of(lfm, load_texture_model()),
    )
    return estimate.result(crop_box=CROP, detection=FOUND)


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(4)
    identity = rng.normal(0, 0.8, 100).astype(np.float32)
    expression = np.abs(rng.normal(0, 0.1, 53)).astype(np.float32)
    texture = rng.normal(0, 1, 80).astype(np.float32)
    return identity, expression, texture, matrix_from_angles(0.3, -0.05, 0.1), (71.0, 74.0)


@pytest.fixture(scope="module")
def truth(lfm, numbers):
    return colored(lfm, numbers)


@pytest.fixture(scope="module")
def photo(truth):
    """The drawn face on noise."""
    rgb, mask = truth.rendered((PHOTO_PX, PHOTO_PX))
    noise = np.random.default_rng(1).integers(60, 100, (PHOTO_PX, PHOTO_PX, 3))
    return np.where(mask[..., None], np.rint(255 * rgb), noise).astype(np.uint8)


@pytest.fixture(scope="module")
def start(lfm, numbers):
    """What a method says that is some pixels wrong, and knows no colours."""
    identity, expression, _, rotation, where = numbers
    rng = np.random.default_rng(2)
    wrong = matrix_from_angles(0.02, -0.02, 0.01)
    return MorphableResult.from_coefficients(
        lfm,
        identity + rng.normal(0, 0.2, 100).astype(np.float32),
        expression + rng.normal(0, 0.02, 53).astype(np.float32),
        camera=WeakPerspective(wrong @ rotation, 0.605, np.array([where[0] + 0.8, where[1] - 0.6, 0.0])),
        crop_box=CROP,
        detection=FOUND,
        uncertainty_mm=2.5,
    ).with_landmarks("ibug-68")


@pytest.fixture(scope="module")
def refiner():
    """Holds to the start less than the default, for this start is worse than those of methods are."""
    return Refiner(replace(DEFAULTS, certain_mm=1.0))


@pytest.fixture(scope="module")
def refined(refiner, photo, start):
    return refiner(photo, start, steps=30)


def off_px(face, truth):
    """Mean distance of the landmarks from the truth's, in the plane."""
    points = truth.landmarks(face.landmark_scheme)
    return float(np.linalg.norm((face.landmarks_image - points)[:, :2], axis=1).mean())


def apart_by_a_factor(found, true):
    """Mean absolute difference once both have the same mean."""
    return float(np.abs(found * true.mean() / found.mean() - true).mean())


def test_landmarks_come_nearer_to_the_truth_by_a_quarter(start, refined, truth):
    assert off_px(start, truth) > 1
    assert off_px(refined, truth) < off_px(start, truth) * 0.75


def test_the_light_is_found_better_than_by_taking_it_for_even(refined, truth):
    even = truth.irradiance(LightPrior().mean.numpy())
    true, found = truth.irradiance(), truth.irradiance(refined.light)
    assert np.abs(found - true).mean() < np.abs(even - true).mean() / 2.5
    # How strong it is a photo tells badly, for the skin may be dark: its directions are found better.
    assert apart_by_a_factor(found, true) < apart_by_a_factor(even, true) / 4


def test_the_albedo_is_found_better_than_the_mean_face(refined, truth):
    known = truth.colors.texture
    mean, true = known.uv_map(np.zeros(0))[known.mask], truth.albedo[known.mask]
    found = refined.albedo[known.mask]
    assert np.abs(found - true).mean() < 0.95 * np.abs(mean - true).mean()
    assert apart_by_a_factor(found, true) < 0.75 * apart_by_a_factor(mean, true)


def test_the_drawn_face_looks_like_the_photo(refined, photo):
    drawn, mask = refined.rendered((PHOTO_PX, PHOTO_PX))
    assert np.abs(255 * drawn - photo)[mask].mean() < 6


def test_what_is_known_of_the_face_stays(start, refined):
    assert isinstance(refined, DffResult)
    assert (refined.detection, refined.crop_box) == (start.detection, start.crop_box)
    assert (refined.uncertainty_mm, refined.landmark_scheme) == (2.5, "ibug-68")
    assert refined.focal_px is None
    assert refined.is_finite
    said = refined.to_dict()
    np.testing.assert_allclose(said["light"], refined.light, atol=1e-3)
    assert len(said["texture_coefficients"]) == 80
    assert np.array_equal(pickle.loads(pickle.dumps(refined)).albedo, refined.albedo)


def test_the_albedo_is_a_texture_for_meshes_whole_beyond_the_chart(refined, start, tmp_path):
    texture = albedo_texture(refined)
    mask = refined.colors.texture.mask
    assert (texture.shape, texture.dtype) == ((192, 192, 3), np.uint8)
    np.testing.assert_allclose(texture[mask], 255 * refined.albedo[mask], atol=0.51)
    assert texture[~mask].min() > 20
    assert albedo_texture(refined, size=64).shape == (64, 64, 3)
    export_glb(refined, tmp_path / "delit.glb", texture_rgb=texture)
    assert b"image/jpeg" in (tmp_path / "delit.glb").read_bytes()
    with pytest.raises(ExportError, match=r"A MorphableResult knows nothing .* `--refine 30`"):
        albedo_texture(start)


def test_landmarks_keep_what_they_have_beyond_the_mesh(refiner, photo, start, refined):
    beyond = np.float32([1.0, -2.0, 0.5])
    moved = replace(start, landmarks_image=start.landmarks_image + beyond)
    found = refiner(photo, moved, steps=30)
    np.testing.assert_allclose(found.landmarks_image, refined.landmarks_image + beyond, atol=1e-3)


def test_the_camera_of_a_start_stays_a_perspective_one(lfm, refiner, numbers):
    truth = colored(lfm, numbers, focal=300.0)
    rgb, mask = truth.rendered((PHOTO_PX, PHOTO_PX))
    picture = np.where(mask[..., None], np.rint(255 * rgb), 80).astype(np.uint8)
    start = replace(truth, texture_coefficients=np.zeros(80, np.float32), light=np.zeros((9, 3), np.float32))
    found = refiner(picture, start, steps=2)
    assert found.focal_px == pytest.approx(300.0, rel=1e-3)
    assert off_px(found, truth) < 0.3
    assert found.distance_mm == pytest.approx(500, rel=0.01)


def test_vertices_of_a_free_form_result_begin_with_its_nearest_coefficients(refiner, photo, start):
    values = {name: getattr(start, name) for name in MorphableResult.__dataclass_fields__ if name[0] != "_"}
    free = FreeFormResult(**values | {"vertices_image": start.vertices_image + 1}, fit_residual_mm=1.7)
    found = refiner(photo, free, steps=1)
    np.testing.assert_allclose(found.vertices_image, refiner(photo, start, steps=1).vertices_image, atol=1.0)


def test_what_hides_the_face_has_no_say(refiner, photo, start, refined):
    covered = photo.copy()
    covered[85:] = (20, 200, 30)
    cells = np.ones((14, 14), np.float32)
    cells[8:] = 0
    box = CropBox(center_xy=(70.0, 70.0), side=float(PHOTO_PX), size=112)
    found = refiner(covered, replace(start, shown=FaceMask(cells, box)), steps=3)
    green = found.light[0, 1] / found.light[0].mean()
    assert green < 1.1
    assert found.shown is not None


@pytest.mark.parametrize("steps", [0, -3, 1001])
def test_steps_have_a_range(refiner, photo, start, steps):
    with pytest.raises(ConfigError, match=rf"1 to 1000, found {steps}"):
        refiner(photo, start, steps=steps)


def test_a_face_of_another_photo_is_named(refiner, start):
    with pytest.raises(BoxError, match=r"lies outside of this photo of 30 x 20 px.*aligned on"):
        refiner(np.zeros((20, 30, 3), np.uint8), start)


def test_a_face_that_the_method_failed_on_is_named(refiner, photo, start):
    with pytest.raises(ConfigError, match="failed on this face"):
        refiner(photo, start.without_values())


def test_a_model_that_the_textures_do_not_fit_is_named(refiner, photo, start, tiny_model):
    other = MorphableResult.from_coefficients(
        tiny_model, np.zeros(4, np.float32), np.zeros(3, np.float32), camera=start.camera, crop_box=CROP,
        detection=FOUND,
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"cannot be refined: .* 9163 vertices"):
        refiner(photo, other)
    with pytest.raises(ConfigError, match="has none"):
        refiner(photo, mesh_alone(start))


def test_the_aligner_refines_and_its_copies_do(photo, start):
    aligner = FaceAligner(method=None)
    found = aligner.refine(photo, start, steps=1)
    assert found.landmark_scheme == "ibug-68"
    assert "_refiner" not in pickle.loads(pickle.dumps(aligner)).__dict__
    assert copy.copy(aligner).refine(photo, start, steps=1).light.shape == (9, 3)


def test_inside_no_grad_it_works_too(refiner, photo, start):
    with torch.no_grad():
        assert refiner(photo, start, steps=1).is_finite


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
from lineament.aligner import FaceAligner
from lineament.errors import ConfigError
try:
    FaceAligner(method=None).refine(None, None)
except ConfigError as error:
    print(error)
"""


def test_without_torch_the_error_names_the_extra():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True)
    assert "needs torch" in done.stdout
    assert "pip install 'lineament[train,data]'" in done.stdout


def test_the_default_size_is_one_that_halves():
    assert DEFAULTS.size % 2 == 0
