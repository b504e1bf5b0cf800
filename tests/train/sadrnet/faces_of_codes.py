"""Samples whose pictures show each pixel's place on the face as its colour: all that there is to learn."""

import numpy as np

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import image_maps, posed
from lineament.data.samples.sample import Sample
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.models.builtin import load_builtin
from samples import provenance

SIZE = 128


def coded_sample(rng, number, surface, *, validation=False, occluded=False):
    """A random head; a grey square in front of it where occluded."""
    camera = WeakPerspective(
        matrix_from_angles(*rng.uniform(-0.6, 0.6, 3)), SIZE / 256, SIZE * np.array([0.5, 0.5, 0.0])
    )
    identity = rng.normal(0, 0.7, 100).astype(np.float32)
    expression = (rng.uniform(0, 0.8, 53) * (rng.uniform(size=53) < 0.1)).astype(np.float32)
    mask = None
    if occluded:
        mask = np.zeros((SIZE, SIZE), bool)
        row, column = rng.integers(20, 70, 2)
        mask[row : row + 40, column : column + 40] = True
    image = rng.integers(0, 60, (SIZE, SIZE, 3), np.uint8)
    sample = Sample.of_view(
        View(image, camera, identity, expression), mask, provenance(number, validation=validation)
    )
    maps = image_maps(posed(sample.labels, surface.model, size_hw=(SIZE, SIZE)), surface)
    image[maps.surface] = 255 * maps.ncc[maps.surface]
    if mask is not None:
        image[mask] = 128
    return sample


def coded_folder(folder, count=12, seed=0):
    """The path of a folder of such samples, every third kept for validation, every second occluded."""
    rng, surface = np.random.default_rng(seed), LabelSurface.of(load_builtin(), size=64)
    shards = ShardFolder(folder, Recipe("codes", "none", 0, "test", "lfm"))
    samples = [
        coded_sample(rng, number, surface, validation=number % 3 == 0, occluded=number % 2 == 0)
        for number in range(count)
    ]
    shards.add(write_shard(shards.folder, "codes_00000", samples, shards.recipe.storage))
    return str(folder)
