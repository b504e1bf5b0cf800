"""Measures the identities of photographs: ``python -m tools.measure_identities --fits FOLDER``.

FOLDER is what ``lineament data fit --recipe default`` wrote. Of each collection the standard deviation of
identities is printed, and how far its mean lies from that of `congress`. With ``--out`` the distribution of
`congress`, whose portraits are in the public domain, is written: rendered faces are drawn from it.

    python -m tools.measure_identities --fits ../runs/fits --out src/lineament/assets/lfm_identities.npz
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lineament.data.build.store import read_fits
from lineament.data.fitting.collection_fits import PhotoFit
from lineament.data.render.identities import Identities, measured_identities, rms_mm, save_identities
from lineament.errors import DataError
from lineament.geometry.morphable import MorphableModel
from lineament.models import load_model

COLLECTIONS = ("congress", "lfw_expressions", "ytf")
PUBLIC_DOMAIN = "congress"
SOURCE = "fits of portraits of members of the United States Congress, in the public domain"
MAX_RESIDUAL = 0.015
"""Of photographs that are measured, as a fraction of the face's size: about nine in ten of those kept."""
MAX_YAW = np.radians(25)
"""Beyond, the far half of a face is a detector's guess."""


def main() -> None:
    """Print a line for each collection and write the distribution of the one in the public domain."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fits", type=Path, required=True, help="folder of lineament data fit")
    parser.add_argument("--out", type=Path, help="file to write, .npz")
    given = parser.parse_args()
    model = load_model("lfm")
    measured = {name: chosen_fits(given.fits, name) for name in COLLECTIONS}
    found = {name: identities_of(faces, model) for name, faces in measured.items() if faces}
    if PUBLIC_DOMAIN not in found:
        raise DataError(f"{given.fits} has no fits of {PUBLIC_DOMAIN}: run `lineament data fit` into it.")
    reference = found[PUBLIC_DOMAIN]
    for name, identities in found.items():
        print(line(name, identities, reference, measured[name], model))
    if given.out:
        people = len({face.person for face in measured[PUBLIC_DOMAIN]})
        save_identities(given.out, reference, people, SOURCE)
        print(f"{given.out}: {given.out.stat().st_size / 1e3:.1f} kB")


def chosen_fits(folder: Path, collection: str) -> list[PhotoFit]:
    """Good fits of people for training, the least turned of each person."""
    best: dict[str, PhotoFit] = {}
    for face in all_fits(folder, collection):
        good = not face.reason and face.residual < MAX_RESIDUAL and abs(face.camera.angles.yaw) < MAX_YAW
        if good and not face.is_validation:
            other = best.setdefault(face.person, face)
            if abs(face.camera.angles.yaw) < abs(other.camera.angles.yaw):
                best[face.person] = face
    return list(best.values())


def all_fits(folder: Path, collection: str) -> Iterator[PhotoFit]:
    """Every face of the parts of a collection, whatever recipe they were fitted for."""
    for path in sorted(folder.glob(f"{collection}_*.npz")):
        with np.load(path) as data:
            key = json.loads(data["about"].tobytes())["key"]
        fits = read_fits(path, key)
        if fits is None:
            raise DataError(f"{path} holds no fits that can be read: delete it and fit again.")
        yield from fits.faces


def identities_of(faces: list[PhotoFit], model: MorphableModel) -> Identities:
    """The distribution of the identities of faces."""
    if model.mirror is None:
        raise ValueError(f"The face model {model.name!r} has no mirror.")
    yaw = np.array([face.camera.angles.yaw for face in faces])
    return measured_identities(np.stack([face.identity for face in faces]), yaw, model.mirror.identity_sign)


def line(
    name: str, identities: Identities, reference: Identities, faces: list[PhotoFit], model: MorphableModel
) -> str:
    """What is told of one collection."""
    std = np.sqrt(np.square(rms_mm(model.identity_basis, identities.factor.T)).sum())
    apart = rms_mm(model.identity_basis, (identities.mean - reference.mean)[None])[0]
    off = rms_mm(model.identity_basis, identities.mean[None])[0]
    deviations = np.sqrt(np.square(identities.factor).sum(axis=1))
    wider = np.median(deviations / np.sqrt(np.square(reference.factor).sum(axis=1)))
    return (
        f"{name}: {len(faces)} people, vertices spread by {std:.2f} mm RMS, mean {off:.2f} mm off the "
        f"model's and {apart:.2f} mm off {PUBLIC_DOMAIN}'s; deviations of modes {deviations.min():.2f} to "
        f"{deviations.max():.2f}, {wider:.2f} of {PUBLIC_DOMAIN}'s in the median"
    )


if __name__ == "__main__":
    main()
