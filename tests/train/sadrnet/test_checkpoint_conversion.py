"""SADRNet's released layout, on random weights of the right names and shapes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from lineament.crop import CropBox
from lineament.errors import ConfigError, ModelError, WeightsError
from lineament.methods.sadrnet import SadrNet as SadrMethod
from lineament.methods.sadrnet_tables import landmark_weights
from lineament.train.networks.sadrnet import TransposedConv
from lineament.train.runs import released_checkpoint
from lineament.train.runs.released_checkpoint import read_checkpoint
from lineament.train.sadrnet import checkpoint_conversion as conversion
from lineament.train.sadrnet.checkpoint_conversion import (
    AS_RELEASED,
    RELEASED,
    ordinary_weight,
    released_network,
)
from tests.train.released_maps import KNOWN, OTHER_MEANS, bowl_model, imported, normalisation

SMALL = replace(AS_RELEASED, crop_size=64, width=2, attention_width=4)


def released_shapes(width=16, attention=256, size=256):
    """Names and shapes of the released checkpoint, written down from its code."""
    shapes = {"layer0.pipe.0.weight": (width, 3, 4, 4), **normalisation("layer0.pipe.1", width)}
    before = width
    for number, after in enumerate((2, 2, 4, 4, 8, 8, 16, 16, 32, 32), start=1):
        block, after = f"block{number}", after * width
        half = after // 2
        shapes |= {f"{block}.conv1.weight": (half, before, 1, 1), **normalisation(f"{block}.bn1", half)}
        shapes |= {f"{block}.conv2.weight": (half, half, 4, 4), **normalisation(f"{block}.bn2", half)}
        shapes |= {f"{block}.conv3.weight": (after, half, 1, 1), **normalisation(f"{block}.bn3", after)}
        if before != after:
            shapes |= {f"{block}.shortcut.0.weight": (after, before, 1, 1)}
            shapes |= normalisation(f"{block}.shortcut.1", after)
        before = after
    before = 8 * width
    for number in range(1, 5):
        layer = f"attention_branch.conv{number}.pipe"
        shapes |= {f"{layer}.0.weight": (attention, before, 3, 3), **normalisation(f"{layer}.1", attention)}
        before = attention
    shapes["attention_branch.conv5.weight"] = (1, attention, 3, 3)
    low = [count * width for count in (32, 32, 16, 16, 16, 8, 8, 8, 4, 4, 4)]
    head = [*(count * width for count in (4, 2, 2, 1, 1)), 3, 3, 3]
    for name, widths in (("decoder_low", low), ("decoder_kpt", head), ("decoder_offset", head)):
        for number, (before, after) in enumerate(pairwise(widths)):
            layer = f"{name}.{number}"
            shapes |= {f"{layer}.deconv.weight": (before, after, 4, 4)}
            shapes |= normalisation(f"{layer}.BN_AC.0", after)
    return shapes | {
        "rebuilder.mean_posmap_tensor": (3, size, size),
        "rebuilder.revert_operator": (3, 3),
    }


STRIDES = {
    "decoder_low": (1, 2, 1, 1, 2, 1, 1, 2, 1, 1),
    "decoder_kpt": (2, 1, 2, 1, 1, 1, 1),
    "decoder_offset": (2, 1, 2, 1, 1, 1, 1),
}


def as_published(state, picture):
    """The released code's own layers: its maps P and D, and its attention."""

    def norm(x, name, eps):
        values = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *values, eps=eps)

    def up(x, name):
        for number, stride in enumerate(STRIDES[name]):
            layer = f"{name}.{number}"
            x = functional.conv_transpose2d(
                x, state[f"{layer}.deconv.weight"], stride=stride, padding=1, output_padding=stride - 1
            )[:, :, 1:, 1:]
            x = norm(x, f"{layer}.BN_AC.0", 1e-3)
            x = x if name != "decoder_low" and number == 6 else torch.relu(x)
        return x

    def block(x, name, stride):
        y = torch.relu(norm(functional.conv2d(x, state[f"{name}.conv1.weight"]), f"{name}.bn1", 1e-5))
        y = functional.pad(y, (2, 1, 2, 1), mode="circular")
        y = norm(functional.conv2d(y, state[f"{name}.conv2.weight"], stride=stride), f"{name}.bn2", 1e-5)
        y = norm(functional.conv2d(torch.relu(y), state[f"{name}.conv3.weight"]), f"{name}.bn3", 1e-5)
        if f"{name}.shortcut.0.weight" in state:
            x = functional.conv2d(x, state[f"{name}.shortcut.0.weight"], stride=stride)
            x = norm(x, f"{name}.shortcut.1", 1e-5)
        return torch.relu(x + y)

    x = functional.conv2d(picture, state["layer0.pipe.0.weight"], padding=1)
    x = torch.relu(norm(x, "layer0.pipe.1", 1e-3))
    for number in range(1, 7):
        x = block(x, f"block{number}", 1 + number % 2)
    a = x
    for number in range(1, 5):
        layer = f"attention_branch.conv{number}.pipe"
        a = functional.conv2d(a, state[f"{layer}.0.weight"], padding=1)
        a = torch.relu(norm(a, f"{layer}.1", 1e-3))
    attention = torch.sigmoid(functional.conv2d(a, state["attention_branch.conv5.weight"], padding=1))
    x = x * torch.exp(attention)
    for number in range(7, 11):
        x = block(x, f"block{number}", 1 + number % 2)
    x = up(x, "decoder_low")
    return up(x, "decoder_kpt"), up(x, "decoder_offset"), attention


