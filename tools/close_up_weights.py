r"""Join weights and close-ups of eyes and mouth into weights of the method "close-up-regressor".

    python -m tools.close_up_weights --weights lfm-regressor --eye eye.lineament --mouth mouth.lineament \
        --occlusion occlusion.lineament --samples sets/open sets/rendered --out with_close_ups.lineament

A part may also be taken from joined weights: ``--occlusion default``. Errors of all networks are measured on
training samples, cut as a second pass cuts them: their covariances are what the update of coefficients needs
(:mod:`lineament.methods.coefficient_update`). The result says what each part was trained on; detector,
threads and limits are those of the weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from lineament.bundle import Bundle, Manifest
from lineament.bundle.manifest import joined_data
from lineament.data.crops.augment import AugmentConfig, disturb, random_crop_box
from lineament.data.samples.mixture import Mixture
from lineament.data.samples.sample import Kind, Sample
from lineament.geometry.morphable import MorphableModel
from lineament.methods.closeup import CloseUp, CloseUpTable
from lineament.methods.coefficient_update import FaceState, Sighting, expected
from lineament.methods.regressor import UNCERTAINTY, MorphableRegressor
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result import DEFAULT_SCHEME
from lineament.train.batches.samples import Folders

Array = NDArray[Any]

PARTS = ("eye", "mouth")
FACES = 4000
SHRINKAGE = 0.1
"""How far covariances of so few faces are drawn towards their diagonal (Ledoit and Wolf 2004): errors that
only seem to go together would move what a close-up does not show."""
RAISED_KEY = 0.3
"""Standard deviation that the keys of close-ups have beside the errors of the whole face. Keys rest on most
faces; where one is raised, the error of a network that missed it is of this size, and not normal."""
TWICE = {"eye": 1, "mouth": 2}
"""How often a network sees the same part: what it says of it and of its mirror image counts as one."""
NEW_PEOPLE = 1.36
"""How much greater the variances of close-ups are on people they were not trained on (2.02 % of the side
against 1.73)."""
MILD = AugmentConfig(
    tight_probability=1.0,
    occluder_probability=0.0,
    grey_probability=0.1,
    blur_probability=0.15,
    noise_probability=0.1,
    jpeg_probability=0.1,
    border_probability=0.0,
)


class Measured(NamedTuple):
    """Errors of one face.

    Attributes:
        step: (6 + K + E,) that the estimate of the whole face lacks.
        parts: of each close-up its part, its error (2P + K,), and whether its keys are exact.
    """

    step: Array
    parts: list[tuple[str, Array, bool]]


def measured(
    whole: MorphableRegressor,
    close_ups: dict[str, OnnxNetwork],
    tables: dict[str, CloseUpTable],
    samples: Mixture,
    count: int,
) -> Iterator[Measured]:
    """Errors on randomly drawn training samples.

    Args:
        whole: sees whole faces.
        close_ups: networks by part.
        tables: by part where these look.
        samples: training samples with coefficients.
        count: of faces.
    """
    model, rng = whole.model, np.random.default_rng(0)
    sides = {part: tables[part].of(model) for part in close_ups}
    framing = model.landmark_points(DEFAULT_SCHEME)
    for _ in range(count):
        sample = samples.sample(samples.draw(rng))
        truth = truth_of(sample)
        if truth is None or np.abs(truth.camera.angles.yaw) > np.radians(100):
            continue
        points = truth.camera.image_from_model(framing.vertices_model(truth.identity, truth.expression))
        config = replace(MILD, crop_size=whole.crop_rule.size, crop_margin=whole.crop_rule.margin)
        image = disturb(sample.image, lambda other=sample: other.image, config, rng).image
        box = random_crop_box(points, config, rng)
        estimate = whole.estimate(resample_crop(image, box)[None], [box])[0]
        if not estimate.is_finite:
            continue
        found = FaceState(estimate.camera, estimate.identity, estimate.expression)
        parts = []
        for part, network in close_ups.items():
            for side in sides[part]:
                if side.is_shown(found.camera) and side.is_shown(truth.camera):
                    sighting = seen(network, side, image, found)
                    exact = sample.provenance.kind is Kind.RENDERED
                    parts.append((part, error_of(truth, sighting), exact))
        yield Measured(found.step_to(truth), parts)


def truth_of(sample: Sample) -> FaceState | None:
    """The labels of a sample; None where no face was fitted."""
    labels = sample.labels
    if labels.camera is None or labels.identity is None or labels.expression is None:
        return None
    return FaceState(labels.camera, labels.identity, labels.expression)


def seen(network: OnnxNetwork, side: CloseUp, image: Array, face: FaceState) -> Sighting:
    """What a network reads off the close-up of a face as it was found."""
    box = side.box(face.camera, face.identity, face.expression)
    crop = resample_crop(image, box)
    found = network(crop=(crop[:, ::-1] if side.mirrored else crop)[None].copy())
    return Sighting(side, box, found["points"][0], found["keys"][0])


def error_of(truth: FaceState, sighting: Sighting) -> Array:
    """(2P + K,) what a sighting has too much, in the frame of its close-up as it was cut."""
    return expected(truth, sighting, truth.places(sighting.close_up))[1]


def covariance(rows: Array) -> Array:
    """(D, D) of (n, D) errors about zero, the largest hundredth left out, shrunk."""
    size = np.sqrt((rows**2 / (rows**2).mean(0)).mean(1))
    kept = rows[size <= np.quantile(size, 0.99)]
    found = kept.T @ kept / len(kept)
    return (1 - SHRINKAGE) * found + SHRINKAGE * np.diag(np.diag(found))


def symmetric(prior: Array, model: MorphableModel) -> Array:
    """(D, D) the mean of a covariance and what a mirror makes of it: faces have no better side."""
    sign, order = model.mirrored(np.ones(len(model.identity_basis)), np.arange(len(model.expression_basis)))
    flip = np.concatenate([[1, -1, -1, 1, -1, 1], sign, np.ones(len(order))])
    places = np.arange(len(flip))
    places[-len(order) :] = len(flip) - len(order) + np.asarray(order, int)
    mirrored = flip[:, None] * prior[np.ix_(places, places)] * flip
    return (prior + mirrored) / 2


def noise_of(errors: list[tuple[Array, bool]], points: int) -> Array:
    """(2P + K, 2P + K) of points on all close-ups, and of keys on those whose keys are exact."""
    rows = np.array([error for error, _ in errors])
    exact = np.array([is_exact for _, is_exact in errors])
    size = 2 * points
    noise = np.zeros((rows.shape[1],) * 2)
    noise[:size, :size] = covariance(rows[:, :size])
    noise[size:, size:] = covariance(rows[exact, size:])
    return noise


def table_of(bundle: Bundle, part: str) -> CloseUpTable:
    """The table that a part's network has learned by: weights bring it."""
    return CloseUpTable.from_arrays(bundle.arrays(graph_in(bundle, part)))


