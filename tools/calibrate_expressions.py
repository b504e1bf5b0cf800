"""Rest and range of expression weights, measured and written into their file.

python -m tools.calibrate_expressions mine.lineament --out calibrated.lineament --photos ../shared/photos
    [--pictures FOLDER] [--samples sets/research] [--not-measured eyeLook --not-measured mouthClose]

Mix: how a key is read from the weights that the network gives for its part of the face, a ridge regression
of the true weights of rendered faces, on which keys are raised alone and in combinations, with neutral
portraits (London, the people that are for training) as faces without any. A network that is not sure gives a
little of each key that it might be, always the same little: the regression takes it off, and finds in several
weights what one hardly shows. For :data:`RARE` keys photographs of ``--samples`` as they are, wide mouths
above all, are faces without them too: on turned heads with open mouths the regression would else make a jaw
moved aside of lips that look different on both sides.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle
from lineament.data.formats.item import box_of_points
from lineament.data.samples.sample import Kind, Sample
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
FOLDS = 5
"""Parts of the rendered identities, of which each is read by a mix that was found on the others."""
RIDGE, SITTERS_COUNT, ALONE_COUNTS = 3.0, 10.0, 8.0
"""Of the regression, whose inputs have a spread of about one; how many rendered pictures with several keys a
neutral portrait is worth, and one with a single key: what a key looks like is seen there."""
BLINK = "eyeBlink"
OF_EYES = (GAZE, BLINK, "eyeSquint", "eyeWide")
"""First parts of the names of keys that tell where an eye looks."""
UPPER = ("brow", "eye", "cheekSquint", "noseSneer")
LOWER = ("mouth", "jaw", "cheek", "noseSneer")
"""The same of keys that tell of brows and lids, and of mouth and jaw; cheeks and nose are moved by both."""
FULLY = {BLINK: 0.95, JAW: 0.8}
"""Keys whose range photographs tell too, and from where on a fit has them fully raised: both eyes shut, the
mouth wide open, of which there are few."""
FEWEST, ENOUGH = 12, 300
"""Photographs on which a key is fully raised: fewer tell nothing, more are not looked for."""
RARE = ("jawLeft", "jawRight", "jawForward", "mouthStretch")
"""First parts of the names of keys that hardly any photograph shows raised."""
NATURAL, NATURAL_COUNT = 600, 3.0
"""Photographs as they are that are looked at, and how many rendered pictures one is worth."""
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
    raised = fully_raised(aligner, given.samples) if given.samples else {}
    natural = np.concatenate([photographed(aligner, given.samples, len(names)), *raised.values()])
    mixing, read = readings(names, shown, truth, resting.weights, raised, natural)
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
    bundle.rewritten(given.out, manifest)
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
    return np.array([weights_in(aligner, read(number), box) for number, box in enumerate(boxes)], float)


def weights_in(aligner: FaceAligner, picture: NDArray[np.uint8], box: Array) -> Array:
    """(E,) weights as the network gives them, of the face in a box."""
    (face,) = aligner.align_given(picture, [Detection(box, 1.0)])
    assert isinstance(face, MorphableResult)
    return face.expression


def fully_raised(aligner: FaceAligner, folders: Sequence[str]) -> dict[str, Array]:
    """By key of :data:`FULLY`, (n, E) weights on photographs of people for training whose fits have it so."""
    model = load_builtin()
    places = {
        stem: [n for n, name in enumerate(model.expression_names) if stem_of(name) == stem] for stem in FULLY
    }
    found: dict[str, list[Array]] = {stem: [] for stem in FULLY}
    for sample in fitted_photographs(folders, every=1):
        labels = sample.labels
        assert labels.expression is not None
        wanted = [
            stem
            for stem, least in FULLY.items()
            if labels.expression[places[stem]].min() >= least and len(found[stem]) < ENOUGH
        ]
        if wanted:
            weights = weights_of(aligner, sample)
            for stem in wanted:
                found[stem].append(weights)
    return {stem: np.array(weights, float) for stem, weights in found.items() if len(weights) >= FEWEST}


def photographed(aligner: FaceAligner, folders: Sequence[str], keys: int) -> Array:
    """(n, keys) weights on photographs of people for training, evenly from all folders; else none."""
    every = max(1, sum(len(Folders((name,)).opened(validation=False)) for name in folders) // NATURAL)
    found = [weights_of(aligner, sample) for sample in fitted_photographs(folders, every=every)]
    return np.array(found, float).reshape(-1, keys)


def fitted_photographs(folders: Sequence[str], *, every: int) -> Iterator[Sample]:
    """Photographs as they are of people for training whose faces are fitted, of every so many-th sample."""
    if not folders:
        return
    samples = Folders(tuple(folders)).opened(validation=False)
    for number in range(0, len(samples), every):
        sample = samples.sample(number, with_mask=False)
        if sample.provenance.kind is Kind.PHOTOGRAPHED and sample.labels.expression is not None:
            yield sample


def weights_of(aligner: FaceAligner, sample: Sample) -> Array:
    """(E,) weights as the network gives them, in the box of the fit's landmarks."""
    labels = sample.labels
    assert labels.camera is not None
    points = labels.camera.image_from_model(
        load_builtin().landmarks_model(labels.identity, labels.expression, scheme=DEFAULT_SCHEME)
    )
    return weights_in(aligner, sample.image, box_of_points(points))


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


