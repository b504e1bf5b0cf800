"""Training of the texture translator.

    lineament train uv-gan --config docs/runs/configs/train_uv_gan.toml --out RUN
    lineament export RUN --out uv_gan.lineament
    lineament align PHOTO --out OUT --format texture --complete gan --gan-weights uv_gan.lineament

Pairs are functions of the seed and the step's number; a face's texture is taken from its photograph when it
is first drawn, and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.data.texture.hiding import Hiding, HidingConfig
from lineament.data.texture.partly_seen import FrontalConfig, FrontalTextures, Pair, disturbed, paired
from lineament.errors import ConfigError
from lineament.export.texture_completion import fill_smoothly, resized
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model
from lineament.models.texture import load_texture_model
from lineament.train.batches.samples import Folders, batches_of, on_device
from lineament.train.engine.face_model_record import check_record, record_of
from lineament.train.engine.loop import ALONE, CHECKPOINT, LoopConfig, Run, Terms
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.processes import Processes
from lineament.train.engine.run_folder import ABOUT, read_table
from lineament.train.engine.schedules import ScheduleConfig
from lineament.train.networks.texture_gan import TextureGan, TextureGanConfig
from lineament.train.texture_gan.loss import TextureLossConfig, texture_loss

FIGURE_ROWS = 32
HIDDEN_L1, OTHER_SIDE_L1 = "hidden_l1", "other_side_l1"
LOOP = LoopConfig(
    steps=1500,
    batch=16,
    optimiser=OptimiserConfig(learning_rate=1e-3, weight_decay=0.01, betas=(0.5, 0.999)),
    schedule=ScheduleConfig(warm_up=50, floor=0.02),
    ema_decay=0.995,
    precision="float32",
    save_every=250,
    log_every=25,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextureGanTrainConfig:
    """All of a training run.

    Attributes:
        loop: steps, batch, optimiser, schedule.
        network: sizes, and whether there is a template.
        loss: weights of the terms.
        data: where samples lie.
        face_model: the model their coefficients belong to; its chart must be the texture model's.
        frontal: which faces.
        hiding: how textures are hidden.
        workers: processes that make batches.
        kept: folder where textures taken from photographs are kept for all processes and later runs; empty
            for none.
        validation_faces: halves of faces of people kept from training that figures are taken on, at most.
    """

    loop: LoopConfig = LOOP
    network: TextureGanConfig = TextureGanConfig()
    loss: TextureLossConfig = TextureLossConfig()
    data: Folders = Folders()
    face_model: str = "lfm"
    frontal: FrontalConfig = FrontalConfig()
    hiding: HidingConfig = HidingConfig()
    workers: int = 1
    kept: str = ""
    validation_faces: int = 64

    def __post_init__(self) -> None:
        """Refuse sizes that the network cannot halve four times."""
        if self.network.size % 16 or self.network.size < 32:
            raise ConfigError(
                f"network.size is {self.network.size}: its textures are 32, 48, 64, ... texels wide."
            )


def template_of(config: TextureGanTrainConfig, model: MorphableModel) -> Tensor:
    """(3, S, S) -1 to 1: the texture model's mean, continued beyond the chart.

    Raises:
        ConfigError: the texture model has another chart than the face model.
    """
    mean = load_texture_model()
    if model.uv is None or model.uv.shape != mean.vertex_uv.shape:
        raise ConfigError(
            f"The texture model {mean.name!r} does not know the chart of {model.name!r}: set "
            f"face_model to lfm."
        )
    colors = fill_smoothly(255 * mean.uv_map(np.zeros(0)), mean.mask[..., None].astype(np.float32))
    small, _ = resized(colors, np.ones(colors.shape[:2], np.float32), config.network.size)
    return torch.as_tensor(small).permute(2, 0, 1).float() / 127.5 - 1


@dataclass(frozen=True, slots=True)
class PairSource:
    """Pairs of textures for worker processes.

    Attributes:
        config: of the run.
    """

    config: TextureGanTrainConfig

    def open(self) -> OpenPairs:
        """The training side."""
        return OpenPairs(self.config, self.textures(validation=False))

    def textures(self, *, validation: bool) -> FrontalTextures:
        """All textures of one side of the split by person."""
        config = self.config
        return FrontalTextures.opened(
            config.data.samples,
            load_model(config.face_model),
            config.frontal,
            size=config.network.size,
            validation=validation,
            kept=Path(config.kept) if config.kept else None,
        )


class OpenPairs:
    """Makes batches of pairs."""

    def __init__(self, config: TextureGanTrainConfig, textures: FrontalTextures) -> None:
        self._config, self._textures = config, textures
        self._hiding = Hiding(textures.model, textures.texturer, config.hiding)
        sizes = [len(places) for places in textures.places]
        self._weights = np.asarray(config.data.weights or sizes, float)

    def rows(self, rngs: Sequence[np.random.Generator]) -> dict[str, NDArray[Any]]:
        """A batch of a row a generator: "texture", "whole", "hidden" as of :class:`Pair`."""
        return stacked([self._pair(rng) for rng in rngs])

    def halves(self, count: int) -> list[Pair]:
        """Up to `count` undisturbed faces of which the left half alone is left."""
        mirrored, left = self._textures.texturer.mirrored, self._hiding.left_half()
        return [paired(one, left, mirrored=mirrored) for one in self._textures.some(count)]

    def _pair(self, rng: np.random.Generator) -> Pair:
        mirrored = self._textures.texturer.mirrored
        known = disturbed(
            self._textures.draw(rng, self._weights), self._config.frontal, rng, mirrored=mirrored
        )
        return paired(known, self._hiding.draw(rng), mirrored=mirrored)


def stacked(pairs: Sequence[Pair]) -> dict[str, NDArray[Any]]:
    """Pairs as arrays by name."""
    return {
        name: np.stack([getattr(pair, name) for pair in pairs]) for name in ("texture", "whole", "hidden")
    }


def as_tensors(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Textures (B, 5, S, S) of 0 to 255, whole ones (B, 3, S, S) -1 to 1, hidden (B, 1, S, S) in 0..1."""
    texture, whole = (batch[name].permute(0, 3, 1, 2).float() for name in ("texture", "whole"))
    return texture, whole / 127.5 - 1, batch["hidden"][:, None].float() / 255


