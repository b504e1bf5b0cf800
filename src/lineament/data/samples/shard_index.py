"""The table of a shard: where its members lie and all labels, so that a sample is one read away.

Kept beside the shard as ``NAME.index.npz``. It is only a copy: where it is missing or belongs to another
version of the shard, it is made again from the tar file.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.codec import (
    MASK,
    PICTURES,
    Stored,
    camera_of,
    decode_labels,
    numbers_of_camera,
    sample_of,
)
from lineament.data.samples.face_labels import AnnotatedPoints, FaceLabels, PointSource
from lineament.data.samples.point_schemes import find_point_scheme
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.errors import DataError, LineamentError
from lineament.files import replace_durably
from lineament.foreign import reason_of

Array = NDArray[Any]

HEADER = 512  # bytes before the data of a member of a tar file


@dataclass(frozen=True, slots=True, repr=False)
class ShardIndex:
    """Labels of a shard's n samples, and where their pictures are.

    Attributes:
        sha256: (), of the shard it describes.
        key: (n,) str.
        picture: (n,) str, extension of the picture.
        picture_place: (n, 2) int64, where its data begin and how long they are, bytes.
        mask_place: (n, 2) int64, zeros where there is no mask.
        camera: (n, 13) float64, NaN where not known.
        identity: (n, K) float32, NaN where no face was fitted.
        expression: (n, E) float32, NaN where no face was fitted.
        collection, photo, person, kind: (n,) str.
        validation: (n,) bool.
        points: (n, P, 3) float32 px of the scheme with most points; NaN where not annotated or not known.
        point_scheme: (n,) str, empty where there are no points.
        point_source: (n,) str.
    """

    sha256: Array
    key: Array
    picture: Array
    picture_place: Array
    mask_place: Array
    camera: Array
    identity: Array
    expression: Array
    collection: Array
    photo: Array
    person: Array
    kind: Array
    validation: NDArray[np.bool_]
    points: Array
    point_scheme: Array
    point_source: Array

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.key)

    def sample(self, shard: Path, row: int, *, with_mask: bool = True) -> Sample:
        """One sample, its pictures read from the shard.

        Args:
            shard: the tar file.
            row: of the sample.
            with_mask: False leaves the occlusion mask out, which saves decoding it.

        Raises:
            DataError: the shard is not the one described, or damaged there.
        """
        places = {str(self.picture[row]): self.picture_place[row]}
        if with_mask:
            places[MASK] = self.mask_place[row]
        members = self._members(shard, row, places)
        provenance = Provenance(
            str(self.collection[row]),
            str(self.photo[row]),
            str(self.person[row]),
            Kind(str(self.kind[row])),
            bool(self.validation[row]),
        )
        stored = Stored(self.labels(row), provenance)
        return sample_of(members, stored, name=f"{shard.name}:{self.key[row]}")

    def labels(self, row: int) -> FaceLabels:
        """What is known of one face, without the mask."""
        identity, expression, camera = self.identity[row], self.expression[row], self.camera[row]
        known = len(identity) > 0 and np.isfinite(identity).all() and np.isfinite(expression).all()
        return FaceLabels(
            camera=camera_of(camera) if len(camera) and np.isfinite(camera).all() else None,
            identity=identity if known else None,
            expression=expression if known else None,
            points=self._points(row),
        )

    def has_coefficients(self) -> NDArray[np.bool_]:
        """(n,) which samples are of fitted faces."""
        finite = [np.isfinite(values).all(axis=1) for values in (self.identity, self.expression)]
        return finite[0] & finite[1] & (self.identity.shape[1] > 0)

    def _points(self, row: int) -> AnnotatedPoints | None:
        scheme = str(self.point_scheme[row])
        if not scheme:
            return None
        points = self.points[row, : len(find_point_scheme(scheme))]
        in_depth = np.isfinite(points[:, 2]).any()
        return AnnotatedPoints(
            points if in_depth else points[:, :2], scheme, PointSource(str(self.point_source[row]))
        )

    def picture_file(self, shard: Path, row: int) -> bytes:
        """The picture of a sample as it is stored, not decoded; DataError as of :meth:`sample`."""
        extension = str(self.picture[row])
        return self._members(shard, row, {extension: self.picture_place[row]})[extension]

    def _members(self, shard: Path, row: int, places: Mapping[str, Array]) -> dict[str, bytes]:
        """Members of a sample by extension, those of no length left out."""
        key, members = str(self.key[row]), {}
        with shard.open("rb") as file:
            for extension, (start, length) in places.items():
                if not length:
                    continue
                file.seek(start - HEADER)
                block = file.read(HEADER + length)
                is_named = block[:100].rstrip(b"\0") == f"{key}.{extension}".encode()
                if not is_named or len(block) != HEADER + length:
                    raise DataError(
                        f"{shard.name}:{key} is not where its index says: remove {shard} and make it again."
                    )
                members[extension] = block[HEADER:]
        return members

    def write(self, path: Path) -> None:
        """Write under a temporary name, then rename."""
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})
        replace_durably(temporary, path)


def index_path(shard: Path) -> Path:
    """Where the index of a shard lies."""
    return shard.with_suffix(".index.npz")


def read_index(shard: Path, *, sha256: str) -> ShardIndex:
    """The index of a shard with that checksum, made again where it is missing or another's.

    Raises:
        DataError: the shard cannot be read.
    """
    with suppress(Exception):  # whatever is wrong with a copy, the shard itself has everything
        with index_path(shard).open("rb") as file, np.load(file) as data:
            arrays = {name: data[name] for name in data.files}
        index = ShardIndex(**{**_no_points(len(arrays["key"])), **arrays})
        if str(index.sha256) == sha256 and _is_sound(index, shard.stat().st_size):
            return index
    return scan_shard(shard, sha256=sha256)


def _is_sound(index: ShardIndex, size: int) -> bool:
    """Whether all fields of an index are of one length and kind, and point into a shard of `size` bytes."""
    count = len(index.key)
    columns = {
        field.name: getattr(index, field.name) for field in fields(ShardIndex) if field.name != "sha256"
    }
    texts = (
        "key",
        "picture",
        "collection",
        "photo",
        "person",
        "kind",
        "point_scheme",
        "point_source",
    )
    places = np.concatenate([index.picture_place, index.mask_place])
    return (
        all(column.ndim >= 1 and len(column) == count for column in columns.values())
        and all(columns[name].dtype.kind == "U" and columns[name].ndim == 1 for name in texts)
        and index.validation.dtype == bool
        and all(columns[name].dtype.kind == "f" for name in ("camera", "identity", "expression", "points"))
        and (count == 0 or index.camera.shape in ((count, 13), (count, 0)))
        and index.points.ndim == 3
        and places.dtype.kind == "i"
        and places.shape == (2 * count, 2)
        and bool((places >= 0).all() and (places.sum(axis=1) <= size).all())
        and bool(((places[:, 0] >= HEADER) | (places[:, 1] == 0)).all())
        and set(index.picture.tolist()) <= set(PICTURES)
        and set(index.kind.tolist()) <= {kind.value for kind in Kind}
    )


def _no_points(count: int) -> dict[str, Array]:
    """What an index of before there were annotated points lacks."""
    none = np.full(count, "", "U1")
    return {"points": np.zeros((count, 0, 3), np.float32), "point_scheme": none, "point_source": none}


def scan_shard(shard: Path, *, sha256: str) -> ShardIndex:
    """The index of a shard, from its tar file.

    Raises:
        DataError: the file is no tar file, cut short, or a sample lacks a member.
    """
    keys, pictures, picture_places, mask_places, stored = [], [], [], [], []
    for key, places, members in shard_members(shard):
        stored.append(decode_labels(members, name=f"{shard.name}:{key}"))
        picture = next((kind for kind in PICTURES if kind in places), "")
        keys.append(key)
        pictures.append(picture)
        picture_places.append(places.get(picture, (0, 0)))
        mask_places.append(places.get(MASK, (0, 0)))
    about = [one.provenance for one in stored]
    return ShardIndex(
        sha256=np.array(sha256),
        key=np.array(keys, str),
        picture=np.array(pictures, str),
        picture_place=np.array(picture_places, np.int64).reshape(-1, 2),
        mask_place=np.array(mask_places, np.int64).reshape(-1, 2),
        **_label_table([one.labels for one in stored]),
        collection=np.array([one.collection for one in about], str),
        photo=np.array([one.photo for one in about], str),
        person=np.array([one.person for one in about], str),
        kind=np.array([one.kind.value for one in about], str),
        validation=np.array([one.validation for one in about], bool),
    )


def _label_table(labels: Sequence[FaceLabels]) -> dict[str, Array]:
    """The columns of an index that hold labels."""
    points = [one.points for one in labels]
    return {
        "camera": _table([None if one.camera is None else numbers_of_camera(one.camera) for one in labels]),
        "identity": _table([one.identity for one in labels]),
        "expression": _table([one.expression for one in labels]),
        "points": _point_table(points),
        "point_scheme": np.array(["" if one is None else one.scheme for one in points], str),
        "point_source": np.array(["" if one is None else one.source.value for one in points], str),
    }


def _table(rows: Sequence[Array | None]) -> Array:
    """Rows of one length, those that are missing all NaN."""
    known = next((row for row in rows if row is not None), None)
    if known is None:
        return np.zeros((len(rows), 0))
    return np.stack([np.full_like(known, np.nan) if row is None else row for row in rows])


def _point_table(points: Sequence[AnnotatedPoints | None]) -> NDArray[np.float32]:
    """(n, P, 3) px, NaN where a face has fewer points or none."""
    count = max((len(one.points_image) for one in points if one is not None), default=0)
    table = np.full((len(points), count, 3), np.nan, np.float32)
    for row, one in zip(table, points):
        if one is not None:
            rows, columns = one.points_image.shape
            row[:rows, :columns] = one.points_image
    return table


def shard_members(shard: Path) -> Iterator[tuple[str, dict[str, tuple[int, int]], dict[str, bytes]]]:
    """Of each sample in turn its key, the places of its members' data, and the members, by extension.

    Raises:
        DataError: the file is missing, no tar file, or cut short.
    """
    key, places, members = "", {}, {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for info in tar:
                own, _, extension = info.name.partition(".")
                if own != key and members:
                    yield key, places, members
                    places, members = {}, {}
                data = tar.extractfile(info)
                content = b"" if data is None else data.read()
                if len(content) != info.size:
                    raise tarfile.ReadError("unexpected end of data")
                key = own
                places[extension], members[extension] = (info.offset_data, info.size), content
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"{shard} cannot be read ({reason_of(error)}): remove it and make it again."
        ) from error
    if members:
        yield key, places, members
