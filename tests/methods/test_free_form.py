"""A method that finds vertices by itself, behind the same predictor as the others."""

from dataclasses import dataclass

import numpy as np
import pytest

from lineament.crop import CropBox, CropRule
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.methods import Estimate, Predictor
from lineament.result import FreeFormResult

SCALE = 0.25  # crop px a mm


@dataclass(frozen=True, kw_only=True)
class VertexEstimate(Estimate):
    nearest: NearestCoefficients
    vertices_image: np.ndarray

    def result(self, *, crop_box, detection):
        return FreeFormResult.from_vertices(
            self.nearest, self.vertices_image, crop_box=crop_box, detection=detection
        )


class Vertices:
    """Puts the mean face, a bump on its nose, into the middle of every crop."""

    crop_rule = CropRule(64, 1.75)

    def __init__(self, model):
        self.nearest = NearestCoefficients(model)
        self.vertices_crop = model.neutral_model * np.float32([SCALE, -SCALE, -SCALE])
        self.vertices_crop[:, :2] += 32
        self.vertices_crop[40, 2] -= 10 * SCALE

    def estimate(self, crops, crop_boxes):
        return [self._estimate(crop, box) for crop, box in zip(crops, crop_boxes, strict=True)]

    def _estimate(self, crop, box):
        vertices = box.image_from_crop(self.vertices_crop)
        if crop.any():
            vertices = vertices * np.nan
        camera = self.nearest.fit(vertices).camera
        return VertexEstimate(
            camera=camera, landmarks_image=vertices[:68], nearest=self.nearest, vertices_image=vertices
        )


@pytest.mark.parametrize("roll", [0.0, 0.6])
def test_its_results_have_its_vertices_and_the_nearest_coefficients(tiny_model, roll):
    crop_box = CropBox((60.0, 50.0), 80.0, 64, roll)
    (face,) = Predictor(Vertices(tiny_model)).predict(np.zeros((100, 120, 3), np.uint8), [crop_box])
    assert type(face) is FreeFormResult
    expected = crop_box.image_from_crop(Vertices(tiny_model).vertices_crop)
    np.testing.assert_allclose(face.vertices_image, expected, atol=1e-4)
    assert face.pose.roll == pytest.approx(roll, abs=0.02)
    assert 0 < face.fit_residual_mm < 1
    assert set(face.blendshapes) == {"eyeBlinkLeft", "eyeBlinkRight", "jawOpen"}
    assert np.abs(face.identity).max() < 0.3


def test_where_it_breaks_the_result_has_no_values(tiny_model):
    photo = np.zeros((100, 240, 3), np.uint8)
    photo[:, 120:] = 255
    boxes = [CropBox((60.0, 50.0), 80.0, 64), CropBox((180.0, 50.0), 80.0, 64)]
    whole, broken = Predictor(Vertices(tiny_model)).predict(photo, boxes, passes=2)
    assert whole.is_finite
    assert not broken.is_finite
    assert np.isnan(broken.fit_residual_mm)
    assert np.isnan(broken.vertices_image).all()