@pytest.fixture(scope="module")
def model():
    return bowl_model()


@pytest.fixture(scope="module")
def state(model):
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in released_shapes(2, 4, 64).items():
        values = torch.randn(shape, generator=generator)
        if name.endswith(("running_var", "BN_AC.0.weight")) or (".bn" in name and name.endswith("weight")):
            values = 1 + 0.1 * values.abs()
        elif values.ndim == 4:
            values = values / (shape[1] * shape[2] * shape[3]) ** 0.5
        state[name] = values.long() if name.endswith("tracked") else values
    mean = conversion._mean_map(model, KNOWN)
    state["rebuilder.mean_posmap_tensor"] = (
        torch.as_tensor(mean) + torch.tensor([0.0, 0.1, 0.0])[:, None, None]
    )
    return {f"module.{name}": tensor for name, tensor in state.items()}


def plain(state):
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def test_the_released_layout_is_the_whole_network_and_has_the_published_count(model):
    shapes = released_shapes()
    names = conversion.name_map(conversion.SadrNet(AS_RELEASED, torch.zeros(3, 256, 256)))
    assert {*names.values()} | {"rebuilder.mean_posmap_tensor", "rebuilder.revert_operator"} == shapes.keys()
    assert len({*names.values()}) == len(names)
    weights = [
        int(np.prod(shape))
        for name, shape in shapes.items()
        if not name.endswith(("running_mean", "running_var", "tracked")) and not name.startswith("rebuilder")
    ]
    assert sum(weights) == 15_487_044


@pytest.mark.parametrize("stride", [1, 2])
def test_a_transposed_kernel_becomes_the_ordinary_one_that_does_the_same(stride):
    generator = torch.Generator().manual_seed(stride)
    weight, x = torch.randn(3, 5, 4, 4, generator=generator), torch.randn(2, 3, 6, 7, generator=generator)
    layer = TransposedConv((3, 5), stride)
    layer.conv.weight.data = ordinary_weight(weight, stride)
    expected = functional.conv_transpose2d(x, weight, stride=stride, padding=1, output_padding=stride - 1)
    torch.testing.assert_close(layer(x), expected[:, :, 1:, 1:], atol=1e-5, rtol=1e-5)


def test_released_weights_give_the_released_codes_maps_in_our_frame(state, model):
    network = released_network(state, model, KNOWN, config=SMALL)
    crop = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255
    values = crop / 255
    picture = (values - values.mean((2, 3), keepdim=True)) / torch.sqrt(
        values.var((2, 3), unbiased=False, keepdim=True) + 0.001
    )
    with torch.inference_mode():
        found = network(crop)
        face, offset, attention = as_published(plain(state), picture)
    assert face.std() > 0.1
    half_px = torch.tensor([0.5, 0.5, 0.0])[:, None, None] / 280  # theirs are counted from pixels' centres
    torch.testing.assert_close(found.face_map, face + half_px, atol=1e-4, rtol=1e-4)
    mean = plain(state)["rebuilder.mean_posmap_tensor"]
    torch.testing.assert_close(found.shape_map, offset + mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.sigmoid(found.attention), attention[:, 0], atol=1e-5, rtol=1e-4)


