"""Rest and range of expression weights, measured and written into their file.

python -m tools.calibrate_expressions mine.lineament --out calibrated.lineament --photos ../shared/photos
    [--pictures FILE] [--not-measured eyeLook --not-measured mouthClose]

Rest: the median of what the network gives on neutral portraits (London, the people that are for training).
Full: the median on rendered faces on which the key alone is raised to 1, of other faces than those that
``lineament eval expressions`` shows. The range of a key that hardly moves there is not known: it keeps the
face model's own. What ``--not-measured`` begins the name of is marked as not measured. The network is not
touched.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.evaluate.expressions.photographs import at_rest
from lineament.evaluate.expressions.pictures import SEED, PictureRecipe, raised_pictures
from lineament.evaluate.expressions.report import read_keys
from lineament.expression_keys import KeyScale, stem_of

Array = NDArray[Any]

RECIPE = PictureRecipe(seed=SEED + 1, faces=150)
LEAST, MOST = 0.5, 1.2
"""A key that is raised has to move its weight by the first, lest noise be stretched by more than two; no key
is full beyond the second."""


AT_REST = 0.9
"""Share of the neutral sitters whose weight of a key counts as none: with half of them, the other half would
have some key raised."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="name or file of weights")
    parser.add_argument("--out", type=Path, required=True, help="the new file")
    parser.add_argument("--photos", type=Path, required=True, help="folder with london")
    parser.add_argument("--pictures", type=Path, help="rendered faces, made when missing")
    parser.add_argument("--not-measured", action="append", default=[], help="how names begin")
    given = parser.parse_args()
    bundle = Bundle.open(given.weights)
    aligner = FaceAligner.from_pretrained(given.weights, threads=1)
    aligner.key_scales = {}  # as the network gives them
    resting = at_rest(aligner, given.photos, held_out=False)
    shown = raised_pictures(given.pictures, RECIPE)
    names, found = read_keys(aligner, shown)
    rest = np.quantile(resting.weights, AT_REST, axis=0)
    scales = key_scales(names, rest, found, shown.key, given.not_measured)
    manifest = replace(bundle.manifest, expression_keys=scales)
    graphs = {name: bundle.graph(name) for name in bundle.manifest.graphs}
    arrays = {name: bundle.arrays(name) for name in bundle.manifest.arrays}
    Bundle.write(given.out, manifest, graphs=graphs, arrays=arrays)
    for name, scale in scales.items():
        print(f"{name:20} {scale.rest:.3f} {scale.full:.3f} {'' if scale.measured else 'not measured'}")


def key_scales(
    names: Sequence[str],
    rest: Array,
    found: Array,
    key: NDArray[np.integer],
    not_measured: Sequence[str] = (),
) -> dict[str, KeyScale]:
    """What each key is at rest and fully raised: the same on both sides, for faces have no better one.

    Args:
        names: of E keys.
        rest: (E,) weights at rest.
        found: (n, E) weights on pictures.
        key: (n,) which key is raised on each, -1 for none.
        not_measured: how names of keys begin that are not to be believed.
    """
    scales = {}
    for name in names:
        sides = [number for number, other in enumerate(names) if stem_of(other) == stem_of(name)]
        raised = [found[key == number, number] for number in sides if (key == number).any()]
        full = min(float(np.median(np.concatenate(raised))), MOST) if raised else 0.0
        low = float(np.mean(rest[sides]))
        if name.startswith(tuple(not_measured)):
            scales[name] = KeyScale(measured=False)
        else:
            scales[name] = KeyScale(round(low, 4), 1.0 if full - low < LEAST else round(full, 4))
    return scales


if __name__ == "__main__":
    main()
