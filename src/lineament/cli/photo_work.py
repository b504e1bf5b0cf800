"""One photograph from its file to its results, in this process or another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lineament.batch.folders import row_source
from lineament.cli.photos import Photo
from lineament.cli.results import ResultWriter
from lineament.cli.whole_results import FormerResults

if TYPE_CHECKING:
    from PIL import Image

    from lineament.batch import AlignerOptions
    from lineament.export.rows import Row
    from lineament.result import FaceResult


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A photograph to align.

    Attributes:
        photo: which.
        boxes: (n, 4) px of its faces; None where the detector finds them.
        problem: why it cannot be aligned at all; None where it may be tried.
        size: bytes of its file.
        time_ns: when that was last changed.
    """

    photo: Photo
    boxes: NDArray[np.floating] | None = None
    problem: str | None = None
    size: int = 0
    time_ns: int = 0


@dataclass(frozen=True, slots=True)
class PhotoOutcome:
    """What came of a photograph, without its pixels and meshes.

    Attributes:
        faces: how many were found.
        lines: for people to read, one a face.
        impossible: what was asked for and cannot be made of these faces, with the reason.
        files: endings of the names of its results.
        rows: of tables.
        error: why it failed; None where it did not.
    """

    faces: int = 0
    lines: tuple[str, ...] = ()
    impossible: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PhotoWork:
    """What makes the work of a process.

    Attributes:
        options: which aligner.
        writer: which files.
        out: the folder for results.
        with_rows: whether rows of tables are wanted.
        refine: steps of :meth:`lineament.FaceAligner.refine` for each face; 0 leaves faces as they are.
    """

    options: AlignerOptions
    writer: ResultWriter
    out: Path
    with_rows: bool
    refine: int = 0

    def __call__(self) -> PhotoWorker:
        """Open the networks here."""
        return PhotoWorker(self, self.options.open(), FormerResults())


@dataclass(frozen=True, slots=True)
class PhotoWorker:
    """Aligns one photograph after the other."""

    work: PhotoWork
    aligner: Any
    former: FormerResults

    def __call__(self, task: PhotoTask) -> PhotoOutcome:
        """Align a photograph and write its results; where it fails, those of a former run go."""
        from contextlib import suppress

        from lineament.errors import LineamentError

        target = self.work.out / task.photo.target
        try:
            return self._outcome(task, target)
        except LineamentError as error:
            with suppress(OSError):
                self.former.remove(target)  # they would pass for new ones
            return PhotoOutcome(error=str(error))

    def _outcome(self, task: PhotoTask, target: Path) -> PhotoOutcome:
        from lineament.errors import ConfigError
        from lineament.export.rows import photo_rows
        from lineament.image import as_picture, read_picture

        if task.problem is not None:
            raise ConfigError(task.problem)
        path = task.photo.path
        pixels = as_picture(read_picture(path))
        faces, unrefined = self._refined(pixels, self.aligner(pixels, boxes=task.boxes))
        written = self.work.writer.write(pixels, faces, target, self.former, source=path)
        start = {"photo": path.name, "source": row_source(path)}
        return PhotoOutcome(
            faces=len(faces),
            lines=tuple(_face_lines(faces)),
            impossible=(*unrefined, *written.impossible),
            files=written.files,
            rows=tuple(photo_rows(start, faces, targets=self.work.writer.targets))
            if self.work.with_rows
            else (),
        )

    def _refined(
        self, photo: Image.Image, faces: Sequence[FaceResult]
    ) -> tuple[Sequence[FaceResult], list[str]]:
        """The faces, refined where that was asked for and can be done, and a line for each where not."""
        from lineament.errors import LineamentError

        if not self.work.refine:
            return faces, []
        found, impossible = [], []
        for number, face in enumerate(faces):
            try:
                found.append(self.aligner.refine(photo, face, steps=self.work.refine))
            except LineamentError as error:
                found.append(face)
                impossible.append(f"face {number}: not refined, {error}")
        return found, impossible


def _face_lines(faces: Sequence[FaceResult]) -> Iterator[str]:
    """A line a face, or one that says there is none."""
    if not faces:
        yield "no face found"
    for number, face in enumerate(faces):
        yaw_deg, pitch_deg, roll_deg = np.degrees([face.pose.yaw, face.pose.pitch, face.pose.roll])
        box = " ".join(f"{value:.0f}" for value in face.detection.box_xyxy)
        doubt = "" if face.uncertainty_mm is None else f", uncertain by {face.uncertainty_mm:.1f} mm"
        yield (
            f"face {number}: yaw {yaw_deg:+.1f} pitch {pitch_deg:+.1f} roll {roll_deg:+.1f} deg, "
            f"box {box}, score {face.detection.score:.2f}{doubt}"
        )
