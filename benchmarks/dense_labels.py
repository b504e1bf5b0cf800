"""How fast dense labels are made: ``python benchmarks/dense_labels.py [SIDE] [WORKERS]``.

First each label of one sample on one core, then whole training batches: crops, masks and targets of disturbed
samples of noise, made by worker processes.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lineament.data.crops.augment import AugmentConfig
from lineament.data.labels.dense_targets import DenseTargets
from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import image_maps, offset_map, posed, position_map
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import Recipe, ShardFolder, write_shard
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.models import load_model
from lineament.train.batches.samples import CropSource, Folders, batches_of
from lineament.train.engine.loop import ALONE, LoopConfig

REPEATS = 100
STORED_PX, SAMPLES = 160, 64
BATCH, WARM_UP, STEPS = 16, 10, 40
CHART_ONLY = DenseTargets(("position_map", "offset_map"))
ALL_MAPS = DenseTargets(("position_map", "offset_map", "correspondence_uv", "depth", "segmentation"))


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Median and least time of a piece of work; once before, to compile."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times)), min(times)


def random_sample(rng: np.random.Generator, side: int, number: int = 0) -> Sample:
    """A picture of noise with a random face and something in front of it."""
    camera = WeakPerspective(
        matrix_from_angles(*rng.uniform(-0.5, 0.5, 3)), side / 256, side * np.array([0.5, 0.47, 0.0])
    )
    view = View(
        rng.integers(0, 256, (side, side, 3), np.uint8),
        camera,
        rng.standard_normal(100).astype(np.float32),
        (rng.uniform(size=53) * (rng.uniform(size=53) < 0.2)).astype(np.float32),
    )
    mask = np.zeros((side, side), bool)
    mask[side // 4 : side // 2, side // 3 : side // 2] = True
    return Sample.of_view(view, mask, Provenance("noise", str(number), str(number), Kind.RENDERED))


def print_single_labels(side: int) -> None:
    """One line a label."""
    model = load_model("lfm")
    surface = LabelSurface.of(model)
    sample = random_sample(np.random.default_rng(0), side)
    face = posed(sample.labels, model, size_hw=sample.size_hw)
    works: dict[str, Callable[[], object]] = {
        "mesh": lambda: posed(sample.labels, model, size_hw=sample.size_hw),
        "68 landmarks": face.landmarks_image,
        f"all maps over the picture, {side} px": lambda: image_maps(face, surface),
        f"position map, {surface.size} texels": lambda: position_map(face, surface),
        f"offset map, {surface.size} texels": lambda: offset_map(face, surface),
        "visibility of all vertices": face.visibility,
        "mirrored sample": lambda: sample.mirrored(model),
    }
    for name, work in works.items():
        median, fastest = milliseconds(work)
        sys.stdout.write(f"{name:40} median {median:6.2f} ms   least {fastest:6.2f} ms\n")


def print_batches(side: int, workers: int) -> None:
    """Samples a second of whole batches, without and with targets."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        shards = ShardFolder(Path(folder), Recipe("noise", "none", 0, "benchmark", "lfm"))
        samples = [random_sample(rng, STORED_PX, number) for number in range(SAMPLES)]
        shards.add(write_shard(shards.folder, "noise", samples, shards.recipe.storage))
        kinds = {
            "crops and coefficients": {},
            "with masks": {"occlusion": True},
            "with masks, position and offset maps": {"occlusion": True, "targets": CHART_ONLY},
            "with masks and all maps": {"occlusion": True, "targets": ALL_MAPS},
        }
        for name, options in kinds.items():
            source = CropSource(Folders((folder,)), AugmentConfig(crop_size=side), **options)
            seconds, spent = _batches(source, workers)
            sys.stdout.write(
                f"{name:40} {BATCH * STEPS / seconds:6.0f} samples a second, {workers} workers, {side} px; "
                f"{1000 * spent:5.1f} ms of a core a sample, {workers / spent:4.0f} a second on free cores\n"
            )


def _batches(source: CropSource, workers: int) -> tuple[float, float]:
    """Seconds that a training run waits for its batches, and those of cores that a sample takes in all.

    The second is counted whatever else the machine does; what worker processes need to start is taken off.
    """
    loop = LoopConfig(steps=WARM_UP + STEPS, batch=BATCH)
    start, spent = 0.0, []
    for steps in (WARM_UP, WARM_UP + STEPS):
        before = _core_seconds()
        batches = batches_of(source, replace(loop, steps=steps), 0, processes=ALONE, workers=workers)
        for step, _ in enumerate(batches):
            if step == WARM_UP - 1:
                start = time.perf_counter()
        seconds = time.perf_counter() - start
        del batches, _  # worker processes are counted when they have ended
        spent.append(_core_seconds() - before)
    return seconds, (spent[1] - spent[0]) / (BATCH * STEPS)


def _core_seconds() -> float:
    """Of this process and those that it started and that have ended."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def main() -> None:
    """Print single labels, then batches."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    print_single_labels(side)
    print_batches(side, int(sys.argv[2]) if len(sys.argv) > 2 else 2)


if __name__ == "__main__":
    main()
