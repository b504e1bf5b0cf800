"""SynergyNet's released checkpoint as our network: ``lineament import synergynet-checkpoint``.

For people who have the file; nothing of it comes with lineament. The names of its layers are mapped one by
one; a name that is missing or left over is an error. Its numbers are in 3DDFA's frame (crop of 120 px, y up,
pixels counted from one) and in raw units of the Basel model: standardisation carries them into ours, so that
the network that comes out is like any other. The colour channels of its first layer are turned to RGB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.bundle import CropSpec
from lineament.config_file import apply_changes
from lineament.crop import MARGIN
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.models.bfm import read_bfm2009, standard_deviations_2009
from lineament.train.batches.alignment_figures import SCHEME
from lineament.train.networks.synergynet import AS_RELEASED, POSE, SynergyNet
from lineament.train.runs.method import Conversion
from lineament.train.runs.released_checkpoint import (
    fitting_weights,
    plain_names,
    read_checkpoint,
    write_released,
)
from lineament.train.synergynet.export import EXPORTER

CROP = 120.0
UNITS_PER_MM = 1000.0
WHAT = "SynergyNet's released checkpoint with MobileNet-V2"
STATISTICS = ("param_mean", "param_std")
LEFT_OUT = ("u", "w_shp", "w_exp", "u_base", "w_shp_base", "w_exp_base")
"""The face model's own arrays, which the user's copy of the model replaces."""
HEADS = ("classifier_ori", "classifier_shape", "classifier_exp")


def name_map(network: SynergyNet) -> dict[str, str]:
    """The released name of each of our weights; buffers of ours alone are not in it."""
    prefixes = {"backbone.": "I2P.backbone."}
    prefixes |= {f"heads.{n}.1.": f"I2P.backbone.{head}.1." for n, head in enumerate(HEADS)}
    for ours, theirs in (("mafa", "forwardDirection"), ("landmarks_to_3dmm", "reverseDirection")):
        layers = [f"{ours}.points.local.{3 * n}" for n in range(2)]
        layers += [f"{ours}.points.whole.{3 * n}" for n in range(3)]
        if ours == "mafa":
            layers += [f"{ours}.mix", f"{ours}.rest.0", f"{ours}.rest.3", f"{ours}.last.0"]
        prefixes |= _numbered(layers, theirs)
    for head in range(3):
        prefixes[f"landmarks_to_3dmm.heads.{head}.0."] = f"reverseDirection.conv6_{head + 1}."
        prefixes[f"landmarks_to_3dmm.heads.{head}.1."] = f"reverseDirection.bn6_{head + 1}."
    found = {}
    for name in network.state_dict():
        for ours, theirs in prefixes.items():
            if name.startswith(ours):
                found[name] = theirs + name.removeprefix(ours)
    return found


def _numbered(layers: list[str], theirs: str) -> dict[str, str]:
    """Prefixes of convolutions and the normalisations after them, numbered from one there."""
    prefixes = {}
    for number, layer in enumerate(layers, start=1):
        *parents, last = layer.split(".")
        normalisation = f"{layer}_norm" if last == "mix" else ".".join([*parents, str(int(last) + 1)])
        prefixes[f"{layer}."] = f"{theirs}.conv{number}."
        prefixes[f"{normalisation}."] = f"{theirs}.bn{number}."
    return prefixes


def released_network(
    state: Mapping[str, Tensor],
    model: MorphableModel,
    *,
    identity_deviation: NDArray[np.floating],
    expression_deviation: NDArray[np.floating],
) -> SynergyNet:
    """Our network with the released weights.

    Args:
        state: the checkpoint's ``state_dict``; names may begin with "module.".
        model: the Basel Face Model 2009 in mm and standard deviations.
        identity_deviation: (K,) worth of one unit of our identity coefficients in the raw ones.
        expression_deviation: (E,).

    Raises:
        WeightsError: weights are missing, left over, or of another shape; the message names them.
    """
    network = SynergyNet(AS_RELEASED, model.landmark_points(SCHEME))
    given = plain_names(state)
    own = fitting_weights(
        given, network.state_dict(), name_map(network), of=WHAT, also=STATISTICS, left_out=LEFT_OUT
    )
    first = "backbone.features.0.0.weight"
    own[first] = own[first].flip(1)  # trained on blue, green, red
    network.load_state_dict(own)
    deviations = torch.as_tensor(
        np.concatenate([identity_deviation[: network.sizes[1]], expression_deviation[: network.sizes[2]]])
    )
    mean, std = (given[name].flatten().double() for name in STATISTICS)
    _take_standardisation(network, mean, std, deviations.double())
    return network.eval()


@torch.no_grad()
def _take_standardisation(network: SynergyNet, mean: Tensor, std: Tensor, deviations: Tensor) -> None:
    """Carry the standardisation into our frame: raw = std * value + mean is linear, and so is the change."""
    count = len(network.mean)
    rows = torch.arange(POSE).view(3, 4)  # their pose is rows of [sR | t]
    order = torch.cat([rows[:, :3].flatten(), rows[:, 3], torch.arange(POSE, count)])
    for head in (
        network.heads[0][1],
        network.landmarks_to_3dmm.heads[0][0],
        network.landmarks_to_3dmm.heads[0][1],
    ):
        _reorder(head, order[:POSE])
    scale = torch.ones(count, dtype=torch.float64)
    shift = torch.zeros(count, dtype=torch.float64)
    scale[:9] = UNITS_PER_MM
    scale[9:POSE] = torch.tensor([1.0, -1.0, -1.0])
    shift[9:POSE] = torch.tensor([-0.5, CROP + 0.5, 0.0])  # x - 1/2, (121 - y) - 1/2, -z
    scale[POSE:] = 1 / deviations
    network.mean.copy_(mean[:count][order] * scale + shift)
    network.std.copy_(std[:count][order] * scale)
    # What the point networks were trained on: pixels from one, depth towards the viewer.
    network.point_origin.copy_(torch.tensor([-0.5, -0.5, 0.0]))
    network.point_scale.copy_(torch.tensor([1.0, 1.0, -1.0]))


def _reorder(layer: torch.nn.Module, order: Tensor) -> None:
    """Exchange a layer's outputs."""
    for name, values in layer.state_dict().items():
        if values.ndim and len(values) == len(order):
            getattr(layer, name).data.copy_(values[order].clone())


