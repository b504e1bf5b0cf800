"""DSFNet's released layout, on random weights of the right names and shapes."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional

from lineament.errors import ConfigError, WeightsError
from lineament.methods.dsfnet_points import crop_from_cloud
from lineament.train.dsfnet import checkpoint_conversion as conversion
from lineament.train.dsfnet.checkpoint_conversion import AS_RELEASED, RELEASED, name_map, released_network
from lineament.train.networks.dsfnet.config import HrnetConfig, ModelBranchConfig
from lineament.train.networks.dsfnet.heads import Coefficients
from lineament.train.networks.dsfnet.network import DsfNet, dsf_net, standardised
from tests.train.released_maps import KNOWN, OTHER_MEANS, bowl_model, imported, normalisation

SMALL = replace(
    AS_RELEASED,
    crop_size=64,
    map_size=64,
    identity=4,
    expression=2,
    encoder=HrnetConfig(stem=8, bottleneck=4, width=4, upward="bilinear"),
    model_branch=ModelBranchConfig(channels=16, collected=8),
    points=replace(AS_RELEASED.points, count=64),
)


def released_shapes(stem=64, inner=64, width=18, counts=(199, 29), branch=(72, 8), side=8, size=256):
    """Names and shapes of the released checkpoint, written down from its code; the U-Net's first only."""
    shapes = {}

    def layer(name, norm, before, after, kernel=3, bias=False):
        shapes[f"{name}.weight"] = (after, before, kernel, kernel)
        if bias:
            shapes[f"{name}.bias"] = (after,)
        shapes.update(normalisation(norm, after))

    def basic(name, before, after):
        layer(f"{name}.conv1", f"{name}.bn1", before, after)
        layer(f"{name}.conv2", f"{name}.bn2", after, after)
        if before != after:
            layer(f"{name}.downsample.0", f"{name}.downsample.1", before, after, 1)

    layer("hrnet.conv1", "hrnet.bn1", 3, stem)
    layer("hrnet.conv2", "hrnet.bn2", stem, stem)
    wide = 4 * inner
    for number in range(4):
        name, before = f"hrnet.layer1.{number}", stem if number == 0 else wide
        for step, (one, two, kernel) in enumerate(
            ((before, inner, 1), (inner, inner, 3), (inner, wide, 1)), start=1
        ):
            layer(f"{name}.conv{step}", f"{name}.bn{step}", one, two, kernel)
        if number == 0:
            layer(f"{name}.downsample.0", f"{name}.downsample.1", before, wide, 1)
    channels = [width * 2**number for number in range(4)]
    layer("hrnet.transition1.0.0", "hrnet.transition1.0.1", wide, channels[0])
    layer("hrnet.transition1.1.0.0", "hrnet.transition1.1.0.1", wide, channels[1])
    for new in (2, 3):
        name = f"hrnet.transition{new}.{new}.0"
        layer(f"{name}.0", f"{name}.1", channels[new - 1], channels[new])
    for stage in (2, 3, 4):
        for end in range(stage):
            for number in range(4):
                basic(f"hrnet.stage{stage}.0.branches.{end}.{number}", channels[end], channels[end])
            for start in range(stage):
                name = f"hrnet.stage{stage}.0.fuse_layers.{end}.{start}"
                if start > end:
                    layer(f"{name}.0", f"{name}.1", channels[start], channels[end], 1)
                for step in range(end - start):
                    after = channels[end if step == end - start - 1 else start]
                    layer(f"{name}.{step}.0", f"{name}.{step}.1", channels[start], after)
    total = sum(channels)
    for head, count in (("grid", 2), ("seg", 2), ("depth", 1)):
        layer(f"hrnet.{head}_head.1", f"hrnet.{head}_head.2", total, total, bias=True)
        shapes[f"hrnet.{head}_head.5.weight"] = (count, total, 3, 3)
        shapes[f"hrnet.{head}_head.5.bias"] = (count,)
    basic("hrnet.model_space_decoder_head", channels[3], branch[0])
    basic("hrnet.para_collect", *branch)
    flat = branch[1] * side**2
    for name, count in (("shape", counts[0]), ("exp", counts[1]), ("Tm", 12)):
        shapes |= {f"hrnet.fc_{name}.weight": (count, flat), f"hrnet.fc_{name}.bias": (count,)}
        shapes |= {f"pointnet.conv6_{name}.weight": (count, 1024, 1), f"pointnet.conv6_{name}.bias": (count,)}
        if name != "Tm":
            shapes |= normalisation(f"pointnet.bn6_{name}", count)
    shapes |= normalisation("hrnet.fc_Tm_bn", 12)
    for number, (before, after) in enumerate(pairwise((6, 64, 64, 64, 128, 1024)), start=1):
        shapes |= {f"pointnet.conv{number}.weight": (after, before, 1)}
        shapes |= {f"pointnet.conv{number}.bias": (after,)} | normalisation(f"pointnet.bn{number}", after)
    return shapes | {
        "unet.conv1.conv1.0.weight": (16, 12, 3, 3),
        "rebuilder.mean_posmap_tensor": (3, size, size),
    }


