"""DSFNet's released checkpoint as our network: ``lineament import dsfnet-checkpoint``.

For people who have the files; nothing of them comes with lineament. The names of its layers are mapped one by
one; a name that is missing or left over is an error. Both branches are taken over: the image-space one, which
answers, and the model-space one (``--set output=ms``). The **fusion is not**: its U-Net also reads places of
the chart where no face is, where the released maps hold each face's translation and ours nothing, so that the
same weights would say something else. Its weights ("unet.") are left out.

Pixels are counted from their centres there, y downward from the crop's corner; here from its middle, upward.
The pose's twelve numbers are carried over as statistics, the places of points on the chart within the first
layer of the point network.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.geometry.morphable import MorphableModel
from lineament.methods.dsfnet_points import UNITS_PER_MM
from lineament.methods.sadrnet import trained_chart
from lineament.train.dsfnet.export import EXPORTER
from lineament.train.networks.dsfnet.config import (
    AlignConfig,
    DsfConfig,
    FusionConfig,
    HrnetConfig,
)
from lineament.train.networks.dsfnet.heads import POSE
from lineament.train.networks.dsfnet.network import DsfNet, dsf_net
from lineament.train.runs.method import Conversion
from lineament.train.runs.released_checkpoint import (
    MEAN_MAP,
    ReleasedMaps,
    check_mean_face,
    check_mean_map,
    fitting_weights,
    plain_names,
)

AS_RELEASED = DsfConfig(
    identity=199,
    expression=29,
    encoder=HrnetConfig(upward="bilinear"),
    align=AlignConfig(center="code"),
    fusion=FusionConfig(enabled=False),
    output="is",
)
CROP_MARGIN = 1.5
PX_PER_UNIT = 280.0
UNITS_PER_MICROMETRE = UNITS_PER_MM / 1000
WHAT = "DSFNet's released checkpoint"
LEFT_OUT = ("unet.",)
MAX_MEAN_MM = 1.0
RESIDUAL = {"first": "conv1", "first_norm": "bn1", "second": "conv2", "second_norm": "bn2"}
HEADS = {"correspondence": "grid_head", "segmentation": "seg_head", "depth": "depth_head"}
HEAD_LAYERS = {"first": "1", "norm": "2", "last": "5"}
BRANCH = {"identity": "fc_shape", "expression": "fc_exp", "pose": "fc_Tm", "pose_norm": "fc_Tm_bn"}
POINTS = {
    "identity.0": "conv6_shape",
    "identity.1": "bn6_shape",
    "expression.0": "conv6_exp",
    "expression.1": "bn6_exp",
    "pose": "conv6_Tm",
}
BUFFERS = tuple(f"{name}_{kind}" for name in ("pose", "identity", "expression") for kind in ("mean", "std"))


def name_map(network: DsfNet) -> dict[str, str]:
    """The released name of each of our weights; buffers of ours alone are not in it."""
    return {name: _released(name) for name in network.state_dict() if name not in BUFFERS}


def _released(name: str) -> str:
    """`heads.depth.norm.weight` is `hrnet.depth_head.2.weight` there, and so on."""
    layer, leaf = name.rsplit(".", 1)
    part, rest = layer.split(".", 1)
    if part == "encoder":
        return f"hrnet.{_encoder(rest)}.{leaf}"
    if part == "heads":
        head, kind = rest.split(".")
        return f"hrnet.{HEADS[head]}.{HEAD_LAYERS[kind]}.{leaf}"
    if part == "model_branch":
        if rest in BRANCH:
            return f"hrnet.{BRANCH[rest]}.{leaf}"
        block, inner = rest.split(".", 1)
        there = {"block": "model_space_decoder_head", "collect": "para_collect"}[block]
        return f"hrnet.{there}.{_residual(inner)}.{leaf}"
    assert part == "points", name
    if rest in POINTS:
        return f"pointnet.{POINTS[rest]}.{leaf}"
    _, number, kind = rest.split(".")
    return f"pointnet.{('conv', 'bn')[int(kind)]}{int(number) + 1}.{leaf}"


def _residual(inner: str) -> str:
    """Of a residual block."""
    return RESIDUAL.get(inner, inner.replace("shortcut", "downsample"))


def _encoder(layer: str) -> str:
    part, *rest = layer.split(".")
    if part == "stem":
        number, kind = rest
        return f"{('conv', 'bn')[int(kind)]}{int(number) + 1}"
    if part == "first":
        if rest[1] == "shortcut":
            return f"layer1.{rest[0]}.downsample.{rest[2]}"
        return f"layer1.{rest[0]}.{('conv', 'bn')[int(rest[3])]}{int(rest[2]) + 1}"
    if part == "begin":
        number, kind = rest
        return f"transition1.{number}.{'0.' if number == '1' else ''}{kind}"
    if part == "lower":
        number = int(rest[0])
        return f"transition{number + 2}.{number + 2}.0.{rest[1]}"
    assert part == "stages", layer
    stage = f"stage{int(rest[0]) + 2}.0"
    if rest[1] == "branches":
        return f"{stage}.branches.{rest[2]}.{rest[3]}.{_residual('.'.join(rest[4:]))}"
    return f"{stage}.fuse_layers.{'.'.join(rest[2:])}"


def released_network(
    state: Mapping[str, Tensor],
    model: MorphableModel,
    known: NDArray[np.bool_],
    *,
    config: DsfConfig = AS_RELEASED,
) -> DsfNet:
    """Our network with the released weights of both branches.

    Args:
        state: the checkpoint; names may begin with "module.".
        model: the Basel Face Model 2009 in mm and standard deviations, with its chart.
        known: (S, S) texels that the maps were trained on.
        config: its sizes.

    Raises:
        WeightsError: weights are missing, left over, or of another shape, or belong to another face model;
            the message names them.
    """
    given = plain_names(state)
    network = dsf_net(config, model, trained_chart(model, known).triangles)
    names = name_map(network)

    def converted(ours: str, tensor: Tensor) -> Tensor:
        is_of_one_place = names[ours].startswith("pointnet.conv6") and tensor.ndim == 3
        return tensor[..., 0] if is_of_one_place else tensor

    weights = fitting_weights(
        given,
        network.state_dict(),
        names,
        of=WHAT,
        also=(MEAN_MAP,),
        left_out=LEFT_OUT,
        converted=converted,
    )
    _check_mean(given[MEAN_MAP], network)
    network.load_state_dict(weights)
    _carry_pose(network)
    _carry_places(network)
    return network.eval()


def _check_mean(released: Tensor, network: DsfNet) -> None:
    """Refuse another mean face than the model's: points are aligned to it before the point network."""
    size = network.config.map_size
    check_mean_map(released, size)
    there = network.tables.of_map(released[None].float())[0]
    apart = ((there - network.tables.mean) / UNITS_PER_MM).norm(dim=1).mean().item()
    check_mean_face(apart, network.chart.model, at_most=MAX_MEAN_MM)


