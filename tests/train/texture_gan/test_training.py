import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.data.texture.hiding import Hiding, HidingConfig
from lineament.data.texture.partly_seen import FrontalConfig, FrontalTextures, paired
from lineament.errors import ConfigError, DataError, ExportError, WeightsError
from lineament.export.texture_completion import OtherSide
from lineament.export.texture_translator import Translator
from lineament.train.batches.samples import Folders
from lineament.train.engine.loop import LoopConfig
from lineament.train.methods import METHODS, export_run
from lineament.train.networks.texture_gan import TextureGan, TextureGanConfig
from lineament.train.texture_gan.loss import TextureLossConfig, texture_loss
from lineament.train.texture_gan.method import UV_GAN
from lineament.train.texture_gan.training import (
    OpenPairs,
    PairSource,
    TextureGanTrainConfig,
    as_tensors,
    template_of,
)

SMALL = TextureGanConfig(size=32, channels=(8, 8, 8, 8), judge_channels=(8, 8))
ANY_FACE = FrontalConfig(max_yaw=1.0, max_pitch=1.0, min_face_px=1, min_seen=0.1)


@pytest.fixture(scope="module")
def config(samples):
    return TextureGanTrainConfig(
        network=SMALL,
        loop=LoopConfig(steps=4, batch=2, save_every=2, log_every=1, precision="float32"),
        data=Folders((samples,)),
        frontal=ANY_FACE,
        hiding=HidingConfig(turns=2),
        workers=0,
        validation_faces=2,
    )


@pytest.fixture(scope="module")
def opened(config):
    return OpenPairs(config, PairSource(config).textures(validation=False))


def batch_of(opened, rows=4):
    arrays = opened.rows([np.random.default_rng([0, row]) for row in range(rows)])
    return as_tensors({name: torch.as_tensor(values) for name, values in arrays.items()})


def test_what_is_hidden_was_known_and_what_is_left_is_not_hidden(opened):
    texture, _, hidden = batch_of(opened, 6)
    trust = texture[:, 3:4] / 255
    assert float(hidden.max()) > 0.9
    assert float((trust + hidden).max()) <= 1.01
    again = opened.rows([np.random.default_rng([0, row]) for row in range(6)])
    np.testing.assert_array_equal(again["texture"], texture.permute(0, 2, 3, 1).numpy())


def test_a_turned_head_hides_the_far_side_of_itself(lfm, opened):
    hiding = Hiding(lfm, opened._textures.texturer, HidingConfig(1, 0, 0, 0, turns=6, max_yaw=1.4))
    shares = []
    for number in range(6):
        left = hiding._turned(number)
        yaw = np.random.default_rng([17, number])
        turned = yaw.uniform(0.35, 1.4) * yaw.choice([-1, 1])
        far, near = left[8:24, 16:].mean(), left[8:24, :16].mean()
        shares.append((near - far) * np.sign(turned))
    assert min(shares) > 0.02


def test_a_half_is_one_side_and_its_mirror_image_is_what_the_network_is_given(opened):
    (pair,) = opened.halves(1)
    assert not pair.hidden[:, :16].any()
    assert not pair.texture[:, 16:, 3].any()
    np.testing.assert_array_equal(pair.texture[..., 4], pair.texture[:, ::-1, 3])


def test_textures_are_kept_for_the_next_process(config, lfm, tmp_path):
    def textures():
        return FrontalTextures.opened(
            config.data.samples, lfm, ANY_FACE, size=32, validation=False, kept=tmp_path / "kept"
        )

    first = textures().some(2)
    files = sorted((tmp_path / "kept").iterdir())
    times = [file.stat().st_mtime_ns for file in files]
    second = textures().some(2)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.colors_rgb, other.colors_rgb)
        np.testing.assert_array_equal(one.trust, other.trust)
    assert times == [file.stat().st_mtime_ns for file in sorted((tmp_path / "kept").iterdir())]


