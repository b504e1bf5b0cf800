from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.errors import ConfigError
from lineament.train.batches.labels import LabelBatch
from lineament.train.networks.synergynet import (
    AS_RELEASED,
    LandmarksTo3dmmConfig,
    SynergyConfig,
    SynergyNet,
    nearest_rotation,
)
from lineament.train.runs import method as run_methods
from lineament.train.synergynet.loss import SynergyLoss, SynergyLossConfig
from lineament.train.synergynet.method import VARIANTS
from lineament.train.synergynet.training import SynergyTrainConfig, synergy_net
from tests.train.synergynet.setups import AUGMENT, SMALL


def test_true_parameters_give_the_models_own_landmarks(network, batch, lfm):
    truth = LabelBatch.of(batch)
    found = network.landmarks_of(network.standardised(network.parameters_of(truth.face))).detach().numpy()
    points = lfm.landmark_points("300w-lp")
    for row in range(6):
        model = points.vertices_model(batch["identity"][row].numpy(), batch["expression"][row].numpy())
        rotated = model @ batch["rotation"][row].numpy().T * [1, -1, -1]
        expected = float(batch["scale"][row]) * rotated + [*batch["translation"][row].numpy(), 0]
        np.testing.assert_allclose(found[row], expected, atol=2e-3)


def test_standardised_parameters_are_of_the_order_of_one(network, batch):
    standardised = network.standardised(network.parameters_of(LabelBatch.of(batch).face))
    assert 0.3 < float(standardised[:, :11].std()) < 2
    assert (standardised[:, 11] == 0).all()  # labels say nothing about depth


def test_a_camera_goes_into_twelve_numbers_and_back(network, batch):
    truth = LabelBatch.of(batch)
    face = network.face_of(network.standardised(network.parameters_of(truth.face)))
    for name in ("rotation", "scale", "translation", "identity", "expression"):
        torch.testing.assert_close(getattr(face, name), getattr(truth, name), atol=2e-4, rtol=1e-4)


def test_the_nearest_rotation_is_proper_and_prefers_neither_row():
    matrix = torch.randn(5, 3, 3, generator=torch.Generator().manual_seed(0)) + 2 * torch.eye(3)
    rotation, scale = nearest_rotation(matrix)
    torch.testing.assert_close(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(5, 3, 3))
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(5))
    torch.testing.assert_close(scale, matrix[:, :2].norm(dim=2).mean(1))
    rows = matrix[:, :2] / matrix[:, :2].norm(dim=2, keepdim=True)
    first, second = (rotation[:, :2] * rows).sum(2).unbind(1)
    torch.testing.assert_close(first, second)


def test_refinement_starts_at_the_coarse_landmarks(lfm):
    output = synergy_net(SMALL, lfm).eval()(torch.rand(2, 3, 32, 32) * 255)
    torch.testing.assert_close(output.refined, output.coarse)
    assert output.landmarks_to_3dmm is None  # only in training


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_the_table_learns_something_everywhere(name, lfm, batch):
    whole = run_methods.changed(SynergyTrainConfig(network=SMALL, augment=AUGMENT), VARIANTS[name].changes)
    config = whole.network
    torch.manual_seed(0)
    changed = synergy_net(config, lfm).train()
    changed.std[:9] = 0.3
    changed.mean[9:11] = 16
    terms = SynergyLoss(changed, whole.loss)(
        changed(batch["crop"].permute(0, 3, 1, 2).float()), LabelBatch.of(batch)
    )
    terms["loss"].backward()
    assert torch.isfinite(terms["loss"])
    assert ("refined" in terms) == config.mafa.enabled
    assert ("landmarks_to_3dmm" in terms) == config.landmarks_to_3dmm.enabled
    # A last layer of zeros passes nothing on at first, and a ReLU may be shut.
    missing = [key for key, p in changed.named_parameters() if p.grad is None]
    assert not missing


def test_the_released_network_has_the_published_size(lfm):
    network = SynergyNet(AS_RELEASED, lfm.landmark_points("300w-lp"))
    count = lambda module: sum(p.numel() for p in module.parameters()) / 1e6  # noqa: E731
    assert count(network) == pytest.approx(4.08, abs=0.01)
    assert count(network.backbone) == pytest.approx(2.224, abs=0.001)
    assert count(network.mafa) == pytest.approx(1.557, abs=0.001)
    assert count(network.landmarks_to_3dmm) == pytest.approx(0.215, abs=0.001)


def test_the_larger_baseline_has_layers_after_the_image_feature_and_the_papers_size(lfm):
    changes = VARIANTS["larger-baseline"].changes["network"]
    larger, baseline = (
        SynergyNet(replace(AS_RELEASED, landmarks="coarse", **more), lfm.landmark_points("300w-lp"))
        for more in (changes, {name: changes[name] for name in ("mafa", "landmarks_to_3dmm")})
    )
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    assert count(larger.backbone) == count(baseline.backbone)
    # Two fully connected layers of 752 with normalisation, and heads of 62 outputs on them.
    assert count(larger) - count(larger.backbone) == 752 * (1280 + 752) + 2 * 3 * 752 + 62 * 753
    assert count(larger) / 1e6 == pytest.approx(3.80, abs=0.005)
    assert count(baseline) / 1e6 == pytest.approx(2.30, abs=0.005)
    assert larger.eval()(torch.zeros(2, 3, 120, 120)).parameters.shape == (2, 62)


def test_geometry_needs_a_way_back_that_is_trained_on_everything():
    with pytest.raises(ConfigError, match="landmarks_to_3dmm gives, which is not enabled"):
        replace(SMALL, landmarks="geometry", landmarks_to_3dmm=LandmarksTo3dmmConfig(enabled=False))
    asked = replace(SMALL, landmarks="geometry")
    with pytest.raises(ConfigError, match=r"loss\.targets leaves pose out"):
        SynergyTrainConfig(
            network=asked, augment=AUGMENT, loss=SynergyLossConfig(targets=("shape", "expression"))
        )


def test_a_resnet_and_a_model_of_other_sizes_will_do(tiny_model, lfm):
    network = synergy_net(replace(SMALL, backbone="resnet-50", width=0.1), lfm).eval()
    assert network(torch.zeros(1, 3, 32, 32)).refined.shape == (1, 68, 3)
    with pytest.raises(ConfigError, match=r"network\.identity"):
        synergy_net(SMALL, tiny_model)
    with pytest.raises(ConfigError, match="make them equal"):
        SynergyTrainConfig(network=SMALL)


def test_the_residual_backbone_has_one_width():
    with pytest.raises(ConfigError, match="leave it at 1"):
        SynergyConfig(backbone="residual", width=0.5)
