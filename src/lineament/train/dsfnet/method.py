"""The row of DSFNet, with the variants of the paper's ablation (table 6) and the rows of its branches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lineament.train.dsfnet.checkpoint_conversion import CONVERSION
from lineament.train.dsfnet.export import EXPORTER
from lineament.train.dsfnet.targets import DsfTargets
from lineament.train.dsfnet.training import DsfTrainConfig, estimate, loss_of, new_network, prepare
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.runs.crop_method import CropMethod
from lineament.train.runs.method import Ablation, Variant


def _image(published: float | None, *, cons: float = 1.0, align: bool = True, **points: Any) -> Variant:  # noqa: ANN401
    """A row of the image-space branch alone; the published figures are dense errors, not of 68 points."""
    network = {"output": "is", "fusion": {"enabled": False}, "points": points, "align": {"enabled": align}}
    return Variant({"network": network, "loss": {"cons": cons}}, published)


VARIANTS = {
    "ms": Variant({"network": {"output": "ms"}}, 4.15),
    "is-xyz": _image(4.01, use_cor=False, use_cf=False),
    "is-no-cf": _image(3.93, use_cf=False),
    "is-no-cons": _image(3.94, cons=0.0),
    "is-no-align": _image(4.12, align=False),
    "is": _image(3.89),
    "f-no-f_ms": Variant({"network": {"fusion": {"use_f_ms": False}}}, 3.96),
    "f": Variant({}, 3.80),
}
SHARED = {"network": {"output": "ms", "points": {"enabled": False}, "fusion": {"enabled": False}}}
"""Encoder, maps and model space, which all rows have."""
BASE = DsfTrainConfig(
    loop=LoopConfig(steps=1500, batch=32, optimiser=OptimiserConfig(learning_rate=1.0e-3, weight_decay=0.01))
)

DSFNET = CropMethod(
    name="dsfnet",
    config=DsfTrainConfig,
    network=new_network,
    prepare=prepare,
    loss=loss_of,
    targets=lambda config: DsfTargets(halved=config.network.heads.maps == "half"),
    estimate=estimate,
    exporter=EXPORTER,
    ablation=Ablation(replace(BASE), VARIANTS, shared=SHARED),
    conversion=CONVERSION,
)