@pytest.mark.parametrize("template", [True, False])
def test_a_network_begins_with_what_the_other_side_says_and_learns(config, lfm, opened, template):
    changed = replace(config, network=replace(SMALL, template=template))
    torch.manual_seed(0)
    network = TextureGan(changed.network, template_of(changed, lfm)).train()
    texture, whole, hidden = batch_of(opened)
    np.testing.assert_allclose(network.translator(texture).detach(), texture[:, :3] / 127.5 - 1, atol=1e-5)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    wrong = []
    for _ in range(15):
        terms = texture_loss(network(texture, whole), whole, hidden, hidden, TextureLossConfig())
        optimiser.zero_grad()
        terms["loss"].backward()
        optimiser.step()
        wrong.append(float(terms["hidden_l1"].detach()))
    assert wrong[-1] < 0.9 * wrong[0]


def test_neither_half_of_the_loss_reaches_the_other_networks_weights(config, lfm, opened):
    network = TextureGan(SMALL, template_of(config, lfm)).train()
    texture, whole, _ = batch_of(opened)
    found = network(texture, whole)
    (found.fooling - 1).square().mean().backward(retain_graph=True)
    assert all(p.grad is None for p in network.judge.parameters())
    assert network.translator.last.weight.grad.abs().sum() > 0
    network.zero_grad()
    (found.real.mean() + found.fake.mean()).backward()
    assert all(p.grad is None for p in network.translator.parameters())
    assert all(p.grad is not None for p in network.judge.parameters())


def test_a_run_that_was_stopped_goes_on_exactly_and_is_exported(config, tmp_path, lfm):
    at_once = UV_GAN.train(config, tmp_path / "at_once")
    UV_GAN.train(config, tmp_path / "halfway", seconds=0.0)
    assert torch.load(tmp_path / "halfway" / "checkpoint.pt", weights_only=True)["step"] == 1
    resumed = UV_GAN.train(config, tmp_path / "halfway")
    states = [torch.load(run / "checkpoint.pt", weights_only=True) for run in (at_once, resumed)]
    assert [state["step"] for state in states] == [4, 4]
    assert len(json.loads((resumed / "sessions.json").read_text())) == 2
    for name, value in states[0]["network"].items():
        torch.testing.assert_close(value, states[1]["network"][name], rtol=0, atol=0)
    figures = json.loads((at_once / "figures.json").read_text())
    assert figures["hidden_l1"] > 0 < figures["other_side_l1"]

    translator = Translator.open(export_run(at_once, tmp_path / "gan.lineament"), threads=1)
    assert (translator.size, translator.mesh_name) == (32, "lfm")
    translator.check(lfm.mesh)
    with pytest.raises(ExportError, match=r"mesh 'lfm'; the face has 'egg'.*\(mirror\)"):
        translator.check(type("Mesh", (), {"name": "egg"}))
    colors = np.random.default_rng(0).uniform(0, 255, (64, 64, 3)).astype(np.float32)
    left = np.tile(np.float32(np.arange(64) < 32), (64, 1))
    said = translator(colors, left, mirrored=True)
    first = OtherSide()(colors, left, mirrored=True)
    np.testing.assert_allclose(said[:, :32], colors[:, :32], atol=1e-3)
    assert 0 < np.abs(said - first)[:, 32:].mean() < 30
    with pytest.raises(ExportError, match="leave --int8 out"):
        UV_GAN.exporter.check_int8(None, None, None)


def test_other_weights_complete_no_textures():
    with pytest.raises(WeightsError, match=r"complete no textures.*train uv-gan"):
        Translator.open("face-detector")


def test_the_row_is_in_the_table_with_its_ablation():
    assert METHODS["uv-gan"] is UV_GAN
    assert UV_GAN.ablation.variants["no-template"].changes == {"network": {"template": False}}


def test_faces_that_are_too_small_and_sizes_that_do_not_halve_are_refused(config, lfm):
    tiny = replace(config, frontal=replace(ANY_FACE, min_face_px=9999))
    with pytest.raises(DataError, match=r"No face in .* 9999 px wide.*lower frontal.min_face_px"):
        PairSource(tiny).textures(validation=False)
    with pytest.raises(ConfigError, match=r"network\.size is 40"):
        replace(config, network=replace(SMALL, size=40))
    strict = PairSource(replace(config, frontal=replace(ANY_FACE, min_seen=1.1)))
    with pytest.raises(DataError, match=r"lower frontal\.min_seen"):
        strict.open().rows([np.random.default_rng(0)])
    assert (
        paired(PairSource(config).textures(validation=True).some(1)[0], np.ones((32, 32))).hidden.max() == 0
    )
