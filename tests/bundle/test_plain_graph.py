import pytest
from onnx import TensorProto

from lineament.bundle.plain_graph import manifest_of_graph
from lineament.errors import WeightsError


@pytest.fixture
def graph_with(make_graph):
    """graph_with(**metadata) -> path of a graph that says so."""

    def make(**metadata):
        ends = {"x": (TensorProto.FLOAT, ["n"])}, {"y": (TensorProto.FLOAT, ["n"])}
        return make_graph([("Neg", ["x"], ["y"], {})], *ends, {}, metadata=metadata, name="said.onnx")

    return make


def test_a_graph_without_metadata_states_that_it_states_nothing(graph_with):
    manifest, _ = manifest_of_graph(graph_with())
    assert (manifest.data, manifest.licence, manifest.crop, manifest.face_model) == (
        "not stated",
        "not stated",
        None,
        None,
    )


def test_a_detector_has_no_detector(graph_with):
    manifest, _ = manifest_of_graph(graph_with(method="detector", box="upright"))
    assert (manifest.method, manifest.detector, manifest.trained) == ("detector", None, {"box": "upright"})


@pytest.mark.parametrize(
    "crop", [{"crop_size": "x", "crop_margin": "1"}, {"crop_size": "0", "crop_margin": "1"}]
)
def test_a_crop_that_cannot_be_is_a_weights_error(graph_with, crop):
    with pytest.raises(WeightsError, match=r"said\.onnx states a crop"):
        manifest_of_graph(graph_with(**crop))
