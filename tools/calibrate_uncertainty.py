"""Teach weights how far off their landmarks may be, and what is no face; written into their file.

python -m tools.calibrate_uncertainty mine.lineament --out taught.lineament --samples sets/research
    --photos ../shared/photos --collections congress mebeauty [--backgrounds ../shared/backgrounds/...zip]

The layers of the network stay as they are; a small network reads two of them
(:mod:`lineament.train.onnx.expected_error`). It learns from crops of training samples, cut as well and as
badly as detectors cut them, turned by any angle now and then, with things in front, dark or blurred: there
the error of the 68 landmarks is known. And from what is no face: what the weights' own detector suspects
beside the faces of photographs, however faintly, ears and hands among it, and squares anywhere else on them.
Every other photograph is left out, so that false faces can be counted on these. ``--backgrounds`` adds
pictures without faces, of which half are never trained on. Printed is what came out on crops and pictures
kept from training. The weights say what they learned from; ``--licence`` is of the photographs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from lineament.aligner import FaceAligner
from lineament.bundle import Bundle, Manifest
from lineament.bundle.manifest import joined_data
from lineament.crop import CropBox, CropRule
from lineament.data.crops.augment import AugmentConfig, disturb, random_crop_box
from lineament.data.formats.files import open_files
from lineament.data.photographs.backgrounds import training_backgrounds
from lineament.data.photographs.face_sets import hash_fraction
from lineament.data.samples.held_out import is_held_out
from lineament.data.samples.mixture import Mixture
from lineament.data.samples.shards import read_manifest
from lineament.detect import CloserDetector, overlap
from lineament.evaluate.scores.metrics import rank_correlation
from lineament.geometry.camera import WeakPerspective
from lineament.methods.regressor import UNCERTAINTY, MorphableRegressor
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result import DEFAULT_SCHEME
from lineament.train.batches.samples import Folders
from lineament.train.onnx.expected_error import (
    EVIDENCE,
    LEAST_MM,
    NO_FACE_MM,
    ErrorHead,
    with_evidence,
    with_expected_error,
)
from lineament.train.onnx.graph import network_of

Array = NDArray[Any]
Picture = NDArray[np.uint8]

CROPS = 10_000
"""Of faces, and as many of what is none at most."""
VARIED = AugmentConfig(tight_probability=0.4, loose_shift=0.16, loose_scale=0.35, occluder_probability=0.35)
ANYHOW, ANY_ROLL = 0.15, replace(VARIED, max_roll=np.pi)
"""Share of crops that are turned by any angle as often as by a little."""
IMAGE_ENDS = (".jpg", ".png", ".webp")
FAINT, SURE, MAIN = 0.06, 0.6, 0.7
"""Scores: what is suspected at all, what may be a face, and the face that a photograph has to have."""
APART, A_PHOTO = 0.15, 4
"""Overlap with every face up to which a suspicion is none, and crops taken of a photograph."""
SIDES, SHARED, WITHIN = (0.25, 1.2), 0.2, 0.7
"""Of squares anywhere: sides as parts of the face's; how much of a face they may show, and be of it."""
AS_IT_IS = 0.4  # share of what is no face that is not disturbed
FOR_RESEARCH = "photographs for research"
KEPT = 0.1  # share of photographs and samples that the figures are taken on
EPOCHS, BATCH, RATE, DECAY = 24, 128, 1e-3, 0.1
SPREAD = 0.05  # added to evidence's standard deviations: what never changes is no evidence
BETA = 0.5  # of the smooth L1 loss of logarithms: labels of a few are wrong


@dataclass(frozen=True, slots=True)
class Seen:
    """What a network makes of n crops.

    Attributes:
        evidence: (n, D).
        error_mm: (n,) of the landmarks, NaN where there is no face.
        apart_mm: (n,) between two predictions; NaN where the network makes one.
        is_kept: (n,) from training.
    """

    evidence: Array
    error_mm: Array
    apart_mm: Array
    is_kept: NDArray[np.bool_]

    @property
    def is_face(self) -> NDArray[np.bool_]:
        """Which crops show one."""
        return ~np.isnan(self.error_mm)


