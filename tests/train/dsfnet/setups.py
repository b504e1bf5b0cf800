"""Small configurations of DSFNet's training."""

from dataclasses import replace

from lineament.data.crops.augment import AugmentConfig
from lineament.train.batches.samples import Folders
from lineament.train.dsfnet.training import DsfTrainConfig
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import ScheduleConfig
from lineament.train.networks.dsfnet.config import tiny

UNDISTURBED = AugmentConfig(
    crop_size=64,
    tight_probability=1.0,
    occluder_probability=0.0,
    grey_probability=0.0,
    blur_probability=0.0,
    noise_probability=0.0,
    jpeg_probability=0.0,
    border_probability=0.0,
)


def tiny_config(folder, *, steps=3, batch=4, **network):
    """A run of a few steps on painted faces."""
    return DsfTrainConfig(
        loop=LoopConfig(
            steps=steps,
            batch=batch,
            optimiser=OptimiserConfig(learning_rate=3e-3),
            schedule=ScheduleConfig(warm_up=5),
            precision="float32",
            log_every=1,
            save_every=max(steps, 1),
        ),
        network=replace(tiny(), **network),
        augment=UNDISTURBED,
        data=Folders((folder,)),
        workers=0,
        standardisation_crops=32,
        validation_crops=4,
    )