def train(
    config: TextureGanTrainConfig, out: Path, *, processes: Processes = ALONE, seconds: float | None = None
) -> Path:
    """Train, or go on training, in the run folder `out`; see :meth:`Run.train`.

    Returns:
        The run folder.

    Raises:
        ConfigError: the face model has no chart that the template fits, or is not the one the run began with.
        DataError: samples cannot be read, or show no frontal faces.
    """
    device, model = processes.device, load_model(config.face_model)
    source = PairSource(config)
    held_out = OpenPairs(config, source.textures(validation=True)).halves(config.validation_faces)
    torch.manual_seed(config.loop.seed)
    network = TextureGan(config.network, template_of(config, model))
    if (out / CHECKPOINT).exists():
        check_record(read_table(out, ABOUT).get("face_model"), model, where=out, schemes=False)
    run = Run(out, network.to(device, memory_format=torch.channels_last), config.loop, processes=processes)
    if processes.is_first:
        about = {"method": "uv-gan", "face_model": record_of(model)}
        run.folder.begin(config, {"folders": config.data.manifest()}, step=run.step, about=about)

    def terms_of(network: nn.Module, batch: dict[str, Tensor]) -> Terms:
        texture, whole, hidden = as_tensors(on_device(batch, device))
        with config.loop.autocast(device):
            found = network(texture, whole)
        # What is left to see and what was hidden are all that is known.
        known = torch.clamp(texture[:, 3:4] / 255 + hidden, max=1)
        return texture_loss(found, whole, hidden, known, config.loss)

    def validate(average: nn.Module) -> dict[str, float]:
        return figures(average, held_out, device)

    batches = batches_of(source, config.loop, run.step, processes=processes, workers=config.workers)
    run.train(batches, terms_of, validate, seconds=seconds)
    return out


def figures(network: Any, pairs: Sequence[Pair], device: torch.device) -> dict[str, float]:  # noqa: ANN401
    """Mean absolute differences over known, hidden texels, in levels of 0 to 255.

    Args:
        network: a :class:`TextureGan` in evaluation mode.
        pairs: of people kept from training.
        device: to compute on.

    Returns:
        "hidden_l1" of the translator, "other_side_l1" of the completion by the other side that it is given.
    """
    wrong = [(given, said) for batch in _batches(pairs) for given, said in _errors(network, batch, device)]
    given, said = np.mean(np.array(wrong), axis=0)
    return {HIDDEN_L1: float(said), OTHER_SIDE_L1: float(given)}


def _batches(pairs: Sequence[Pair]) -> Iterator[dict[str, Tensor]]:
    for first in range(0, len(pairs), FIGURE_ROWS):
        arrays = stacked(pairs[first : first + FIGURE_ROWS])
        yield {name: torch.as_tensor(values) for name, values in arrays.items()}


@torch.inference_mode()
def _errors(network: TextureGan, batch: dict[str, Tensor], device: torch.device) -> list[tuple[float, float]]:
    texture, whole, hidden = as_tensors(on_device(batch, device))
    said = network.translator(texture).clamp(-1, 1)
    amount = torch.clamp(3 * hidden.sum((1, 2, 3)), min=1)
    errors = [
        127.5 * ((colors - whole).abs() * hidden).sum((1, 2, 3)) / amount
        for colors in (texture[:, :3] / 127.5 - 1, said)
    ]
    return [(float(given), float(found)) for given, found in zip(*errors, strict=True)]
