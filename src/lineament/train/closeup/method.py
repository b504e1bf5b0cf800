"""The row of the close-up networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.data.crops.sampler import CropSampler
from lineament.data.fitting.closeups import close_up_table
from lineament.train.batches.alignment_figures import NME, CropEstimate, CropLandmarks
from lineament.train.batches.samples import arrays_of, crops_as_input
from lineament.train.closeup.targets import KEYS, POINTS, SHOWN, CloseUpTargets
from lineament.train.closeup.training import (
    CloseUpTrainConfig,
    loss_of,
    new_network,
    prepare,
    targets_of,
)
from lineament.train.networks.closeup import CloseUpConfig, CloseUpNet, CloseUpOutput
from lineament.train.onnx.agreement import outputs_check
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.graph import one_crop_graph
from lineament.train.regressor.warm_start import take_all
from lineament.train.regressor.weight_interpolation import interpolation_of_run
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant

FIGURE_ROWS = 128
OUTPUTS = ("points", "keys")
TOLERANCE = {"points": 1e-4, "keys": 1e-3}
HALF_TOLERANCE = {"points": 0.005, "keys": 0.03}
INT8_TOLERANCE = {"points": 0.003, "keys": 0.02}
"""Mean change in eight bits: of a point by a seventh of the network's own error, of a key by a quarter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseUpMethod(CropMethod[CloseUpTrainConfig]):
    """A crop method whose crops show a part of the face, so that it has figures of its own.

    Its weights can be interpolated.
    """

    def interpolated(self, run: Path, fraction: float, *, samples: tuple[str, ...] = ()) -> nn.Module:
        """See :class:`TrainableMethod`."""
        return interpolation_of_run(self, run, fraction, begin=take_all, samples=samples)

    def figures(
        self, network: nn.Module, sampler: CropSampler, count: int, device: torch.device
    ) -> dict[str, float]:
        """Mean distance of the points, percent of the close-up's side, and of the keys of rendered faces.

        Args:
            network: in evaluation mode, on the device.
            sampler: of the crops; its own targets are not asked for.
            count: of crops.
            device: to compute on.
        """
        config: CloseUpConfig = network.config
        targets = CloseUpTargets(config.part, config.crop_size).open(sampler.model)
        plain = CropSampler(sampler.store, sampler.model, sampler.config, targets=targets)
        numbers = np.random.default_rng(0).integers(len(plain.store), size=count)
        points, keys = [], []
        for first in range(0, count, FIGURE_ROWS):
            arrays = arrays_of(plain.plain_batch(numbers[first : first + FIGURE_ROWS]))
            crops = crops_as_input(torch.as_tensor(arrays["crop"]).to(device))
            with torch.inference_mode():
                found: CloseUpOutput = network(crops)
            shown = arrays[SHOWN] > 0
            apart = np.linalg.norm(found.points.cpu().numpy() - arrays[POINTS], axis=-1).mean(1)
            points.append(apart[shown])
            exact = shown & arrays["is_rendered"]
            keys.append(np.abs(found.keys.cpu().numpy() - arrays[KEYS])[exact].ravel())
        errors = np.concatenate(keys)
        figures = {NME: 100 * float(np.concatenate(points).mean())}
        return figures | ({"key_error": float(errors.mean())} if len(errors) else {})


def _no_landmarks(network: CloseUpNet, found: CloseUpOutput, landmarks: CropLandmarks) -> CropEstimate:
    raise NotImplementedError("close-ups show no whole face")


def _answers(network: CloseUpNet, crop: Tensor) -> tuple[Tensor, ...]:
    found = network(crop)
    return found.points, found.keys


def arrays(network: CloseUpNet) -> dict[str, dict[str, NDArray[Any]]]:
    """The table that the network has learned by."""
    return {"network": close_up_table(network.config.part, network.config.crop_size).arrays()}


EXPORTER = Exporter(
    method="close-up",
    graphs=one_crop_graph(_answers, outputs=OUTPUTS, tolerance=TOLERANCE, half_tolerance=HALF_TOLERANCE),
    arrays=arrays,
    half=True,
    check_int8=outputs_check(INT8_TOLERANCE),
)

CLOSEUP = CloseUpMethod(
    name="closeup",
    config=CloseUpTrainConfig,
    network=new_network,
    prepare=prepare,
    loss=loss_of,
    targets=targets_of,
    estimate=_no_landmarks,
    exporter=EXPORTER,
    ablation=Ablation(
        CloseUpTrainConfig(), {"whole": Variant(), "no-keys": Variant({"loss": {"keys": 0.0}})}, shared={}
    ),
)
