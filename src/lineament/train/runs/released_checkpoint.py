"""Checkpoints that other people have released: what the conversions of all methods share.

They are read without executing anything in them, their weights are mapped name by name, and a name that is
missing or left over is an error. Nothing of them comes with lineament.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from lineament.bundle import CropSpec, DetectorSpec, FaceModelSpec, Manifest
from lineament.bundle.plain_graph import DETECTOR
from lineament.config_file import apply_changes
from lineament.errors import ConfigError, LineamentError, ModelError, WeightsError
from lineament.foreign import reason_of
from lineament.geometry.morphable import MorphableModel
from lineament.models.bfm import UV_FILE, read_bfm2009
from lineament.train.onnx.exporter import Exporter, export

LICENCE = "that of the released checkpoint and of the Basel Face Model: ask their authors"
MASK_FILE = "uv_face_mask.png"
"""The texels of the face on the Basel model's chart: a file of PRNet, which SADRNet and DSFNet have too."""
MEAN_MAP = "rebuilder.mean_posmap_tensor"
"""The name of the mean face, as a map, in the checkpoints of both."""


def read_checkpoint(path: Path, *, of: str, inside: str | None = None) -> dict[str, Tensor]:
    """The weights of a checkpoint file, under the names that they have there.

    Args:
        path: the file.
        of: whose it is, for the error.
        inside: the key that they are under; None where the file is they.

    Raises:
        WeightsError: the file is missing or is not such a checkpoint.
    """
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
        if inside is not None:
            state = state[inside]
        if not all(isinstance(tensor, Tensor) for tensor in state.values()):
            raise TypeError("not all of its values are tensors")
    except LineamentError:
        raise
    except Exception as error:
        held = "its tensors by name" if inside is None else repr(inside)
        raise WeightsError(
            f"{path} is not a checkpoint of {of} ({reason_of(error)}): it should hold {held}."
        ) from error
    return dict(state)