def convert(checkpoint: Path, bfm: Path, out: Path, *, changes: Iterable[str] = ()) -> Path:
    """Write the released checkpoint as weights.

    Args:
        checkpoint: the authors' ``best.pth.tar``.
        bfm: folder of the Basel Face Model 2009, see :mod:`lineament.models.bfm`.
        out: the file, with the suffix ".lineament".
        changes: of :class:`SynergyConfig`; "landmarks=refined" gives the refined landmarks, as the paper
            does, where the released code gives the coarse ones.

    Raises:
        WeightsError: the file is not that checkpoint.
        ModelError: the face model cannot be read.
        ConfigError: a change cannot be made, or asks for what these weights were not trained to give.
        ExportError: the graph does not agree with torch.
    """
    config = apply_changes(AS_RELEASED, changes)
    if config.landmarks == "geometry":
        raise ConfigError(
            "The released network leads no pose back from landmarks: its loss compared the first fifty "
            "values with shape and expression, and the last twelve were never trained. Ask for refined or "
            "coarse."
        )
    deviations = standard_deviations_2009(bfm)
    network = released_network(
        read_checkpoint(checkpoint, of="SynergyNet's training", inside="state_dict"),
        read_bfm2009(bfm),
        identity_deviation=deviations.identity,
        expression_deviation=deviations.expression,
    )
    network.config = config
    return write_released(
        network,
        out,
        exporter=EXPORTER,
        crop=CropSpec(network.config.crop_size, MARGIN),
        bfm=bfm,
        data="300W-LP, by SynergyNet's authors",
    )


CONVERSION = Conversion("SynergyNet's released best.pth.tar (MobileNet-V2)", convert)
