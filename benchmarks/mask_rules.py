"""Whose mask is to be believed? ``python -m benchmarks.mask_rules [--count N] --weights NAME ...``.

Methods that look for what is in front of a face have a mask of their own, and close-ups lend them another. Of
photographs of people who are for training (MEBeauty, CFP's profiles, video frames), behind the occluders of
``csod``, ``nsod`` and ``masks``, prints for each rule that could join both how well it tells hidden landmarks
(average precision) and seen ones, and its overlap with the skin that is seen and that is hidden; means over
weights and sets at the end. So the rule is chosen without a validation photograph. Landmarks are those of
``*_landmarks68_300wlp.npz``; those that the head as it was found hides itself do not count.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lineament as la
from lineament.data.photographs.collections import shared_folder
from lineament.evaluate.items import EvaluationItem, EvaluationSet
from lineament.evaluate.scores.masks import intersection_over_union
from lineament.evaluate.scores.metrics import box_size
from lineament.evaluate.scores.parts import average_precision, visibility_accuracy
from lineament.evaluate.sets.occlusion import OccluderPictures, load_occlusion
from lineament.geometry.landmark_neighbours import scheme_neighbours
from lineament.geometry.raster import rasterize_values, visible_vertices
from lineament.result import DEFAULT_SCHEME, Detection, FaceResult

Array = NDArray[Any]

PEOPLE = {"mebeauty": 0.5, "cfp": 0.28, "ytf": 0.22}
"""Collections, and the share of the photographs that is taken from each."""
LAST_FOR_TRAINING = 400
"""Of CFP's people; those after are for validation."""
BACKGROUNDS = Path("backgrounds") / "bsds500_no_faces.zip"
COLUMNS = ("hidden, AP", "seen, AP", "told rightly", "IoU seen", "IoU hidden")


def log_odds_mean(lent_weight: float) -> Callable[[Array, Array], Array]:
    """A rule: the weighted mean of both masks' log-odds."""

    def rule(own: Array, lent: Array) -> Array:
        odds = [np.log(p / (1 - p)) for p in (np.clip(mask, 1e-6, 1 - 1e-6) for mask in (own, lent))]
        return 1 / (1 + np.exp(-((1 - lent_weight) * odds[0] + lent_weight * odds[1])))

    return rule


RULES: dict[str, Callable[[Array, Array], Array]] = {
    "own": lambda own, lent: own,
    "lent": lambda own, lent: lent,
    "product": lambda own, lent: own * lent,
    "smaller": np.minimum,
    "geometric mean": lambda own, lent: np.sqrt(own * lent),
    "log-odds, mean": log_odds_mean(0.5),
    "log-odds, lent by 3/4": log_odds_mean(0.75),
}


