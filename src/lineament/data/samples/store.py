"""Samples read back from shards: one after the other, or any one at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.codec import decode
from lineament.data.samples.held_out import is_held_out
from lineament.data.samples.sample import Kind, Sample
from lineament.data.samples.shard_index import read_index, shard_members
from lineament.data.samples.shards import read_manifest
from lineament.errors import DataError
from lineament.files import sha256_of
from lineament.geometry.camera import WeakPerspective
from lineament.models import load_model

Array = NDArray[Any]


def read_shard(shard: Path) -> Iterator[Sample]:
    """All samples of a tar file in turn; neither index nor manifest is needed.

    Raises:
        DataError: the file or a sample is damaged.
    """
    for key, _, members in shard_members(shard):
        yield decode(members, name=f"{shard.name}:{key}")


def verify(folder: Path) -> None:
    """Compare every shard with the manifest.

    Raises:
        DataError: shards are missing or do not have their checksum; all are named.
    """
    wrong = []
    for entry in read_manifest(folder)[1]:
        shard = folder / f"{entry.name}.tar"
        if not shard.is_file() or sha256_of(shard) != entry.sha256:
            wrong.append(shard.name)
    if wrong:
        raise DataError(
            f"{len(wrong)} shards of {folder} are missing or damaged: {', '.join(wrong)}. "
            f"Run the command of {folder / 'manifest.json'} again: it makes only those."
        )


class SampleStore:
    """Samples of a folder by number. Opens files as it reads, so it may be used in several processes.

    Args:
        folder: with a manifest.
        validation: True for people kept from training only, False for the others only, None for all. People
            who were held out after the samples were made count as kept from training.
        kinds: only samples made so; None for all.

    Raises:
        DataError: no manifest, a shard that is missing or of another size than it says, or no such sample.
    """

    def __init__(
        self, folder: Path, *, validation: bool | None = None, kinds: Collection[Kind] | None = None
    ) -> None:
        self.recipe, entries = read_manifest(folder)
        self._shards = [folder / f"{entry.name}.tar" for entry in entries]
        for shard, entry in zip(self._shards, entries):
            if not shard.is_file() or shard.stat().st_size != entry.size:
                raise DataError(f"{shard} is missing or not of {entry.size} bytes: make the samples again.")
        self._indices = [read_index(s, sha256=e.sha256) for s, e in zip(self._shards, entries)]
        places = [self._chosen(number, validation, kinds) for number in range(len(entries))]
        self._place = np.concatenate([np.zeros((0, 2), np.int64), *places])
        if not len(self._place):
            raise DataError(f"{folder} holds no samples with validation={validation} and kinds={kinds}.")

    def _chosen(self, shard: int, validation: bool | None, kinds: Collection[Kind] | None) -> Array:
        """(c, 2) number of the shard and row of each sample asked for."""
        index = self._indices[shard]
        chosen = np.ones(len(index), bool)
        if validation is not None:
            people = zip(index.collection.tolist(), index.person.tolist())
            held_out = np.array([is_held_out(*one) for one in people], bool)
            chosen = (index.validation | held_out) == validation
        if kinds is not None:
            chosen = chosen & np.isin(index.kind, [kind.value for kind in kinds])
        rows = np.flatnonzero(chosen)
        return np.stack([np.full(len(rows), shard), rows], axis=1)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._place)

    def __getitem__(self, number: int) -> Sample:
        """One sample; DataError if its shard is damaged there."""
        return self.sample(number)

    def sample(self, number: int, *, with_mask: bool = True) -> Sample:
        """One sample, without its occlusion mask where nobody asks for it; DataError as of `[number]`."""
        shard, row = self._place[number]
        return self._indices[shard].sample(self._shards[shard], int(row), with_mask=with_mask)

    def picture_file(self, number: int) -> bytes:
        """The picture of one sample as it is stored, JPEG or PNG; DataError if its shard is damaged there."""
        shard, row = self._place[number]
        return self._indices[shard].picture_file(self._shards[shard], int(row))

    def photo(self, number: int) -> str:
        """Name of the photograph that a sample was made of, without reading pictures."""
        shard, row = self._place[number]
        return str(self._indices[shard].photo[row])

    def collection(self, number: int) -> str:
        """Name of the collection that a sample's photograph is of, without reading pictures."""
        shard, row = self._place[number]
        return str(self._indices[shard].collection[row])

    def is_occluded(self) -> NDArray[np.bool_]:
        """(n,) which samples have an occlusion mask, without reading it."""
        return np.array([self._indices[shard].mask_place[row, 1] > 0 for shard, row in self._place], bool)

    def has_coefficients(self) -> NDArray[np.bool_]:
        """(n,) which samples are of fitted faces, without reading pictures."""
        known = [index.has_coefficients() for index in self._indices]
        return np.array([known[shard][row] for shard, row in self._place], bool)

    def identity(self) -> NDArray[np.float32]:
        """(n, K) of all samples, without reading pictures; DataError if one has no coefficients."""
        self._refuse_partial()
        return np.stack([self._indices[shard].identity[row] for shard, row in self._place])

    def expression(self) -> NDArray[np.float32]:
        """(n, E) of all samples; DataError if one has no coefficients."""
        self._refuse_partial()
        return np.stack([self._indices[shard].expression[row] for shard, row in self._place])

    def strongest_key(self, starts: tuple[str, ...] = ()) -> NDArray[np.float32]:
        """(n,) how far the strongest expression key of each sample is raised; 0 where no face was fitted.

        Args:
            starts: first parts of the names of the keys that count; none means all.

        Raises:
            ModelError: the face model of the samples is not installed.
            DataError: no key has such a name.
        """
        names = load_model(self.recipe.face_model).expression_names
        counted = [number for number, name in enumerate(names) if name.startswith(starts or ("",))]
        if not counted:
            raise DataError(
                f"No expression key begins with {' or '.join(starts)}; there are {', '.join(names)}."
            )
        strongest = [
            np.nan_to_num(index.expression[:, counted]).max(axis=1)
            if index.expression.shape[1]
            else np.zeros(len(index), np.float32)
            for index in self._indices
        ]
        return np.array([max(strongest[shard][row], 0) for shard, row in self._place], np.float32)

    def _refuse_partial(self) -> None:
        partial = int((~self.has_coefficients()).sum())
        if partial:
            raise DataError(
                f"{partial} of {len(self)} samples have annotated points only: what needs coefficients of "
                f"each cannot use this folder."
            )

    def coefficient_statistics(self) -> tuple[Array, Array, Array, Array]:
        """Mean and standard deviation of identity (K,), then of expression (E,), over the fitted faces.

        Raises:
            DataError: there is no fitted face.
        """
        places = self._place[self.has_coefficients()]
        if not len(places):
            raise DataError("None of these samples has coefficients: their statistics are not known.")
        identity, expression = (
            np.stack([getattr(self._indices[shard], name)[row] for shard, row in places])
            for name in ("identity", "expression")
        )
        return identity.mean(0), identity.std(0), expression.mean(0), expression.std(0)

    def rotation(self) -> NDArray[np.float64]:
        """(n, 3, 3) of all samples, model frame; DataError as of :meth:`camera`."""
        return np.stack([self.camera(number).rotation for number in range(len(self))])

    def camera(self, number: int) -> WeakPerspective:
        """Of the head in one sample, without reading pictures; DataError if it is not known."""
        shard, row = self._place[number]
        camera = self._indices[shard].labels(int(row)).camera
        if camera is None:
            raise DataError(f"The sample {self.photo(number)!r} has no camera, only annotated points.")
        return camera
