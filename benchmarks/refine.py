"""Does fitting a face once more to its photograph help? ``python -m benchmarks.refine [--faces 40]``.

Aligns a sample of photographs on which people set points (FG-NET, CFP's profiles and frontals) and of
AFLW2000-3D with crops from the truth, refines each face, and prints the mean error of its landmarks before
and after, on how many faces it fell, and the seconds a face took. Offsets of points that people set are
measured on as many faces of other people, before and after by themselves.

``--people validation`` (the default) scores those that nobody may train on; ``--people training`` the others:
with these the weights of :class:`lineament.train.dff.refine_options.RefineOptions` were chosen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.crop import crop_around_points
from lineament.data.photographs.collections import shared_folder
from lineament.draw import draw_overlay
from lineament.evaluate.items import EvaluationItem, EvaluationSet, Prediction
from lineament.evaluate.predictors import scheme_for
from lineament.evaluate.protocols.presets import PROTOCOLS
from lineament.evaluate.run import record_of
from lineament.evaluate.scores.records import Record
from lineament.evaluate.scores.scoring import score
from lineament.evaluate.sets.aflw2000 import load_aflw2000
from lineament.evaluate.sets.handset import load_handset
from lineament.export import albedo_texture
from lineament.image import Picture, write_image
from lineament.refining import FaceRefiner, open_refiner
from lineament.resample import resample_crop
from lineament.result import Detection, FaceResult

HAND_SET = {
    "handset-fgnet": "fgnet",
    "handset-profiles": "cfp-profile",
    "handset-frontals": "cfp-frontal",
}
"""Protocols and the labels that their faces have."""
PICTURE_PX = 200
AFLW2000 = ("synergynet-table4", "synergynet-reannotated")
"""68 points: original labels, re-annotated labels."""


@dataclass(frozen=True, slots=True)
class Row:
    """What refining does to some faces.

    Attributes:
        name: of the protocol.
        before: (F,) errors, percent.
        after: (F,) errors, percent.
    """

    name: str
    before: NDArray[np.floating]
    after: NDArray[np.floating]

    def line(self) -> str:
        """As a row of a table."""
        known = np.isfinite(self.before) & np.isfinite(self.after)
        before, after = self.before[known], self.after[known]
        change = 100 * (after.mean() / before.mean() - 1)
        return (
            f"| {self.name} | {len(before)} | {before.mean():.3f} | {after.mean():.3f} | {change:+.1f} % | "
            f"{(after < before).mean():.0%} |"
        )


@dataclass
class Contest:
    """Aligns and refines; remembers how long refining took.

    Attributes:
        aligner: of the weights.
        refiner: of faces.
        steps: of a fit.
        seconds: wall and processor, a face.
        pictures: folder for the photograph and the drawn face side by side, a file a face; None for none.
    """

    aligner: FaceAligner
    refiner: FaceRefiner
    steps: int
    seconds: list[tuple[float, float]]
    pictures: Path | None = None

    def records(self, item: EvaluationItem) -> tuple[Record, Record]:
        """Before and after."""
        photo = item.photo.read()
        (face,) = self.aligner.align_given(photo, [Detection(item.box_xyxy.astype(np.float32), 1.0)])
        wanted = face.with_landmarks(scheme_for(item, face.mesh))
        start = time.perf_counter(), time.process_time()
        refined = self.refiner(photo, wanted, steps=self.steps)
        self.seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        if self.pictures is not None:
            self._picture(item, photo, refined)
        return record_of(item, _prediction(wanted), ()), record_of(item, _prediction(refined), ())

    def _picture(self, item: EvaluationItem, photo: Picture, face: FaceResult) -> None:
        assert self.pictures is not None
        box = crop_around_points(face.vertices_image, size=PICTURE_PX, margin=1.2)
        drawn = draw_overlay(photo, [face], layers=("rendered",))
        albedo = albedo_texture(face, size=PICTURE_PX)
        sides = [resample_crop(photo, box), resample_crop(drawn, box), albedo]
        name = str(PurePosixPath(item.name).with_suffix("")).replace("/", "_")
        write_image(self.pictures / f"{name}.png", np.concatenate(sides, axis=1))


def _prediction(face: FaceResult) -> Prediction:
    """As people get it: `landmarks_image`."""
    return Prediction(
        landmarks_image=np.asarray(face.landmarks_image, np.float64),
        rotation=np.asarray(face.pose.rotation, np.float64),
    )


def spread(items: Sequence[EvaluationItem], count: int) -> list[EvaluationItem]:
    """Some of the items, evenly through their order."""
    return [items[n] for n in np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).astype(int))]


def hand_set_rows(contest: Contest, data: EvaluationSet, count: int, *, training: bool) -> None:
    """A row a kind of photograph."""
    for protocol, labels in HAND_SET.items():
        scored, others = (
            [x for x in items if labels in x.landmarks] for items in (data.items, data.calibration)
        )
        if training:
            scored, others = others[::2], others[1::2]
        scored, others = spread(scored, count), spread(others, count)
        known = list(zip(others, map(contest.records, others), strict=True))
        found = [contest.records(item) for item in scored]
        errors: list[NDArray[np.floating]] = []
        for side in (0, 1):
            given = score(
                PROTOCOLS[protocol],
                scored,
                [pair[side] for pair in found],
                predictor="",
                calibration=[(item, pair[side]) for item, pair in known],
            )
            assert given is not None
            errors.append(given.errors)
        print(Row(protocol, *errors).line(), flush=True)


def aflw2000_rows(contest: Contest, count: int) -> None:
    """A row a set of labels; errors are means of photographs, not of bins of yaw."""
    data = load_aflw2000(shared_folder() / "aflw2000_dev")
    items = spread(data.items, count)
    found = [contest.records(item) for item in items]
    for name in AFLW2000:
        sides = [
            score(PROTOCOLS[name], items, [pair[side] for pair in found], predictor="") for side in (0, 1)
        ]
        print(Row(name, *(side.errors for side in sides if side is not None)).line(), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--faces", type=int, default=40, help="of each kind")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument(
        "--pictures", type=Path, help="folder: each photo beside the drawn face and its albedo"
    )
    parser.add_argument("--people", choices=("validation", "training"), default="validation")
    given = parser.parse_args()
    if given.pictures is not None:
        given.pictures.mkdir(parents=True, exist_ok=True)
    aligner = FaceAligner.from_pretrained(given.weights)
    contest = Contest(aligner, open_refiner(), given.steps, [], given.pictures)
    training = given.people == "training"
    print("| protocol | faces | before, % | after, % | change | better on |\n|---|---|---|---|---|---|")
    data = load_handset(shared_folder() / "photos", 2 * given.faces if training else given.faces)
    hand_set_rows(contest, data, given.faces, training=training)
    if not training:
        aflw2000_rows(contest, given.faces)
    wall, processor = np.median(contest.seconds, axis=0)
    print(f"{len(contest.seconds)} faces, medians: {wall:.2f} s, {processor:.2f} s of the cores")


if __name__ == "__main__":
    main()
