"""How often keys read as raised on photographs: ``python -m benchmarks.raised_keys [--weights open]``.

Hardly any photograph shows a jaw moved aside, and few portraits a frown: how many say so tells of false
readings. Of each collection every photograph is aligned from the box of its mesh points. Weights were trained
on these people: this tells of readings, and not of what networks find on people that they never saw.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.data.photographs.collections import read_collection, shared_folder
from lineament.evaluate.expressions.photographs import aligned

KEYS = (
    *("jawLeft", "jawRight", "mouthStretchLeft", "mouthStretchRight"),
    *("browDownLeft", "browDownRight", "mouthFrownLeft", "mouthFrownRight"),
)
LIMITS = (0.25, 0.5)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="default", help="name or file")
    parser.add_argument("--collections", nargs="*", default=["yawdd", "london"])
    parser.add_argument("--every", type=int, default=1, help="every so many-th photograph")
    parser.add_argument("--keys", nargs="*", default=KEYS)
    given = parser.parse_args()
    aligner = FaceAligner.from_pretrained(given.weights, threads=1)
    for name in given.collections:
        collection = read_collection(shared_folder() / "photos", name)
        found = aligned(aligner, collection, range(0, len(collection.photo_names), given.every))
        shares = raised_shares(found.names, found.weights, given.keys)
        print(f"{name}, {len(found.weights)} faces, above " + " and ".join(map(str, LIMITS)))
        for key, share in shares.items():
            print(f"  {key:20} " + " ".join(f"{value:6.1%}" for value in share))


def raised_shares(
    names: Sequence[str], weights: NDArray[np.floating], keys: Sequence[str]
) -> dict[str, tuple[float, ...]]:
    """By key the parts of the faces that read above each of :data:`LIMITS`.

    Args:
        names: of E keys.
        weights: (n, E) as reported.
        keys: whose parts are wanted.
    """
    own = {key: weights[:, list(names).index(key)] for key in keys}
    return {key: tuple(float((values > limit).mean()) for limit in LIMITS) for key, values in own.items()}


if __name__ == "__main__":
    main()