@dataclass(frozen=True, slots=True)
class Crop:
    """A crop, and what is known of it.

    Attributes:
        image: (S, S, 3).
        box: where it was cut.
        truth: the camera and (68, 3) landmarks in the picture; None where there is no face.
        is_kept: from training.
    """

    image: Picture
    box: CropBox
    truth: tuple[WeakPerspective, Array] | None
    is_kept: bool


def main() -> None:
    """Collect, learn, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", help="name or file of weights")
    parser.add_argument("--out", type=Path, required=True, help="the new file")
    parser.add_argument("--samples", nargs="+", required=True, help="folders of training samples")
    parser.add_argument("--shares", nargs="*", type=float, default=[], help="how often each is drawn")
    parser.add_argument("--photos", type=Path, required=True, help="folder of collections of photographs")
    parser.add_argument("--collections", nargs="+", required=True, help="names of their zip files")
    parser.add_argument("--backgrounds", type=Path, help="zip of pictures without faces")
    parser.add_argument("--licence", default=FOR_RESEARCH, help="of those photographs, in words")
    parser.add_argument("--crops", type=int, default=CROPS, help="of faces")
    given = parser.parse_args()
    bundle = Bundle.open(given.weights)
    graph = onnx.load_from_string(bundle.graph())
    regressor = MorphableRegressor.from_bundle(bundle, threads=1)
    looking = network_of(with_evidence(graph))
    detector = FaceAligner.from_pretrained(given.weights, threads=1, min_score=FAINT).detector
    rng = np.random.default_rng(0)
    samples = Folders(tuple(given.samples), tuple(given.shares)).opened(validation=False)
    faces = seen(looking, regressor, faces_of(samples, regressor, given.crops, rng))
    pictures = photographs(given.photos, given.collections)
    others = seen(looking, regressor, others_of(pictures, detector, regressor.crop_rule, given.crops, rng))
    if given.backgrounds:
        scenery = scenes(given.backgrounds, detector, regressor.crop_rule, rng)
        others = joined(others, seen(looking, regressor, scenery))
    everything = joined(faces, others)
    head = fitted(everything)
    report(everything, head)
    no_faces = [*given.collections, *([given.backgrounds.stem] if given.backgrounds else [])]
    manifest = described(bundle.manifest, given.samples, no_faces, given.licence, len(everything.error_mm))
    taught = with_expected_error(graph, head).SerializeToString()
    bundle.rewritten(given.out, manifest, graphs={"network": taught})


def described(
    manifest: Manifest, folders: Sequence[str], no_faces: Sequence[str], licence: str, crops: int
) -> Manifest:
    """What weights say of themselves once they have learned from these samples and pictures.

    Args:
        manifest: of before.
        folders: of samples.
        no_faces: names of the pictures that the other crops are of.
        licence: of these pictures, in words; "research" among them marks the weights.
        crops: how many there were in all.
    """
    recipes = [read_manifest(Path(folder)) for folder in folders]
    parts = [
        f"{sum(shard.samples for shard in shards):,} samples of {recipe.source}" for recipe, shards in recipes
    ]
    data = manifest.data_by_part or {"network": manifest.data}
    data[UNCERTAINTY] = "; ".join([*parts, f"what is no face in {', '.join(no_faces)}"])
    more = dict.fromkeys([*(recipe.licence for recipe, _ in recipes), licence])
    licences = [manifest.licence, *(text for text in more if text not in manifest.licence)]
    return replace(
        manifest,
        data=joined_data(data),
        licence=" | ".join(licences),
        research=manifest.research or any("research" in text for text in licences),
        trained={**manifest.trained, UNCERTAINTY: {"crops": crops}},
    )


def faces_of(
    samples: Mixture, regressor: MorphableRegressor, count: int, rng: np.random.Generator
) -> Iterator[Crop]:
    """Crops of faces whose fit is known."""
    rule, framing = regressor.crop_rule, regressor.model.landmark_points(DEFAULT_SCHEME)
    made = 0
    while made < count:
        sample = samples.sample(samples.draw(rng))
        labels = sample.labels
        if labels.camera is None or labels.identity is None or labels.expression is None:
            continue
        vertices = framing.vertices_model(labels.identity, labels.expression)
        truth = labels.camera.image_from_model(vertices)
        varied = ANY_ROLL if rng.uniform() < ANYHOW else VARIED
        config = replace(varied, crop_size=rule.size, crop_margin=rule.margin)
        box = random_crop_box(truth, config, rng)
        crop = resample_crop(sample.image, box)
        image = disturb(crop, lambda other=sample: other.image, config, rng).image
        yield Crop(image, box, (labels.camera, truth), bool(rng.uniform() < KEPT))
        made += 1


def photographs(folder: Path, collections: Sequence[str]) -> Iterator[tuple[str, Picture]]:
    """Every other photograph of people for training, by name, from all collections in turn."""
    for collection in collections:
        with open_files(folder / f"{collection}.zip") as files:
            for name in sorted(name for end in IMAGE_ENDS for name in files.names(end)):
                person = Path(name).stem
                if hash_fraction(name) < 0.5 and not is_held_out(collection, person):
                    yield name, files.image(name)


def others_of(
    pictures: Iterator[tuple[str, Picture]],
    detector: CloserDetector,
    rule: CropRule,
    count: int,
    rng: np.random.Generator,
) -> Iterator[Crop]:
    """Crops of what is no face on photographs of faces, evenly from all of them."""
    made = list(pictures)
    each = min(A_PHOTO, -(-count // max(len(made), 1)))
    for name, photo in made:
        found = detector.detect(photo)
        main = max(found, key=lambda face: face.score, default=None)
        if main is None or main.score < MAIN:
            continue
        faces = np.array([face.box_xyxy for face in found if face.score >= SURE])
        places = [
            (np.asarray(face.box_xyxy), face.roll)
            for face in found
            if face.score < SURE and overlap(np.asarray(face.box_xyxy), faces).max() < APART
        ]
        places += squares(photo.shape[:2], faces, each - len(places), rng)
        for box_xyxy, roll in places[: 2 * each]:
            yield no_face(
                photo, rule.around_box(box_xyxy, roll=roll), rng, kept=hash_fraction(name) < KEPT / 2
            )


def scenes(
    archive: Path, detector: CloserDetector, rule: CropRule, rng: np.random.Generator
) -> Iterator[Crop]:
    """What a detector suspects on pictures without faces that are for training."""
    for photo in training_backgrounds(archive):
        kept = bool(rng.uniform() < KEPT)
        for face in detector.detect(photo):
            yield no_face(photo, rule.around_box(face.box_xyxy, roll=face.roll), rng, kept=kept)


def squares(
    size_hw: tuple[int, ...], faces: Array, count: int, rng: np.random.Generator
) -> list[tuple[Array, float]]:
    """Boxes and rolls of squares that show hardly anything of a face and are not within one.

    Args:
        size_hw: of the photograph, px.
        faces: (n, 4) boxes; the first one's side is the unit.
        count: how many, of which some may not be found.
        rng: source of all choices.
    """
    found: list[tuple[Array, float]] = []
    unit = float(np.max(faces[0, 2:] - faces[0, :2]))
    areas = np.prod(faces[:, 2:] - faces[:, :2], axis=1)
    for _ in range(10 * max(count, 0)):
        side = unit * np.exp(rng.uniform(*np.log(SIDES)))
        middle = rng.uniform(0, 1, 2) * size_hw[::-1]
        box = np.concatenate([middle - side / 2, middle + side / 2])
        across = np.minimum(faces[:, 2:], box[2:]) - np.maximum(faces[:, :2], box[:2])
        common = np.prod(np.maximum(across, 0), axis=1)
        if (common <= SHARED * areas).all() and (common <= WITHIN * side**2).all():
            turned = rng.uniform() < 0.3
            found.append((box, rng.uniform(-np.pi, np.pi) if turned else 0.3 * rng.standard_normal()))
        if len(found) == count:
            break
    return found


def no_face(photo: Picture, box: CropBox, rng: np.random.Generator, *, kept: bool) -> Crop:
    """A crop of something else, most of them disturbed as faces are."""
    image = resample_crop(photo, box)
    if rng.uniform() >= AS_IT_IS:
        side = min(photo.shape[:2])
        config = replace(VARIED, crop_size=box.size, occluder_probability=0.1)
        image = disturb(image, lambda: photo[:side, :side], config, rng).image
    return Crop(image, box, None, kept)


def seen(network: OnnxNetwork, regressor: MorphableRegressor, crops: Iterator[Crop], rows: int = 32) -> Seen:
    """What a network with evidence makes of crops."""
    evidence, error, apart, kept = [], [], [], []
    for batch in batches(crops, rows):
        images = np.stack([crop.image for crop in batch])
        outputs = network(crop=images)
        estimates = regressor.estimate(images, [crop.box for crop in batch])
        for row, (crop, estimate) in enumerate(zip(batch, estimates, strict=True)):
            evidence.append(outputs[EVIDENCE][row])
            apart.append(float(outputs[UNCERTAINTY][row]) if UNCERTAINTY in outputs else np.nan)
            kept.append(crop.is_kept)
            if crop.truth is None:
                error.append(np.nan)
                continue
            camera, truth = crop.truth
            off = np.linalg.norm((estimate.landmarks_image - truth)[:, :2], axis=1)
            error.append(float(off.mean() / camera.scale))
    return Seen(np.array(evidence), np.array(error), np.array(apart), np.array(kept, bool))


def batches(crops: Iterator[Crop], rows: int) -> Iterator[list[Crop]]:
    """Lists of `rows` crops, the last one shorter."""
    batch: list[Crop] = []
    for crop in crops:
        batch.append(crop)
        if len(batch) == rows:
            yield batch
            batch = []
    if batch:
        yield batch


def joined(first: Seen, second: Seen) -> Seen:
    """Both, one after the other."""
    return Seen(
        np.concatenate([first.evidence, second.evidence]),
        np.concatenate([first.error_mm, second.error_mm]),
        np.concatenate([first.apart_mm, second.apart_mm]),
        np.concatenate([first.is_kept, second.is_kept]),
    )


def fitted(crops: Seen, *, seed: int = 0) -> ErrorHead:
    """A head that has learned what is not kept from training.

    Args:
        crops: of faces and of other things, which count alike in sum.
        seed: of the first weights and the order.
    """
    torch.manual_seed(seed)
    learned = ~crops.is_kept
    evidence = torch.tensor(crops.evidence[learned], dtype=torch.float32)
    wanted_mm = np.where(crops.is_face, np.clip(crops.error_mm, LEAST_MM, NO_FACE_MM), NO_FACE_MM)[learned]
    wanted = torch.log(torch.tensor(wanted_mm, dtype=torch.float32))
    is_face = torch.tensor(crops.is_face[learned])
    share = is_face.float().mean()
    counts = torch.where(is_face, 0.5 / share, 0.5 / (1 - share))
    head = ErrorHead(evidence.mean(0), evidence.std(0) + SPREAD)
    optimiser = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    steps = EPOCHS * -(-len(wanted) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, steps)
    head.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(wanted)).split(BATCH):
            said = head.logarithm(evidence[rows])
            loss = nn.functional.smooth_l1_loss(said, wanted[rows], beta=BETA, reduction="none")
            optimiser.zero_grad()
            (counts[rows] * loss).mean().backward()
            optimiser.step()
            schedule.step()
    return head.eval()


def report(crops: Seen, head: ErrorHead) -> None:
    """Print, of crops kept from training, how well errors are foretold and faces told from other things."""
    with torch.no_grad():
        expected = head(torch.tensor(crops.evidence, dtype=torch.float32)).numpy()
    faces, others = (kind & crops.is_kept for kind in (crops.is_face, ~crops.is_face))
    print(f"{faces.sum()} crops of faces and {others.sum()} of other things, kept from training:")
    for name, said in (("expected", expected), ("apart", crops.apart_mm)):
        if np.isnan(said).any():
            continue
        together = rank_correlation(said[faces], crops.error_mm[faces])
        below = 100 * float((said[faces][:, None] < said[others]).mean())
        print(f"  {name}: rank correlation with the error {together:.2f}, faces below others {below:.1f} %")
    close = faces & (crops.error_mm < 5)
    print("  expected mm, percentiles 50, 95, 99:", *np.percentile(expected[close], (50, 95, 99)).round(1))
    print(
        "  of what is no face, percentiles 1, 5, 50:", *np.percentile(expected[others], (1, 5, 50)).round(1)
    )


if __name__ == "__main__":
    main()
