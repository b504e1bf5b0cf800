"""Faces of the method's own making: drawn in a known light, with nothing but points as labels."""

import numpy as np
import torch

from lineament.data.samples.face_labels import AnnotatedPoints, FaceLabels, PointSource
from lineament.data.samples.sample import Sample
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.models.texture import load_texture_model
from lineament.train.dff.face import FaceSurface
from lineament.train.dff.training import DffTrainConfig, new_network, prepare
from samples import provenance

SIZE = 64


def small_config(**changes):
    """A configuration with a network that takes a hundredth of a second."""
    from lineament.data.crops.augment import AugmentConfig
    from lineament.train.engine.loop import LoopConfig
    from lineament.train.networks.dff.network import DffConfig

    network = changes.pop("network", {})
    return DffTrainConfig(
        network=DffConfig(
            crop_size=SIZE,
            stem=8,
            stages=(8, 16, 16, 32),
            blocks=(1, 1, 1, 1),
            squeeze=16,
            hidden=64,
            **network,
        ),
        augment=AugmentConfig(crop_size=SIZE),
        loop=changes.pop(
            "loop", LoopConfig(steps=10, batch=4, precision="float32", log_every=1, save_every=5)
        ),
        workers=0,
        validation_crops=4,
        **changes,
    )


def numbers_of(config, count, seed=0, *, turn=0.3):
    """(count, n) numbers of the network that make plausible faces."""
    rng = torch.Generator().manual_seed(seed)
    sizes = (0.7, 0.5, 0.4, turn, 0.0, 0.02, 0.1)
    parts = [
        size * torch.randn(count, n, generator=rng) for size, n in zip(sizes, config.sizes, strict=False)
    ]
    return torch.cat(parts, dim=1)


def drawn_faces(lfm, count, seed=0, size=SIZE, **network):
    """Random faces drawn by the renderer: numbers, their parts, (count, 3, S, S) pictures in 0..1, masks."""
    config = small_config(network=network)
    net = new_network(config, lfm)
    prepare(net, config, None)
    surface = FaceSurface(lfm, load_texture_model(), config.network)
    numbers = numbers_of(config.network, count, seed)
    with torch.no_grad():
        face = net.parts(numbers, torch.zeros(count, 3, size, size))
        rgb, mask, _ = surface(face, size)
    return net, face, rgb, mask


def points_folder(folder, lfm, count=12):
    """The path of a folder of drawn faces of 112 px on noise, every third for validation, points alone."""
    net, face, rgb, mask = drawn_faces(lfm, count, size=112)
    rng = np.random.default_rng(0)
    points = net.landmarks(face, 112).numpy()
    samples = []
    for number in range(count):
        image = rng.integers(90, 110, (112, 112, 3)).astype(np.uint8)
        shown = mask[number].numpy()
        image[shown] = (255 * rgb[number].clamp(0, 1)).byte().permute(1, 2, 0).numpy()[shown]
        labels = FaceLabels(None, points=AnnotatedPoints(points[number], "300w-lp", PointSource.DETECTOR))
        samples.append(Sample(image, labels, provenance(number, validation=number % 3 == 0)))
    shards = ShardFolder(folder, Recipe("drawn faces", "none", 0, "test", "lfm"))
    shards.add(write_shard(shards.folder, "drawn_00000", samples, shards.recipe.storage))
    return str(folder)
