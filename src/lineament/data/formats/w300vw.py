"""300VW: videos with 68 points a frame, ``001/vid.avi`` and ``001/annot/000001.pts``.

lineament has no video decoder here. Frames that were written beside the video, ``001/frames/000001.jpg`` (or
.png), are found; without them an item still has its landmarks, and reading its photo says what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.formats.files import PICTURE_SUFFIXES, PhotoFile
from lineament.data.formats.item import AnnotatedFace, Photo, box_of_points, read_each
from lineament.data.formats.pts import parse_pts, scheme_of
from lineament.errors import DataError

VIDEO, LABELS, FRAMES = "vid.avi", "annot", "frames"


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A frame of a video that was not written out.

    Attributes:
        video: its file.
        number: of the frame, from 1 as the labels count.
    """

    video: Path
    number: int

    def read(self) -> NDArray[np.uint8]:
        """Nothing: the frame has to be written first.

        Raises:
            DataError: always, with the command.
        """
        frames = self.video.parent / FRAMES
        raise DataError(
            f"Frame {self.number} of {self.video} is not in {frames}. Write the frames: "
            f"mkdir {frames} && ffmpeg -i {self.video} -qscale:v 2 {frames}/%06d.jpg"
        )


def iterate_w300vw(root: Path, *, errors: list[DataError] | None = None) -> Iterator[AnnotatedFace]:
    """All labelled frames, video by video and in order; `subject` is the video.

    Args:
        root: folder of the set, or of a single video.
        errors: takes what goes wrong with single frames; None raises it.

    Raises:
        DataError: there is no labelled video, or a frame's labels cannot be read.
    """
    folders = [root] if (root / LABELS).is_dir() else sorted(path.parent for path in root.glob(f"*/{LABELS}"))
    if not folders:
        raise DataError(f"{root} holds no video with labels: expected 001/{VIDEO} and 001/{LABELS}/*.pts.")
    for folder in folders:
        labels = sorted((folder / LABELS).glob("*.pts"))
        yield from read_each((partial(_read, folder, path) for path in labels), errors=errors)


def _read(folder: Path, path: Path) -> AnnotatedFace:
    try:
        landmarks = parse_pts(path.read_bytes(), name=str(path))
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({error}). Check its permissions.") from error
    if not path.stem.isdecimal():
        raise DataError(f"{path} is not named by the number of its frame, such as 000001.pts.")
    return AnnotatedFace(
        name=f"{folder.name}/{path.stem}",
        photo=_frame(folder, path.stem),
        landmarks=landmarks,
        scheme=scheme_of(landmarks),
        box_xyxy=box_of_points(landmarks),
        subject=folder.name,
    )


def _frame(folder: Path, stem: str) -> Photo:
    for suffix in PICTURE_SUFFIXES:
        if (folder / FRAMES / (stem + suffix)).is_file():
            return PhotoFile(folder, f"{FRAMES}/{stem}{suffix}")
    return VideoFrame(folder / VIDEO, int(stem))