@dataclass(frozen=True, slots=True)
class Zipped:
    """A photograph in a zip: a :class:`lineament.data.formats.item.Photo`."""

    archive: Path
    name: str

    def read(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        with zipfile.ZipFile(self.archive) as files:
            return np.asarray(Image.open(io.BytesIO(files.read(self.name))).convert("RGB"))


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What both masks say of a face, at vertices near landmarks and at pixels of the skin.

    Attributes:
        at_vertices: (2, V) own and lent.
        head: (V,) whether the head itself shows them.
        starts: (68,) the first vertex of each landmark.
        seen: (68,) the truth.
        counted: (68,) which count.
        at_pixels: (2, Q) own and lent.
        inside: (Q,) within the outline of the mesh.
        shown: (Q,) the truth.
    """

    at_vertices: Array
    head: Array
    starts: Array
    seen: Array
    counted: Array
    at_pixels: Array
    inside: Array
    shown: Array


def main() -> None:
    """Print a table for each weights and set, and the mean of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", action="append", required=True, help="name or file; several times")
    parser.add_argument("--count", type=int, default=60, help="faces of each set")
    given = parser.parse_args()
    people = EvaluationSet(name="people", title="people", items=tuple(faces(given.count)), protocols=())
    pictures = OccluderPictures(shared_folder() / BACKGROUNDS)
    tables = []
    for kind in ("csod", "nsod", "masks"):
        items = load_occlusion(kind, people, pictures=pictures, limit=given.count).items
        for name in given.weights:
            aligner = la.FaceAligner.from_pretrained(name, landmarks=None, threads=1)
            looks = [look for item in items for look in looked(aligner, item)]
            tables.append({rule: scores(looks, RULES[rule], rule) for rule in RULES})
            _print(f"{kind}, {Path(name).stem}, {len(looks)} faces", tables[-1])
    _print("mean", {rule: np.mean([table[rule] for table in tables], axis=0) for rule in RULES})


def faces(count: int) -> Iterator[EvaluationItem]:
    """People for training, drawn by a seed, from all collections in turn."""
    folder, rng = shared_folder() / "photos", np.random.default_rng(15)
    drawn = []
    for name, share in PEOPLE.items():
        with np.load(folder / f"{name}_landmarks68_300wlp.npz") as table:
            names, points = table["names"], table["landmarks68_q32"] / 32.0
        with zipfile.ZipFile(folder / f"{name}.zip") as files:
            there = set(files.namelist())
        rows = [
            row for row, each in enumerate(names) if str(each) in there and _for_training(name, str(each))
        ]
        for row in rng.permutation(rows)[: round(share * count)]:
            drawn.append((Zipped(folder / f"{name}.zip", str(names[row])), points[row]))
    for number in rng.permutation(len(drawn)):
        photo, landmarks = drawn[number]
        low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
        yield EvaluationItem(
            name=f"{photo.archive.stem}/{photo.name}",
            photo=photo,
            landmarks={"predicted": landmarks},
            scheme=DEFAULT_SCHEME,
            box_xyxy=np.concatenate([low, high]),
            size=float(box_size(landmarks)),
        )


def _for_training(collection: str, name: str) -> bool:
    return collection != "cfp" or ("profile" in name and int(name[:3]) <= LAST_FOR_TRAINING)


def looked(aligner: la.FaceAligner, item: EvaluationItem) -> Iterator[Looked]:
    """What both masks say of an item; nothing where the face was not found or where no mask is lent."""
    photo = item.photo.read()
    (face,) = aligner.align_given(photo, [Detection(np.asarray(item.box_xyxy, np.float32), 1.0)])
    if face.is_finite and face.own_mask is not None and face.shown is not None:
        assert item.region is not None
        assert item.visible is not None
        assert item.own_visible is not None
        near = scheme_neighbours(face.mesh, DEFAULT_SCHEME)
        head = visible_vertices(face.vertices_image, face.triangles, of=near.vertices)
        region = item.region()
        row, column = np.nonzero(region.face)
        yield Looked(
            at_vertices=_both(face, face.vertices_image[near.vertices]),
            head=head,
            starts=near.starts,
            seen=item.visible,
            counted=item.own_visible & (np.maximum.reduceat(head, near.starts) > 0.5),
            at_pixels=_both(face, np.stack([column, row], axis=1) + 0.5),
            inside=_outline(face, photo.shape[:2])[row, column],
            shown=region.shown[row, column],
        )


def _both(face: FaceResult, points_image: Array) -> Array:
    """(2, P) own and lent mask at (P, 2 or 3) px."""
    assert face.own_mask is not None
    assert face.shown is not None
    return np.stack([mask.at(points_image, extended=True) for mask in (face.own_mask, face.shown)])


def _outline(face: FaceResult, size_hw: tuple[int, int]) -> Array:
    """(H, W) bool within the outline of the skin."""
    skin = face.triangles[slice(*face.mesh.parts["face"])]
    nothing = np.zeros((len(face.vertices_image), 1))
    return rasterize_values(face.vertices_image, skin, nothing, size_hw=size_hw)[0]


def scores(looks: list[Looked], rule: Callable[[Array, Array], Array], name: str) -> Array:
    """(5,) percent, see :data:`COLUMNS`; own masks are not cut off by the outline of the mesh."""
    said, truth, shown, hidden = [], [], [], []
    for look in looks:
        visibility = np.maximum.reduceat(look.head * rule(*look.at_vertices), look.starts)
        said.append(visibility[look.counted])
        truth.append(look.seen[look.counted])
        mask = (rule(*look.at_pixels) > 0.5) & (look.inside | (name == "own"))
        shown.append(intersection_over_union(mask, look.shown))
        if not look.shown.all():
            hidden.append(intersection_over_union(~mask, ~look.shown))
    visibility, seen = np.concatenate(said), np.concatenate(truth)
    return 100 * np.array(
        [
            average_precision(1 - visibility, ~seen),
            average_precision(visibility, seen),
            visibility_accuracy(visibility, seen),
            np.nanmean(shown),
            np.mean(hidden),
        ]
    )


def _print(title: str, table: dict[str, Array]) -> None:
    print(f"{title:28}" + "".join(f"{column:>14}" for column in COLUMNS))
    for rule, values in table.items():
        print(f"  {rule:26}" + "".join(f"{value:14.1f}" for value in values), flush=True)


if __name__ == "__main__":
    main()
