from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from lineament.bundle import Bundle
from lineament.cli.main import app
from lineament.errors import ConfigError, WeightsError
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel
from lineament.train.runs.released_checkpoint import read_checkpoint
from lineament.train.synergynet import checkpoint_conversion
from lineament.train.synergynet.checkpoint_conversion import released_network

MOBILENET = ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))


def normalisation(name, count):
    shapes = {f"{name}.{part}": (count,) for part in ("weight", "bias", "running_mean", "running_var")}
    return shapes | {f"{name}.num_batches_tracked": ()}


def points(name, widths, first=1):
    shapes = {}
    for number, (before, after) in enumerate(pairwise(widths), start=first):
        shapes |= {f"{name}.conv{number}.weight": (after, before, 1), f"{name}.conv{number}.bias": (after,)}
        shapes |= normalisation(f"{name}.bn{number}", after)
    return shapes


def released_shapes():
    """Names and shapes of the released checkpoint, written down from its code."""
    body = "I2P.backbone.features"
    shapes = {f"{body}.0.0.weight": (32, 3, 3, 3), **normalisation(f"{body}.0.1", 32)}
    number, before = 1, 32
    for expansion, after, count in MOBILENET:
        for _ in range(count):
            inner, conv, at = before * expansion, f"{body}.{number}.conv", 0
            if expansion > 1:
                shapes |= {f"{conv}.0.0.weight": (inner, before, 1, 1), **normalisation(f"{conv}.0.1", inner)}
                at = 1
            shapes |= {f"{conv}.{at}.0.weight": (inner, 1, 3, 3), **normalisation(f"{conv}.{at}.1", inner)}
            shapes |= {f"{conv}.{at + 1}.weight": (after, inner, 1, 1)}
            shapes |= normalisation(f"{conv}.{at + 2}", after)
            number, before = number + 1, after
    shapes |= {f"{body}.18.0.weight": (1280, 320, 1, 1), **normalisation(f"{body}.18.1", 1280)}
    for name, count in (("ori", 12), ("shape", 40), ("exp", 10)):
        head = f"I2P.backbone.classifier_{name}.1"
        shapes |= {f"{head}.weight": (count, 1280), f"{head}.bias": (count,)}
    shapes |= points("forwardDirection", (3, 64, 64, 64, 128, 1024))
    shapes |= points("forwardDirection", (2418, 512, 256, 128, 3), first=6)
    shapes |= points("reverseDirection", (3, 64, 64, 64, 128, 1024))
    for number, count in enumerate((12, 40, 10), start=1):
        name = f"reverseDirection.conv6_{number}"
        shapes |= {f"{name}.weight": (count, 1024, 1), f"{name}.bias": (count,)}
        shapes |= normalisation(f"reverseDirection.bn6_{number}", count)
    return shapes | {"param_mean": (102,), "param_std": (102,), "u_base": (204, 1), "w_shp": (12, 40)}


@pytest.fixture(scope="module")
def state():
    """Random weights; the heads answer with their biases alone."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in released_shapes().items():
        values = 0.05 * torch.randn(shape, generator=generator)
        if name.endswith("running_var") or name == "param_std":
            values = 1 + values.abs()
        if "classifier" in name:
            values = torch.zeros(shape) if name.endswith("weight") else values * 20
        state[f"module.{name}"] = values.long() if name.endswith("tracked") else values
    state["module.param_mean"][[3, 7]] = 60.0
    return state


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(1)
    return MorphableModel(
        name="basel",
        neutral_model=rng.normal(0, 60, (68, 3)).astype(np.float32),
        identity_basis=rng.normal(0, 1, (50, 68, 3)).astype(np.float32),
        expression_basis=rng.normal(0, 1, (29, 68, 3)).astype(np.float32),
        expression_names=tuple(map(str, range(29))),
        triangles=np.zeros((0, 3), np.int32),
        schemes={"300w-lp": LandmarkScheme.of_vertices("300w-lp", np.arange(68))},
    )


DEVIATIONS = {"identity_deviation": np.linspace(9e5, 1e5, 50), "expression_deviation": np.linspace(2, 1, 29)}


def published_landmarks(state, model):
    """The released code's own formulas: (3, 68) pixels from one, y down, depth towards the viewer."""
    names = ("ori", "shape", "exp")
    biases = [state[f"module.I2P.backbone.classifier_{name}.1.bias"] for name in names]
    raw = torch.cat(biases) * state["module.param_std"][:62] + state["module.param_mean"][:62]
    raw = raw.double().numpy()
    pose = raw[:12].reshape(3, 4)
    identity = raw[12:52] / DEVIATIONS["identity_deviation"][:40]
    expression = raw[52:] / DEVIATIONS["expression_deviation"][:10]
    micrometres = 1000 * model.vertices_model(identity, expression).T.astype(np.float64)
    placed = pose[:, :3] @ micrometres + pose[:, 3:]
    placed[1] = 121 - placed[1]
    return placed


