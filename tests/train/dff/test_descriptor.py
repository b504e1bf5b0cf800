import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.config_file import read_config
from lineament.data.crops.augment import AugmentConfig
from lineament.errors import ConfigError, DataError
from lineament.train.batches.samples import Folders, crops_as_input
from lineament.train.dff.descriptor_loss import DescriptorLoss, DescriptorLossConfig, drawn_pixels
from lineament.train.dff.descriptor_method import DFF_DESCRIPTOR, DescriptorTrainConfig
from lineament.train.dff.descriptor_pairs import PairSource
from lineament.train.dff.descriptors import DescriptorChoice, RawColours, UnitDescriptors
from lineament.train.dff.matching import match_error, matching_figures
from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.dff.descriptor import (
    COMPACT,
    PAPER,
    DescriptorConfig,
    DescriptorNet,
    Descriptors,
    unit_length,
)
from lineament.train.onnx.exporter import USUAL, export
from shared import ROOT
from tests.train.dff.faces import points_folder
from tests.train.sadrnet.faces_of_codes import coded_folder

SIZE = 48
SMALL = DescriptorConfig(crop_size=SIZE, widths=(8, 16, 24), encoder=1, decoder=1, channels=16)
CONFIGS = ROOT / "docs" / "runs" / "configs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve heads whose colours are their places on the face; four are for validation."""
    return coded_folder(tmp_path_factory.mktemp("codes") / "samples")


@pytest.fixture(scope="module")
def pairs(folder):
    return PairSource(Folders((folder,)), AugmentConfig(crop_size=SIZE), "lfm").steady(validation=False)


@pytest.fixture(scope="module")
def batch(pairs):
    arrays = pairs.open().rows([np.random.default_rng([1, row]) for row in range(4)])
    return {name: torch.as_tensor(values) for name, values in arrays.items()}


def test_pairs_know_which_pixel_shows_which_place(batch, lfm):
    assert batch["crop"].shape == (4, 2, SIZE, SIZE, 3)
    inside = batch["face"]
    assert 0.2 < inside.float().mean() < 0.8
    skin = lfm.neutral_model
    assert (batch["place"][inside].amin(0).numpy() > skin.min(0) - 1).all()
    assert (batch["place"][inside].amax(0).numpy() < skin.max(0) + 1).all()
    # These pictures are coloured by their places: the colour tells whether the place is right. Left and right
    # are exchanged in those that were mirrored.
    for pair in range(4):
        for side in range(2):
            shown = inside[pair, side]
            colours, places = batch["crop"][pair, side][shown].float(), batch["place"][pair, side][shown]
            for axis in range(3):
                found = np.corrcoef(colours[:, axis], places[:, axis])[0, 1]
                assert (abs(found) if axis == 0 else found) > 0.95
    assert (batch["size"] > SIZE / 4).all()


def test_pairs_of_one_photograph_are_as_frequent_as_asked(folder):
    source = PairSource(Folders((folder,)), AugmentConfig(crop_size=SIZE), "lfm", same_photo=1.0)
    rows = source.steady(validation=False).open().rows([np.random.default_rng(n) for n in range(6)])
    assert rows["same"].all()
    none = replace(source, same_photo=0.0).steady(validation=False).open()
    assert none.rows([np.random.default_rng(n) for n in range(6)])["same"].mean() < 1


def test_faces_that_were_not_fitted_make_no_pairs(lfm, tmp_path):
    folder = points_folder(tmp_path / "points", lfm, count=2)
    with pytest.raises(DataError, match="learnt from correspondences"):
        PairSource(Folders((folder,)), AugmentConfig(crop_size=SIZE), "lfm", validation=False).open()


def test_drawn_pixels_show_the_face():
    face = torch.zeros(2, 100, dtype=torch.bool)
    face[0, 10:60] = True
    face[1, 3:8] = True
    pixels, weights = drawn_pixels(face, 20)
    assert face[0][pixels[0]].all()
    assert weights[0].sum() == 20
    assert weights[1].sum() == 5
    assert len(set(pixels[0].tolist())) == 20


def perfect(batch, channels=64):
    """Descriptors that are a smooth function of the place alone."""
    rng = torch.Generator().manual_seed(0)
    waves = torch.randn(3, channels, generator=rng) / 25  # a distance of one for 25 mm
    places = batch["place"].flatten(0, 1)
    both = torch.cat([torch.sin(places @ waves), torch.cos(places @ waves)], 3)
    unit = unit_length(both.permute(0, 3, 1, 2))
    return Descriptors(unit, 20 * batch["face"].flatten(0, 1).float() - 10)


def test_places_are_better_descriptors_than_noise(batch):
    loss = DescriptorLoss(DescriptorLossConfig(pixels=64))
    torch.manual_seed(0)
    right = perfect(batch)
    wrong = Descriptors(unit_length(torch.randn_like(right.unit)), torch.zeros_like(right.face))
    good, bad = (loss(found, batch) for found in (right, wrong))
    for name in ("distance", "contrast", "mask", "loss"):
        assert torch.isfinite(good[name])
        assert good[name] < (0.85 if name == "distance" else 0.7) * bad[name], name


