from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import offset_map, posed, position_map
from lineament.data.samples.face_labels import FaceLabels
from lineament.errors import ConfigError
from lineament.geometry.alignment import align_points as align_in_numpy
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.methods.dsfnet_points import UNITS_PER_MM, FaceChart, crop_from_cloud
from lineament.methods.dsfnet_points import drawn as drawn_in_numpy
from lineament.methods.dsfnet_points import observed as observed_in_numpy
from lineament.train.networks.alignment import align_points
from lineament.train.networks.dsfnet.cloud import drawn
from lineament.train.networks.dsfnet.config import (
    COMPACT,
    COMPACT_HRNET,
    PAPER,
    DsfConfig,
    FusionConfig,
    PointsConfig,
    tiny,
)
from lineament.train.networks.dsfnet.heads import CropMaps, MapHeads, ModelBranch
from lineament.train.networks.dsfnet.hrnet import Hrnet
from lineament.train.networks.dsfnet.network import dsf_net
from lineament.train.networks.dsfnet.pointnet import PointNet
from lineament.train.networks.dsfnet.residual import twice_as_large
from lineament.train.networks.dsfnet.unet import FusionNet, blended
from lineament.train.networks.regressor import RegressorOutput

SMALL = tiny()
SIDE = SMALL.crop_size


@pytest.fixture(scope="module")
def triangles(lfm):
    return LabelSurface.of(lfm, size=32).triangles


@pytest.fixture(scope="module")
def network(lfm, triangles):
    torch.manual_seed(0)
    return dsf_net(SMALL, lfm, triangles).eval()


@pytest.fixture(scope="module")
def truth(lfm):
    """Three labelled faces in crops of the network's size."""
    rng = np.random.default_rng(0)
    rotations = np.stack([matrix_from_angles(*rng.uniform(-0.6, 0.6, 3)) for _ in range(3)])
    values = (
        rotations,
        rng.uniform(0.2, 0.28, 3),
        rng.uniform(30, 34, (3, 2)),
        rng.normal(0, 1, (3, 100)),
        rng.uniform(0, 0.4, (3, 53)),
    )
    return RegressorOutput(*(torch.as_tensor(value).float() for value in values))


def millions(module):
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def multiplications(network, inputs):
    """Of all convolutions and linear layers, for one crop."""
    counts = []

    def count(layer, given, made):
        places = given[0] if isinstance(layer, nn.ConvTranspose2d) else made
        per_place = layer.weight[0].numel()
        counts.append(layer.weight.numel() if isinstance(layer, nn.Linear) else per_place * places[0].numel())

    layers = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    handles = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, layers)]
    with torch.no_grad():
        network.eval()(inputs)
    for handle in handles:
        handle.remove()
    return sum(counts)


def test_the_paper_preset_has_the_parameters_that_were_released():
    released = replace(PAPER, identity=199, expression=29)  # of the Basel model
    encoder = Hrnet(released.encoder)
    parts = [
        encoder,
        MapHeads(sum(encoder.channels), released.heads),
        ModelBranch(encoder.channels[-1], released),
        PointNet(released),
        FusionNet(released.fusion.widths, released.model_branch.channels, norm_momentum=0.1),
    ]
    counted = [round(millions(part), 3) for part in parts]
    assert counted == [3.468, 1.983, 0.280, 0.398, 4.059]
    assert round(sum(map(millions, parts)), 2) == 10.19
    assert round(sum(map(millions, parts)) + millions(parts[3]), 2) == 10.59  # the paper's 10.58: twice


@pytest.mark.parametrize("config", [COMPACT, COMPACT_HRNET], ids=["residual", "hrnet"])
def test_the_compact_presets_multiply_at_most_600_million_times(lfm, triangles, config):
    network = dsf_net(config, lfm, triangles)
    crop = torch.zeros(1, 3, config.crop_size, config.crop_size)
    assert 0.4e9 < multiplications(network, crop) < 0.6e9


