import numpy as np
import pytest
import torch

from lineament.geometry.rotation import matrix_from_six
from lineament.train.networks.regressor import Regressor, RegressorConfig, rotation_from_six

TINY = RegressorConfig(
    crop_size=48,
    stem=8,
    stages=(8, 8, 16, 16),
    blocks=(1, 1, 1, 2),
    squeeze=8,
    hidden=16,
    identity=4,
    expression=3,
)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Regressor(TINY).eval()


@pytest.fixture
def crops():
    return torch.tensor(np.random.default_rng(0).uniform(0, 255, (3, 3, 48, 48)).astype(np.float32))


def test_six_numbers_become_the_rotation_that_numpy_makes_of_them():
    six = np.random.default_rng(0).normal(size=(50, 6))
    np.testing.assert_allclose(rotation_from_six(torch.tensor(six)).numpy(), matrix_from_six(six), atol=1e-9)


def test_the_outputs_have_their_shapes(network, crops):
    face = network(crops)
    assert face.rotation.shape == (3, 3, 3)
    assert face.scale.shape == (3,)
    assert face.translation.shape == (3, 2)
    assert face.identity.shape == (3, 4)
    assert face.expression.shape == (3, 3)


def test_rotations_are_proper_and_scales_positive_whatever_the_weights(network, crops):
    with torch.no_grad():
        network.heads.weight.normal_(std=3)
        face = network(crops)
    rotation = face.rotation.double()
    torch.testing.assert_close(
        rotation @ rotation.transpose(1, 2), torch.eye(3).double().expand(3, 3, 3), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(3).double(), atol=1e-5, rtol=0)
    assert (face.scale > 0).all()


def test_an_untrained_network_says_an_average_frontal_face_in_the_middle(network, crops):
    network.identity_mean.fill_(0.5)
    network.expression_mean.fill_(0.25)
    network.log_scale_mean.fill_(np.log(0.6))
    with torch.no_grad():
        face = network(crops)
    assert (face.rotation - torch.eye(3)).abs().max() < 0.1
    assert (face.scale / 0.6 - 1).abs().max() < 0.1
    assert (face.translation - 24).abs().max() < 1
    assert (face.identity - 0.5).abs().max() < 0.2
    assert (face.expression - 0.25).abs().max() < 0.2


def test_coefficients_are_in_units_of_their_standard_deviation(network, crops):
    with torch.no_grad():
        before = network(crops).identity
        network.identity_std.fill_(3.0)
        torch.testing.assert_close(network(crops).identity, 3 * before)


def test_each_crop_is_read_by_itself(network, crops):
    with torch.no_grad():
        together, alone = network(crops), network(crops[1:2])
    torch.testing.assert_close(together.rotation[1:2], alone.rotation)
    torch.testing.assert_close(together.translation[1:2], alone.translation)


def test_every_weight_takes_part(network, crops):
    network.train()
    with torch.no_grad():
        network.heads.weight.normal_()
    face = network(crops)
    outputs = (face.rotation, face.scale, face.translation, face.identity, face.expression)
    sum((output * torch.rand_like(output)).sum() for output in outputs).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())


def test_the_default_network_is_small_enough_for_a_cpu():
    with torch.device("meta"):
        count = sum(weight.numel() for weight in Regressor(RegressorConfig()).parameters())
    assert 4e6 < count < 12e6
