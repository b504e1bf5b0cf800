"""What runs of a few steps on painted faces share: crops as they are, and their loop."""

from lineament.data.crops.augment import AugmentConfig
from lineament.train.engine.loop import LoopConfig
from lineament.train.engine.optimisers import OptimiserConfig
from lineament.train.engine.schedules import ScheduleConfig

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


def short_loop(*, steps, batch, rate):
    """Steps that all computers take alike, saved once, at the end."""
    return LoopConfig(
        steps=steps,
        batch=batch,
        optimiser=OptimiserConfig(learning_rate=rate),
        schedule=ScheduleConfig(warm_up=5),
        precision="float32",
        log_every=1,
        save_every=max(steps, 1),
    )