def test_the_residual_backbone_stays_as_it_begins_where_it_is_fixed(lfm, triangles):
    small = tiny(COMPACT)
    network = dsf_net(replace(small, residual=replace(small.residual, frozen=True)), lfm, triangles)
    before = {name: values.clone() for name, values in network.state_dict().items()}
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1)
    output = network.train()(255 * torch.rand(4, 3, SIDE, SIDE))
    assert output.maps.depth.shape == (4, SIDE // 2, SIDE // 2)
    (output.maps.depth.mean() + output.fused[0].square().mean() + output.fused[1].square().mean()).backward()
    optimiser.step()
    after = network.state_dict()
    fixed = ("encoder.", "model_branch.")
    assert all(torch.equal(after[name], before[name]) for name in before if name.startswith(fixed))
    for part in ("pyramid.", "heads.depth.", "fusion."):
        changed = [not torch.equal(after[name], before[name]) for name in before if name.startswith(part)]
        assert any(changed), part


@pytest.mark.parametrize("side", [7, 8, 14])
def test_what_a_stride_of_two_made_smaller_becomes_as_large_as_it_was(side):
    row = torch.arange(side).float()
    picture = (row[:, None] + 3 * row)[None, None]
    smaller = nn.functional.conv2d(picture, torch.ones(1, 1, 1, 1), stride=2)
    larger = twice_as_large(smaller, side, side)
    assert larger.shape == picture.shape
    inner = (larger - picture)[..., 2:-2, 2:-2]
    torch.testing.assert_close(inner, inner[..., :1, :1].expand_as(inner))  # displaced alike everywhere


def test_a_blend_is_the_one_face_or_the_other_and_what_is_added():
    image, model = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    found = torch.zeros(1, 4, 2, 2)
    found[:, 3, 0], found[:, 3, 1], found[:, 1] = 30.0, -30.0, 0.25
    mixed = blended(found, image, model)
    torch.testing.assert_close(mixed[0, :, 0, 0], torch.tensor([1.0, 1.25, 1.0]))
    torch.testing.assert_close(mixed[0, :, 1, 1], torch.tensor([0.0, 0.25, 0.0]))


def test_a_blend_begins_near_the_model_space_face():
    fusion = FusionNet((8, 16, 24), 4, norm_momentum=0.1, blend=True)
    faces = torch.randn(2, 12, 16, 16)
    offset, position = fusion(faces, torch.randn(2, 4, 2, 2))
    image_position, model_position, image_offset, model_offset = faces.split(3, dim=1)
    for found, image, model in (
        (offset, image_offset, model_offset),
        (position, image_position, model_position),
    ):
        torch.testing.assert_close(found, model + torch.sigmoid(torch.tensor(-2.0)) * (image - model))


def test_switches_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="needs the image-space branch"):
        DsfConfig(points=PointsConfig(enabled=False))
    with pytest.raises(ConfigError, match="output 'f' is switched off"):
        DsfConfig(fusion=FusionConfig(enabled=False))
    with pytest.raises(ConfigError, match="multiple of 32"):
        DsfConfig(crop_size=100)


def test_true_coefficients_give_the_maps_that_the_data_has(network, lfm, truth):
    surface = LabelSurface.of(lfm, size=SMALL.map_size)
    network.pose_std.fill_(0.5)
    face = network.posed_by_numbers(network.standardised(network.coefficients_of_labels(truth)))
    for row in range(3):
        rotation, identity, expression = (
            getattr(truth, name)[row].double().numpy() for name in ("rotation", "identity", "expression")
        )
        origin = np.append(truth.translation[row].numpy(), 0.0)
        camera = WeakPerspective(rotation, float(truth.scale[row]), origin)
        labels = FaceLabels(camera, identity.astype(np.float32), expression.astype(np.float32))
        mesh = posed(labels, lfm, size_hw=(SIDE, SIDE))
        tip = mesh.landmarks_image("lfm-68")[30, 2]
        expected = position_map(mesh, surface)[surface.mask] - [0, 0, tip]
        found = crop_from_cloud(face.position[row].double().numpy(), SIDE)
        np.testing.assert_allclose(found, expected, atol=1e-3)
        offsets = offset_map(mesh, surface)[surface.mask] * UNITS_PER_MM
        np.testing.assert_allclose(face.offset[row].numpy(), offsets, atol=1e-4)
        landmarks = crop_from_cloud(face.landmarks[row].double().numpy(), SIDE)
        np.testing.assert_allclose(landmarks, mesh.landmarks_image() - [0, 0, tip], atol=1e-3)


