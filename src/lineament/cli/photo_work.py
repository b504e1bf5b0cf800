"""Photographs from their files to their results, in this process or another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lineament.batch import AlignerOptions
from lineament.batch.folders import row_source
from lineament.batch.together import TogetherAligner
from lineament.cli.photos import Photo
from lineament.cli.results import ResultWriter
from lineament.cli.whole_results import ResultPlaces
from lineament.errors import ConfigError, LineamentError
from lineament.export.rows import Row, photo_rows
from lineament.image import as_picture, read_picture
from lineament.result import AlignedPhoto, Detection, FaceResult

if TYPE_CHECKING:
    from PIL import Image

PIXELS_TOGETHER = 4_000_000
"""Of photographs that are aligned together, after which no more are added: all of them are in memory, and of
large ones reading takes longer than the networks."""
EXAMPLE_PX = 64  # side of the picture that an example of a row is of


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

    @contextmanager
    def __call__(self) -> Iterator[PhotoWorker]:
        """Open the networks here; at the end nothing temporary is left."""
        aligner = self.options.open()
        together = TogetherAligner(aligner, may_join=self.options.device == "cpu")
        with closing(ResultPlaces()) as places:
            yield PhotoWorker(self, aligner, together, places)

    def example_row(self) -> Row:
        """A row of a table with all the columns that faces have, whose values mean nothing.

        Which there are depends on the weights: it is of a face at a box on an empty picture.

        Raises:
            LineamentError: the weights cannot be used.
        """
        empty = np.zeros((EXAMPLE_PX, EXAMPLE_PX, 3), np.uint8)
        everywhere = Detection(np.array([0, 0, EXAMPLE_PX, EXAMPLE_PX], np.float32), 1.0)
        faces = self.options.open().align(empty, [everywhere], passes=1)
        (row,) = _rows_of(Path(), faces, self.writer)
        return row


@dataclass(frozen=True, slots=True)
class ReadPhoto:
    """A photograph in memory, or why it is not there."""

    task: PhotoTask
    picture: Image.Image | None
    error: LineamentError | None = None


@dataclass(frozen=True, slots=True)
class PhotoWorker:
    """Aligns photographs, several small ones together."""

    work: PhotoWork
    aligner: Any
    together: TogetherAligner
    places: ResultPlaces

    def __call__(self, tasks: Sequence[PhotoTask]) -> Iterator[PhotoOutcome]:
        """Align photographs and write their results, in order; where one fails, those of a former run go."""
        group: list[ReadPhoto] = []
        for task in tasks:
            group.append(self._read(task))
            if task is tasks[-1] or sum(map(_pixels, group)) >= PIXELS_TOGETHER:
                yield from self._outcomes(group)

    def _read(self, task: PhotoTask) -> ReadPhoto:
        if task.problem is not None:
            return ReadPhoto(task, None, ConfigError(task.problem))
        try:
            return ReadPhoto(task, as_picture(read_picture(task.photo.path)))
        except LineamentError as error:
            return ReadPhoto(task, None, error)

    def _outcomes(self, group: list[ReadPhoto]) -> Iterator[PhotoOutcome]:
        """What comes of photographs; the group is empty then, so that no picture stays in memory."""
        alike = [photo.picture for photo in group if photo.picture is not None and photo.task.boxes is None]
        found = iter(self.together(alike))
        while group:
            photo = group.pop(0)
            if photo.picture is None:
                yield self._failed(photo.task, photo.error)
            elif photo.task.boxes is None:
                yield self._outcome(photo.task, photo.picture, next(found))
            else:
                aligned = self.together.alone(photo.picture, photo.task.boxes)
                yield self._outcome(photo.task, photo.picture, aligned)

    def _failed(self, task: PhotoTask, error: LineamentError | None) -> PhotoOutcome:
        """A photograph that failed; what a former run made of it would pass for new."""
        with suppress(OSError):
            self.places.remove_former(self.work.out / task.photo.target)
        return PhotoOutcome(error=str(error))

    def _outcome(self, task: PhotoTask, picture: Image.Image, aligned: AlignedPhoto) -> PhotoOutcome:
        """What comes of a photograph that was aligned: its results are written."""
        if aligned.error is not None:
            return self._failed(task, aligned.error)
        try:
            return self._written(task, picture, aligned.faces)
        except LineamentError as error:
            return self._failed(task, error)

    def _written(self, task: PhotoTask, picture: Image.Image, found: Sequence[FaceResult]) -> PhotoOutcome:
        path, target = task.photo.path, self.work.out / task.photo.target
        faces, unrefined = self._refined(picture, found)
        written = self.work.writer.write(picture, faces, target, self.places, source=path)
        rows = _rows_of(path, faces, self.work.writer) if self.work.with_rows else []
        return PhotoOutcome(
            faces=len(faces),
            lines=tuple(_face_lines(faces)),
            impossible=(*unrefined, *written.impossible),
            files=written.files,
            rows=tuple(rows),
        )

    def _refined(
        self, photo: Image.Image, faces: Sequence[FaceResult]
    ) -> tuple[Sequence[FaceResult], list[str]]:
        """The faces, refined where that was asked for and can be done, and a line for each where not."""
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


def _rows_of(path: Path, faces: Sequence[FaceResult], writer: ResultWriter) -> list[Row]:
    """The rows that tables have of a photograph."""
    return photo_rows({"photo": path.name, "source": row_source(path)}, faces, targets=writer.targets)


def _pixels(photo: ReadPhoto) -> int:
    return 0 if photo.picture is None else photo.picture.width * photo.picture.height


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
