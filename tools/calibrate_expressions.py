"""Rest and range of expression weights, measured and written into their file.

python -m tools.calibrate_expressions mine.lineament --out calibrated.lineament --photos ../shared/photos
    [--pictures FOLDER] [--samples sets/research] [--not-measured eyeLook --not-measured mouthClose]

Mix: how a key is read from all weights that the network gives, a ridge regression of the true weights of
rendered faces, on which keys are raised alone and in combinations, with neutral portraits (London, the people
that are for training) as faces without any. A network that is not sure gives a little of each key that it
might be, always the same little: the regression takes it off, and finds in several weights what one hardly
shows.
Rest: what nearly all of those portraits stay below. Full: the median on rendered faces on which the key alone
is raised to 1; of blinks and open jaws not above the median on photographs of ``--samples`` whose fits have
both eyes shut or the mouth wide open, for what is drawn is read more surely than what people do. Rendered
faces are of other identities than those that the mix was found on, and all of other faces than those that
``lineament eval expressions`` shows. The range of a key that hardly moves there is not known: it keeps the
face model's own. What ``--not-measured`` begins the name of is marked as not measured. The network is not
touched.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.data.formats.item import box_of_points
from lineament.data.samples.sample import Kind
from lineament.evaluate.expressions.photographs import at_rest
from lineament.evaluate.expressions.pictures import COMPANIONS, SEED, PictureRecipe, raised_pictures
from lineament.expression_keys import GAZE, KeyScale, other_side, stem_of
from lineament.models.builtin import load_builtin
from lineament.result import DEFAULT_SCHEME, Detection, MorphableResult
from lineament.train.batches.samples import Folders
from tools.expression_combinations import combinations

Array = NDArray[Any]

RECIPE = PictureRecipe(seed=SEED + 1, faces=900)
COMBINED = PictureRecipe(seed=SEED + 2, faces=500)
LEAST, MOST = 0.1, 1.2
"""A raised key has to move its reading by the first, lest noise be stretched by more than ten; no key is full
beyond the second."""
ASIDE = (GAZE, "mouthLeft", "mouthRight")
JAW = "jawOpen"
AT_REST, ASIDE_AT_REST, JAW_AT_REST = 0.995, 0.6, 0.9
"""Share of the neutral sitters whose reading of a key counts as none: with half of them, the other half would
have some key raised. Sitters at rest do look aside now and then, and no mouth is quite straight: a little of
that is none of the others' business, and where a weak one points to is worth knowing. The lips of one in ten
stand ajar: taken for rest, they would leave mouths half open at none."""
HELD_OUT = 5
"""Every so many-th rendered identity measures ranges instead of the mix."""
RIDGE, SITTERS_COUNT, ALONE_COUNTS = 3.0, 10.0, 8.0
"""Of the regression, whose inputs have a spread of about one; how many rendered pictures with several keys a
neutral portrait is worth, and one with a single key: what a key looks like is seen there."""
BLINK = "eyeBlink"
OF_EYES = (GAZE, BLINK, "eyeSquint", "eyeWide")
"""First parts of the names of keys that tell where an eye looks."""
FULLY = {BLINK: 0.95, JAW: 0.8}
"""Keys whose range photographs tell too, and from where on a fit has them fully raised: both eyes shut, the
mouth wide open, of which there are few."""
FEWEST, ENOUGH = 12, 300
"""Photographs on which a key is fully raised: fewer tell nothing, more are not looked for."""
QUIET_SPREAD = 0.02
"""Added to the spread of weights: those that never move are no evidence."""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="name or file of weights")
    parser.add_argument("--out", type=Path, required=True, help="the new file")
    parser.add_argument("--photos", type=Path, required=True, help="folder with london")
    parser.add_argument("--pictures", type=Path, help="folder of rendered faces, made when missing")
    parser.add_argument("--samples", nargs="*", default=[], help="folders of training samples")
    parser.add_argument("--not-measured", action="append", default=[], help="how names begin")
    given = parser.parse_args()
    bundle = Bundle.open(given.weights)
    aligner = FaceAligner.from_pretrained(given.weights, threads=1)
    aligner.key_scales = {}  # as the network gives them
    resting = at_rest(aligner, given.photos, held_out=False)
    names, shown, truth = rendered_faces(aligner, given.pictures)
    is_new = shown.face % HELD_OUT == 0
    is_alone = shown.key[~is_new] != SEVERAL
    mixing = key_mixing(names, shown.weights[~is_new], truth[~is_new], is_alone, resting.weights)
    raised = fully_raised(aligner, given.samples) if given.samples else {}
    read = Readings(
        shown.weights[is_new] @ mixing,
        shown.key[is_new],
        resting.weights @ mixing,
        {stem: weights @ mixing for stem, weights in raised.items()},
    )
    scales = key_scales(names, read, given.not_measured)
    own_rest = np.median(resting.weights, axis=0)
    scales = {
        name: replace(
            scale,
            mix={other: round(float(f), 4) for other, f in zip(names, mixing[:, number], strict=True)},
            mesh_rest=round(float(own_rest[number]), 4),
        )
        for number, (name, scale) in enumerate(scales.items())
    }
    manifest = replace(bundle.manifest, expression_keys=scales)
    graphs = {name: bundle.graph(name) for name in bundle.manifest.graphs}
    arrays = {name: bundle.arrays(name) for name in bundle.manifest.arrays}
    Bundle.write(given.out, manifest, graphs=graphs, arrays=arrays)
    for name, scale in scales.items():
        print(f"{name:20} {scale.rest:.3f} {scale.full:.3f} {'' if scale.measured else 'not measured'}")


@dataclass(frozen=True, slots=True)
class Given:
    """What a network gave of E keys on n rendered faces.

    Attributes:
        weights: (n, E).
        key: (n,) which key is raised alone, -1 where none is or several are.
        face: (n,) whose face.
    """

    weights: Array
    key: NDArray[np.integer]
    face: NDArray[np.integer]


def rendered_faces(aligner: FaceAligner, folder: Path | None) -> tuple[tuple[str, ...], Given, Array]:
    """Names of the keys, what the network gives, and (n, E) the truth."""
    alone = raised_pictures(None if folder is None else folder / "alone.npz", RECIPE)
    several = combinations(None if folder is None else folder / "combined.npz", COMBINED)
    names = load_builtin().expression_names
    given, together = (weights_on(aligner, shown.read, shown.box_xyxy) for shown in (alone, several))
    truth = np.zeros((len(alone), len(names)))
    for row in np.flatnonzero(alone.key >= 0):
        key = names[alone.key[row]]
        for name, weight in {key: 1.0, **COMPANIONS.get(key, {})}.items():
            truth[row, names.index(name)] = weight
    shown = Given(
        np.concatenate([given, together]),
        np.concatenate([alone.key, np.full(len(together), SEVERAL)]),
        np.concatenate([alone.face, several.face + 1 + alone.face.max()]),
    )
    return tuple(names), shown, np.concatenate([truth, several.weights])


SEVERAL = -2
"""In place of the raised key where several are."""


def weights_on(aligner: FaceAligner, read: Callable[[int], NDArray[np.uint8]], boxes: Array) -> Array:
    """(n, E) weights as the network gives them, of pictures with one face each."""
    found = []
    for number, box in enumerate(boxes):
        (face,) = aligner.align_given(read(number), [Detection(box, 1.0)])
        assert isinstance(face, MorphableResult)
        found.append(face.expression)
    return np.array(found, float)


def fully_raised(aligner: FaceAligner, folders: Sequence[str]) -> dict[str, Array]:
    """By key of :data:`FULLY`, (n, E) weights on photographs of people for training whose fits have it so."""
    samples = Folders(tuple(folders)).opened(validation=False)
    model = load_builtin()
    places = {
        stem: [n for n, name in enumerate(model.expression_names) if stem_of(name) == stem] for stem in FULLY
    }
    found: dict[str, list[Array]] = {stem: [] for stem in FULLY}
    for number in range(len(samples)):
        sample = samples.sample(number, with_mask=False)
        labels = sample.labels
        if sample.provenance.kind is not Kind.PHOTOGRAPHED or labels.expression is None:
            continue
        wanted = [
            stem
            for stem, least in FULLY.items()
            if labels.expression[places[stem]].min() >= least and len(found[stem]) < ENOUGH
        ]
        if not wanted:
            continue
        assert labels.camera is not None
        points = labels.camera.image_from_model(
            model.landmarks_model(labels.identity, labels.expression, scheme=DEFAULT_SCHEME)
        )
        faces = aligner.align_given(sample.image, [Detection(box_of_points(points), 1.0)])
        for stem in wanted:
            found[stem] += [face.expression for face in faces if isinstance(face, MorphableResult)]
    return {stem: np.array(weights, float) for stem, weights in found.items() if len(weights) >= FEWEST}


@dataclass(frozen=True, slots=True)
class Readings:
    """What was read of E keys.

    Attributes:
        shown: (n, E) on rendered faces.
        key: (n,) which key is raised alone on each, -1 for none, -2 for several.
        resting: (p, E) on neutral portraits.
        fully: by first part of a key's name, (q, E) on photographs on which it is fully raised; of some keys.
    """

    shown: Array
    key: NDArray[np.integer]
    resting: Array
    fully: Mapping[str, Array]


def key_mixing(
    names: Sequence[str], given: Array, truth: Array, is_alone: NDArray[np.bool_], resting: Array
) -> Array:
    """(E, E) factors with which weights become readings of keys, alike on both sides of a face.

    Keys of looking are read from the weights of the eyes alone: of all others they would take over what goes
    together on rendered faces.

    Args:
        names: of E keys.
        given: (n, E) weights on rendered faces.
        truth: (n, E) of these.
        is_alone: (n,) where one key is raised at most.
        resting: (p, E) weights on neutral portraits.
    """
    mirrored = [list(names).index(other_side(name)) for name in names]
    weights = np.concatenate([given, given[:, mirrored], resting, resting[:, mirrored]])
    aims = np.concatenate([truth, truth[:, mirrored], np.zeros((2 * len(resting), len(names)))])
    rendered = np.where(is_alone, ALONE_COUNTS, 1.0)
    counts = np.concatenate([rendered, rendered, np.full(2 * len(resting), SITTERS_COUNT)])
    spread = given.std(axis=0) + QUIET_SPREAD
    inputs = (weights - np.median(resting, axis=0)) / spread
    factors = np.zeros((len(names), len(names)))
    looks = np.array([name.startswith(GAZE) for name in names])
    eyes = np.array([name.startswith(OF_EYES) for name in names])
    for read, used in ((~looks, np.ones(len(names), bool)), (looks, eyes)):
        own = inputs[:, used]
        normal = (own * counts[:, None]).T @ own + 2 * RIDGE * np.eye(own.shape[1])
        wanted = (own * counts[:, None]).T @ aims[:, read]
        factors[np.ix_(used, read)] = np.linalg.solve(normal, wanted) / spread[used, None]
    return factors


def key_scales(names: Sequence[str], read: Readings, not_measured: Sequence[str] = ()) -> dict[str, KeyScale]:
    """What each key is at rest and fully raised: the same on both sides, for faces have no better one.

    Args:
        names: of E keys.
        read: of them.
        not_measured: how names of keys begin that are not to be believed.
    """
    shares = [
        JAW_AT_REST if name == JAW else ASIDE_AT_REST if name.startswith(ASIDE) else AT_REST for name in names
    ]
    rest = np.array([np.quantile(own, share) for own, share in zip(read.resting.T, shares, strict=True)])
    scales = {}
    for name in names:
        sides = [number for number, other in enumerate(names) if stem_of(other) == stem_of(name)]
        raised = [read.shown[read.key == number, number] for number in sides if (read.key == number).any()]
        alone = float(np.median(np.concatenate(raised))) if raised else 0.0
        if stem_of(name) in read.fully:
            alone = min(alone, float(np.median(read.fully[stem_of(name)][:, sides])))
        low = float(np.mean(rest[sides]))
        if name.startswith(tuple(not_measured)):
            scales[name] = KeyScale(measured=False)
        elif alone - low < LEAST:
            scales[name] = KeyScale(round(low, 4), 1.0)
        else:
            scales[name] = KeyScale(round(low, 4), round(min(alone, MOST), 4))
    return scales


if __name__ == "__main__":
    main()