def random_maps(rows=2, seed=0):
    numbers = torch.Generator().manual_seed(seed)
    shape = (rows, SIDE, SIDE)
    return CropMaps(
        torch.rand(rows, 2, SIDE, SIDE, generator=numbers) * 2.2 - 1.1,
        torch.randn(shape, generator=numbers) * 0.2,
        torch.randn(shape, generator=numbers),
        torch.rand(shape, generator=numbers),
    )


def test_the_cloud_in_torch_is_that_in_numpy(network):
    maps = random_maps()
    visible = maps.segmentation > 0
    visible[1] = False  # then all pixels count
    cloud = network.tables.observed(maps, visible)
    for row in range(2):
        found = observed_in_numpy(
            *(values[row].numpy() for values in (maps.correspondence, maps.depth, maps.confidence, visible)),
            network.chart,
        )
        np.testing.assert_array_equal(cloud.hit[row].numpy(), found.hit)
        np.testing.assert_allclose(cloud.points[row].numpy(), found.points, atol=1e-6)
        np.testing.assert_allclose(cloud.confidence[row].numpy(), found.confidence, atol=1e-6)
        places = drawn(cloud.hit[row : row + 1], network.uniform[:1])
        np.testing.assert_array_equal(
            places[0].numpy(), drawn_in_numpy(found.hit, network.uniform[0].numpy())
        )


def test_pixels_that_show_no_face_hit_nothing_wherever_they_point(network):
    maps = random_maps(1)
    visible = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    visible[0, 5, 7] = True
    maps.correspondence[0, :, 5, 7] = 0.01  # beside the middle of the chart, where zeros point
    cloud = network.tables.observed(maps, visible)
    assert int(cloud.hit.sum()) == 1
    hit = cloud.points[0][cloud.hit[0]][0].double().numpy()
    np.testing.assert_allclose(crop_from_cloud(hit, SIDE)[:2], [7.5, 5.5], atol=1e-4)


def test_points_of_a_true_face_are_brought_to_the_mean_and_back(network, truth):
    face = network.posed_by_numbers(network.standardised(network.coefficients_of_labels(truth)))
    shape = network.tables.mean + face.offset
    there = align_points(shape, face.position, torch.ones(shape.shape[:2]))
    scale = face.linear.norm(dim=2).mean(1)
    torch.testing.assert_close(there.scale, scale, atol=1e-4, rtol=0)
    torch.testing.assert_close(there.rotation, truth.rotation, atol=1e-4, rtol=0)
    in_numpy = align_in_numpy(shape.numpy(), face.position.numpy())
    np.testing.assert_allclose(there.translation.numpy(), in_numpy.translation, atol=1e-5)


def test_the_same_crop_gives_the_same_face_once_training_is_over(network):
    crop = 255 * torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        first, second = (network.face(network(crop)) for _ in range(2))
        alone = network.face(network(crop[1:]))
    torch.testing.assert_close(first.position, second.position, atol=0, rtol=0)
    torch.testing.assert_close(first.position[1:], alone.position, atol=1e-4, rtol=1e-4)


def test_where_little_of_a_face_is_visible_the_model_space_branch_answers(network):
    crop = 255 * torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        output = network(crop)
        output.maps.correspondence.uniform_(-1, 1)  # all over the chart
        output.maps.segmentation[:] = 3.0
        output.maps.segmentation[0] = -3.0
        image = network.image_branch(output.maps)
        output = replace(output, image=image)
        assert image.reliable.tolist() == [False, True]
        found = network.face(output, "is")
    assert torch.equal(found.position[0], output.model_face.position[0])
    assert torch.equal(found.position[1], image.face.position[1])


def test_a_chart_gives_back_how_the_vertices_of_a_face_differ_from_the_mean(lfm, triangles):
    chart = FaceChart.of(lfm, triangles, 64)
    identity = np.random.default_rng(0).normal(0, 1, 100).astype(np.float32)
    offset = lfm.vertices_model(identity, np.zeros(53, np.float32)) - lfm.neutral_model
    found = chart.vertices(chart.as_map(chart.gathered(offset)))
    known = np.isfinite(found).all(axis=1)
    assert 0.9 < known.mean() < 1  # eyeballs and teeth have no place there
    assert np.linalg.norm(found - offset, axis=1)[known].mean() < 0.25  # mm
