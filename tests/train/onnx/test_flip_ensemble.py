from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from lineament.errors import ExportError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import angle_between
from lineament.network import OnnxNetwork
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.onnx import flip_ensemble as module
from lineament.train.onnx.flip_ensemble import BOTH, LOOKS, mirrored_graph
from lineament.train.regressor.export import OUTPUTS, export_regressor
from lineament.train.regressor.warm_start import ExportedRegressor

SIZE = 32
TINY = RegressorConfig(
    crop_size=SIZE, stem=8, stages=(8, 8, 8, 8), blocks=(1, 1, 1, 1), squeeze=8, hidden=16, identity=4
)
FLIP = np.diag([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def source(settled, crops, tmp_path_factory):
    """A graph whose answers differ from crop to crop and from a crop to its mirror image."""
    torch.manual_seed(0)
    network = Regressor(TINY)
    torch.nn.init.normal_(network.heads.weight, std=0.2)
    path = tmp_path_factory.mktemp("one_way") / "tiny.onnx"
    about = {"licence": "mine", "trained_on": "nothing"}
    return export_regressor(settled(network, crops), path, about=about)


@pytest.fixture(scope="module")
def both_ways(source):
    return mirrored_graph(source, source.with_name("both.onnx"))


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)


def answers(path, crops):
    return OnnxNetwork(path, threads=1)(crop=crops)


def mirrored(answer, lfm):
    """What a network should say of the mirror images."""
    identity, expression = lfm.mirrored(answer["identity"], answer["expression"])
    return {
        "rotation": FLIP @ answer["rotation"] @ FLIP,
        "scale": answer["scale"],
        "translation": answer["translation"] * [-1, 1] + [SIZE, 0],
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


def test_the_uncertainty_is_how_far_the_landmarks_of_both_looks_are_apart_on_the_head(
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


def test_it_is_an_ordinary_regressor_that_says_how_it_looks(source, both_ways):
    one, both = (OnnxNetwork(path, threads=1) for path in (source, both_ways))
    assert both.input_shapes == one.input_shapes
    assert both.output_names == (*one.output_names, "uncertainty")
    assert dict(both.metadata) == dict(one.metadata) | {LOOKS: BOTH}
    assert sorted(path.suffix for path in source.parent.iterdir()) == [".onnx", ".onnx"]


def test_training_starts_from_it_as_from_the_network_in_it(source, both_ways):
    one, both = (ExportedRegressor.read(str(path)) for path in (source, both_ways))
    assert both.crop_size == one.crop_size
    assert both.layers.keys() == one.layers.keys()
    for name, (weight, bias) in one.layers.items():
        np.testing.assert_array_equal(both.layers[name][0], weight)
        np.testing.assert_array_equal(both.layers[name][1], bias)
    np.testing.assert_equal(both.statistics, one.statistics)


def test_what_looks_both_ways_already_is_refused(both_ways, tmp_path):
    with pytest.raises(ExportError, match="already"):
        mirrored_graph(both_ways, tmp_path / "again.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_face_model_without_a_mirror_is_refused(source, tmp_path, lfm, monkeypatch):
    monkeypatch.setattr(module, "load_model", lambda _: replace(lfm, mirror=None))
    with pytest.raises(ExportError, match="symmetric"):
        mirrored_graph(source, tmp_path / "both.onnx")


def test_graphs_with_other_outputs_are_refused(source, tmp_path):
    graph = onnx.load(source)
    del graph.graph.output[-1]
    onnx.save(graph, tmp_path / "less.onnx")
    with pytest.raises(ExportError, match="gives rotation, scale, translation, identity;"):
        mirrored_graph(tmp_path / "less.onnx", tmp_path / "both.onnx")


def test_a_graph_that_is_not_the_mean_is_not_written(source, tmp_path, lfm, monkeypatch):
    monkeypatch.setattr(module._BothCrops, "forward", lambda _, crop: torch.cat([crop, crop]))
    with pytest.raises(ExportError, match="not the mean"):
        mirrored_graph(source, tmp_path / "both.onnx")
    assert list(tmp_path.iterdir()) == []
