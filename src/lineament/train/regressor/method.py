"""The row of the compact regressor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from lineament.train.engine.loop import LoopConfig
from lineament.train.regressor.export import EXPORTER
from lineament.train.regressor.training import TrainConfig, estimate, loss_of, new_network, prepare
from lineament.train.regressor.warm_start import start_from
from lineament.train.regressor.weight_interpolation import interpolation_of_run
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant

VARIANTS = {
    "whole": Variant(),
    "no-shape": Variant({"loss": {"shape": 0.0}}),
    "no-openings": Variant({"loss": {"lids": 0.0, "lips": 0.0}}),
    "no-coefficients": Variant({"loss": {"coefficients": 0.0}}),
    "no-rotation": Variant({"loss": {"rotation": 0.0}}),
}
"""The loss without each of its terms; nobody has published such figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressorMethod(CropMethod[TrainConfig]):
    """A crop method whose weights can be interpolated."""

    def interpolated(self, run: Path, fraction: float, *, samples: tuple[str, ...] = ()) -> nn.Module:
        """See :class:`TrainableMethod`."""
        return interpolation_of_run(self, run, fraction, begin=start_from, samples=samples)


REGRESSOR = RegressorMethod(
    name="regressor",
    config=TrainConfig,
    network=new_network,
    prepare=prepare,
    loss=loss_of,
    estimate=estimate,
    exporter=EXPORTER,
    ablation=Ablation(TrainConfig(loop=LoopConfig(steps=1500, batch=64)), VARIANTS, shared={}),
)
