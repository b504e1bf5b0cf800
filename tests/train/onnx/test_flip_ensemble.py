from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from lineament.bundle import Bundle
from lineament.errors import ExportError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import angle_between
from lineament.methods.regressor import OUTPUTS
from lineament.train.onnx import flip_ensemble as module
from lineament.train.onnx.exporter import BOTH, FLIP
from lineament.train.onnx.flip_ensemble import flip_ensemble
from lineament.train.regressor.export import EXPORTER
from lineament.train.regressor.warm_start import ExportedNetwork
from tests.train.exports import exported

CROP_SIZE = 32
MIRROR = np.diag([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def source(tiny_regressor, tmp_path_factory):
    """Its weights, which predict one way."""
    return exported(EXPORTER, tiny_regressor, tmp_path_factory.mktemp("one_way") / "tiny.lineament")


@pytest.fixture(scope="module")
def both_ways(tiny_regressor, source):
    return exported(EXPORTER, tiny_regressor, source.with_name("both.lineament"), flip=True)


def answers(path, crops):
    return Bundle.open(path).network(threads=1)(crop=crops)


def mirrored(answer, lfm):
    """What a network should say of the mirror images."""
    identity, expression = lfm.mirrored(answer["identity"], answer["expression"])
    return {
        "rotation": MIRROR @ answer["rotation"] @ MIRROR,
        "scale": answer["scale"],
        "translation": answer["translation"] * [-1, 1] + [CROP_SIZE, 0],
        "identity": identity,
        "expression": expression,
    }


def test_the_mirror_image_of_a_crop_has_the_mirrored_face(source, both_ways, crops, lfm):
    images = crops[:, :, ::-1]
    found, expected = answers(both_ways, images), mirrored(answers(both_ways, crops), lfm)
    one_way = mirrored(answers(source, crops), lfm)
    for name in OUTPUTS:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4)
        assert (
            np.abs(answers(source, images)[name] - one_way[name]).max() > 0.01
        )  # the network alone is not so


def test_it_says_the_mean_of_what_the_network_says_both_ways(source, both_ways, crops, lfm):
    found = answers(both_ways, crops)
    here, there = answers(source, crops), mirrored(answers(source, crops[:, :, ::-1]), lfm)
    for name in ("scale", "translation", "identity", "expression"):
        np.testing.assert_allclose(found[name], (here[name] + there[name]) / 2, atol=1e-4)
    apart = angle_between(here["rotation"], there["rotation"])
    for seen in (here, there):  # the rotation is as far from both
        np.testing.assert_allclose(angle_between(found["rotation"], seen["rotation"]), apart / 2, rtol=0.1)
    np.testing.assert_allclose(np.linalg.det(found["rotation"]), 1, atol=1e-5)


def test_the_uncertainty_is_how_far_the_landmarks_of_both_passes_are_apart_on_the_head(
    source, both_ways, crops, lfm
):
    here, there = answers(source, crops), mirrored(answers(source, crops[:, :, ::-1]), lfm)

    def landmarks_crop(seen):
        return np.array(
            [
                WeakPerspective(turn, size, np.array([*where, 0.0])).image_from_model(
                    lfm.landmarks_model(identity, expression, scheme="300w-lp")
                )[:, :2]
                for turn, size, where, identity, expression in zip(
                    *(seen[name] for name in OUTPUTS), strict=True
                )
            ]
        )

    apart = np.linalg.norm(landmarks_crop(here) - landmarks_crop(there), axis=2).mean(axis=1)
    found = answers(both_ways, crops)
    np.testing.assert_allclose(found["uncertainty"], apart / found["scale"], rtol=1e-3)


def test_any_number_of_crops_stays_in_order(both_ways, crops):
    together = answers(both_ways, crops)
    for number, crop in enumerate(crops):
        alone = answers(both_ways, crop[None])
        for name in OUTPUTS:
            np.testing.assert_allclose(alone[name][0], together[name][number], atol=1e-4)


def test_it_is_an_ordinary_regressor_that_says_how_it_predicts(source, both_ways):
    one, both = (Bundle.open(path) for path in (source, both_ways))
    assert both.network().input_shapes == one.network().input_shapes
    assert both.network().output_names == (*OUTPUTS, "uncertainty")
    assert both.manifest.trained == {**one.manifest.trained, FLIP: BOTH}
    assert both.manifest.max_uncertainty_mm == 6.0
    assert both.manifest.detector.options == {"min_score": 0.35}


def test_training_starts_from_it_as_from_the_network_in_it(source, both_ways):
    one, both = (ExportedNetwork.read(str(path)) for path in (source, both_ways))
    assert both.crop_size == one.crop_size
    assert both.layers.keys() == one.layers.keys()
    for name, (weight, bias) in one.layers.items():
        np.testing.assert_array_equal(both.layers[name][0], weight)
        np.testing.assert_array_equal(both.layers[name][1], bias)
    np.testing.assert_equal(both.statistics, one.statistics)


def test_what_predicts_both_ways_already_is_refused(both_ways):
    bundle = Bundle.open(both_ways)
    with pytest.raises(ExportError, match="already"):
        flip_ensemble(onnx.load_from_string(bundle.graph()), bundle.manifest)


def test_a_face_model_without_a_mirror_is_refused(tiny_regressor, tmp_path, lfm, monkeypatch):
    monkeypatch.setattr(module, "load_model", lambda _: replace(lfm, mirror=None))
    with pytest.raises(ExportError, match="symmetric"):
        exported(EXPORTER, tiny_regressor, tmp_path / "both.lineament", flip=True)
    assert list(tmp_path.iterdir()) == []


def test_graphs_with_other_outputs_are_refused(source):
    bundle = Bundle.open(source)
    graph = onnx.load_from_string(bundle.graph())
    del graph.graph.output[-1]
    with pytest.raises(ExportError, match="gives rotation, scale, translation, identity;"):
        flip_ensemble(graph, bundle.manifest)


def test_a_graph_that_is_not_the_mean_is_not_written(tiny_regressor, tmp_path, monkeypatch):
    monkeypatch.setattr(module._BothCrops, "forward", lambda _, crop: torch.cat([crop, crop]))
    with pytest.raises(ExportError, match="not the mean"):
        exported(EXPORTER, tiny_regressor, tmp_path / "both.lineament", flip=True)
    assert list(tmp_path.iterdir()) == []
