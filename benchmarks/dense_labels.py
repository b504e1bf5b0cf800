"""How long the dense labels of one sample take on one core: ``python benchmarks/dense_labels.py [SIDE]``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from lineament.data.labels.label_surface import LabelSurface
from lineament.data.labels.targets import image_maps, offset_map, posed, position_map
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.view import View
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles
from lineament.models import load_model

REPEATS = 100


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Median and least time of a piece of work; once before, to compile."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times)), min(times)


def main() -> None:
    """Print one line a label."""
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    model = load_model("lfm")
    surface = LabelSurface.of(model)
    rng = np.random.default_rng(0)
    camera = WeakPerspective(matrix_from_angles(0.4, 0.1, 0.1), side / 256, side * np.array([0.5, 0.47, 0.0]))
    view = View(
        rng.integers(0, 256, (side, side, 3), np.uint8),
        camera,
        rng.standard_normal(100).astype(np.float32),
        (rng.uniform(size=53) * (rng.uniform(size=53) < 0.2)).astype(np.float32),
    )
    provenance = Provenance("noise", "noise", "nobody", Kind.RENDERED)
    face = posed(Sample(view, rng.uniform(size=(side, side)) < 0.1, provenance), model)
    works: dict[str, Callable[[], object]] = {
        "mesh": lambda: posed(face.sample, model),
        "68 landmarks": face.landmarks_image,
        f"all maps over the picture, {side} px": lambda: image_maps(face, surface),
        f"position map, {surface.size} texels": lambda: position_map(face, surface),
        f"offset map, {surface.size} texels": lambda: offset_map(face, surface),
        "visibility of all vertices": face.visibility,
        "mirrored sample": lambda: face.sample.mirrored(model),
    }
    for name, work in works.items():
        median, least = milliseconds(work)
        sys.stdout.write(f"{name:40} median {median:6.2f} ms   least {least:6.2f} ms\n")


if __name__ == "__main__":
    main()
