"""The row of Zhou and Huang's method, with the ablations that the paper lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from lineament.data.crops.sampler import SOURCES, CropSampler
from lineament.train.batches.alignment_figures import NME, CropLandmarks
from lineament.train.batches.samples import arrays_of, crops_as_input
from lineament.train.dff.export import EXPORTER
from lineament.train.dff.training import DffTrainConfig, estimate, loss_of, new_network, prepare
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant

POINTS_NME = "points_nme_percent"
"""Of annotated points, in percent of the root of the area of their box."""
BATCH = 64


def _loss(**changes: object) -> Variant:
    return Variant({"loss": changes})


VARIANTS = {
    "landmarks": _loss(photo=0.0, w_dff=0.0, land_error=0.0),
    "no-photo": _loss(photo=0.0),
    "no-land_error": _loss(land_error=0.0),
    "no-dff": _loss(w_dff=0.0),
    "whole": Variant({}, 3.75),
    "w_dff-printed": _loss(w_dff=1e-6),
    "dff-random": Variant({"dff": {"net": "random"}}),
    "dff-encoder": Variant({"dff": {"net": "encoder"}}),
    "dff-projected": _loss(dff_at="projected"),
    "priors-printed": _loss(texture=2e-2, light=0.0),
    "no-masks": _loss(skin_mask=False, occlusion_mask=False),
    "weak": Variant({"network": {"camera": "weak"}}),
    "free-camera": Variant({"network": {"camera": "free"}}, fits_pretraining=False),
    "dynamic-contour": _loss(contour="dynamic"),
}
"""Nobody has published such figures; 3.75 is the paper's on its own 696 pictures. For "dff-encoder" name
`dff.run` as a run of the regressor, and give it a table of its own."""

BASE = DffTrainConfig(
    loop=replace(LoopConfig(steps=1500, batch=32), optimiser=OptimiserConfig(learning_rate=5e-4))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DffMethod(CropMethod[DffTrainConfig]):
    """A crop method that may have nothing but points to be measured by."""

    def figures(
        self, network: nn.Module, sampler: CropSampler, count: int, device: torch.device
    ) -> dict[str, float]:
        """The figures that all methods share where faces were fitted, and the error of annotated points.

        Where no face of the samples was fitted, the error of the points stands for the shared one too.
        """
        points = _points_error(network, sampler, count, device, self.estimate)
        if sampler.store.has_coefficients().any():
            shared = CropMethod.figures(self, network, sampler, count, device)
            return shared | points
        return {NME: points.get(POINTS_NME, float("nan"))} | points


@torch.no_grad()
def _points_error(
    network: nn.Module,
    sampler: CropSampler,
    count: int,
    device: torch.device,
    estimate_of: Callable[..., object],
) -> dict[str, float]:
    """:data:`POINTS_NME` over samples with points of their own, spread evenly; empty where there are none."""
    landmarks = CropLandmarks(sampler.model).to(device)
    numbers = np.unique(np.linspace(0, len(sampler.store) - 1, count).astype(int))
    errors: list[Tensor] = []
    for first in range(0, len(numbers), BATCH):
        arrays = arrays_of(sampler.plain_batch(numbers[first : first + BATCH]))
        batch = {name: torch.as_tensor(values).to(device) for name, values in arrays.items()}
        known = batch["point_weights"] * (batch["point_source"] != SOURCES.index("fit"))[:, None]
        rows = known.sum(1) > 3
        if not rows.any():
            continue
        found = estimate_of(network, network(crops_as_input(batch["crop"])), landmarks)
        truth, seen = batch["points"][rows][..., :2], known[rows] > 0
        apart = (found.landmarks[rows][..., :2] - truth).norm(dim=2)  # type: ignore[attr-defined]
        low = torch.where(seen[..., None], truth, torch.inf).amin(1)
        high = torch.where(seen[..., None], truth, -torch.inf).amax(1)
        size = (high - low).prod(1).sqrt()
        errors.append(100 * (apart * seen).sum(1) / seen.sum(1) / size)
    return {POINTS_NME: float(torch.cat(errors).mean())} if errors else {}


DFF = DffMethod(
    name="dff",
    config=DffTrainConfig,
    network=new_network,
    prepare=prepare,
    loss=loss_of,
    occlusion=True,
    estimate=estimate,
    exporter=EXPORTER,
    ablation=Ablation(BASE, VARIANTS, {"loss": {"photo": 0.0, "w_dff": 0.0, "land_error": 0.0}}),
)
