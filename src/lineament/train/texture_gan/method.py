"""The row of the texture translator: its data are textures of frontal faces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from lineament.bundle import Bundle, FaceModelSpec, Manifest
from lineament.errors import ExportError
from lineament.export.texture_translator import CHANNELS, METHOD
from lineament.models import load_model
from lineament.train.batches.pictures import Pictures, PictureSource
from lineament.train.batches.samples import Folders
from lineament.train.engine.face_model_record import check_record
from lineament.train.engine.loop import ALONE
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import ABOUT, read_table
from lineament.train.networks.texture_gan import TextureGan
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.graph import Graph, Inputs, noise
from lineament.train.runs.method import Ablation, TrainableMethod, Variant, ema_state
from lineament.train.texture_gan.training import (
    OpenPairs,
    PairSource,
    TextureGanTrainConfig,
    template_of,
    train,
)

TOLERANCE, HALF_TOLERANCE = 0.05, 2.0
"""Largest differences, of colours of 0 to 255."""


@dataclass(frozen=True, slots=True)
class TexturePictures:
    """Halves of faces as the network sees them, five channels.

    Attributes:
        config: of the run.
        folders: of samples to take them from; those of the run when empty.
    """

    config: TextureGanTrainConfig
    folders: tuple[str, ...] = ()

    def calibration(self, count: int) -> Pictures:
        """See :class:`PictureSource`."""
        return self._some(count, validation=False)

    def check(self, count: int) -> Pictures:
        """See :class:`PictureSource`."""
        return self._some(count, validation=True)

    def _some(self, count: int, *, validation: bool) -> Pictures:
        config = replace(self.config, data=Folders(self.folders)) if self.folders else self.config
        pairs = OpenPairs(config, PairSource(config).textures(validation=validation)).halves(count)
        return torch.stack([torch.as_tensor(pair.texture) for pair in pairs]).numpy()


class _FromBytes(nn.Module):
    """The translator on (n, S, S, 5) uint8."""

    def __init__(self, network: TextureGan) -> None:
        super().__init__()
        self.translator = network.translator

    def forward(self, texture: Tensor) -> Tensor:
        said = self.translator(texture.permute(0, 3, 1, 2).float())
        return ((said + 1) * 127.5).clamp(0, 255).permute(0, 2, 3, 1)


def graphs(network: TextureGan) -> dict[str, Graph]:
    """The translator; the judge is for training alone."""
    size = network.config.size
    return {
        "network": Graph(
            module=_FromBytes(network),
            outputs=("completed",),
            tolerance={"completed": TOLERANCE},
            half_tolerance={"completed": HALF_TOLERANCE},
            seeded=(noise(3, size, size, CHANNELS),),
            inputs_of=_as_texture,
            takes_int8=False,
        )
    }


def _as_texture(pictures: Pictures) -> Inputs:
    return {"texture": pictures}


def _no_int8(whole: Bundle, eight: Bundle, pictures: Pictures) -> None:
    raise ExportError("Translators of textures are not quantised, they have a megabyte: leave --int8 out.")


EXPORTER = Exporter(method=METHOD, graphs=graphs, half=True, check_int8=_no_int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureGanMethod(TrainableMethod[TextureGanTrainConfig]):
    """Partly seen textures to whole ones."""

    def train(
        self,
        config: TextureGanTrainConfig,
        out: Path,
        *,
        processes: Processes = ALONE,
        seconds: float | None = None,
    ) -> Path:
        """See :class:`TrainableMethod`."""
        return train(config, out, processes=processes, seconds=seconds)

    def trained(self, run: Path) -> TextureGan:
        """See :class:`TrainableMethod`."""
        config = self.config_of(run)
        model = load_model(config.face_model)
        check_record(read_table(run, ABOUT).get("face_model"), model, where=run, schemes=False)
        network = TextureGan(config.network, template_of(config, model))
        network.load_state_dict(ema_state(run))
        return network.eval()

    def about(self, run: Path) -> Manifest:
        """See :class:`TrainableMethod`."""
        face_model = FaceModelSpec(self.config_of(run).face_model)
        return replace(TrainableMethod.about(self, run), face_model=face_model)

    def pictures(self, run: Path, *, samples: tuple[str, ...] = ()) -> PictureSource:
        """See :class:`TrainableMethod`."""
        return TexturePictures(self.config_of(run), samples)


UV_GAN = TextureGanMethod(
    name=METHOD,
    config=TextureGanTrainConfig,
    exporter=EXPORTER,
    ablation=Ablation(
        TextureGanTrainConfig(),
        {
            "whole": Variant(),
            "no-template": Variant({"network": {"template": False}}),
            "l1": Variant({"loss": {"adversarial": 0.0}}),
        },
    ),
)
