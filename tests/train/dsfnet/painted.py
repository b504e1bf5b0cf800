"""Faces painted with the colours of their places on the head, so that a small network learns them at once."""

import numpy as np

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import image_maps, posed
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.models.builtin import load_builtin

SIZE = 160


def painted_sample(number, surface, *, occluded=False, validation=False):
    """A head in the colours of its normalised coordinates before grey, a plain square over it where asked."""
    rng = np.random.default_rng(number)
    camera = WeakPerspective(
        matrix_from_angles(*rng.uniform(-0.5, 0.5, 3)),
        rng.uniform(0.5, 0.62),
        np.append(rng.uniform(75, 85, 2), 0.0),
    )
    identity = rng.normal(0, 1, 100).astype(np.float32)
    expression = rng.uniform(0, 0.4, 53).astype(np.float32)
    view = View(np.zeros((SIZE, SIZE, 3), np.uint8), camera, identity, expression)
    about = Provenance("painted", str(number), f"p/{number}", Kind.ROTATED, validation)
    sample = Sample.of_view(view, None, about)
    maps = image_maps(posed(sample.labels, load_builtin(), size_hw=(SIZE, SIZE)), surface)
    picture = np.where(maps.surface[..., None], 255 * maps.ncc, 128).astype(np.uint8)
    mask = None
    if occluded:
        mask = np.zeros((SIZE, SIZE), bool)
        mask[60:110, 70:120] = True
        picture[mask] = 10
    return Sample.of_view(View(picture, camera, identity, expression), mask, about)


def painted_folder(folder, count, *, held_out=2):
    """Path of a folder of so many samples for training, half of them occluded, and a few held out."""
    surface = LabelSurface.of(load_builtin(), size=32)
    shards = ShardFolder(folder, Recipe("painted", "none", 0, "test", "lfm"))
    made = [
        painted_sample(number, surface, occluded=number % 2 == 1, validation=number >= count)
        for number in range(count + held_out)
    ]
    shards.add(write_shard(folder, "painted_00000", made, shards.recipe.storage))
    return str(folder)
