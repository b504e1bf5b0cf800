"""The network with the regressor's encoder: what it begins with, and that each of its parts does its work."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError, ExportError
from lineament.methods.pretrained import open_method
from lineament.methods.sadrnet_tables import POSITION_UNIT
from lineament.train.batches.alignment_figures import CropLandmarks
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import CropSource, Folders, arrays_of, crops_as_input
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import RATE, OptimiserConfig, make_optimiser
from lineament.train.networks.regressor import Regressor, RegressorOutput
from lineament.train.networks.residual_encoder import EncoderConfig, Readout, pixels_around_zero
from lineament.train.networks.sadrnet import CELL, COMPACT, SadrConfig, SadrOutput
from lineament.train.networks.sadrnet_residual import FACE_STEP, OFFSET_STEP
from lineament.train.regressor.export import EXPORTER as REGRESSOR_EXPORTER
from lineament.train.sadrnet.export import EXPORTER
from lineament.train.sadrnet.loss import SadrLossConfig
from lineament.train.sadrnet.method import SADRNET
from lineament.train.sadrnet.mirrored_maps import MeanMaps
from lineament.train.sadrnet.targets import SadrTargets
from lineament.train.sadrnet.training import SadrTrainConfig, loss_of, new_network, prepare
from samples import make_sample
from tests.train.exports import Given, exported

SIZE, MAP = 104, 64
SMALL = SadrConfig(
    crop_size=SIZE,
    map_size=MAP,
    encoder="residual",
    # Of 8 channels oneDNN 3.12 aborts the gradient of a strided convolution, where there is AVX-512.
    residual=EncoderConfig(stem=16, stages=(16, 16, 16, 16), blocks=(1, 2, 1, 1)),
    readout=Readout(squeeze=8, hidden=32),
    frozen=True,
    width=2,
    attention_width=4,
    momentum=0.1,
)
LOOP = LoopConfig(steps=2, batch=4, log_every=1, save_every=1, precision="float32")
WHOLE = SadrTrainConfig(
    network=SMALL, augment=AugmentConfig(crop_size=SIZE), loss=SadrLossConfig(neck=1.0), loop=LOOP
)


@pytest.fixture(scope="module")
def batch(coded):
    """Eight heads in crops of 104 px, with maps of 64 texels."""
    source = CropSource(Folders((coded,)), WHOLE.augment, targets=SadrTargets(MAP))
    arrays = arrays_of(source.sampler(validation=False).plain_batch(np.arange(8)))
    return {name: torch.as_tensor(array) for name, array in arrays.items()}


@pytest.fixture
def network(lfm):
    torch.manual_seed(0)
    return new_network(WHOLE, lfm)


@pytest.fixture(scope="module")
def regressor(lfm, batch, tmp_path_factory, settled):
    """A regressor of the same sizes and its exported weights."""
    torch.manual_seed(5)
    made = Regressor(new_network(WHOLE, lfm).trunk.config)
    torch.nn.init.normal_(made.heads.weight, std=0.05)
    settled(made, batch["crop"])
    crops = batch["crop"].numpy()
    path = tmp_path_factory.mktemp("regressor") / "begun.lineament"
    return made.eval(), exported(REGRESSOR_EXPORTER, made, path, pictures=Given(crops, crops))


def test_the_compact_network_takes_at_most_600_million_multiplications(lfm):
    config = SadrTrainConfig(network=COMPACT, augment=AugmentConfig(crop_size=COMPACT.crop_size))
    network, total = new_network(config, lfm).eval(), [0]

    def count(layer, _, out):
        total[0] += out.numel() * layer.weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(count)
    with torch.inference_mode():
        found = network(torch.rand(1, 3, COMPACT.crop_size, COMPACT.crop_size) * 255)
    assert found.face_map.shape == found.shape_map.shape == (1, 3, COMPACT.maps, COMPACT.maps)
    assert found.attention.shape == (1, 14, 14)
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_371_010
    assert 0.4e9 < total[0] + network.modes.numel() < 0.6e9


def test_maps_may_be_smaller_than_the_crop_and_the_mask_has_its_cells(batch):
    assert batch["face_map"].shape == batch["offset_map"].shape == (8, 3, MAP, MAP)
    assert batch["attention"].shape == (8, SIZE // CELL, SIZE // CELL)


def test_true_coefficients_and_poses_give_the_true_maps(network, batch, lfm):
    truth = LabelBatch.of(batch)
    face, shape = network.first_maps(truth.face)
    known = network.mask
    apart = (shape - network.mean_map - batch["offset_map"]).abs().amax(1)[:, known]
    assert apart.max() < 2e-3
    apart = (face - batch["face_map"]).abs().amax(1)[:, known]
    assert apart.max() < 2e-3  # 0.2 px
    estimate = network.landmarks(found := network_output(face, shape), network.align(found))
    torch.testing.assert_close(estimate.rotation, truth.rotation, atol=2e-3, rtol=0)
    wanted = CropLandmarks(lfm)(truth.face)
    assert (estimate.landmarks[..., :2] - wanted[..., :2]).norm(dim=-1).mean() < 0.4


def network_output(face, shape):
    return SadrOutput(face, shape, None, None)


def test_a_new_network_says_what_its_coefficients_say(network, batch):
    network.eval()
    with torch.inference_mode():
        crops = crops_as_input(batch["crop"])
        found = network(crops)
        layers, ends = network.trunk.features, SMALL.residual.blocks
        assert len(layers) == 3 + sum(ends) + 3
        gate_is_on = found.attention.abs().max() > 0
        face, shape = network.first_maps(read_with_gate(network, crops, found.attention))
    assert gate_is_on
    torch.testing.assert_close(found.face_map, face)
    torch.testing.assert_close(found.shape_map, shape)


def read_with_gate(network, crops, attention):
    layers, split = network.trunk.features, 3 + sum(SMALL.residual.blocks[:2])
    features = layers[:split](pixels_around_zero(crops))
    features = features * torch.exp(torch.sigmoid(attention)[:, None] - 0.5)
    return network.trunk.face_of(network.trunk.hidden(layers[split:](features)))


def test_a_mask_that_knows_nothing_leaves_the_regressor_as_it_was(network, batch):
    network.eval()
    torch.nn.init.zeros_(network.attention[-1].weight)
    with torch.inference_mode():
        crops = crops_as_input(batch["crop"])
        found, face = network(crops), network.trunk(crops)
        torch.testing.assert_close(found.face_map, network.first_maps(face)[0])


def test_features_are_looked_up_where_the_map_says(network):
    """Of a picture whose features are their own places: cell i of stride s has its middle at s i + 1/2."""
    for stride in (CELL, 4):
        cells = SIZE // stride
        middles = stride * torch.arange(cells) + 0.5
        features = torch.stack(torch.meshgrid(middles, middles, indexing="xy"))[None]
        wanted = torch.rand(1, 2, 32, 32, generator=torch.Generator().manual_seed(1))
        wanted = middles[0] + wanted * (middles[-1] - middles[0])
        found = network._looked_up(features, wanted / (POSITION_UNIT * SIZE), stride)
        torch.testing.assert_close(found, wanted, atol=1e-3, rtol=0)


def test_a_few_steps_lower_the_losses_and_leave_what_is_frozen(lfm, batch):
    torch.manual_seed(0)
    config = replace(WHOLE, loss=replace(WHOLE.loss, aligned_from=-1.0))
    network = new_network(config, lfm)
    loss = loss_of(config, network, lfm)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    optimiser = make_optimiser(network, OptimiserConfig(learning_rate=4e-3))
    crops, truth, terms = crops_as_input(batch["crop"]), LabelBatch.of(batch), []
    for _ in range(25):
        found = loss(network.train()(crops), truth)
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
        terms.append({name: float(value.detach()) for name, value in found.items()})
    for name in ("loss", "position", "aligned", "attention"):
        assert terms[-1][name] < 0.97 * terms[0][name], name
    ends = 3 + sum(SMALL.residual.blocks[:2])
    same = {name for name, values in network.state_dict().items() if torch.equal(values, before[name])}
    frozen = {n for n in before if n.startswith("trunk.features.") and int(n.split(".")[2]) < ends}
    constants = {n for n in before if n.endswith(("_mean", "_std", "mean_map"))}
    assert frozen <= same
    assert same <= frozen | constants
    assert not any(p.requires_grad for p in network.trunk.features[:ends].parameters())


def test_without_frozen_layers_all_are_trained(lfm, batch):
    torch.manual_seed(0)
    config = replace(WHOLE, network=replace(SMALL, frozen=False))
    network = new_network(config, lfm).train()
    terms = loss_of(config, network, lfm)(network(crops_as_input(batch["crop"])), LabelBatch.of(batch))
    terms["loss"].backward()
    assert not [key for key, p in network.named_parameters() if p.grad is None]


def test_what_was_begun_has_a_rate_of_its_own(network):
    groups = make_optimiser(network, OptimiserConfig(begun_rate=0.1)).param_groups
    assert [group[RATE] for group in groups] == [1.0, 1.0, 0.1, 0.1]
    count = sum(len(group["params"]) for group in groups)
    assert count == len(list(network.parameters()))
    slow = {id(p) for group in groups[2:] for p in group["params"]}
    assert slow == {id(p) for p in network.trunk.parameters()}
    assert len(make_optimiser(network, OptimiserConfig()).param_groups) == 2


def test_a_run_begins_with_a_regressor(coded, lfm, batch, regressor):
    made, path = regressor
    config = replace(WHOLE, data=Folders((coded,)), start=str(path))
    network = new_network(config, lfm)
    prepare(network, config, SADRNET.source(config))
    crops = crops_as_input(batch["crop"])
    with torch.inference_mode():
        found, wanted = network.trunk.eval()(crops), made(crops)
    for name in RegressorOutput.__dataclass_fields__:
        torch.testing.assert_close(getattr(found, name), getattr(wanted, name), atol=2e-2, rtol=2e-2)


def test_only_the_residual_encoder_begins_with_a_regressor(coded, lfm, regressor):
    narrow = SadrConfig(crop_size=64, width=4, attention_width=8, tail=8, momentum=0.1, begin="scaled")
    config = SadrTrainConfig(
        network=narrow,
        augment=AugmentConfig(crop_size=64),
        data=Folders((coded,)),
        start=str(regressor[1]),
    )
    with pytest.raises(ConfigError, match="no run folder"):
        prepare(new_network(config, lfm), config, SADRNET.source(config))


def test_a_run_is_trained_gone_on_with_begun_with_and_exported(coded, lfm, batch, tmp_path):
    config = replace(WHOLE, data=Folders((coded,)), workers=0, validation_crops=4)
    run = SADRNET.train(config, tmp_path / "run")
    SADRNET.train(replace(config, loop=replace(LOOP, steps=3)), run)
    other = replace(config, start=str(run), loop=replace(LOOP, optimiser=OptimiserConfig(learning_rate=0.0)))
    after = SADRNET.trained(SADRNET.train(other, tmp_path / "other")).state_dict()
    before = SADRNET.trained(run).state_dict()
    for name in ("face_head.3.conv.weight", "trunk.heads.weight", "fine.0.weight"):
        torch.testing.assert_close(after[name], before[name])


def test_the_graph_says_what_torch_says_and_a_crop_becomes_a_face(network, batch, tmp_path, settled):
    for head in (network.face_head, network.shape_head):
        torch.nn.init.normal_(head[-1].conv.weight, std=0.1)
    settled(network, batch["crop"])
    crops = batch["crop"].numpy()
    path = exported(EXPORTER, network, tmp_path / "small.lineament", pictures=Given(crops, crops))
    bundle = Bundle.open(path)
    said = bundle.network(threads=1)(crop=crops)
    with torch.inference_mode():
        found = network(crops_as_input(batch["crop"]))
        first, shape = network.first_maps(
            read_with_gate(network, crops_as_input(batch["crop"]), found.attention)
        )
        place = network.align(found)
    assert (found.face_map - first).abs().max() > 0.1 * FACE_STEP
    assert (found.shape_map - shape).abs().max() > 0.1 * OFFSET_STEP
    np.testing.assert_allclose(said["face_map"], found.face_map, atol=1e-3)
    np.testing.assert_allclose(said["offset_map"], found.shape_map - network.mean_map, atol=2e-3)
    method = open_method(bundle, threads=1)
    assert method.tables.size == MAP
    assert method.crop_rule.size == SIZE
    row = {name: values[0] for name, values in said.items()}
    np.testing.assert_allclose(method.similarity(row).rotation, place.rotation[0], atol=1e-3)


def test_a_mirrored_crop_has_the_mirrored_maps_where_both_ways_are_looked(
    network, batch, tmp_path, settled, lfm
):
    settled(network, batch["crop"])
    path = exported(EXPORTER, network, tmp_path / "both.lineament", pictures=None, flip=True)
    bundle = Bundle.open(path)
    assert bundle.manifest.max_uncertainty_mm is None  # it says nothing of uncertainty
    graph, crops = bundle.network(threads=1), batch["crop"].numpy()[:3]
    here, there = graph(crop=crops), graph(crop=np.ascontiguousarray(crops[:, :, ::-1]))
    mask = network.mask.numpy()
    both = mask & mask[:, ::-1]
    assert both.sum() > 0.95 * mask.sum()
    sign = np.array([-1.0, 1.0, 1.0])[:, None, None]
    side = np.array([1 / POSITION_UNIT, 0.0, 0.0])[:, None, None]
    flipped = {name: values[..., ::-1] for name, values in there.items()}
    apart = (here["face_map"] - (side + sign * flipped["face_map"]))[:, :, both]
    assert np.abs(apart).max() < 1e-4
    assert np.abs(here["offset_map"] - sign * flipped["offset_map"])[:, :, both].max() < 1e-4
    np.testing.assert_allclose(here["attention"], flipped["attention"], atol=1e-5)
    alone = network(crops_as_input(batch["crop"][:3])).face_map.detach().numpy()
    assert np.abs(here["face_map"] - alone)[:, :, both].max() > 1e-3
    assert open_method(bundle, threads=1).tables.size == MAP


def test_the_mean_of_a_true_face_and_its_true_mirror_image_is_that_face(network, lfm):
    maker = SadrTargets(MAP).open(lfm)
    sample = make_sample(yaw=0.4, roll=0.2, size=SIZE, occluded=False)
    faces = [sample.labels, sample.labels.mirrored(lfm, width=SIZE)]
    made = [maker.make(labels, SIZE) for labels in faces]
    names = ("face_map", "offset_map", "attention")
    means = MeanMaps(network.mask)(*(torch.as_tensor(np.stack([m[n] for m in made])) for n in names))
    for name, mean in zip(names, means, strict=True):
        apart = np.abs(mean[0].numpy() - made[0][name])
        apart = apart if name == "attention" else apart.max(0)[network.mask.numpy()]
        assert np.quantile(apart, 0.97) < 0.01


def test_maps_that_are_not_both_there_have_no_mirror_image(lfm, batch, tmp_path):
    narrow = SadrConfig(crop_size=64, width=4, attention_width=8, tail=8, begin="scaled", pose="direct")
    config = SadrTrainConfig(network=narrow, augment=AugmentConfig(crop_size=64))
    with pytest.raises(ExportError, match="leave --flip out"):
        exported(EXPORTER, new_network(config, lfm), tmp_path / "both.lineament", flip=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_size": 100}, "multiple of 8"),
        ({"crop_size": 160}, "from 104 to 128"),
        ({"map_size": 0}, "Set map_size = 64"),
        ({"pose": "direct"}, "pose = 'direct'"),
        ({"encoder": "paper", "crop_size": 128}, "as large as its crops"),
    ],
)
def test_sizes_and_switches_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **changes)
