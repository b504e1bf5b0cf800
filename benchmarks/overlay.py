"""How long drawing takes on one core: ``python benchmarks/overlay.py [--photo FILE] [--face PX]``.

The photograph is enlarged until its face has so many px and laid on a frame of 1920 x 1080. The times are the
thread's own, so that they mean something on a busy machine too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import numpy as np
from PIL import Image

import lineament as la
from lineament.geometry.raster import visible_vertices

PHOTO = Path(__file__).parents[1] / "demo" / "photos" / "hopper.jpg"
FRAME_WH = (1920, 1080)
REPEATS = 200
WARM_UP = 10


def face_on_frame(aligner: la.FaceAligner, photo: Path, face_px: float) -> tuple[np.ndarray, la.FaceResult]:
    """A frame with the photograph's first face in its middle, its mesh of that extent, and the face."""
    picture = Image.fromarray(la.read_image(photo))
    vertices = aligner(picture)[0].vertices_image[:, :2]
    zoom = face_px / float(np.ptp(vertices, axis=0).max())
    larger = picture.resize((round(picture.width * zoom), round(picture.height * zoom)))
    middle = zoom * (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    left, top = np.rint(np.array(FRAME_WH) / 2 - middle).astype(int).tolist()
    frame = Image.new("RGB", FRAME_WH)
    frame.paste(larger, (left, top))
    return np.array(frame), aligner(frame)[0]


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Least and median time of the thread."""
    times = []
    for _ in range(WARM_UP + REPEATS):
        start = time.thread_time()
        work()
        times.append(1000 * (time.thread_time() - start))
    return min(times[WARM_UP:]), float(np.median(times[WARM_UP:]))


def main() -> None:
    """Print one line for each kind of picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photo", type=Path, default=PHOTO, help="a photograph of one face")
    parser.add_argument("--face", type=float, default=600.0, help="extent of the mesh on the frame, px")
    given = parser.parse_args()
    aligner = la.FaceAligner.from_pretrained(threads=1)
    frame, face = face_on_frame(aligner, given.photo, given.face)
    width, height = np.ptp(face.vertices_image[:, :2], axis=0)
    face.visibility  # noqa: B018 - found once a face: its time stands in a line of its own
    works: dict[str, Callable[[], object]] = {
        "mesh, shaded": lambda: la.draw_mesh(frame, face),
        "mesh, colours of depth": lambda: la.draw_mesh(frame, face, style="depth"),
        "mesh, colours of normals": lambda: la.draw_mesh(frame, face, style="normals"),
        "mesh, its edges": lambda: la.draw_mesh(frame, face, style="wireframe"),
        "landmarks": lambda: la.draw_landmarks(frame, face),
        "axes": lambda: la.draw_axes(frame, face),
        "overlay: mesh, landmarks, axes, box": lambda: la.draw_overlay(frame, [face]),
        "visibility of all vertices": lambda: visible_vertices(face.vertices_image, face.triangles),
    }
    sys.stdout.write(f"a face of {width:.0f} x {height:.0f} px on a frame of 1920 x 1080\n")
    for name, work in works.items():
        fastest, median = milliseconds(work)
        sys.stdout.write(f"{name:40} least {fastest:6.2f} ms   median {median:6.2f} ms\n")


if __name__ == "__main__":
    main()
