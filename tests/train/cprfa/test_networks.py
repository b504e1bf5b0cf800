from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from lineament.errors import ConfigError
from lineament.train.cprfa.training import point_solver
from lineament.train.networks.cprfa.capu import LARGEST_ERROR, StepLength, path_error
from lineament.train.networks.cprfa.config import (
    COMPACT,
    CapuConfig,
    CprConfig,
    CprfaConfig,
    UnetConfig,
    tiny,
)
from lineament.train.networks.cprfa.network import CprfaNet, channel_places
from lineament.train.networks.cprfa.rounds import Observations, projected
from lineament.train.networks.cprfa.updates import Cell, PairConvolution


def gmacs(module, call):
    """Multiplications of convolutions and full layers while `call` runs, in thousands of millions."""
    total, hooks = [0], []

    def count(layer, inputs, output):
        weights = layer.in_features if isinstance(layer, nn.Linear) else layer.weight[0].numel()
        total[0] += output.numel() * weights

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | PairConvolution):
            hooks.append(layer.register_forward_hook(count))
    with torch.no_grad():
        call()
    for hook in hooks:
        hook.remove()
    return total[0] / 1e9


def observations(network, pose, *, rows=2, seed=0, landmarks=True, seen=0.8):
    """What mean faces in a pose show."""
    rng = torch.Generator().manual_seed(seed)
    table = network.table()(torch.zeros(rows, len(network.weights)))
    there = torch.as_tensor(pose).float().expand(rows, -1)
    count = len(network.codes)
    vertex = torch.randperm(count, generator=rng)[:300].expand(rows, -1)
    valid = (torch.rand(rows, len(network.chosen), generator=rng) < seen).float()
    path = projected(network.skin(torch.zeros(rows, len(network.weights)), vertex[0]), there)
    return Observations(
        points=projected(table.chosen, there)[..., :2] * valid[..., None],
        valid=valid,
        landmarks=projected(table.landmarks, there)[..., :2] * landmarks,
        landmark_valid=torch.full((rows, 68), float(landmarks)),
        path_points=path[..., :2],
        path_valid=torch.ones(rows, 300),
        path_vertex=vertex,
    )


@pytest.fixture(scope="module")
def network(lfm):
    torch.manual_seed(0)
    made = CprfaNet(tiny(), lfm).eval()
    made.chosen.copy_(torch.linspace(0, len(made.codes) - 1, len(made.chosen)).long())
    return made


def test_the_compact_preset_keeps_to_its_budget(lfm):
    network = CprfaNet(COMPACT, lfm).eval()
    assert gmacs(network.maps, lambda: network.maps(torch.zeros(1, 3, 112, 112))) <= 0.6
    seen = observations(network, [0, 0, 0, 1, 0, 0], rows=1)
    assert gmacs(network.rounds, lambda: network(seen)) <= 1.0


def test_the_paper_preset_has_its_sizes():
    paper = CprfaConfig()
    assert (paper.crop_size, paper.cpr.side, paper.cpr.vertices) == (256, 256, 512)
    assert (paper.updates.stages, paper.updates.rounds) == (3, 2)
    assert (paper.capu.samples, paper.capu.kappa) == (5, 0.1)


@pytest.mark.parametrize("depth", [False, True])
def test_maps_come_at_three_scales(lfm, depth):
    network = CprfaNet(replace(tiny(), unet=replace(tiny().unet, depth=depth)), lfm).eval()
    with torch.no_grad():
        found = network(torch.randint(0, 256, (2, 3, 64, 64)).float())
    assert [maps.code.shape for maps in found] == [(2, 3, s, s) for s in (16, 32, 64)]
    assert all(maps.code.min() >= 0 and maps.code.max() <= 1 for maps in found)
    assert all((maps.depth is not None) == depth for maps in found)


def test_with_the_residual_encoder_the_finest_maps_have_half_of_the_crops_size_and_can_be_enlarged(lfm):
    network = CprfaNet(replace(COMPACT, unet=replace(COMPACT.unet, depth=True)), lfm).eval()
    with torch.no_grad():
        found = network(torch.randint(0, 256, (2, 3, 112, 112)).float())
    assert [maps.code.shape for maps in found] == [(2, 3, s, s) for s in (14, 28, 56)]
    finest = found[-1]
    larger = finest.enlarged(112)
    assert (larger.code.shape, larger.face.shape) == ((2, 3, 112, 112), (2, 112, 112))
    # Four pixels about a corner have the mean of the four that meet there.
    for one, other in ((finest.face, larger.face), (finest.code[:, 0], larger.code[:, 0])):
        np.testing.assert_allclose(
            functional.avg_pool2d(other[:, 1:-1, 1:-1], 2), functional.avg_pool2d(one, 2, 1), atol=1e-5
        )
    assert larger.depth is not None
    assert finest.enlarged(56) is finest


