from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.errors import ExportError
from lineament.methods.cprfa_points import FaceCodes
from lineament.train.cprfa.export import EXPORTER
from lineament.train.cprfa.mirrored_maps import MeanCodes
from lineament.train.cprfa.training import new_network
from lineament.train.networks.cprfa.config import tiny
from lineament.train.onnx import flip_ensemble
from tests.train.cprfa.setups import SIZE
from tests.train.exports import exported

SIGN, SIDE = (np.array(values)[:, None, None] for values in ([-1.0, 1.0, 1.0], [1.0, 0.0, 0.0]))


@pytest.fixture(scope="module")
def noisy():
    return np.random.default_rng(4).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize("depth", [False, True])
def test_a_mirrored_crop_has_the_mirrored_maps_where_both_ways_are_looked(
    depth, config, lfm, noisy, settled, tmp_path
):
    torch.manual_seed(0)
    unet = replace(tiny().unet, depth=depth)
    network = settled(new_network(replace(config, network=replace(tiny(), unet=unet)), lfm), noisy)
    paths = [tmp_path / f"{name}.lineament" for name in ("both", "alone")]
    exported(EXPORTER, network, paths[0], margin=1.5, flip=True)
    exported(EXPORTER, network, paths[1], margin=1.5)
    both, alone = (Bundle.open(path).network("maps", threads=1) for path in paths)
    mirrored = np.ascontiguousarray(noisy[:, :, ::-1])
    here, there = both(crop=noisy), both(crop=mirrored)
    assert tuple(here) == ("code", "face_mask", *(["depth"] if depth else []))
    np.testing.assert_allclose(there["code"], SIDE + SIGN * here["code"][..., ::-1], atol=2e-4)
    for name in tuple(here)[1:]:
        np.testing.assert_allclose(there[name], here[name][..., ::-1], atol=2e-4)
    apart = alone(crop=mirrored)["code"] - (SIDE + SIGN * alone(crop=noisy)["code"][..., ::-1])
    assert np.abs(apart).max() > 0.01  # the network alone is not so


def test_the_code_of_a_vertex_and_of_the_one_across_are_each_others_mirror_image(lfm):
    codes = FaceCodes.of(lfm.mesh)
    place = np.full(len(lfm.neutral_model), -1)
    place[codes.vertex] = np.arange(len(codes))
    across = codes.code[place[lfm.mirror.vertex[codes.vertex]]]
    pixels = torch.as_tensor(np.stack([codes.code, across[::-1]])).transpose(1, 2)[:, :, None]
    mean, mask = MeanCodes()(pixels, torch.ones(2, 1, len(codes)))
    np.testing.assert_allclose(mean[0, :, 0].T, codes.code, atol=1e-5)
    assert mask.shape == (1, 1, len(codes))


def test_a_face_model_without_a_mirror_image_is_refused(network, tmp_path, lfm, monkeypatch):
    monkeypatch.setattr(flip_ensemble, "load_model", lambda _: replace(lfm, mirror=None))
    with pytest.raises(ExportError, match="leave --flip out"):
        exported(EXPORTER, network, tmp_path / "both.lineament", margin=1.5, flip=True)
    assert list(tmp_path.iterdir()) == []