def test_matching_is_exact_for_places_and_poor_for_noise(batch):
    right = perfect(batch).unit.unflatten(0, (-1, 2))
    noise = unit_length(torch.randn_like(right.flatten(0, 1))).unflatten(0, (-1, 2))
    for row in range(4):
        truth = {name: batch[name][row] for name in ("place", "face", "size")}
        assert match_error(right[row], truth, 0) < 2.5
        assert match_error(noise[row], truth, 0) > 15


def test_pictures_that_share_no_place_have_no_error(batch):
    truth = {name: batch[name][0].clone() for name in ("place", "face", "size")}
    truth["place"][1] += 500
    assert np.isnan(match_error(perfect(batch).unit[:2], truth, 0))


@pytest.fixture(scope="module")
def learnt(batch):
    """A network after sixty steps on four pairs, and its terms."""
    torch.manual_seed(0)
    network, loss = DescriptorNet(SMALL), DescriptorLoss(DescriptorLossConfig(pixels=96))
    optimiser, terms = torch.optim.Adam(network.parameters(), lr=4e-3), []
    crops = crops_as_input(batch["crop"].flatten(0, 1))
    for _ in range(60):
        found = loss(network.train()(crops), batch)
        optimiser.zero_grad()
        found["loss"].backward()
        optimiser.step()
        terms.append({name: float(value.detach()) for name, value in found.items()})
    return network.eval(), terms


def test_a_few_steps_lower_every_term_and_match_better_than_colours_of_noise(learnt, batch):
    network, terms = learnt
    for name in terms[0]:
        assert terms[-1][name] < (0.95 if name == "mask" else 0.8) * terms[0][name], name
    unit = UnitDescriptors(network)(crops_as_input(batch["crop"].flatten(0, 1))).detach()
    assert unit.norm(dim=1).sub(1).abs().max() < 1e-3
    random = UnitDescriptors(DescriptorNet(SMALL).eval())(
        crops_as_input(batch["crop"].flatten(0, 1))
    ).detach()

    def error(maps):
        rows = maps.unflatten(0, (-1, 2))
        truths = [{name: batch[name][row] for name in ("place", "face", "size")} for row in range(4)]
        return np.mean([match_error(rows[row], truths[row], 0) for row in range(4)])

    assert error(unit) < 0.8 * error(random)


def test_figures_are_taken_between_views_and_between_people(pairs):
    figures = matching_figures(RawColours(), pairs.open(), 6, torch.device("cpu"))
    assert set(figures) == {"matching_views_percent", "matching_people_percent"}
    assert all(0 < value < 100 for value in figures.values())
    assert figures == matching_figures(RawColours(), pairs.open(), 6, torch.device("cpu"))


def test_a_run_is_trained_exported_and_taken_by_the_regressor_s_loss(folder, tmp_path):
    loop = LoopConfig(steps=2, batch=2, log_every=1, save_every=2, precision="float32")
    config = DescriptorTrainConfig(
        loop=loop,
        network=SMALL,
        augment=AugmentConfig(crop_size=SIZE),
        loss=DescriptorLossConfig(pixels=32),
        data=Folders((folder,)),
        workers=0,
        validation_crops=4,
    )
    run = DFF_DESCRIPTOR.train(config, tmp_path / "run")
    figures = json.loads((run / "figures.json").read_text())
    assert figures["step"] == 2
    assert np.isfinite(list(figures.values())).all()
    network = DFF_DESCRIPTOR.trained(run)
    chosen = DescriptorChoice("trained", str(run)).open()
    crop = torch.rand(1, 3, SIZE, SIZE) * 255
    torch.testing.assert_close(chosen(crop), network(crop).unit)
    assert chosen(torch.rand(1, 3, 2 * SIZE, 2 * SIZE)).shape == (1, 16, SIZE, SIZE)
    path = export(
        DFF_DESCRIPTOR.exporter,
        network,
        tmp_path / "descriptor.lineament",
        manifest=DFF_DESCRIPTOR.about(run),
        pictures=None,
        options=USUAL,
    )
    bytes_ = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    said = Bundle.open(path).network(threads=1)(crop=bytes_)
    wanted = network(crops_as_input(torch.as_tensor(bytes_))).unit.detach().numpy()
    np.testing.assert_allclose(said["descriptors"], wanted, atol=1e-3)


def test_settings_that_pairs_cannot_have_are_refused():
    with pytest.raises(ConfigError, match="worker processes"):
        DescriptorTrainConfig(crops_by="device")


@pytest.mark.parametrize(
    ("name", "network"), [("dff_descriptor_compact", COMPACT), ("dff_descriptor_paper", PAPER)]
)
def test_the_configuration_files_are_the_presets(name, network):
    config = read_config(CONFIGS / f"{name}.toml", DescriptorTrainConfig)
    assert config.network == network
    assert config.augment.crop_size == network.crop_size
