"""A small SynergyNet, and a run of two steps."""

from dataclasses import replace

from lineament.data.crops.augment import AugmentConfig
from lineament.train.batches.samples import Folders
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import ScheduleConfig
from lineament.train.networks.synergynet import SynergyConfig
from lineament.train.synergynet.training import SynergyTrainConfig

SMALL = SynergyConfig(width=0.25, crop_size=32)
AUGMENT = AugmentConfig(crop_size=32)


def config(samples, **changes):
    loop = LoopConfig(
        steps=2,
        batch=4,
        log_every=1,
        save_every=1,
        optimiser=OptimiserConfig(kind="sgd", learning_rate=1e-3),
        schedule=ScheduleConfig(shape="constant", warm_up=0),
    )
    base = SynergyTrainConfig(
        loop=loop,
        network=SMALL,
        augment=AugmentConfig(crop_size=32),
        data=Folders((samples,)),
        face_swap=0.5,
        workers=0,
        standardisation_crops=8,
        validation_crops=4,
    )
    return replace(base, **changes)
