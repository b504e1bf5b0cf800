"""SADRNet's released checkpoint as our network: ``lineament import sadrnet-checkpoint``.

For people who have the files; nothing of them comes with lineament. The names of its layers ("SADRNv2")
are mapped one by one; a name that is missing or left over is an error. Transposed convolutions are written as
ordinary ones (:mod:`lineament.train.networks.sadrnet`). Its maps lie on the chart of the Basel model
(``BFM_UV.mat``), whose texels it knows inside of ``uv_face_mask.png``; pixels are counted from their centres
there, from their corners here. Landmarks are weighed in the alignment as the released code does, but about
weighted means throughout.

As far as that code can be read, its labels lie a pixel of photographs of 450 px further right than the faces
in them; what a network learned of it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.geometry.morphable import MorphableModel
from lineament.methods.sadrnet import trained_chart
from lineament.methods.sadrnet_tables import SHAPE_PER_MM, SadrTables
from lineament.train.networks.sadrnet import SadrConfig, SadrNet, TransposedConv
from lineament.train.runs.method import Conversion
from lineament.train.runs.released_checkpoint import (
    MEAN_MAP,
    ReleasedMaps,
    check_mean_face,
    check_mean_map,
    fitting_weights,
    plain_names,
)
from lineament.train.sadrnet.export import EXPORTER

Array: TypeAlias = NDArray[Any]

AS_RELEASED = SadrConfig(weight="code")
CROP_MARGIN = 1.5
PX_PER_UNIT = 280.0
SCHEME = "300w-lp"
WHAT = "SADRNet's released checkpoint (SADRNv2)"
LEFT_OUT = ("rebuilder.revert_operator",)
MAX_MEAN_MM = 4.0
"""Distance of the checkpoint's mean face from the model's on average, one shift of all left out, at most."""
STAGES = {"encoder": 1, "gated": 7}
"""Number of the first residual block of each part there."""
BODY = {"0": "conv1", "1": "bn1", "3.conv": "conv2", "4": "bn2", "6": "conv3", "7": "bn3"}
UPWARD = {"decoder": "decoder_low", "face_head": "decoder_kpt", "shape_head": "decoder_offset"}
OWN_BUFFERS = ("mean_map", "steps")


@dataclass(frozen=True, slots=True, eq=False)
class ReleasedChart:
    """What export asks of a chart."""

    constants: SadrTables

    def tables(self, pose: str, weight: str) -> SadrTables:
        """What inference needs of it."""
        return replace(self.constants, pose=pose, weight=weight)


class ReleasedSadrNet(SadrNet):
    """The network with the mean face that it was trained about, in place of the face model's.

    Args:
        config: sizes and switches.
        released_mean: (3, S, S) the checkpoint's mean face.
        own_mean: (3, S, S) the face model's, which offsets are taken from in the end.
        chart: for export.
    """

    def __init__(
        self, config: SadrConfig, released_mean: Tensor, own_mean: Tensor, chart: ReleasedChart
    ) -> None:
        super().__init__(config, own_mean)
        self.chart = chart
        self.register_buffer("released_mean", released_mean.float(), persistent=False)

    def _shape(self, found: Tensor) -> Tensor:
        return found + self.released_mean


def name_map(network: SadrNet) -> dict[str, str]:
    """The released name of each of our weights; buffers of ours alone are not in it."""
    return {name: _released(name) for name in network.state_dict() if name not in OWN_BUFFERS}


def _released(name: str) -> str:
    """`encoder.0.body.3.conv.weight` is `block1.conv2.weight` there, and so on."""
    part, rest = name.split(".", 1)
    if part == "first":
        return f"layer0.pipe.{rest}"
    number, _, rest = rest.partition(".")
    if part in STAGES:
        block = f"block{int(number) + STAGES[part]}"
        if rest.startswith("shortcut."):
            return f"{block}.{rest}"
        layer, leaf = rest.removeprefix("body.").rsplit(".", 1)
        return f"{block}.{BODY[layer]}.{leaf}"
    layer, kind = divmod(int(number), 3)
    if part == "attention":
        before = f"attention_branch.conv{layer + 1}"
        return f"{before}.{rest}" if layer == 4 else f"{before}.pipe.{kind}.{rest}"
    before = f"{UPWARD[part]}.{layer}"
    return f"{before}.deconv.weight" if kind == 0 else f"{before}.BN_AC.0.{rest}"


def ordinary_weight(weight: Tensor, stride: int) -> Tensor:
    """The kernel of :class:`TransposedConv` that does what a (C, C', 4, 4) transposed kernel does."""
    if stride == 1:
        return weight.flip(2, 3).transpose(0, 1)
    # Row 2q + r of the output is fed by row q through W[2 + r] and by row q + 1 through W[r].
    before, after = weight.shape[:2]
    parts = weight.view(before, after, 2, 2, 2, 2).flip(2, 4)  # C, C', row there, r, column there, r'
    return parts.permute(1, 3, 5, 0, 2, 4).reshape(4 * after, before, 2, 2)


def released_network(
    state: Mapping[str, Tensor],
    model: MorphableModel,
    known: NDArray[np.bool_],
    *,
    config: SadrConfig = AS_RELEASED,
) -> ReleasedSadrNet:
    """Our network with the released weights.

    Args:
        state: the checkpoint; names may begin with "module.".
        model: the Basel Face Model 2009 in mm, with its chart.
        known: (S, S) texels that the maps were trained on.
        config: its sizes.

    Raises:
        WeightsError: weights are missing, left over, or of another shape, or belong to another face model;
            the message names them.
    """
    given = plain_names(state)
    size = config.crop_size
    released_mean = given.get(MEAN_MAP, torch.zeros(3, size, size))
    check_mean_map(released_mean, size)
    own_mean = torch.as_tensor(_mean_map(model, known))
    network = ReleasedSadrNet(config, released_mean, own_mean, ReleasedChart(_tables(model, known, own_mean)))
    strides = {
        f"{name}.conv.weight": layer.stride
        for name, layer in network.named_modules()
        if isinstance(layer, TransposedConv)
    }

    def converted(ours: str, tensor: Tensor) -> Tensor:
        is_transposed = ours in strides and tensor.ndim == 4 and tensor.shape[2:] == (4, 4)
        return ordinary_weight(tensor, strides[ours]) if is_transposed else tensor

    weights = fitting_weights(
        given,
        network.state_dict(),
        name_map(network),
        of=WHAT,
        also=(MEAN_MAP,),
        left_out=LEFT_OUT,
        converted=converted,
    )
    _check_mean(released_mean, own_mean, known, model)
    network.load_state_dict(weights)
    with torch.no_grad():
        network.face_head[-1].bias[:2] += 0.5 / PX_PER_UNIT
    return network.eval()


def _check_mean(released: Tensor, own: Tensor, known: NDArray[np.bool_], model: MorphableModel) -> None:
    """Refuse the mean face of another model, or of another chart."""
    inside = torch.as_tensor(known) & (own != 0).any(0)
    apart = (released - own)[:, inside] / SHAPE_PER_MM
    apart = (apart - apart.mean(1, keepdim=True)).norm(dim=0).mean().item()
    check_mean_face(apart, model, at_most=MAX_MEAN_MM)


def _mean_map(model: MorphableModel, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(3, S, S) the face model's mean in units of the shape map, where the chart is trained."""
    mean = model.neutral_model * SHAPE_PER_MM
    found = trained_chart(model, known).position_map(mean)
    return np.ascontiguousarray(np.moveaxis(found, -1, 0), np.float32)


def _tables(model: MorphableModel, known: NDArray[np.bool_], own_mean: Tensor) -> SadrTables:
    """Landmarks at the texels of their vertices, and the two texels before each, as in the released code.

    There a landmark is visible by the turn from its texel's left neighbour to its upper one.
    """
    size = len(known)
    layout = model.schemes[SCHEME]
    uv = np.einsum("pck,pc->pk", model.uv[layout.vertex_index], layout.weights)
    column, row = np.clip(np.floor(uv * size).astype(np.int64), 1, size - 1).T
    texels = row * size + column
    neighbours = np.stack([texels - 1, texels, texels - size, texels])
    mean = own_mean.reshape(3, -1)[:, texels].T.numpy()
    return SadrTables("align", "code", texels, neighbours, mean, known)


RELEASED = ReleasedMaps(
    of="SADRNet",
    config=AS_RELEASED,
    key="weight",
    choices="paper or code",
    network=released_network,
    map_size=AS_RELEASED.crop_size,
    crop_margin=CROP_MARGIN,
    exporter=EXPORTER,
    data="300W-LP and 5,000 pictures rotated beyond 90 degrees, by SADRNet's authors",
)
CONVERSION = Conversion("SADRNet's released net_021.pth (SADRNv2)", RELEASED.convert)
