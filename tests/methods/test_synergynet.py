import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.methods import METHODS, Predictor
from lineament.methods.regressor import MorphableRegressor
from lineament.methods.synergynet import SynergyNet
from lineament.network import OnnxNetwork

ROW = np.stack(np.broadcast_arrays(np.linspace(8, 56, 68), np.linspace(50, 12, 68), -3.0), axis=1)
"""The landmarks that the network gives for every crop, crop px."""


@pytest.fixture(scope="module")
def network(disc_graph, tmp_path_factory):
    """The disc network with landmarks of its own, which have nothing to do with its coefficients."""
    model = onnx.load(disc_graph)
    graph = model.graph
    graph.node.append(helper.make_node("Add", ["nothing", "landmark_row"], ["landmark_rows"]))
    graph.node.append(helper.make_node("Reshape", ["landmark_rows", "landmark_shape"], ["landmarks"]))
    graph.initializer.append(numpy_helper.from_array(np.float32(ROW.reshape(1, -1)), "landmark_row"))
    graph.initializer.append(numpy_helper.from_array(np.int64([-1, 68, 3]), "landmark_shape"))
    graph.output.append(helper.make_tensor_value_info("landmarks", TensorProto.FLOAT, ["n", 68, 3]))
    path = tmp_path_factory.mktemp("graph") / "synergy.onnx"
    onnx.save(model, path)
    return OnnxNetwork(path, threads=1)


@pytest.fixture
def method(network, tiny_model):
    return SynergyNet(network, tiny_model, crop_rule=CropRule(64, 1.75))


@pytest.fixture
def photo(disc_photo):
    return disc_photo((240, 320), [(150.0, 110.0, 40.0)])


@pytest.mark.parametrize("size", [64, 200])
def test_the_networks_own_landmarks_lie_in_the_photo_whatever_the_crop_box(method, photo, size):
    crop_box = CropBox(center_xy=(160.0, 105.0), side=160.0, size=size, roll=0.4)
    (face,) = Predictor(method).predict(photo, [crop_box])
    expected = crop_box.resized(64).image_from_crop(ROW)
    np.testing.assert_allclose(face.landmarks_image, expected, atol=1e-4)
    assert face.landmarks("300w-lp") is face.landmarks_image  # what evaluations ask for
    assert not np.allclose(face.landmarks("lfm-68")[::-1], expected, atol=1)  # from the coefficients
    assert face.landmarks_image.dtype == np.float32


def test_mesh_pose_and_crop_box_are_those_of_the_regressor(method, network, tiny_model, photo):
    crop_box = CropBox(center_xy=(160.0, 105.0), side=160.0, size=64, roll=0.4)
    plain = MorphableRegressor(network, tiny_model, crop_rule=CropRule(64, 1.75))
    (found,), (expected,) = (Predictor(one).predict(photo, [crop_box]) for one in (method, plain))
    np.testing.assert_array_equal(found.vertices_image, expected.vertices_image)
    np.testing.assert_array_equal(found.pose.rotation, expected.pose.rotation)
    np.testing.assert_array_equal(found.detection.box_xyxy, expected.detection.box_xyxy)
    assert Predictor(method).refine_crops(photo, [crop_box]) == Predictor(plain).refine_crops(
        photo, [crop_box]
    )
    assert not np.allclose(found.landmarks_image, expected.landmarks_image, atol=1)


def test_a_second_pass_brings_the_landmarks_of_the_better_crop_box(method, photo):
    crop_box = CropBox(center_xy=(170.0, 125.0), side=180.0, size=64)
    (refined,) = Predictor(method).refine_crops(photo, [crop_box])
    (face,) = Predictor(method).predict(photo, [crop_box], passes=2)
    assert face.crop_box == refined
    np.testing.assert_allclose(face.landmarks_image, refined.image_from_crop(ROW), atol=1e-4)


def test_a_network_without_landmarks_is_refused(disc_network, tiny_model):
    with pytest.raises(WeightsError, match=r"SynergyNet, which takes 'crop' and gives .*, landmarks"):
        SynergyNet(disc_network, tiny_model, crop_rule=CropRule(64))


def test_the_method_has_a_name_and_says_what_it_is(method):
    assert METHODS["synergynet"] is SynergyNet
    assert repr(method).startswith("SynergyNet(OnnxNetwork(")
