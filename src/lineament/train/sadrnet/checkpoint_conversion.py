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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lineament.bundle import CropSpec, DetectorSpec, FaceModelSpec, Manifest
from lineament.bundle.plain_graph import DETECTOR
from lineament.config_file import apply_changes
from lineament.errors import ConfigError, LineamentError, ModelError, WeightsError
from lineament.foreign import reason_of
from lineament.geometry.morphable import MorphableModel
from lineament.methods.sadrnet import trained_chart
from lineament.methods.sadrnet_tables import SHAPE_PER_MM, SadrTables
from lineament.models.bfm import UV_FILE, read_bfm2009
from lineament.train.networks.sadrnet import SadrConfig, SadrNet, TransposedConv
from lineament.train.onnx.exporter import export
from lineament.train.runs.method import Conversion
from lineament.train.sadrnet.export import EXPORTER

Array: TypeAlias = NDArray[Any]

AS_RELEASED = SadrConfig(weight="code")
CROP_MARGIN = 1.5
PX_PER_UNIT = 280.0
MASK_FILE = "uv_face_mask.png"
SCHEME = "300w-lp"
MEAN = "rebuilder.mean_posmap_tensor"
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
    given = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    size = config.crop_size
    if MEAN in given and given[MEAN].shape != (3, size, size):
        raise WeightsError(f"{MEAN} is {tuple(given[MEAN].shape)}, not {(3, size, size)}.")
    released_mean = given.get(MEAN, torch.zeros(3, size, size))
    own_mean = torch.as_tensor(_mean_map(model, known))
    network = ReleasedSadrNet(config, released_mean, own_mean, ReleasedChart(_tables(model, known, own_mean)))
    names = name_map(network)
    _check_names(given, names)
    own = network.state_dict()
    strides = {
        f"{name}.conv.weight": layer.stride
        for name, layer in network.named_modules()
        if isinstance(layer, TransposedConv)
    }
    for ours, theirs in names.items():
        tensor = given[theirs]
        if ours in strides and tensor.ndim == 4 and tensor.shape[2:] == (4, 4):
            tensor = ordinary_weight(tensor, strides[ours])
        if own[ours].shape != tensor.shape:
            raise WeightsError(
                f"{theirs} is {tuple(given[theirs].shape)}, which does not fit: this checkpoint is not "
                f"SADRNet's."
            )
        own[ours] = tensor.clone()
    _check_mean(released_mean, own_mean, known, model)
    network.load_state_dict(own)
    with torch.no_grad():
        network.face_head[-1].bias[:2] += 0.5 / PX_PER_UNIT
    return network.eval()


def _check_names(given: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
    wanted = {*names.values(), MEAN}
    missing, left = sorted(wanted - given.keys()), sorted(given.keys() - wanted - {*LEFT_OUT})
    if missing or left:
        raise WeightsError(
            f"This is not SADRNet's released checkpoint (SADRNv2): {len(missing)} weights are missing "
            f"({', '.join(missing[:3])}), {len(left)} are unknown ({', '.join(left[:3])})."
        )


def _check_mean(released: Tensor, own: Tensor, known: NDArray[np.bool_], model: MorphableModel) -> None:
    """Refuse the mean face of another model, or of another chart."""
    inside = torch.as_tensor(known) & (own != 0).any(0)
    apart = (released - own)[:, inside] / SHAPE_PER_MM
    apart = (apart - apart.mean(1, keepdim=True)).norm(dim=0).mean().item()
    if not apart < MAX_MEAN_MM:
        raise WeightsError(
            f"The checkpoint's mean face is {apart:.1f} mm from that of {model!r} on its chart: it was "
            f"trained on another face model or chart. It needs the Basel Face Model 2009 as 300W-LP uses it, "
            f"and its {UV_FILE}."
        )


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


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint file, read without executing anything in it.

    Raises:
        WeightsError: the file is missing or is not such a checkpoint.
    """
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
        if not all(isinstance(tensor, Tensor) for tensor in state.values()):
            raise TypeError("not all of its values are tensors")
    except LineamentError:
        raise
    except Exception as error:
        raise WeightsError(
            f"{path} is no checkpoint of such a network ({reason_of(error)}): it should hold its tensors by "
            f"name."
        ) from error
    return dict(state)


def read_mask(folder: Path, size: int) -> NDArray[np.bool_]:
    """The texels of the face, of PRNet's file that SADRNet and DSFNet have too.

    Raises:
        ModelError: the file is missing or of another size.
    """
    path = folder / MASK_FILE
    try:
        with Image.open(path) as picture:
            mask = np.asarray(picture.convert("L")) > 0
    except LineamentError:
        raise
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read ({reason_of(error)}). Put {MASK_FILE}, which SADRNet's code has among "
            f"its data, beside the face model."
        ) from error
    if mask.shape != (size, size) or not mask.any():
        raise ModelError(f"{path} must be a mask of {size} x {size} texels, found {mask.shape}.")
    return mask


def convert(checkpoint: Path, bfm: Path, out: Path, *, changes: Iterable[str] = ()) -> Path:
    """Write the released checkpoint as weights.

    Args:
        checkpoint: the authors' ``net_021.pth``.
        bfm: folder of the Basel Face Model 2009, see :mod:`lineament.models.bfm`, with ``BFM_UV.mat`` and
            ``uv_face_mask.png``.
        out: the file, with the suffix ".lineament".
        changes: of how landmarks are weighed in the alignment: "weight=paper".

    Raises:
        WeightsError: the file is not that checkpoint.
        ModelError: the face model, its chart or the mask cannot be read.
        ConfigError: a change cannot be made.
        ExportError: the graph does not agree with torch.
    """
    config = apply_changes(AS_RELEASED, changes)
    if replace(config, weight=AS_RELEASED.weight) != AS_RELEASED:
        raise ConfigError("Only weight, paper or code, can be changed of SADRNet's released network.")
    model = read_bfm2009(bfm)
    if model.uv is None:
        raise ModelError(f"{bfm} lacks {UV_FILE}, the chart of the face model, on which SADRNet's maps lie.")
    known = read_mask(bfm, config.crop_size)
    network = released_network(read_checkpoint(checkpoint), model, known, config=config)
    manifest = Manifest(
        name="sadrnet-released",
        method=EXPORTER.method,
        crop=CropSpec(config.crop_size, CROP_MARGIN),
        face_model=FaceModelSpec(str(bfm.absolute())),
        detector=DetectorSpec(DETECTOR),
        data="300W-LP and 5,000 pictures rotated beyond 90 degrees, by SADRNet's authors",
        licence="that of the released checkpoint and of the Basel Face Model: ask their authors",
        research=True,
    )
    return export(EXPORTER, network, out, manifest=manifest, pictures=None)


CONVERSION = Conversion("SADRNet's released net_021.pth (SADRNv2)", convert)