class Published:
    """The released code's own layers on a state of its names."""

    def __init__(self, state):
        self.state = state

    def norm(self, x, name):
        values = (self.state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *values)

    def conv(self, x, name, stride=1):
        weight = self.state[f"{name}.weight"]
        return functional.conv2d(x, weight, self.state.get(f"{name}.bias"), stride, weight.shape[2] // 2)

    def basic(self, x, name):
        y = torch.relu(self.norm(self.conv(x, f"{name}.conv1"), f"{name}.bn1"))
        y = self.norm(self.conv(y, f"{name}.conv2"), f"{name}.bn2")
        return torch.relu(y + self.shortcut(x, name))

    def shortcut(self, x, name):
        if f"{name}.downsample.0.weight" not in self.state:
            return x
        return self.norm(self.conv(x, f"{name}.downsample.0"), f"{name}.downsample.1")

    def stage(self, x, number):
        name, found = f"hrnet.stage{number}.0", []
        for branch in range(number):
            for block in range(4):
                x[branch] = self.basic(x[branch], f"{name}.branches.{branch}.{block}")
        for end in range(number):
            total = 0
            for start in range(number):
                way, y = f"{name}.fuse_layers.{end}.{start}", x[start]
                if start > end:
                    y = self.norm(self.conv(y, f"{way}.0"), f"{way}.1")
                    size = x[end].shape[2:]
                    y = functional.interpolate(y, size=size, mode="bilinear", align_corners=False)
                for step in range(end - start):
                    y = self.norm(self.conv(y, f"{way}.{step}.0", 2), f"{way}.{step}.1")
                    y = torch.relu(y) if step < end - start - 1 else y
                total = total + y
            found.append(torch.relu(total))
        return found

    def hrnet(self, x):
        for number in (1, 2):
            x = torch.relu(self.norm(self.conv(x, f"hrnet.conv{number}", 2), f"hrnet.bn{number}"))
        for block in range(4):
            name, y = f"hrnet.layer1.{block}", x
            for step in (1, 2, 3):
                y = self.norm(self.conv(y, f"{name}.conv{step}"), f"{name}.bn{step}")
                y = torch.relu(y) if step < 3 else y
            x = torch.relu(y + self.shortcut(x, name))
        down = "hrnet.transition1.1.0"
        y = [
            torch.relu(self.norm(self.conv(x, "hrnet.transition1.0.0"), "hrnet.transition1.0.1")),
            torch.relu(self.norm(self.conv(x, f"{down}.0", 2), f"{down}.1")),
        ]
        y = self.stage(y, 2)
        for new in (2, 3):
            name = f"hrnet.transition{new}.{new}.0"
            lower = torch.relu(self.norm(self.conv(y[-1], f"{name}.0", 2), f"{name}.1"))
            y = self.stage([*y, lower], new + 1)
        return y

    def head(self, x, name):
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = torch.relu(self.norm(self.conv(x, f"hrnet.{name}_head.1"), f"hrnet.{name}_head.2"))
        return self.conv(functional.interpolate(x, scale_factor=2, mode="nearest"), f"hrnet.{name}_head.5")

    def linear(self, x, name):
        weight = self.state[f"{name}.weight"]
        return functional.linear(x, weight.flatten(1), self.state[f"{name}.bias"])

    def all_of(self, picture):
        """Maps, and coefficients of the model-space branch."""
        y = self.hrnet(picture)
        size = y[0].shape[2:]
        larger = [functional.interpolate(z, size=size, mode="bilinear", align_corners=False) for z in y[1:]]
        x = torch.cat([y[0], *larger], 1)
        feature = self.basic(y[3], "hrnet.model_space_decoder_head")
        flat = self.basic(feature, "hrnet.para_collect").flatten(1)
        pose = self.norm(self.linear(flat, "hrnet.fc_Tm"), "hrnet.fc_Tm_bn")
        numbers = (pose, self.linear(flat, "hrnet.fc_shape"), self.linear(flat, "hrnet.fc_exp"))
        seg = torch.sigmoid(self.head(x, "seg"))
        return (self.head(x, "grid"), seg[:, 0], seg[:, 1], self.head(x, "depth")[:, 0]), numbers

    def pointnet(self, points):
        """Shape and expression of (B, 6, m) points."""
        x = points
        for number in range(1, 6):
            weight, bias = (self.state[f"pointnet.conv{number}.{part}"] for part in ("weight", "bias"))
            x = torch.relu(self.norm(functional.conv1d(x, weight, bias), f"pointnet.bn{number}"))
        whole = x.amax(2)
        return [
            self.norm(self.linear(whole, f"pointnet.conv6_{name}"), f"pointnet.bn6_{name}")
            for name in ("shape", "exp")
        ]


@pytest.fixture(scope="module")
def model():
    return bowl_model()


@pytest.fixture(scope="module")
def state(model):
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in released_shapes(8, 4, 4, (4, 2), (16, 8), 2, 64).items():
        values = torch.randn(shape, generator=generator)
        if name.endswith("running_var"):
            values = 1 + 0.1 * values.abs()
        elif len(shape) > 1:
            values = values / np.prod(shape[1:]) ** 0.5
        state[name] = values.long() if name.endswith("tracked") else values
    usual = torch.tensor([[1e-4, 1e-4, 1e-4, 10.0]] * 3).flatten()  # px a µm, and px
    for part in ("weight", "bias"):
        state[f"hrnet.fc_Tm_bn.{part}"] *= usual
    chart = dsf_net(SMALL, model, conversion.trained_chart(model, KNOWN).triangles).chart
    state["rebuilder.mean_posmap_tensor"] = torch.as_tensor(chart.as_map(chart.mean))
    return {f"module.{name}": tensor for name, tensor in state.items()}


@pytest.fixture(scope="module")
def published(state):
    return Published({name.removeprefix("module."): tensor for name, tensor in state.items()})


@pytest.fixture(scope="module")
def network(state, model):
    return released_network(state, model, KNOWN, config=SMALL)


CROP = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 255


def test_the_released_layout_is_both_branches_and_their_counts(model):
    big = replace(AS_RELEASED, identity=4, expression=2)
    names = name_map(DsfNet(big, model, dsf_net(SMALL, model, model.triangles).chart))
    shapes = released_shapes(counts=(4, 2))
    assert {*names.values()} == {name for name in shapes if not name.startswith(("unet.", "rebuilder."))}
    assert len({*names.values()}) == len(names)
    shapes = released_shapes()
    trained = {name: np.prod(shape) for name, shape in shapes.items() if ".running_" not in name}

    def millions(*beginnings):
        return (
            sum(c for name, c in trained.items() if name.startswith(beginnings) and "tracked" not in name)
            / 1e6
        )

    heads = ("hrnet.grid_head", "hrnet.seg_head", "hrnet.depth_head")
    branch = ("hrnet.model_space", "hrnet.para_", "hrnet.fc_")
    assert millions(*heads) == pytest.approx(1.983, abs=0.001)
    assert millions(*branch) == pytest.approx(0.280, abs=0.001)
    assert millions("hrnet.") - millions(*heads) - millions(*branch) == pytest.approx(3.468, abs=0.001)
    assert millions("pointnet.") == pytest.approx(0.398, abs=0.001)


def test_released_weights_give_the_released_codes_maps_and_numbers(network, published):
    with torch.inference_mode():
        maps, numbers, _ = network.encoded(CROP)
        (grid, seg, confidence, depth), (pose, shape, expression) = published.all_of(standardised(CROP))
    assert grid.std() > 0.05
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(maps.correspondence, grid, **close)
    torch.testing.assert_close(torch.sigmoid(maps.segmentation), seg, **close)
    torch.testing.assert_close(maps.confidence, confidence, **close)
    torch.testing.assert_close(maps.depth, depth, **close)
    own = network.coefficients_of(numbers)
    torch.testing.assert_close(own.identity, shape, **close)
    torch.testing.assert_close(own.expression, expression, **close)
    torch.testing.assert_close(numbers.pose, pose, **close)


def test_the_model_space_face_lies_where_the_released_code_has_it(network, model):
    rng = np.random.default_rng(3)
    pose = np.zeros((3, 4))
    # Half a pixel a millimetre, y down, with a little of a turn, about the middle of the crop.
    pose[:, :3] = np.diag([5e-4, -5e-4, 5e-4]) + rng.normal(0, 3e-5, (3, 3))
    pose[:, 3] = [30.0, 34.0, 3.0]
    identity, expression = rng.normal(size=4), rng.normal(size=2)
    raw = [torch.tensor(values, dtype=torch.float32)[None] for values in (pose.ravel(), identity, expression)]
    face = network.posed_by_numbers(Coefficients(*raw))
    chart = network.chart
    shape_mm = chart.gathered(model.vertices_model(identity, expression))
    pixels = 1000 * shape_mm @ pose[:, :3].T + pose[:, 3]  # µm to px, counted from the centres of pixels
    found = face.position[0].numpy() * 280 / (280 / 256 * 64)  # in units of 280 px, as a 256 px crop has them
    found = crop_from_cloud(found, 64)
    np.testing.assert_allclose(found[:, :2], pixels[:, :2] + 0.5, atol=2e-3)
    tip = 1000 * model.landmarks_model(identity, expression, scheme="300w-lp")[30] @ pose[:, :3].T
    expected_depth = (pixels[:, 2] - pose[2, 3]) - tip[2]
    np.testing.assert_allclose(-found[:, 2], expected_depth, atol=2e-3)


def test_points_say_the_same_with_places_as_the_released_code_counts_them(network, published):
    generator = torch.Generator().manual_seed(2)
    points = torch.randn(3, 6, 50, generator=generator)
    index = torch.randint(0, 64, (3, 2, 50), generator=generator).float()
    theirs, ours = points.clone(), points
    theirs[:, 4:] = index / 32 - 1  # / 128 - 1 on their chart of 256
    ours[:, 4:] = index * 2 / 63 - 1
    with torch.inference_mode():
        shape, expression = published.pointnet(theirs)
        found = network.points(ours)
    torch.testing.assert_close(found.identity, shape, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found.expression, expression, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("module.hrnet.fc_exp.bias"), r"1 weights are missing \(hrnet\.fc_exp\.bias\)"),
        (
            lambda s: s.update({"module.hrnet.fc_pose.bias": torch.zeros(1)}),
            r"1 are unknown \(hrnet\.fc_pose",
        ),
        (lambda s: s.update({"module.hrnet.fc_exp.bias": torch.zeros(9)}), r"fc_exp\.bias is \(9,\)"),
        *OTHER_MEANS,
    ],
)
def test_another_checkpoint_is_refused_by_name(state, model, change, message):
    other = dict(state)
    change(other)
    with pytest.raises(WeightsError, match=message):
        released_network(other, model, KNOWN, config=SMALL)


@pytest.mark.parametrize("branch", ["is", "ms"])
def test_the_command_writes_a_branch(state, model, tmp_path, monkeypatch, branch):
    small = replace(RELEASED, config=SMALL, map_size=64)
    bundle = imported(small, state, model, tmp_path, monkeypatch, changes=[f"output={branch}"])
    assert (bundle.manifest.name, bundle.manifest.method) == ("dsfnet-released", "dsfnet")
    assert bundle.manifest.crop.margin == 1.5
    assert set(bundle.manifest.graphs) == ({"maps", "points"} if branch == "is" else {"maps"})
    with pytest.raises(ConfigError, match="Only output, is or ms, can be changed of DSFNet"):
        small.convert(tmp_path / "theirs.pth", tmp_path, bundle.path, changes=["map_size=32"])
