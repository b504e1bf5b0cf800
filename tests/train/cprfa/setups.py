"""Small configurations of CPRFA's training."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from lineament.train.batches.samples import CropSource, Folders, arrays_of
from lineament.train.cprfa.observations import ObserveConfig
from lineament.train.cprfa.training import CprfaTrainConfig, new_network
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.networks.cprfa.config import tiny
from lineament.train.networks.cprfa.hsunet import Maps
from tests.train.short_runs import UNDISTURBED, short_loop

COUNT, SIZE = 16, 64


def tiny_config(folder, *, stage="maps", steps=3, batch=4, start="", **network):
    """A run of a few steps on painted faces."""
    loop = short_loop(steps=steps, batch=batch, rate=5e-3)
    return CprfaTrainConfig(
        loop=loop,
        round_loop=replace(loop, optimiser=OptimiserConfig(learning_rate=1e-3)),
        stage=stage,
        network=replace(tiny(), **network),
        augment=replace(UNDISTURBED, crop_margin=1.5),
        data=Folders((folder,)),
        workers=0,
        start=start,
        observe=ObserveConfig(crops=24, landmarks=""),
        reference_crops=2,
        validation_crops=4,
    )


@dataclass(frozen=True)
class StraightCrops:
    """A source of crops as they are: the paint of a mirrored face says the place that it had before."""

    source: CropSource

    @property
    def face_model(self):
        return self.source.face_model

    def open(self):
        return self

    def rows(self, rngs):
        sampler = self.source.sampler(validation=False)
        return arrays_of(sampler.plain_batch(np.array([rng.integers(COUNT) for rng in rngs])))


class PaintedMaps(nn.Module):
    """Maps of faces that are painted with their codes before grey: what a trained network would say."""

    def forward(self, crop):
        face = 20.0 * ((crop - 128).abs().amax(1) > 4).float() - 10
        dark = (crop.amax(1) < 40).float()  # the square in front of some
        return [Maps(crop / 255, face - 40 * dark, None)] * 3


def painted_network(config, model):
    """A network that need not learn its maps."""
    torch.manual_seed(0)
    network = new_network(config, model)
    network.maps = PaintedMaps()
    return network.eval()
