"""Views of faces turned to large yaw, as `lineament.data.views` writes them: a source of faces to paste."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.collections import read_collection
from lineament.data.face_sets import FaceSet, up_in_image
from lineament.errors import DataError
from lineament.geometry.camera import PICTURE_AXES
from lineament.models.builtin import load_builtin
from lineament.result import DEFAULT_SCHEME

Array = NDArray[np.floating]


def read_turned_views(
    folder: Path, photos: Path, *, least_yaw: float = np.radians(28), limit: int = 20_000, seed: int = 0
) -> FaceSet:
    """At most `limit` views with a yaw of at least `least_yaw`, spread over all shards of the folder.

    Views of the people that the regressor keeps for validation are left out.

    Args:
        folder: shards of pictures and labels.
        photos: folder of the collections, for the names of the people.
        least_yaw: radians; photographs themselves cover smaller angles.
        limit: views kept; they are held in memory, 77 kB each.
        seed: of the choice.

    Raises:
        DataError: when there is no complete shard.
    """
    tables = sorted(folder.glob("*_labels.npz"))
    if not tables:
        raise DataError(f"There are no views in {folder}: make some with `python -m lineament.data.views`.")
    rng = np.random.default_rng(seed)
    names = {name: read_collection(photos, name).photo_names for name in {_collection(t) for t in tables}}
    parts = [_read_shard(t, names[_collection(t)], least_yaw, limit // len(tables), rng) for t in tables]
    return FaceSet(
        names=tuple(name for part in parts for name in part.names),
        pictures=np.concatenate([part.pictures for part in parts]),
        landmarks_image=np.concatenate([part.landmarks_image for part in parts]),
        up_xy=np.concatenate([part.up_xy for part in parts]),
    )


def _collection(table: Path) -> str:
    return table.name.removesuffix("_labels.npz").rsplit("_", 1)[0]


def _read_shard(
    table: Path, names: tuple[str, ...], least_yaw: float, limit: int, rng: np.random.Generator
) -> FaceSet:
    with np.load(table) as file:
        labels = {name: file[name] for name in file.files}
    turned = np.abs(labels["rotation"][:, 0, 2]) >= np.sin(least_yaw)
    chosen = np.sort(rng.permutation(np.flatnonzero(turned & ~labels["validation"]))[:limit])
    images = np.load(table.with_name(table.name.replace("_labels.npz", "_images.npy")), mmap_mode="r")
    rotation = labels["rotation"][chosen]
    landmarks_model = load_builtin().landmarks_model(
        labels["identity"][chosen], labels["expression"][chosen], scheme=DEFAULT_SCHEME
    )
    turned_xy = (landmarks_model @ np.swapaxes(rotation, -1, -2) * PICTURE_AXES)[..., :2]
    landmarks = labels["scale"][chosen, None, None] * turned_xy + labels["translation"][chosen, None]
    people = tuple(names[photo] for photo in labels["photo"][chosen])
    return FaceSet(people, np.asarray(images[chosen]), landmarks.astype(np.float32), up_in_image(rotation))
