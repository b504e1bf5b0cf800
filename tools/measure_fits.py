"""How well LFM fits photographs, against landmarks that took no part: ``python -m tools.measure_fits``.

The fits know MediaPipe's mesh only. The collection ytf also has 68 landmarks of its own makers, with whole pixels
of 3D jaw. The distance between the two is split for each landmark into a constant (convention: the same
shift in every photograph, in the head's frame and size) and what is left once that is taken away (scatter).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.collections import read_collection, shared_folder
from lineament.data.fitting import PLAIN, FitConfig, Fits, Fitter
from lineament.data.layouts import mesh_layout
from lineament.geometry.camera import PICTURE_AXES
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model

Array = NDArray[np.floating]

PARTS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "lips": slice(48, 68),
    "inner 51": slice(17, 68),
}
SCHEMES = ("lfm-68", "300w-lp")


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Distances between the landmarks of fits and given ones, in shares of the given ones' box.

    Attributes:
        whole: (F, 68) as they are.
        scatter: (F, 68) after the constant shift of each landmark.
        shift_mm: (68, 2) that shift: to the right and down in an upright frontal picture.
    """

    whole: Array
    scatter: Array
    shift_mm: Array


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=1500, help="how many photographs, evenly chosen")
    given = parser.parse_args()
    model = load_model("lfm")
    folder = shared_folder() / "photos"
    collection = read_collection(folder, "ytf")
    marks = given_landmarks(folder / "ytf_landmarks.npz")
    usable = np.flatnonzero(np.isfinite(marks).all(axis=(1, 2)))
    chosen = usable[np.linspace(0, len(usable) - 1, min(given.photos, len(usable))).astype(int)]
    people = [collection.people[i] for i in chosen]
    points = collection.mesh_points[chosen]
    for name, fits in (
        ("plain ridge", Fitter(model, mesh_layout(), PLAIN).fit(points)),
        ("robust", Fitter(model, mesh_layout(), FitConfig()).fit(points)),
        ("robust, one identity a person", Fitter(model, mesh_layout()).fit(points, people=people)),
    ):
        print(f"{name}: {len(chosen)} photographs, median residual {np.median(fits.residual):.2%}")
        for scheme in SCHEMES:
            report(scheme, disagreement(model, fits, marks[chosen], scheme))
    rounded = rounding_floor(marks[chosen])
    print(f"rounding the landmarks to whole pixels alone costs {rounded:.2%}")


def given_landmarks(path: Path) -> Array:
    """(F, 68, 2) px, NaN where the set's makers gave none."""
    with np.load(path) as data:
        return data["landmarks68"].astype(float)


def disagreement(model: MorphableModel, fits: Fits, marks: Array, scheme: str) -> Disagreement:
    """Compare the landmarks of fits with (F, 68, 2) given ones."""
    shaped = model.landmarks_model(fits.identity, fits.expression, scheme=scheme)
    turned = np.einsum("fpi,fji->fpj", shaped, fits.rotation) * PICTURE_AXES
    found = (fits.scale[:, None, None] * turned + fits.translation[:, None])[..., :2]
    size = np.sqrt(np.prod(np.ptp(marks, axis=1), axis=-1))
    difference = marks - found
    shift = head_shift(difference / fits.scale[:, None, None], fits.rotation)
    explained = np.einsum("pi,fji->fpj", shift, fits.rotation)[..., :2] * PICTURE_AXES[:2]
    rest = difference - explained * fits.scale[:, None, None]
    return Disagreement(
        whole=np.linalg.norm(difference, axis=-1) / size[:, None],
        scatter=np.linalg.norm(rest, axis=-1) / size[:, None],
        shift_mm=shift[:, :2] * PICTURE_AXES[:2],
    )


def head_shift(difference_mm: Array, rotation: Array) -> Array:
    """(68, 3) shift of each landmark in the head's frame that explains (F, 68, 2) differences best."""
    rows = rotation[:, :2]
    normal = np.einsum("fai,faj->ij", rows, rows) + np.eye(3)
    right = np.einsum("fai,fpa->pi", rows, difference_mm * PICTURE_AXES[:2])
    return np.linalg.solve(normal, right.T).T


def rounding_floor(marks: Array, rng: np.random.Generator | None = None) -> float:
    """Mean distance that rounding to whole pixels makes, in shares of the landmarks' box."""
    rng = rng or np.random.default_rng(0)
    size = np.sqrt(np.prod(np.ptp(marks, axis=1), axis=-1))
    error = np.linalg.norm(rng.uniform(-0.5, 0.5, marks.shape), axis=-1)
    return float(np.mean(error / size[:, None]))


def report(scheme: str, found: Disagreement) -> None:
    """One line for each part of the face."""
    for name, part in PARTS.items():
        shift = np.linalg.norm(found.shift_mm[part], axis=1).mean()
        print(
            f"  {scheme:8} {name:9} {found.whole[:, part].mean():6.2%}   without constant shift "
            f"{found.scatter[:, part].mean():6.2%}   mean shift {shift:4.1f} mm"
        )


if __name__ == "__main__":
    main()
