"""Small configurations of DSFNet's training."""

from dataclasses import replace

from lineament.train.batches.samples import Folders
from lineament.train.dsfnet.training import DsfTrainConfig
from lineament.train.networks.dsfnet.config import tiny
from tests.train.short_runs import UNDISTURBED, short_loop


def tiny_config(folder, *, steps=3, batch=4, **network):
    """A run of a few steps on painted faces."""
    return DsfTrainConfig(
        loop=short_loop(steps=steps, batch=batch, rate=3e-3),
        network=replace(tiny(), **network),
        augment=UNDISTURBED,
        data=Folders((folder,)),
        workers=0,
        standardisation_crops=32,
        validation_crops=4,
    )
