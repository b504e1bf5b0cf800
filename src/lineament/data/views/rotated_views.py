"""Samples of faces turned to large yaw: a source of faces to paste into the detector's mosaics."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lineament.data.photographs.face_sets import FaceSet, up_in_image
from lineament.data.samples.sample import Kind
from lineament.data.samples.store import SampleStore
from lineament.errors import DataError
from lineament.models.builtin import load_builtin
from lineament.result import DEFAULT_SCHEME


def read_rotated_views(
    folder: Path, *, min_yaw: float = np.radians(28), limit: int = 20_000, seed: int = 0
) -> FaceSet:
    """At most `limit` rotated samples with a yaw of at least `min_yaw`, drawn at random.

    People kept for validation are left out, and faces with something in front: what of a face can be seen is
    counted by what mosaics put over it.

    Args:
        folder: of samples, as ``lineament data build`` makes it.
        min_yaw: radians; photographs themselves cover smaller angles.
        limit: samples kept; their files are held in memory, about 12 kB each.
        seed: of the choice.

    Raises:
        DataError: no samples, or none turned so far.
    """
    store = SampleStore(folder, validation=False, kinds=[Kind.ROTATED])
    rotation = store.rotation()
    rotated = np.abs(rotation[:, 0, 2]) >= np.sin(min_yaw)
    chosen = np.flatnonzero(rotated & ~store.is_occluded())
    chosen = np.sort(np.random.default_rng(seed).permutation(chosen)[:limit])
    if not len(chosen):
        raise DataError(
            f"{folder} holds no samples turned by {np.degrees(min_yaw):.0f} degrees: build it by a recipe "
            f"whose [rotated] count is not 0."
        )
    landmarks_model = load_builtin().landmarks_model(
        store.identity()[chosen], store.expression()[chosen], scheme=DEFAULT_SCHEME
    )
    landmarks = [store.camera(n).image_from_model(p)[:, :2] for n, p in zip(chosen, landmarks_model)]
    return FaceSet(
        names=tuple(store.photo(number) for number in chosen),
        pictures=[store.picture_file(number) for number in chosen],
        landmarks_image=np.array(landmarks, np.float32),
        up_xy=up_in_image(rotation[chosen]),
    )