def plain_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights by name, without the "module." that training on several GPUs puts before each."""
    return {name.removeprefix("module."): tensor for name, tensor in state.items()}


def fitting_weights(
    given: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    names: Mapping[str, str],
    *,
    of: str,
    also: tuple[str, ...] = (),
    left_out: tuple[str, ...] = (),
    converted: Callable[[str, Tensor], Tensor] = lambda ours, tensor: tensor,
) -> dict[str, Tensor]:
    """Our network's weights with the released ones in their places.

    Args:
        given: released weights, under :func:`plain_names`.
        own: ours, as `state_dict` has them; not changed.
        names: the released name of each of ours that is taken over.
        of: which checkpoint it should be, for errors.
        also: released names that must be there too.
        left_out: released names that may be there and are not wanted; of one that ends with a full stop all
            that begin so.
        converted: of our name and the released tensor, what fits there.

    Raises:
        WeightsError: weights are missing, left over, or of another shape; the message names them.
    """
    wanted = {*names.values(), *also}
    missing = sorted(wanted - given.keys())
    prefixes = tuple(name for name in left_out if name.endswith("."))
    left = sorted(name for name in given.keys() - wanted - {*left_out} if not name.startswith(prefixes))
    if missing or left:
        raise WeightsError(
            f"This is not {of}: {len(missing)} weights are missing ({', '.join(missing[:3])}), "
            f"{len(left)} are unknown ({', '.join(left[:3])})."
        )
    weights = dict(own)
    for ours, theirs in names.items():
        tensor = converted(ours, given[theirs])
        if own[ours].shape != tensor.shape:
            raise WeightsError(
                f"{theirs} is {tuple(given[theirs].shape)}, not {tuple(own[ours].shape)}: this is not {of}."
            )
        weights[ours] = tensor.clone()
    return weights


def chart_mask(model: MorphableModel, bfm: Path, size: int, *, of: str) -> NDArray[np.bool_]:
    """(size, size) the texels of the face on the model's chart, of :data:`MASK_FILE`.

    Args:
        model: the Basel Face Model of the folder.
        bfm: the folder.
        size: texels a side.
        of: the method whose maps lie on the chart, for errors.

    Raises:
        ModelError: the model has no chart, or the file is missing or of another size.
    """
    if model.uv is None:
        raise ModelError(f"{bfm} lacks {UV_FILE}, the chart of the face model, on which {of}'s maps lie.")
    path = bfm / MASK_FILE
    try:
        with Image.open(path) as picture:
            mask: NDArray[np.bool_] = np.asarray(picture.convert("L")) > 0
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


def write_released(
    network: nn.Module, out: Path, *, exporter: Exporter, crop: CropSpec, bfm: Path, data: str
) -> Path:
    """Write a converted network as weights that say whose they are.

    Args:
        network: in evaluation mode.
        out: the file, with the suffix ".lineament".
        exporter: of the method.
        crop: how faces are cut for it.
        bfm: folder of the Basel Face Model that it needs.
        data: what its authors trained it on.

    Raises:
        ExportError: a graph does not agree with torch.
    """
    manifest = Manifest(
        name=f"{exporter.method}-released",
        method=exporter.method,
        crop=crop,
        face_model=FaceModelSpec(str(bfm.absolute())),
        detector=DetectorSpec(DETECTOR),
        data=data,
        licence=LICENCE,
        research=True,
    )
    return export(exporter, network, out, manifest=manifest, pictures=None)


class ReleasedNetwork(Protocol):
    """The released weights in our network; takes the checkpoint, the face model and texels of the face."""

    def __call__(
        self,
        state: Mapping[str, Tensor],
        model: MorphableModel,
        known: NDArray[np.bool_],
        /,
        *,
        config: Any,  # noqa: ANN401 - the method's
    ) -> nn.Module:
        """See :class:`ReleasedMaps`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedMaps:
    """A released checkpoint whose maps lie on the Basel model's chart.

    Attributes:
        of: the method, for errors.
        config: of our network, as released.
        key: of the configuration that may be changed.
        choices: what it may be, in words.
        network: our network with the released weights.
        map_size: texels a side.
        crop_margin: how much faces are cut with.
        exporter: of the method.
        data: what its authors trained it on.
    """

    of: str
    config: Any
    key: str
    choices: str
    network: ReleasedNetwork
    map_size: int
    crop_margin: float
    exporter: Exporter
    data: str

    def convert(self, checkpoint: Path, bfm: Path, out: Path, *, changes: Iterable[str] = ()) -> Path:
        """Write the checkpoint as weights.

        Args:
            checkpoint: the authors' file.
            bfm: folder of the Basel Face Model 2009, see :mod:`lineament.models.bfm`, with ``BFM_UV.mat`` and
                ``uv_face_mask.png``.
            out: the file, with the suffix ".lineament".
            changes: of the network's one key that may have another value, such as "output=ms".

        Raises:
            ConfigError: another key, or no value of it.
            WeightsError: the file is not that checkpoint.
            ModelError: the face model, its chart or the mask cannot be read.
            ExportError: a graph does not agree with torch.
        """
        config = apply_changes(self.config, changes)
        if replace(config, **{self.key: getattr(self.config, self.key)}) != self.config:
            raise ConfigError(
                f"Only {self.key}, {self.choices}, can be changed of {self.of}'s released network."
            )
        model = read_bfm2009(bfm)
        known = chart_mask(model, bfm, self.map_size, of=self.of)
        network = self.network(read_checkpoint(checkpoint, of=self.of), model, known, config=config)
        crop = CropSpec(config.crop_size, self.crop_margin)
        return write_released(network, out, exporter=self.exporter, crop=crop, bfm=bfm, data=self.data)


def check_mean_map(mean: Tensor, size: int) -> None:
    """Refuse a checkpoint whose mean face, :data:`MEAN_MAP`, is no map of the chart.

    Args:
        mean: what the checkpoint has under that name.
        size: texels a side.

    Raises:
        WeightsError: it is not (3, size, size).
    """
    if mean.shape != (3, size, size):
        raise WeightsError(f"{MEAN_MAP} is {tuple(mean.shape)}, not {(3, size, size)}.")


def check_mean_face(apart_mm: float, model: MorphableModel, *, at_most: float) -> None:
    """Refuse a checkpoint whose mean face is not that of the face model on its chart.

    Args:
        apart_mm: mean distance of the two.
        model: the face model.
        at_most: mm that they may be apart.

    Raises:
        WeightsError: they are further apart, or the distance is no number.
    """
    if not apart_mm < at_most:
        raise WeightsError(
            f"The checkpoint's mean face is {apart_mm:.1f} mm from that of {model!r} on its chart: it was "
            f"trained on another face model or chart. It needs the Basel Face Model 2009 as 300W-LP uses it, "
            f"and its {UV_FILE}."
        )