def test_released_weights_give_the_released_codes_landmarks_in_our_frame(state, model):
    network = released_network(state, model, **DEVIATIONS)
    with torch.inference_mode():
        output = network(torch.rand(1, 3, 120, 120) * 255)
        read = network._point_input(output.coarse)[0].numpy()
    expected = published_landmarks(state, model)
    size = np.abs(expected).max()
    np.testing.assert_allclose(output.coarse[0, :, 0], expected[0] - 0.5, atol=1e-5 * size)
    np.testing.assert_allclose(output.coarse[0, :, 1], expected[1] - 0.5, atol=1e-5 * size)
    np.testing.assert_allclose(output.coarse[0, :, 2], -expected[2], atol=1e-5 * size)
    np.testing.assert_allclose(read, expected, atol=1e-5 * size)


def test_the_first_layer_reads_red_where_it_read_blue(state, model):
    network = released_network(state, model, **DEVIATIONS)
    own = network.backbone.features[0][0].weight
    torch.testing.assert_close(own.flip(1), state["module.I2P.backbone.features.0.0.weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: s.pop("module.I2P.backbone.classifier_exp.1.bias"),
            r"1 weights are missing.*classifier_exp",
        ),
        (lambda s: s.update({"module.I2P.backbone.fc.weight": torch.zeros(1)}), r"1 are unknown.*fc\.weight"),
        (
            lambda s: s.update({"module.I2P.backbone.classifier_exp.1.bias": torch.zeros(40)}),
            r"is \(40,\), not \(10,\)",
        ),
    ],
)
def test_another_checkpoint_is_refused_by_name(state, model, change, message):
    other = dict(state)
    change(other)
    with pytest.raises(WeightsError, match=message):
        released_network(other, model, **DEVIATIONS)


def test_a_file_is_read_without_running_what_is_in_it(state, tmp_path):
    torch.save({"epoch": 80, "state_dict": state}, tmp_path / "best.pth.tar")
    asked = {"of": "SynergyNet's training", "inside": "state_dict"}
    assert read_checkpoint(tmp_path / "best.pth.tar", **asked).keys() == state.keys()
    (tmp_path / "none.pth").write_bytes(b"nothing")
    for name in ("none.pth", "missing.pth"):
        with pytest.raises(WeightsError, match="not a checkpoint of SynergyNet"):
            read_checkpoint(tmp_path / name, **asked)


def test_geometry_of_the_released_weights_is_refused_because_its_pose_was_never_trained(tmp_path):
    with pytest.raises(ConfigError, match="the last twelve were never trained"):
        checkpoint_conversion.convert(
            tmp_path / "best.pth.tar", tmp_path, tmp_path / "out.lineament", changes=["landmarks=geometry"]
        )


@pytest.mark.parametrize(("changes", "expected"), [([], "coarse"), (["landmarks=refined"], "refined")])
def test_the_command_writes_weights_of_the_published_landmarks(
    state, model, tmp_path, monkeypatch, changes, expected
):
    sane = dict(state)  # half a pixel a millimetre, in the middle of the crop
    sane["module.param_std"] = torch.full_like(state["module.param_std"], 1e-6)
    sane["module.param_mean"] = torch.zeros_like(state["module.param_mean"])
    sane["module.param_mean"][[0, 5, 10]] = 5e-4
    sane["module.param_mean"][[3, 7]] = 60.0
    torch.save({"state_dict": sane}, tmp_path / "best.pth.tar")
    deviations = SimpleNamespace(
        identity=DEVIATIONS["identity_deviation"], expression=DEVIATIONS["expression_deviation"]
    )
    monkeypatch.setattr(checkpoint_conversion, "read_bfm2009", lambda folder: model)
    monkeypatch.setattr(checkpoint_conversion, "standard_deviations_2009", lambda folder: deviations)
    out = tmp_path / "theirs.lineament"
    words = ["import", "synergynet-checkpoint", tmp_path / "best.pth.tar", "--bfm", tmp_path, "--out", out]
    words += [word for change in changes for word in ("--set", change)]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    bundle = Bundle.open(out)
    assert (bundle.manifest.method, bundle.manifest.face_model.name) == ("synergynet", str(tmp_path))
    crops = np.random.default_rng(0).integers(0, 256, (2, 120, 120, 3), np.uint8)
    network = released_network(sane, model, **DEVIATIONS)
    with torch.inference_mode():
        output = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    found = bundle.network(threads=1)(crop=crops)["landmarks"]
    np.testing.assert_allclose(found, getattr(output, expected).numpy(), atol=1e-2)