def readings(
    names: Sequence[str],
    shown: Given,
    truth: Array,
    resting: Array,
    raised: Mapping[str, Array],
    natural: Array,
) -> tuple[Array, Readings]:
    """The mix of all faces, and what is read of E keys: rendered faces by mixes of other identities.

    Args:
        names: of E keys.
        shown: what the network gives on rendered faces.
        truth: (n, E) of these.
        resting: (p, E) weights on neutral portraits.
        raised: by key of :data:`FULLY`, (q, E) weights on photographs on which it is fully raised.
        natural: (r, E) weights on photographs as they are.
    """

    def mixed(chosen: NDArray[np.bool_]) -> Array:
        is_alone = shown.key[chosen] != SEVERAL
        return key_mixing(names, shown.weights[chosen], truth[chosen], is_alone, resting, natural)

    found = np.empty(shown.weights.shape)
    for fold in range(FOLDS):
        is_new = shown.face % FOLDS == fold
        found[is_new] = shown.weights[is_new] @ mixed(~is_new)
    mixing = mixed(np.ones(len(found), bool))
    fully = {stem: weights @ mixing for stem, weights in raised.items()}
    return mixing, Readings(found, shown.key, resting @ mixing, fully)


def key_mixing(
    names: Sequence[str],
    given: Array,
    truth: Array,
    is_alone: NDArray[np.bool_],
    resting: Array,
    natural: Array,
) -> Array:
    """(E, E) factors with which weights become readings of keys, alike on both sides of a face.

    Each is read from the weights of its part of the face alone, keys of looking from those of the eyes: of
    all others they would take over what goes together on rendered faces, brows from a lip that is drawn down.

    Args:
        names: of E keys.
        given: (n, E) weights on rendered faces.
        truth: (n, E) of these.
        is_alone: (n,) where one key is raised at most.
        resting: (p, E) weights on neutral portraits.
        natural: (q, E) weights on photographs, on which :data:`RARE` keys are not raised.
    """
    mirrored = [list(names).index(other_side(name)) for name in names]
    sources = (given, truth, np.where(is_alone, ALONE_COUNTS, 1.0)), (resting, 0.0, SITTERS_COUNT)
    spread, middle = given.std(axis=0) + QUIET_SPREAD, np.median(resting, axis=0)
    looks, rare, eyes, upper, lower = (
        np.array([name.startswith(starts) for name in names])
        for starts in (GAZE, RARE, OF_EYES, UPPER, LOWER)
    )
    factors = np.zeros((len(names), len(names)))
    for read, used, more in (
        (looks, eyes, ()),
        (upper & ~lower & ~looks, upper, ()),
        (lower & ~upper & ~rare, lower, ()),
        (rare, lower, ((natural, 0.0, NATURAL_COUNT),)),
        (lower & upper, lower | upper, ()),
    ):
        normal, wanted = 2 * RIDGE * np.eye(used.sum()), np.zeros((used.sum(), read.sum()))
        for weights, aim, count in (*sources, *more):
            aims, counts = np.broadcast_to(aim, weights.shape), np.broadcast_to(count, len(weights))
            for side in (slice(None), mirrored):
                own = ((weights[:, side] - middle) / spread)[:, used]
                normal += (own * counts[:, None]).T @ own
                wanted += (own * counts[:, None]).T @ aims[:, side][:, read]
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
        sides = [number for number, other in enumerate(names) if other in (name, other_side(name))]
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