def test_landmarks_are_weighed_as_in_the_released_code(state, model):
    tables = released_network(state, model, KNOWN, config=SMALL).chart.tables("align", "code")
    row, column = np.divmod(tables.texels, 64)
    uv = model.uv[model.schemes["300w-lp"].vertex_index[:, 0]]
    np.testing.assert_array_equal(column, np.clip(np.floor(uv[:, 0] * 64), 1, 63))
    np.testing.assert_array_equal(row, np.clip(np.floor(uv[:, 1] * 64), 1, 63))
    face = np.random.default_rng(2).normal(0.4, 0.2, (3, 64, 64))
    attention = np.random.default_rng(3).uniform(size=(8, 8))
    expected = []
    for r, c in zip(row, column):
        up, left, here = face[:2, r - 1, c], face[:2, r, c - 1], face[:2, r, c]
        ab, bc = here - up, left - up
        visible = 1.0 if ab[0] * bc[1] - ab[1] * bc[0] > 0 else 0.1
        # Pixels of 256 over cells of 8 px there; a unit is 280 of 256 px.
        x, y = np.clip(np.floor(here * 280 / 256 * 8), 0, 7).astype(int)
        expected.append(visible * attention[y, x])
    np.testing.assert_allclose(landmark_weights(face, attention, tables), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("module.block3.bn2.bias"), r"1 weights are missing \(block3\.bn2\.bias\)"),
        (lambda s: s.update({"module.block11.bn2.bias": torch.zeros(1)}), r"1 are unknown \(block11"),
        (lambda s: s.update({"module.block1.bn2.bias": torch.zeros(9)}), r"block1\.bn2\.bias is \(9,\)"),
        (
            lambda s: s.update({"module.decoder_low.1.deconv.weight": torch.zeros(64, 32, 3, 3)}),
            r"decoder_low\.1\.deconv\.weight is \(64, 32, 3, 3\)",
        ),
        *OTHER_MEANS,
    ],
)
def test_another_checkpoint_is_refused_by_name(state, model, change, message):
    other = dict(state)
    change(other)
    with pytest.raises(WeightsError, match=message):
        released_network(other, model, KNOWN, config=SMALL)


def test_the_command_writes_weights_that_align_a_face(state, model, tmp_path, monkeypatch):
    small = replace(RELEASED, config=SMALL, map_size=64)
    bundle = imported(small, plain(state), model, tmp_path, monkeypatch)
    assert (bundle.manifest.name, bundle.manifest.method) == ("sadrnet-released", "sadrnet")
    assert bundle.manifest.crop.margin == 1.5
    monkeypatch.setattr("lineament.methods.sadrnet.load_model", lambda name: model)
    method = SadrMethod.from_bundle(bundle, threads=1)
    crops = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), np.uint8)
    network = released_network(state, model, KNOWN, config=SMALL)
    with torch.inference_mode():
        found = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float())
    outputs = method.network(crop=crops)
    offset = found.shape_map[0].numpy() - conversion._mean_map(model, KNOWN)
    np.testing.assert_allclose(outputs["offset_map"][0], offset, atol=2e-3)
    np.testing.assert_allclose(outputs["face_map"][0], found.face_map[0].numpy(), atol=1e-3)
    (face,) = method.estimate(crops, [CropBox(center_xy=(50.0, 40.0), side=64.0, size=64)])
    assert face.is_finite
    # The alignment is that of the checkpoint's own mean face with its offsets.
    maps = {name: values[0] for name, values in outputs.items()}
    at = method.tables.texels
    source = (method.tables.mean + maps["offset_map"].reshape(3, -1)[:, at].T) * [1, -1, 1]
    expected = found.shape_map[0].reshape(3, -1).numpy()[:, at].T * [1, -1, 1]
    np.testing.assert_allclose(source, expected, atol=2e-3)


def test_files_that_are_not_what_they_should_be_are_named(state, model, tmp_path, monkeypatch):
    monkeypatch.setattr(released_checkpoint, "read_bfm2009", lambda folder: model)
    with pytest.raises(ModelError, match=r"Put uv_face_mask\.png"):
        RELEASED.convert(tmp_path / "net.pth", tmp_path, tmp_path / "out.lineament")
    Image.fromarray(KNOWN).save(tmp_path / "uv_face_mask.png")
    with pytest.raises(ModelError, match="256 x 256 texels, found"):
        RELEASED.convert(tmp_path / "net.pth", tmp_path, tmp_path / "out.lineament")
    with pytest.raises(ConfigError, match="Only weight"):
        RELEASED.convert(tmp_path / "net.pth", tmp_path, tmp_path / "out.lineament", changes=["width=8"])
    monkeypatch.setattr(released_checkpoint, "read_bfm2009", lambda folder: replace(model, uv=None))
    with pytest.raises(ModelError, match=r"lacks BFM_UV\.mat"):
        RELEASED.convert(tmp_path / "net.pth", tmp_path, tmp_path / "out.lineament")
    (tmp_path / "none.pth").write_bytes(b"nothing")
    for name in ("none.pth", "missing.pth"):
        with pytest.raises(WeightsError, match="not a checkpoint of SADRNet"):
            read_checkpoint(tmp_path / name, of="SADRNet")
