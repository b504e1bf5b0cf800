"""Do our GLB files open correctly in Blender?

``python -m scripts.blender.check --bpy ENV/bin/python --out DIR``, where ENV is an environment with the
package bpy, which is Blender without its window: ``pip install bpy`` in one of its own (Python 3.11 for
Blender 4.2 to 5.0, 360 MB).

The face of a demo photograph is written as GLB, with its texture, at rest and in an animation with known
expressions, turns and a gap; ``side.py`` opens both there and compares every vertex, name and key
with what is expected. Ends with status 1 where one is off.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import lineament as la
from lineament.export import FaceTexturer, export_glb, export_glb_animation, frontal_view
from lineament.export.frames import METRES_PER_MM, focal_px, gltf_head
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.rotation import matrix_from_angles

Array = NDArray[np.floating]

HERE = Path(__file__).parent
PHOTO = HERE.parents[1] / "demo" / "photos" / "hopper.jpg"
SIZE_HW = (480, 640)
RATE = 25
GAP = 3  # the frame without the person


def main() -> None:
    """Write files and expectations, then let Blender look."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bpy", required=True, help="Python of an environment with the package bpy")
    parser.add_argument("--out", type=Path, required=True, help="folder for files and pictures")
    parser.add_argument("--photo", type=Path, default=PHOTO, help="photograph of one face")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    photo = la.read_image(given.photo)
    face = la.FaceAligner.from_pretrained()(photo)[0]
    assert isinstance(face, la.MorphableResult)
    texture = FaceTexturer(face.mesh)(photo, face)
    frames = moved(face)
    export_glb(face, given.out / "still.glb", texture_rgb=texture.colors_rgb)
    export_glb_animation(
        frames,
        [number / RATE for number in range(len(frames))],
        given.out / "film.glb",
        size_hw=SIZE_HW,
        texture_rgb=texture.colors_rgb,
    )
    Image.fromarray(frontal_view(face, texture)).save(given.out / "expected.png")
    np.savez(given.out / "expected.npz", **expectations(face, frames))
    done = subprocess.run([given.bpy, str(HERE / "side.py"), str(given.out)], check=False)
    sys.exit(done.returncode)


def moved(face: la.MorphableResult) -> list[la.MorphableResult | None]:
    """The same person with other expressions, turns and places; one frame does not show them."""
    numbers = np.random.default_rng(5)
    frames: list[la.MorphableResult | None] = []
    for k in range(6):
        rotation = matrix_from_angles(yaw=0.25 * k - 0.5, pitch=0.1 * k, roll=-0.05 * k)
        place = np.array([200.0 + 50 * k, 300 - 30 * k, 0])
        frames.append(
            la.MorphableResult.from_coefficients(
                face.model,
                face.identity,
                numbers.uniform(0, 0.8, len(face.model.expression_names)).astype(np.float32),
                camera=WeakPerspective(rotation, 1.0 + 0.1 * k, place),
                crop_box=face.crop_box,
                detection=face.detection,
            )
        )
    frames[GAP] = None
    return frames


def expectations(
    face: la.MorphableResult, frames: Sequence[la.MorphableResult | None]
) -> dict[str, NDArray[np.generic]]:
    """What Blender should find; vertices in metres in its axes: x right, y away from the viewer, z up."""
    jaw = face.model.expression_names.index("jawOpen")
    opened = face.expression.copy()
    opened[jaw] = 1
    visible = [number for number, frame in enumerate(frames) if frame is not None]
    shown = [frame for frame in frames if frame is not None]
    return {
        "names": np.array(face.model.expression_names),
        "weights": face.expression,
        "still": _blender(face.vertices_model),
        "jaw_open": _blender(face.model.vertices_model(face.identity, opened)),
        "rate": np.array(RATE),
        "seen": np.array(visible),
        "gap": np.array(GAP),
        "frame_weights": np.stack([frame.expression for frame in shown]),
        "frames": np.stack([_blender(_placed(frame)) for frame in shown]),
        "view_angle": np.array(2 * np.arctan(SIZE_HW[0] / 2 / focal_px(SIZE_HW))),  # of the height,
    }


def _placed(face: la.MorphableResult) -> Array:
    """(N, 3) mm before glTF's camera."""
    _, place = gltf_head(face.pose, SIZE_HW)
    return np.asarray(face.vertices_model @ face.pose.rotation.T + place / METRES_PER_MM)


def _blender(points_mm: Array) -> Array:
    """Metres with z up from millimetres with y up."""
    x, y, z = np.moveaxis(points_mm * METRES_PER_MM, -1, 0)
    return np.stack([x, -z, y], axis=-1)


if __name__ == "__main__":
    main()
