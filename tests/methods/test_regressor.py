from dataclasses import replace

import numpy as np
import pytest
from onnx import TensorProto

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.methods import METHODS, Predictor
from lineament.methods import regressor as module
from lineament.methods.regressor import MorphableRegressor
from lineament.network import OnnxNetwork


def test_the_constants_come_from_the_bundle(disc_graph, tiny_model, monkeypatch):
    monkeypatch.setattr(module, "load_model", {"tiny": tiny_model}.__getitem__)
    method = METHODS["morphable-regressor"].from_bundle(Bundle.open(disc_graph))
    assert (method.crop_rule, method.model) == (CropRule(64, 1.75), tiny_model)


def test_the_landmarks_of_the_face_model_are_gathered_once(disc_network, tiny_model, disc_photo, monkeypatch):
    gathered = []
    original = type(tiny_model).landmark_points
    monkeypatch.setattr(
        type(tiny_model), "landmark_points", lambda *given: gathered.append(given) or original(*given)
    )
    method = MorphableRegressor(disc_network, tiny_model, crop_rule=CropRule(64, 1.75))
    photo, crop_boxes = disc_photo((240, 320), [(150.0, 110.0, 40.0)]), [CropBox((150.0, 110.0), 150.0, 64)]
    for _ in range(2):
        crop_boxes = Predictor(method).refine_crops(photo, crop_boxes)
    assert gathered == [(tiny_model, "300w-lp")]


def test_a_network_of_another_method_is_refused(make_graph, tiny_model):
    path = make_graph(
        [("Neg", ["x"], ["y"], {})],
        {"x": (TensorProto.FLOAT, ["n"])},
        {"y": (TensorProto.FLOAT, ["n"])},
        {},
        name="other.onnx",
    )
    with pytest.raises(WeightsError, match=r"crop: size, margin"):
        MorphableRegressor.from_bundle(Bundle.open(path))
    with pytest.raises(WeightsError, match="not for MorphableRegressor"):
        MorphableRegressor(OnnxNetwork(path), tiny_model, crop_rule=CropRule(64))


def test_a_face_model_that_does_not_fit_is_refused(disc_network, tiny_model):
    with pytest.raises(WeightsError, match="300w-lp"):
        MorphableRegressor(disc_network, replace(tiny_model, schemes={}), crop_rule=CropRule(64))
    small = replace(tiny_model, identity_basis=tiny_model.identity_basis[:2], mirror=None)
    method = MorphableRegressor(disc_network, small, crop_rule=CropRule(64))
    with pytest.raises(WeightsError, match="4 identity"):
        Predictor(method).predict(
            np.zeros((9, 9, 3), np.uint8), [CropBox(center_xy=(4.0, 4.0), side=9.0, size=64)]
        )