def test_what_is_frozen_of_an_encoder_has_no_gradients_and_keeps_its_statistics(lfm):
    made = CprfaNet(replace(COMPACT, unet=replace(COMPACT.unet, frozen=4)), lfm)
    made.only(0)
    made.train()
    before = {name: value.clone() for name, value in made.maps.encoder.state_dict().items()}
    found = made(torch.randint(0, 256, (2, 3, 112, 112)).float())
    sum(maps.code.mean() + maps.face.mean() for maps in found).backward()
    changed = {
        int(name.split(".")[1])
        for name, value in made.maps.encoder.state_dict().items()
        if name.startswith("features") and not torch.equal(value, before[name])
    }
    moved = {
        int(name.split(".")[1])
        for name, value in made.maps.encoder.named_parameters()
        if name.startswith("features") and value.grad is not None
    }
    # The stem is three layers, of the four stages of two blocks each the last begins at the tenth.
    assert changed == {9, 10, 12}
    assert moved == {9, 10, 11, 12}
    assert all(value.requires_grad for value in made.maps.decoder.parameters())


def test_three_channels_are_one_side_the_other_and_half_of_both():
    places = channel_places(8)
    assert set(places[0].tolist()) == set(range(8))
    assert set(places[1].tolist()) == set(range(8, 16))
    assert sorted(places[2].tolist()) == [0, 2, 4, 6, 8, 10, 12, 14]


def test_before_training_only_the_shift_is_found(network):
    pose = torch.tensor([0.0, 0, 0, 1, 0.05, -0.03])
    with torch.no_grad():
        found = network.updated(observations(network, pose))
    for poses in found.pose:
        np.testing.assert_allclose(poses[-1], pose.expand(2, -1), atol=1e-5)
    assert not found.alpha[-1][-1].any()


def test_what_sees_nothing_stays_at_the_start(network):
    seen = observations(network, [0.3, 0.2, 0, 1, 0.1, 0], landmarks=False, seen=0.0)
    trained = randomised(network)
    with torch.no_grad():
        found = trained.updated(seen)
    np.testing.assert_allclose(found.pose[-1][-1], torch.tensor([0.0, 0, 0, 1, 0, 0]).expand(2, -1))
    assert not found.alpha[0][-1].any()


def randomised(network, **changes):
    """The same network whose increments are not zero, and with other switches."""
    config = replace(network.config, updates=replace(network.config.updates, **changes))
    torch.manual_seed(3)
    other = CprfaNet(config, load(network)).eval()
    other.chosen.copy_(network.chosen)
    for name, value in other.named_parameters():
        if ".out." in name:
            nn.init.normal_(value, std=0.05)
    return other


def load(network):
    from lineament.models.builtin import load_builtin

    return load_builtin()


def test_the_order_of_updates_and_their_merging_matter(network):
    seen = observations(network, [0.3, 0.2, 0.1, 1.1, 0.1, 0])
    poses = []
    for changes in ({}, {"order": "joint"}, {"merge": "mean"}, {"cell": "lstm"}):
        with torch.no_grad():
            poses.append(randomised(network, **changes).updated(seen).pose[-1][-1])
    for other in poses[1:]:
        assert (poses[0] - other).abs().max() > 1e-3


def test_alpha_stays_in_the_second_round_and_memory_makes_stages_differ(network):
    with torch.no_grad():
        found = randomised(network).updated(observations(network, [0.3, 0.2, 0.1, 1.1, 0.1, 0]))
    first, second = found.alpha
    assert (first[0] - first[1]).abs().max() > 1e-4
    for after in second:
        np.testing.assert_array_equal(after, first[-1])


def test_only_what_is_trained_has_gradients_and_changing_statistics(network, lfm):
    made = CprfaNet(tiny(), lfm)
    made.only(1)
    made.train()
    assert not made.maps.training
    assert made.rounds[0].training
    loss = made(observations(made, [0.3, 0.2, 0, 1, 0, 0])).pose[-1][-1].sum()
    loss.backward()
    trained = {name.split(".")[1] for name, value in made.named_parameters() if value.grad is not None}
    assert trained == {"0"}
    made.only(2)
    made(observations(made, [0.3, 0.2, 0, 1, 0, 0])).pose[-1][-1].sum().backward()
    assert any(value.grad is not None for value in made.rounds[1].parameters())