@torch.no_grad()
def _carry_pose(network: DsfNet) -> None:
    """Twelve numbers, µm to px with y down from the corner, as statistics: own = mean + std * theirs."""
    signs = torch.tensor([1.0, -1.0, 1.0])[:, None]
    std = torch.cat([torch.full((3, 3), 1 / UNITS_PER_MICROMETRE), torch.ones(3, 1)], dim=1)
    middle = network.config.crop_size / 2 - 0.5  # of their pixels
    mean = torch.zeros(3, 4)
    mean[:2, 3] = -middle / PX_PER_UNIT
    network.pose_std.copy_((signs * std / PX_PER_UNIT).flatten())
    network.pose_mean.copy_((signs * mean).flatten())
    assert len(network.pose_mean) == POSE


@torch.no_grad()
def _carry_places(network: DsfNet) -> None:
    """A texel's row and column are index / (S / 2) - 1 there, and reach from -1 to 1 here."""
    first, size = network.points.shared[0][0], network.config.map_size
    factor = (size - 1) / size  # theirs = factor * (ours + 1) - 1
    weight = first.weight[:, 4:6, 0].clone()
    first.bias += weight.sum(1) * (factor - 1)
    first.weight[:, 4:6, 0] = weight * factor


RELEASED = ReleasedMaps(
    of="DSFNet",
    config=AS_RELEASED,
    key="output",
    choices="is or ms",
    network=released_network,
    map_size=AS_RELEASED.map_size,
    crop_margin=CROP_MARGIN,
    exporter=EXPORTER,
    data="300W-LP, by DSFNet's authors",
)
CONVERSION = Conversion("DSFNet's released checkpoint, both branches without their fusion", RELEASED.convert)
