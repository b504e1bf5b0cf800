from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.errors import ConfigError, ExportError
from lineament.geometry.topology import MIRROR_68
from lineament.methods import Predictor
from lineament.methods.synergynet import SynergyNet as SynergyMethod
from lineament.train.methods import export_run
from lineament.train.synergynet.export import EXPORTER
from lineament.train.synergynet.method import SYNERGYNET
from lineament.train.synergynet.training import synergy_net
from tests.train.exports import Given
from tests.train.exports import exported as export
from tests.train.synergynet.setups import SMALL, config


def test_landmark_geometry_alone_is_the_whole_answer(network, batch, lfm, tmp_path):
    crops = batch["crop"].permute(0, 3, 1, 2).float()
    geometry = synergy_net(replace(SMALL, landmarks="geometry"), lfm)
    geometry.load_state_dict(network.state_dict())
    geometry.eval()
    torch.nn.init.normal_(geometry.landmarks_to_3dmm.heads[0][0].weight, std=0.02)
    with torch.inference_mode():
        output = geometry(crops)
    way_back = output.landmarks_to_3dmm
    assert (way_back - output.parameters).abs().mean() > 0.1
    torch.testing.assert_close(geometry.result_landmarks(output), geometry.landmarks_of(way_back))
    torch.testing.assert_close(output.parameters, network(crops).parameters)
    crops = batch["crop"].numpy()
    path = export(EXPORTER, geometry, tmp_path / "geometry.lineament", pictures=Given(crops, crops))
    found, face = Bundle.open(path).network(threads=1)(crop=crops), geometry.face_of(way_back)
    np.testing.assert_allclose(found["landmarks"], geometry.landmarks_of(way_back).numpy(), atol=1e-2)
    for name in ("rotation", "identity", "expression"):
        np.testing.assert_allclose(found[name], getattr(face, name).numpy(), atol=1e-3)


def test_a_run_is_exported_with_the_answer_that_is_asked_for(samples, tmp_path):
    run = SYNERGYNET.train(config(samples, face_swap=0.0), tmp_path / "run")
    network = SYNERGYNET.trained(run)
    path = export_run(run, tmp_path / "geometry.lineament", changes=["landmarks=geometry"])
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    found = Bundle.open(path).network(threads=1)(crop=crops)["landmarks"]
    network.config = replace(SMALL, landmarks="geometry")
    with torch.inference_mode():
        output = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    np.testing.assert_allclose(found, network.result_landmarks(output).numpy(), atol=1e-2)
    with pytest.raises(ConfigError, match=r"--set width: only landmarks of a synergynet"):
        export_run(run, tmp_path / "wide.lineament", changes=["width=2.0"])


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory, batch):
    path = tmp_path_factory.mktemp("export") / "synergynet.lineament"
    crops = batch["crop"].numpy()
    return export(EXPORTER, network, path, pictures=Given(crops, crops))


@pytest.mark.parametrize("count", [1, 5])
def test_the_graph_says_what_torch_says(exported, network, count):
    crops = np.random.default_rng(count).integers(0, 256, (count, 32, 32, 3), np.uint8)
    found = Bundle.open(exported).network(threads=1)(crop=crops)
    with torch.inference_mode():
        output = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
        face = network.face_of(output.parameters)
    assert (output.refined - output.coarse).abs().mean() > 0.1
    np.testing.assert_allclose(found["landmarks"], output.refined.numpy(), atol=1e-2)
    np.testing.assert_allclose(found["rotation"], face.rotation.numpy(), atol=1e-4)
    np.testing.assert_allclose(found["expression"], face.expression.numpy(), atol=1e-3)


def test_both_ways_the_landmarks_of_a_mirrored_crop_are_the_mirrored_ones(network, batch, tmp_path):
    path = export(EXPORTER, network, tmp_path / "both.lineament", flip=True)
    graph, crops = Bundle.open(path).network(threads=1), batch["crop"].numpy()
    assert graph.output_names[-2:] == ("landmarks", "uncertainty")
    here, there = (graph(crop=np.ascontiguousarray(seen))["landmarks"] for seen in (crops, crops[:, :, ::-1]))
    expected = there[:, list(MIRROR_68)] * [-1, 1, 1] + [32, 0, 0]
    np.testing.assert_allclose(here, expected, atol=1e-3)
    with torch.inference_mode():
        alone = network(batch["crop"].permute(0, 3, 1, 2).float()).refined.numpy()
    assert np.abs(here - alone).max() > 0.05


def test_a_graph_that_differs_is_not_written(network, tmp_path):
    def graphs(network):
        graph = EXPORTER.graphs(network)["network"]
        return {"network": replace(graph, tolerance=dict.fromkeys(graph.tolerance, -1.0))}

    with pytest.raises(ExportError, match="differs from torch"):
        export(replace(EXPORTER, graphs=graphs), network, tmp_path / "wrong.lineament")
    assert list(tmp_path.iterdir()) == []


def test_the_aligner_takes_the_file(exported, network, batch):
    aligner = FaceAligner.from_pretrained(exported, threads=1)
    assert isinstance(aligner.method, SynergyMethod)
    photo = np.zeros((64, 64, 3), np.uint8)
    photo[16:48, 16:48] = batch["crop"][0].numpy()
    box = CropBox(center_xy=(32.0, 32.0), side=32.0, size=32)
    (face,) = Predictor(aligner.method).predict(photo, [box])
    with torch.inference_mode():
        output = network(batch["crop"][:1].permute(0, 3, 1, 2).float())
    expected = output.refined[0].numpy() + np.array([16, 16, 0])
    np.testing.assert_allclose(face.landmarks_image, expected, atol=2e-2)
    assert face.vertices_image.shape == (9163, 3)
    assert len(Predictor(aligner.method).predict(photo, [box, box], passes=2)) == 2
