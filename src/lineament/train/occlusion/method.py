"""The row of the occlusion network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.data.crops.sampler import CropSampler
from lineament.train.batches.alignment_figures import CropEstimate, CropLandmarks
from lineament.train.batches.labels import LabelBatch
from lineament.train.batches.samples import arrays_of, crops_as_input
from lineament.train.networks.occlusion import OcclusionNet
from lineament.train.occlusion.loss import SkinPlaces, read_at
from lineament.train.occlusion.training import (
    OcclusionTrainConfig,
    loss_of,
    new_network,
    prepare,
)
from lineament.train.onnx.agreement import outputs_check
from lineament.train.onnx.exporter import Exporter
from lineament.train.onnx.graph import one_crop_graph
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant

MAX_INT8_SHIFT = 0.02
"""Mean change in eight bits of how surely a cell shows the face."""
FIGURE_ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OcclusionMethod(CropMethod[OcclusionTrainConfig]):
    """A crop method that finds no landmarks, so that it has figures of its own."""

    def figures(
        self, network: nn.Module, sampler: CropSampler, count: int, device: torch.device
    ) -> dict[str, float]:
        """On crops disturbed as in training, the same ones each time.

        Args:
            network: in evaluation mode, on the device.
            sampler: of the crops.
            count: of crops.
            device: to compute on.

        Returns:
            "shown_iou" and "hidden_iou": over all places of all crops, those that are shown (hidden) and are
            said to be, of those of which either is true.
        """
        occluding = CropSampler(sampler.store, sampler.model, sampler.config, occlusion=True)
        places_of = SkinPlaces(sampler.model, sampler.config.crop_size).to(device)
        found, truth = [], []
        for first in range(0, count, FIGURE_ROWS):
            rngs = [np.random.default_rng([0, row]) for row in range(first, min(first + FIGURE_ROWS, count))]
            batch = {n: torch.as_tensor(v).to(device) for n, v in arrays_of(occluding.rows(rngs)).items()}
            with torch.inference_mode():
                mask = network(crops_as_input(batch["crop"])).sigmoid()
                places = places_of(LabelBatch.of(batch))
                found.append(read_at(mask, places)[places.counted].cpu().numpy())
                truth.append(places.shown[places.counted].cpu().numpy())
        shown, said = np.concatenate(truth) > 0.5, np.concatenate(found)
        said = said > 0.5
        return {"shown_iou": _overlap(shown, said), "hidden_iou": _overlap(~shown, ~said)}


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max((one | other).sum(), 1))


def _no_landmarks(network: OcclusionNet, mask: Tensor, landmarks: CropLandmarks) -> CropEstimate:
    raise NotImplementedError("an occlusion network finds no landmarks")


def _answers(network: OcclusionNet, crop: Tensor) -> tuple[Tensor, ...]:
    return (network(crop).sigmoid(),)


EXPORTER = Exporter(
    method="occlusion",
    graphs=one_crop_graph(
        _answers, outputs=("shown",), tolerance={"shown": 1e-4}, half_tolerance={"shown": 0.02}
    ),
    half=True,
    check_int8=outputs_check({"shown": MAX_INT8_SHIFT}),
)

OCCLUSION = OcclusionMethod(
    name="occlusion",
    config=OcclusionTrainConfig,
    network=new_network,
    prepare=prepare,
    loss=loss_of,
    occlusion=True,
    estimate=_no_landmarks,
    exporter=EXPORTER,
    ablation=Ablation(
        OcclusionTrainConfig(),
        {"whole": Variant(), "even": Variant({"loss": {"hidden": 1.0}})},
        shared={},
    ),
)