@pytest.mark.parametrize("known", [0, 3])
def test_the_first_layer_is_a_convolution_of_matrices_and_of_where_they_are_known(known):
    """Of 5 x 5 with stride 2; what it says and what it learns are the same, folded and in two parts."""
    torch.manual_seed(0)
    layer = PairConvolution(3, known, 8).double()
    matrices = torch.rand(2, 3 + known, 12, 12, dtype=torch.float64, requires_grad=True)
    plain = functional.conv2d(matrices, layer.weight, layer.bias, stride=2, padding=2)
    parts = functional.pixel_unshuffle(matrices, 2).unflatten(1, (-1, 2, 2)).split([3, known], dim=1)
    found = layer(parts[0], layer.of_known(parts[1]))
    torch.testing.assert_close(found, plain)
    of = [matrices, layer.weight, layer.bias]
    gradients = (torch.autograd.grad(each.square().sum(), of) for each in (found, plain))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_stages_that_share_what_the_observations_say_end_where_single_stages_do(network):
    seen = observations(network, [0.3, 0.2, 0.1, 1.1, 0.1, 0])
    first, table = randomised(network).rounds[0], network.table()
    pose, alpha = torch.tensor([[0.0, 0, 0, 1, 0, 0]]).expand(2, -1), torch.zeros(2, len(network.weights))
    with torch.no_grad():
        together = first(seen, pose, alpha, table)
        memory = first.start(pose)
        for after in together:
            pose, alpha, memory = first.stage(seen, pose, alpha, memory, table)
            torch.testing.assert_close((pose, alpha), after)


def test_a_line_search_begins_with_the_whole_step_and_is_not_asked_of_few_vertices():
    length = StepLength(CapuConfig())
    errors = torch.rand(3, 10)
    np.testing.assert_allclose(length(errors, torch.tensor([100.0, 20, 5])).detach(), 1.0)
    nn.init.constant_(length.layers[-1].bias, 2.0)
    found = length(errors, torch.tensor([100.0, 20, 5])).detach()[:, 0]
    assert (found[:2] > 1.5).all()
    assert found[2] == 1
    assert length.places == tuple(k / 5 for k in range(1, 11))


def test_a_line_search_learns_what_the_text_means_and_not_what_the_caption_says():
    """Falling errors ask for more than the step, rising for less; least in the middle is right."""
    torch.manual_seed(0)
    length = StepLength(CapuConfig())
    best = torch.rand(512) * 2  # where along the step the error is least
    errors = (torch.tensor(length.places) - best[:, None]).abs() * 0.05 + 0.01
    optimiser = torch.optim.Adam(length.parameters(), lr=0.01)
    for _ in range(200):
        loss = (length(errors, torch.full((512,), 99.0))[:, 0] - best).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    shapes = torch.tensor([1.9, 0.1, 1.0])
    curves = (torch.tensor(length.places) - shapes[:, None]).abs() * 0.05 + 0.01
    falling, rising, middle = length(curves, torch.full((3,), 99.0))[:, 0].tolist()
    assert falling > 1.4
    assert rising < 0.6
    assert middle == pytest.approx(1, abs=0.25)


def test_errors_along_a_step_are_means_and_wrong_matches_count_little():
    seen, model = torch.zeros(1, 4, 2), torch.zeros(1, 4, 3)
    model[0, 0, 0], model[0, 1, 1] = 0.1, 9.0
    assert float(path_error(seen, model, torch.ones(1, 4))) == pytest.approx(
        (0.1 + LARGEST_ERROR) / 4, abs=1e-4
    )
    assert float(path_error(seen, model, torch.tensor([[1.0, 0, 0, 0]]))) == pytest.approx(0.1, abs=1e-4)


def test_the_recurrent_cell_is_torchs():
    torch.manual_seed(0)
    ours, theirs = Cell(8, "gru"), nn.GRUCell(8, 8)
    theirs.load_state_dict(
        {
            "weight_ih": ours.from_input.weight,
            "weight_hh": ours.from_state.weight,
            "bias_ih": ours.from_input.bias,
            "bias_hh": ours.from_state.bias,
        }
    )
    x, h = torch.rand(3, 8), torch.rand(3, 8)
    np.testing.assert_allclose(ours(x, h).detach(), theirs(x, h).detach(), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_size": 60}, "multiple of"),
        ({"unet": UnetConfig(widths=(8, 8))}, "three levels"),
        ({"crop_size": 120}, "multiple of 16"),
        ({"cpr": CprConfig(side=9)}, "even"),
        ({"updates": replace(COMPACT.updates, widths=(8, 8))}, "six layers"),
        ({"updates": replace(COMPACT.updates, landmark_widths=(8, 8, 8, 8, 8, 8))}, "as wide"),
        ({"updates": replace(COMPACT.updates, rounds=3)}, "1 or 2"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        replace(COMPACT, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "dense"}, "plain or residual"),
        ({"widths": (16, 32, 64, 96)}, "5 in all"),
        ({"frozen": 7}, "0 to 6"),
        ({"frozen": 1, "encoder": "plain"}, "plain"),
    ],
)
def test_encoders_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        replace(COMPACT.unet, **changes)


def test_the_simple_fits_have_the_networks_own_numbers(network, lfm):
    assert point_solver(network, lfm)._counts == (100, 53)
