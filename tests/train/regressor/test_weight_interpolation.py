import pytest
import torch

from lineament.errors import ConfigError
from lineament.train.networks.regressor import Regressor, RegressorConfig
from lineament.train.regressor.weight_interpolation import blended

TINY = RegressorConfig(crop_size=32, stem=8, stages=(8, 8, 8, 8), blocks=(1, 1, 1, 1), squeeze=8, hidden=16)


def network(seed):
    torch.manual_seed(seed)
    return Regressor(TINY)


def crops():
    torch.manual_seed(9)
    return [torch.rand(8, 3, 32, 32) * 255 for _ in range(2)]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_weights_lie_between_those_of_both(share):
    first, last = network(0), network(1)
    found = blended(first, last, share, crops())
    for name, values in found.named_parameters():
        expected = (1 - share) * first.get_parameter(name) + share * last.get_parameter(name)
        torch.testing.assert_close(values, expected)


def test_normalisation_has_the_mean_of_the_crops():
    found = blended(network(0), network(1), 0.5, crops())
    convolution, norm = found.features[0], found.features[1]
    seen = convolution((torch.cat(crops()) - 127.5) / 64)
    torch.testing.assert_close(norm.running_mean, seen.mean((0, 2, 3)), atol=1e-4, rtol=1e-3)
    assert not found.training


def test_a_share_beyond_both_is_refused():
    with pytest.raises(ConfigError, match=r"1\.5; expected 0 to 1"):
        blended(network(0), network(1), 1.5, [])
