import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession

from lineament.bundle import Bundle
from lineament.errors import ExportError
from lineament.methods.regressor import OUTPUTS, UNCERTAINTY
from lineament.train.onnx.expected_error import (
    EVIDENCE,
    NO_FACE_MM,
    ErrorHead,
    with_evidence,
    with_expected_error,
    without_expected_error,
)
from lineament.train.onnx.graph import network_of
from lineament.train.regressor.export import EXPORTER
from lineament.train.regressor.warm_start import ExportedNetwork
from tests.train.exports import exported


@pytest.fixture(scope="module", params=[False, True], ids=["one way", "both ways"])
def graph(request, tiny_regressor, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "tiny.lineament"
    exported(EXPORTER, tiny_regressor, path, flip=request.param)
    return onnx.load_from_string(Bundle.open(path).graph())


def head_for(graph, crops, *, seed=0):
    torch.manual_seed(seed)
    evidence = torch.from_numpy(network_of(with_evidence(graph))(crop=crops)[EVIDENCE])
    return ErrorHead(evidence.mean(0), evidence.std(0) + 0.1, width=8).eval()


def test_evidence_is_of_two_layers_and_of_how_far_two_predictions_are_apart(graph, crops, tiny_regressor):
    told, sizes = UNCERTAINTY in network_of(graph)(crop=crops), tiny_regressor.config
    found = network_of(with_evidence(graph))(crop=crops)
    assert found[EVIDENCE].shape == (len(crops), sizes.hidden + sizes.stages[-1] + told)
    if told:
        np.testing.assert_allclose(found[EVIDENCE][:, -1], np.log(found[UNCERTAINTY]), rtol=1e-5)
        mirrored = network_of(with_evidence(graph))(crop=crops[:, :, ::-1].copy())
        np.testing.assert_allclose(found[EVIDENCE], mirrored[EVIDENCE], rtol=1e-3, atol=1e-3)


def test_the_graph_expects_what_the_head_says_and_its_faces_stay_the_same_to_the_bit(graph, crops):
    head = head_for(graph, crops)
    found = network_of(with_expected_error(graph, head))(crop=crops)
    evidence = network_of(with_evidence(graph))(crop=crops)[EVIDENCE]
    with torch.no_grad():
        np.testing.assert_allclose(found[UNCERTAINTY], head(torch.from_numpy(evidence)), rtol=1e-4)
    before = network_of(graph)(crop=crops)
    for name in OUTPUTS:
        np.testing.assert_array_equal(found[name], before[name])


def test_another_head_takes_the_place_of_the_first_and_none_is_left_without(graph, crops):
    first, second = (head_for(graph, crops, seed=seed) for seed in (0, 1))
    taught = with_expected_error(graph, first)
    again, alone = with_expected_error(taught, second), with_expected_error(graph, second)
    found, expected = (network_of(each)(crop=crops)[UNCERTAINTY] for each in (again, alone))
    np.testing.assert_array_equal(found, expected)
    assert np.abs(found - network_of(taught)(crop=crops)[UNCERTAINTY]).min() > 1e-3
    before, restored = (network_of(each)(crop=crops) for each in (graph, without_expected_error(again)))
    assert list(restored) == list(before)
    for name, values in before.items():
        np.testing.assert_array_equal(restored[name], values)


def test_no_error_is_expected_beyond_what_is_no_face(graph, crops):
    head = head_for(graph, crops)
    with torch.no_grad():
        head.layers[-1].bias += 50.0
    assert (network_of(with_expected_error(graph, head))(crop=crops)[UNCERTAINTY] <= 2.01 * NO_FACE_MM).all()


def test_any_number_of_crops_is_seen_without_a_warning(graph, crops, capfd):
    taught = with_expected_error(graph, head_for(graph, crops)).SerializeToString()
    session = InferenceSession(taught, providers=["CPUExecutionProvider"])
    for count in (1, 2, 5, 1):
        assert session.run([UNCERTAINTY], {"crop": crops[:count]})[0].shape == (count,)
    assert "mismatch" not in capfd.readouterr().err


def test_a_training_begins_with_taught_weights_as_with_those_before(tiny_regressor, crops, tmp_path):
    path = exported(EXPORTER, tiny_regressor, tmp_path / "tiny.lineament")
    bundle = Bundle.open(path)
    graph = onnx.load_from_string(bundle.graph())
    taught = with_expected_error(graph, head_for(graph, crops)).SerializeToString()
    both = [
        ExportedNetwork.read(str(each))
        for each in (
            path,
            Bundle.write(tmp_path / "taught.lineament", bundle.manifest, graphs={"network": taught}),
        )
    ]
    assert both[0].layers.keys() == both[1].layers.keys()
    assert both[0].statistics.keys() == both[1].statistics.keys()


def test_graphs_with_other_layers_are_refused(disc_graph):
    with pytest.raises(ExportError, match=r"no layer 'heads'.*compact"):
        with_evidence(onnx.load(disc_graph))