def graph_in(bundle: Bundle, part: str) -> str:
    """The graph of a part: of joined weights such as "default" their own, else the only one."""
    return part if part in bundle.manifest.graphs else "network"


def joined_manifest(bundles: dict[str, Bundle], name: str) -> Manifest:
    """What weights say of themselves whose graphs are those of several, "network" of the whole face first."""
    manifests = {part: bundle.manifest for part, bundle in bundles.items()}
    whole = manifests["network"]
    licences = [text for one in manifests.values() for text in one.licence.split(" | ")]
    trained = {part: one.trained for part, one in manifests.items() if part != "network"}
    data = {part: one.data_of(graph_in(bundles[part], part)) for part, one in manifests.items()}
    if UNCERTAINTY in whole.data_by_part:
        data[UNCERTAINTY] = whole.data_by_part[UNCERTAINTY]
    return replace(
        whole,
        name=name,
        method="close-up-regressor",
        data=joined_data(data),
        licence=" | ".join(dict.fromkeys(licences)),
        research=any(one.research for one in manifests.values()),
        trained={**whole.trained, **{part: dict(own.get(part, own)) for part, own in trained.items()}},
    )


def main() -> None:
    """Measure, join, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", required=True, help="of whole faces: a name or a file")
    for part in PARTS:
        parser.add_argument(f"--{part}", help=f"weights of the close-up of the {part}, or joined ones")
    parser.add_argument("--occlusion", help="weights of the network that sees what is in front of a face")
    parser.add_argument("--samples", nargs="+", required=True, help="folders of training samples")
    parser.add_argument("--shares", nargs="*", type=float, default=[], help="how often each is drawn")
    parser.add_argument("--faces", type=int, default=FACES, help="to measure errors on")
    parser.add_argument("--name", help="of the weights; the file's when left out")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    whole = Bundle.open(options.weights)
    parts = {part: Bundle.open(getattr(options, part)) for part in PARTS if getattr(options, part)}
    regressor = MorphableRegressor.from_bundle(whole, threads=1)
    networks = {part: bundle.network(graph_in(bundle, part), threads=1) for part, bundle in parts.items()}
    samples = Folders(tuple(options.samples), tuple(options.shares)).opened(validation=False)
    tables = {part: table_of(bundle, part) for part, bundle in parts.items()}
    errors = list(measured(regressor, networks, tables, samples, options.faces))
    prior = symmetric(covariance(np.array([one.step for one in errors])), regressor.model)
    names = regressor.model.expression_names
    keys = {key for table in tables.values() for side in table.keys for key in side}
    places = len(prior) - len(names) + np.array([names.index(key) for key in sorted(keys)], int)
    prior[places, places] += RAISED_KEY**2
    arrays: dict[str, dict[str, Array]] = {"network": {"prior": prior.astype(np.float32)}}
    for part in parts:
        own = [(error, exact) for one in errors for name, error, exact in one.parts if name == part]
        table = tables[part]
        noise = NEW_PEOPLE * TWICE[part] * noise_of(own, table.vertex_index.shape[1])
        arrays[part] = {**table.arrays(), "noise": noise.astype(np.float32)}
    if options.occlusion:
        parts["occlusion"] = occlusion = Bundle.open(options.occlusion)
        crop = occlusion.manifest.crop
        if "occlusion" in occlusion.manifest.arrays:
            arrays["occlusion"] = dict(occlusion.arrays("occlusion"))
        else:
            arrays["occlusion"] = {"size": np.int32(crop.size), "margin": np.float32(crop.margin)}
    everything = {"network": whole, **parts}
    manifest = joined_manifest(everything, options.name or whole.manifest.name)
    graphs = {name: one.graph(graph_in(one, name)) for name, one in everything.items()}
    Bundle.write(options.out, manifest, graphs=graphs, arrays=arrays)
    print(f"{options.out}: {len(errors)} faces, {options.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
