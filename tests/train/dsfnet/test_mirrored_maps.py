from dataclasses import replace

import numpy as np
import pytest
import torch

from lineament.bundle import Bundle
from lineament.data.labels.label_surface import LabelSurface
from lineament.errors import ExportError
from lineament.methods.dsfnet import OUTPUTS
from lineament.methods.pretrained import open_method
from lineament.train.dsfnet.method import DSFNET
from lineament.train.dsfnet.mirrored_maps import MeanAnswers
from lineament.train.dsfnet.targets import DsfTargets
from lineament.train.dsfnet.training import new_network
from lineament.train.networks.regressor import RegressorOutput
from lineament.train.onnx import flip_ensemble
from tests.train.dsfnet.painted import SIZE as PICTURE
from tests.train.dsfnet.painted import painted_sample
from tests.train.dsfnet.setups import tiny_config
from tests.train.exports import exported

SIZE = 64


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(2).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def network(lfm, settled, crops):
    torch.manual_seed(0)
    return settled(new_network(tiny_config("nowhere"), lfm), crops)


def answers(path, crops):
    return Bundle.open(path).network("maps", threads=1)(crop=np.ascontiguousarray(crops))


def mirrored(said, lfm):
    """What should be said of the mirror images."""
    sides, signs = np.array([-1.0, 1.0, 1.0]), np.array([-1.0, 1.0, 1.0, 1.0])
    identity, expression = lfm.mirrored(said["identity"], said["expression"])
    return {
        "correspondence": said["correspondence"][..., ::-1] * np.array([-1.0, 1.0])[:, None, None],
        **{name: said[name][..., ::-1] for name in ("depth", "face_mask", "confidence")},
        "pose": (said["pose"].reshape(-1, 3, 4) * sides[:, None] * signs).reshape(-1, 12),
        "identity": identity,
        "expression": expression,
    }


def test_the_mean_of_a_true_face_and_its_true_mirror_image_is_that_face(network, lfm):
    sample = painted_sample(3, LabelSurface.of(lfm, size=32), occluded=True)
    maker = DsfTargets().open(lfm)
    both = [sample.labels, sample.labels.mirrored(lfm, width=PICTURE)]
    made = [maker.make(labels, PICTURE) for labels in both]
    faces = RegressorOutput(
        *(
            torch.as_tensor(np.stack([np.float32(value(labels)) for labels in both]))
            for value in (
                lambda labels: labels.camera.rotation,
                lambda labels: labels.camera.scale,
                lambda labels: labels.camera.translation[:2] * SIZE / PICTURE,
                lambda labels: labels.identity,
                lambda labels: labels.expression,
            )
        )
    )
    own = network.coefficients_of_labels(faces)
    maps = [torch.as_tensor(np.stack([each[name] for each in made])) for name in ("correspondence", "depth")]
    face = torch.as_tensor(np.stack([each["face_mask"] for each in made])).float()
    features = torch.rand(2, 4, 2, 2)
    mean = MeanAnswers(lfm.mirror, own.identity.shape[1])
    found = mean(*maps, face, face, own.pose, own.identity, own.expression, features)
    place, depth, mask, _, pose, identity, expression, kept = (values[0].numpy() for values in found)
    inside = made[0]["face_mask"] & made[1]["face_mask"][:, ::-1]
    assert inside.sum() > 0.97 * made[0]["face_mask"].sum()
    assert np.quantile(np.abs(place - made[0]["correspondence"])[:, inside], 0.97) < 0.02
    assert np.quantile(np.abs(depth - made[0]["depth"])[inside], 0.97) < 0.01
    assert ((mask > 0.5) == made[0]["face_mask"]).mean() > 0.99
    np.testing.assert_allclose(pose, own.pose[0], atol=1e-4)
    np.testing.assert_allclose(identity, own.identity[0], atol=1e-4)
    np.testing.assert_allclose(expression, own.expression[0], atol=1e-4)
    np.testing.assert_array_equal(kept, features[0])


def test_a_mirrored_crop_has_the_mirrored_answers_where_both_ways_are_looked(network, crops, lfm, tmp_path):
    path = exported(DSFNET.exporter, network, tmp_path / "both.lineament", flip=True)
    alone = exported(DSFNET.exporter, network, tmp_path / "alone.lineament")
    found, wanted = answers(path, crops[:, :, ::-1]), mirrored(answers(path, crops), lfm)
    one_way, one_wanted = answers(alone, crops[:, :, ::-1]), mirrored(answers(alone, crops), lfm)
    assert tuple(found) == OUTPUTS["maps"]
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], atol=2e-4)
    for name in ("correspondence", "depth"):  # the network alone is not so
        assert np.abs(one_way[name] - one_wanted[name]).max() > 1e-2
    np.testing.assert_allclose(answers(path, crops)["features"], answers(alone, crops)["features"], atol=1e-4)
    assert open_method(Bundle.open(path), threads=1).crop_rule.size == SIZE


def test_a_face_model_without_a_mirror_image_is_refused(network, tmp_path, lfm, monkeypatch):
    monkeypatch.setattr(flip_ensemble, "load_model", lambda _: replace(lfm, mirror=None))
    with pytest.raises(ExportError, match="leave --flip out"):
        exported(DSFNET.exporter, network, tmp_path / "both.lineament", flip=True)
    assert list(tmp_path.iterdir()) == []
