"""How well the photographs of collections were fitted: counts, quantiles, a table of every face."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.collection_fits import PartFits, PhotoFit
from lineament.data.fitting.fitter import Fits
from lineament.data.fitting.quality import QualityLimits, judge
from lineament.data.fitting.report import ReportInput, write_fit_report
from lineament.data.formats.files import PhotoFile
from lineament.data.photographs.collection import PhotoCollection
from lineament.files import replace_durably
from lineament.geometry.morphable import MorphableModel

TABLE = "fits.csv"
COLUMNS = (
    "photo",
    "face",
    "person",
    "residual",
    "yaw_deg",
    "pitch_deg",
    "roll_deg",
    "px_per_mm",
    "reason",
    "residual_by_hand",
)
QUANTILES = (5, 50, 95)


class FitSummary:
    """Gathers the fits of parts as they come."""

    def __init__(self) -> None:
        self._faces: dict[str, list[PhotoFit]] = defaultdict(list)
        self._failed: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def __len__(self) -> int:
        """Photographs so far; one with several faces counts as often."""
        return sum(map(len, self._faces.values())) + sum(map(len, self._failed.values()))

    def add(self, part: PartFits, *, collection: str = "") -> None:
        """Take in one part; the collection's name comes from its people when it is not given."""
        for face in part.faces:
            self._faces[collection or face.person.partition("/")[0]].append(face)
        for photo, reason in part.failed:
            self._failed[collection].append((photo, reason))

    def faces_of(self, collection: str) -> list[PhotoFit]:
        """The faces of one collection so far, kept or not."""
        return list(self._faces[collection])

    def lines(self) -> Iterator[str]:
        """What is told of each collection, for people to read."""
        for name, faces in sorted(self._faces.items()):
            kept = sum(not face.reason for face in faces)
            low, middle, high = np.percentile([face.residual for face in faces], QUANTILES)
            yield (
                f"{name}: {kept} of {len(faces)} faces kept, residual {low:.2%} to {high:.2%} of the face's "
                f"size, median {middle:.2%}"
            )
            by_hand = [face.set_residual for face in faces if np.isfinite(face.set_residual)]
            if by_hand:
                low, middle, high = np.percentile(by_hand, QUANTILES)
                yield (
                    f"  {len(by_hand)} with points that people set: {low:.2%} to {high:.2%} from the fit, "
                    f"median {middle:.2%}"
                )
            for reason, count in Counter(_kind(f.reason) for f in faces if f.reason).most_common():
                yield f"  {count} left out: {reason}"
        for failed in self._failed.values():
            for reason, count in Counter(_kind(reason) for _, reason in failed).most_common():
                yield f"{count} photographs without a face: {reason}"

    def write(self, folder: Path) -> None:
        """Write a line for every face and every photograph without one to ``fits.csv``."""
        temporary = folder / f"{TABLE}.part"
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for faces in self._faces.values():
                writer.writerows(_row(face) for face in faces)
            for failed in self._failed.values():
                writer.writerows((photo, "", "", "", "", "", "", "", reason, "") for photo, reason in failed)
        replace_durably(temporary, folder / TABLE)


def write_reports(
    summary: FitSummary,
    collections: Sequence[PhotoCollection],
    model: MorphableModel,
    folder: Path,
    limits: QualityLimits,
) -> list[Path]:
    """A page of histograms and of the best, the middle, the worst and the rejected faces, by collection.

    Args:
        summary: of the fits.
        collections: that were fitted.
        model: the face model.
        folder: takes a folder ``report_NAME`` for each collection.
        limits: the worst that was kept.
    """
    pages = []
    for collection in collections:
        faces = summary.faces_of(collection.name)
        if not faces:
            continue
        fits = _fits_of(faces)
        report = ReportInput(
            title=collection.name,
            names=[face.photo for face in faces],
            fits=fits,
            quality=judge(fits, limits),
            model=model,
            read_photo=partial(_read_photo, collection.root, faces),
            limits=limits,
        )
        pages.append(write_fit_report(folder / f"report_{collection.name}", report))
    return pages


def _fits_of(faces: Sequence[PhotoFit]) -> Fits:
    return Fits(
        rotation=np.stack([face.camera.rotation for face in faces]),
        scale=np.array([face.camera.scale for face in faces]),
        translation=np.stack([face.camera.translation for face in faces]),
        identity=np.stack([face.identity for face in faces]),
        expression=np.stack([face.expression for face in faces]),
        residual=np.array([face.residual for face in faces]),
        outliers=np.array([face.outliers for face in faces]),
        set_residual=np.array([face.set_residual for face in faces]),
    )


def _read_photo(root: Path, faces: Sequence[PhotoFit], number: int) -> NDArray[np.uint8]:
    return PhotoFile(root, faces[number].photo).read()


def _row(face: PhotoFit) -> tuple[object, ...]:
    angles = face.camera.angles
    degrees = (f"{np.degrees(angle):.1f}" for angle in (angles.yaw, angles.pitch, angles.roll))
    scale = f"{face.camera.scale:.4f}"
    by_hand = f"{face.set_residual:.4f}" if np.isfinite(face.set_residual) else ""
    return (face.photo, face.face, face.person, f"{face.residual:.4f}", *degrees, scale, face.reason, by_hand)


def _kind(reason: str) -> str:
    """A reason without its numbers, so that like ones are counted together."""
    return "".join("#" if letter.isdigit() else letter for letter in reason)
