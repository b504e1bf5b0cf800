"""The row of SynergyNet, with the variants of tables 2 and 3 of the paper."""

from __future__ import annotations

from dataclasses import replace

from lineament.train.engine.loop import LoopConfig
from lineament.train.networks.synergynet import LandmarksTo3dmmConfig, MafaConfig
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant
from lineament.train.synergynet.checkpoint_conversion import CONVERSION
from lineament.train.synergynet.export import EXPORTER
from lineament.train.synergynet.training import (
    PUBLISHED,
    SynergyTrainConfig,
    estimate,
    loss_of,
    new_network,
    prepare,
)

NO_MAFA, NO_LANDMARKS_TO_3DMM = MafaConfig(enabled=False), LandmarksTo3dmmConfig(enabled=False)
BASELINE = {"mafa": NO_MAFA, "landmarks_to_3dmm": NO_LANDMARKS_TO_3DMM}


def _network(published: float | None, pose: float | None, **changes: object) -> Variant:
    return Variant({"network": changes}, published, pose)


def _loss(published: float | None, pose: float | None, **changes: object) -> Variant:
    return Variant({"loss": changes}, published, pose)


MORE_LAYERS = (752, 752)
"""With them the baseline has the 3.8 million parameters of the paper's larger one, for its 62 outputs."""
VARIANTS = {
    "baseline": _network(3.88, 4.06, **BASELINE),
    "MAFA": _network(3.49, 3.65, landmarks_to_3dmm=NO_LANDMARKS_TO_3DMM),
    "reverse": _network(3.65, 3.70, mafa=NO_MAFA),
    "both": Variant({}, 3.41, 3.35),
    "points": _network(3.58, 3.71, mafa=MafaConfig(attributes=()), landmarks_to_3dmm=NO_LANDMARKS_TO_3DMM),
    "points-image": _network(
        3.56, 3.66, mafa=MafaConfig(attributes=("image",)), landmarks_to_3dmm=NO_LANDMARKS_TO_3DMM
    ),
    "reverse-pose": _loss(3.51, 3.40, targets=("pose",)),
    "reverse-shape": _loss(3.48, 3.43, targets=("shape", "expression")),
    "reverse-coarse": _network(3.49, None, landmarks_to_3dmm=LandmarksTo3dmmConfig(input="coarse")),
    "reverse-attributes": _network(3.41, None, landmarks_to_3dmm=LandmarksTo3dmmConfig(attributes=True)),
    "larger-baseline": Variant(
        {"network": {**BASELINE, "feature_layers": MORE_LAYERS}}, 3.86, 3.75, fits_pretraining=False
    ),
    "geometry": _network(6.48, 5.76, landmarks="geometry"),
    "no-consistency": _loss(None, None, consistency=0.0),
    "smooth-l1": _loss(None, None, landmarks="smooth-l1"),
    "no-coarse-loss": _loss(None, None, coarse=0.0),
    "coarse-result": _network(None, None, landmarks="coarse"),
    "code-endings": _network(
        None,
        None,
        mafa=MafaConfig(last="code", step=0.05),
        landmarks_to_3dmm=LandmarksTo3dmmConfig(last="code"),
    ),
    "code-index": _loss(None, None, index="code", targets=("shape", "expression")),
}
BASE = SynergyTrainConfig(
    loop=LoopConfig(
        steps=1500,
        batch=64,
        optimiser=replace(PUBLISHED.optimiser, learning_rate=0.005),
        schedule=PUBLISHED.schedule,
    )
)

SYNERGYNET = CropMethod(
    name="synergynet",
    config=SynergyTrainConfig,
    network=new_network,
    prepare=prepare,
    loss=loss_of,
    estimate=estimate,
    exporter=EXPORTER,
    ablation=Ablation(BASE, VARIANTS, shared={"network": BASELINE}),
    conversion=CONVERSION,
    choices=("landmarks",),
)
