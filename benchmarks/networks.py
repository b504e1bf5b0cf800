"""One crop through each regressor alone, on one thread and on two: ``python benchmarks/networks.py``."""

from __future__ import annotations

import sys
import time

import numpy as np

from lineament.bundle import Bundle
from lineament.network import OnnxNetwork

WARM_UP, RUNS = 30, 300


def median_ms(network: OnnxNetwork) -> float:
    """Median time of a crop of noise."""
    size = network.input_shapes["crop"][1]
    crop = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    times = []
    for _ in range(WARM_UP + RUNS):
        start = time.perf_counter()
        network(crop=crop)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times[WARM_UP:]))


def main() -> None:
    """Print a line a network."""
    for name in ("fast", "open", "default"):
        one, two = (median_ms(Bundle.open(name).network(threads=threads)) for threads in (1, 2))
        sys.stdout.write(f"{name}: {one:.2f} ms on one thread, {two:.2f} ms on two\n")


if __name__ == "__main__":
    main()
