from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lineament.errors import ConfigError
from lineament.train.networks.sadrnet import (
    NARROW,
    PAPER,
    CircularConv,
    SadrConfig,
    SadrNet,
    TransposedConv,
    standardised,
)

SMALL = SadrConfig(crop_size=64, width=4, attention_width=8)


def network(config):
    return SadrNet(config, torch.zeros(3, config.crop_size, config.crop_size)).eval()


def sides_and_multiplications(net):
    """Channels and side of each part's output, and multiplications of all convolutions for one crop."""
    sides, total = {}, [0]

    def count(layer, _, out):
        total[0] += out.numel() * layer.weight[0].numel()

    def note(name):
        return lambda layer, _, out: sides.update({name: tuple(out.shape[1:3])})

    parts = {"first": net.first, "attention": net.attention, "decoder": net.decoder, "head": net.face_head}
    parts |= {f"block{n}": block for n, block in enumerate([*net.encoder, *net.gated], 1)}
    hooks = [layer.register_forward_hook(count) for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    hooks += [part.register_forward_hook(note(name)) for name, part in parts.items()]
    size = net.config.crop_size
    with torch.inference_mode():
        net(torch.rand(1, 3, size, size) * 255)
    for hook in hooks:
        hook.remove()
    return sides, total[0]


def count_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_paper_s_network_has_its_number_of_parameters_part_by_part():
    net = network(PAPER)
    assert count_parameters(net) == 15_487_044
    millions = {
        "encoder": count_parameters(net.first) + count_parameters(net.encoder) + count_parameters(net.gated),
        "attention": count_parameters(net.attention),
        "decoder": count_parameters(net.decoder),
        "head": count_parameters(net.face_head),
    }
    wanted = {"encoder": 3.590, "attention": 2.069, "decoder": 9.703, "head": 0.063}
    assert {name: round(count / 1e6, 3) for name, count in millions.items()} == wanted


def test_the_paper_s_network_has_its_sizes_on_the_way():
    sides, multiplications = sides_and_multiplications(network(PAPER))
    assert sides == {
        "first": (16, 255),
        "block1": (32, 128),
        "block2": (32, 128),
        "block3": (64, 64),
        "block4": (64, 64),
        "block5": (128, 32),
        "block6": (128, 32),
        "attention": (1, 32),
        "block7": (256, 16),
        "block8": (256, 16),
        "block9": (512, 8),
        "block10": (512, 8),
        "decoder": (64, 64),
        "head": (3, 256),
    }
    assert 7.0e9 < multiplications < 7.2e9


def test_the_ablations_network_takes_at_most_600_million_multiplications():
    sides, multiplications = sides_and_multiplications(network(NARROW))
    assert count_parameters(network(NARROW)) == 3_511_228
    assert sides["head"] == (3, 128)
    assert sides["attention"] == (1, 16)
    assert multiplications < 0.6e9


@pytest.mark.parametrize("stride", [1, 2])
def test_an_ordinary_convolution_does_what_the_transposed_one_would(stride):
    torch.manual_seed(0)
    ours, plain = (
        TransposedConv((5, 3), stride),
        nn.ConvTranspose2d(5, 3, 4, stride, 1, stride - 1, bias=False),
    )
    weight = plain.weight.transpose(0, 1)  # (out, in, 4, 4)
    with torch.no_grad():
        if stride == 1:
            ours.conv.weight.copy_(weight.flip(2, 3))
        else:
            # Even rows of the output are made of kernel rows 2 and 0, odd ones of 3 and 1.
            phases = [weight[:, :, [2 + r, r]][:, :, :, [2 + c, c]] for r in (0, 1) for c in (0, 1)]
            ours.conv.weight.copy_(torch.stack(phases, dim=1).flatten(0, 1))
        x = torch.randn(2, 5, 6, 6)
        torch.testing.assert_close(ours(x), plain(x)[:, :, 1:, 1:])
    assert ours(x).shape[-1] == 6 * stride


def test_circular_padding_is_two_before_and_one_behind():
    torch.manual_seed(0)
    conv, x = CircularConv(3, 2), torch.randn(1, 3, 7, 7)
    wanted = functional.conv2d(functional.pad(x, (2, 1, 2, 1), mode="circular"), conv.conv.weight, stride=2)
    torch.testing.assert_close(conv(x), wanted)


def test_the_gate_raises_features_by_at_most_e():
    torch.manual_seed(0)
    net = network(SMALL)
    crop = torch.rand(2, 3, 64, 64) * 255
    reached = []
    net.gated.register_forward_pre_hook(lambda _, inputs: reached.append(inputs[0]))
    with torch.inference_mode():
        found = net(crop)
        before = net.encoder(net.first(standardised(crop)))
    factor = torch.exp(torch.sigmoid(found.attention))[:, None]
    torch.testing.assert_close(reached[0], before * factor)
    assert factor.min() >= 1
    assert factor.max() <= np.e


def test_light_and_contrast_of_a_picture_are_taken_out():
    crop = torch.rand(2, 3, 32, 32) * 100
    torch.testing.assert_close(standardised(2 * crop + 30), standardised(crop), atol=0.02, rtol=0.02)
    plain = standardised(torch.full((1, 3, 32, 32), 7.0))
    torch.testing.assert_close(plain, torch.zeros_like(plain), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("changes", "given"),
    [
        ({}, {"face_map", "shape_map", "attention"}),
        ({"attention": False}, {"face_map", "shape_map"}),
        ({"pose": "direct"}, {"face_map", "attention"}),
        ({"pose": "regress"}, {"shape_map", "attention", "pose"}),
    ],
)
def test_switches_leave_parts_out(changes, given):
    found = network(replace(SMALL, **changes))(torch.rand(1, 3, 64, 64) * 255)
    names = ("face_map", "shape_map", "attention", "pose")
    assert {name for name in names if getattr(found, name) is not None} == given


def test_steps_are_counted_in_training_alone():
    net = network(SMALL)
    net(torch.rand(2, 3, 64, 64))
    assert int(net.steps) == 0
    net.train()(torch.rand(2, 3, 64, 64))
    assert int(net.steps) == 1


def test_a_crop_that_cannot_be_halved_five_times_is_refused():
    with pytest.raises(ConfigError, match="multiple of 32"):
        SadrConfig(crop_size=120)
