"""The row of SADRNet, with the variants of the paper's ablation."""

from __future__ import annotations

from dataclasses import replace

from lineament.data.crops.augment import AugmentConfig
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.networks.sadrnet import NARROW
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant
from lineament.train.sadrnet.checkpoint_conversion import CONVERSION
from lineament.train.sadrnet.export import EXPORTER
from lineament.train.sadrnet.loss import SadrLossConfig
from lineament.train.sadrnet.training import (
    SadrTrainConfig,
    estimate,
    loss_of,
    new_network,
    prepare,
    targets_of,
)


def _network(published: float | None, **changes: object) -> Variant:
    return Variant({"network": changes}, published, fits_pretraining=False)


def _loss(**changes: float) -> Variant:
    return Variant({"loss": changes})


VARIANTS = {
    "direct": _network(3.31, attention=False, pose="direct"),
    "regressed-pose": _network(3.43, attention=False, pose="regress"),
    "no-attention": _network(3.18, attention=False),
    "attention-direct": _network(3.16, pose="direct"),
    "direct-shape": Variant({"network": {"shape": "direct"}}, 3.24),
    "whole": Variant({}, 3.05),
    "no-edges": _loss(edge=0.0),
    "no-normals": _loss(normal=0.0),
    "no-mesh-losses": _loss(edge=0.0, normal=0.0),
    "no-aligned-loss": _loss(aligned=0.0),
    "code-weights": Variant({"network": {"weight": "code"}}),
}
"""In the order of the paper's rows, whose figures are means over all pictures of AFLW2000-3D and not over
bins of yaw; then ours, of which nobody has published figures."""

BASE = SadrTrainConfig(
    network=NARROW,
    augment=AugmentConfig(crop_size=NARROW.crop_size),
    loss=SadrLossConfig(neck=1.0),
    loop=replace(LoopConfig(steps=1500, batch=32), optimiser=OptimiserConfig(learning_rate=1e-3)),
)

SADRNET = CropMethod(
    name="sadrnet",
    config=SadrTrainConfig,
    network=new_network,
    prepare=prepare,
    loss=loss_of,
    targets=targets_of,
    estimate=estimate,
    exporter=EXPORTER,
    ablation=Ablation(BASE, VARIANTS, shared={}),
    conversion=CONVERSION,
)
