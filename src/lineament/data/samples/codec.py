"""A sample as the members of a webdataset: ``jpg`` or ``png``, ``mask.png``, ``npz``, ``json``.

- The picture is a JPEG without colour subsampling, or a PNG where nothing may be lost.
- ``mask.png`` is the occlusion mask with one bit a pixel, white where something is in front; there is none
  where the sample has none.
- ``npz`` holds what is known of the face: ``camera`` (13,) float64 (rotation row by row, scale, translation);
  ``identity`` (K,) and ``expression`` (E,), by default in half precision: 0.1 % of a coefficient, some
  micrometres of a face; ``points`` (P, 2 or 3) float32 px, NaN where not annotated, with ``point_scheme`` and
  ``point_source``. What is not known is left out.
- ``json`` holds the provenance.

The same sample gives the same bytes, so shards can be compared by their checksums.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.samples.face_labels import AnnotatedPoints, FaceLabels, PointSource
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.errors import DataError, ImageError
from lineament.foreign import reason_of
from lineament.geometry.camera import WeakPerspective
from lineament.image import read_image

Array = NDArray[Any]

MASK, LABELS, PROVENANCE = "mask.png", "npz", "json"
PICTURES = ("jpg", "png")
CAMERA_NUMBERS = 13


@dataclass(frozen=True, slots=True)
class Storage:
    """How samples are written.

    Attributes:
        picture: "jpg", or "png" which loses nothing and takes four times the room.
        quality: of JPEG, 1 to 95. At 92 a picture of 160 px takes about 12 kB.
        coefficients: precision of identity and expression.
    """

    picture: Literal["jpg", "png"] = "jpg"
    quality: int = 92
    coefficients: Literal["float16", "float32"] = "float16"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a sample has beside its pictures.

    Attributes:
        labels: of the face, without the mask.
        provenance: where it comes from.
    """

    labels: FaceLabels
    provenance: Provenance


def encode(sample: Sample, storage: Storage) -> dict[str, bytes]:
    """The members of a sample by their extensions.

    Raises:
        DataError: a label is not finite, or too large for the precision asked for.
    """
    members = {storage.picture: _picture_bytes(sample.image, storage)}
    if sample.occlusion is not None:
        members[MASK] = _bytes_of(Image.fromarray(sample.occlusion), format="PNG")
    members[LABELS] = _number_bytes(sample, storage)
    members[PROVENANCE] = json.dumps(asdict(sample.provenance)).encode()
    return members


def decode(members: Mapping[str, bytes], *, name: str) -> Sample:
    """The sample of some members; `name` is what errors call it.

    Raises:
        DataError: a member is missing or damaged.
    """
    return sample_of(members, decode_labels(members, name=name), name=name)


def decode_labels(members: Mapping[str, bytes], *, name: str) -> Stored:
    """Labels and provenance without the pictures; DataError if a member is missing or damaged."""
    try:
        with np.load(io.BytesIO(members[LABELS])) as data:
            labels = _labels_of({key: data[key] for key in data.files})
        about = json.loads(members[PROVENANCE])
        about["kind"] = Kind(about["kind"])
        provenance = Provenance(**about)
    except Exception as error:
        raise DataError(
            f"The labels of {name} are missing or damaged ({reason_of(error)}): make the shard again."
        ) from error
    return Stored(labels, provenance)


def sample_of(members: Mapping[str, bytes], stored: Stored, *, name: str) -> Sample:
    """The sample of known labels, with picture and mask decoded; DataError if one is missing or damaged."""
    picture = next((members[kind] for kind in PICTURES if kind in members), None)
    if picture is None:
        raise DataError(f"{name} has no picture (a jpg or png member): make the shard again.")
    try:
        image = read_image(picture)
        mask = None if MASK not in members else read_image(members[MASK])[..., 0] > 127
    except ImageError as error:
        raise DataError(f"A picture of {name} is damaged ({error}): make the shard again.") from error
    return Sample(image, replace(stored.labels, occlusion=mask), stored.provenance)


def _labels_of(numbers: Mapping[str, Array]) -> FaceLabels:
    """The labels of the arrays of a member ``npz``."""
    camera, points = numbers.get("camera"), None
    if camera is not None and camera.shape != (CAMERA_NUMBERS,):
        raise DataError(f"the camera has shape {camera.shape}, not ({CAMERA_NUMBERS},)")
    if "points" in numbers:
        source = PointSource(str(numbers["point_source"]))
        points = AnnotatedPoints(numbers["points"], str(numbers["point_scheme"]), source)
    return FaceLabels(
        camera=None if camera is None else camera_of(camera),
        identity=numbers["identity"].astype(np.float32) if "identity" in numbers else None,
        expression=numbers["expression"].astype(np.float32) if "expression" in numbers else None,
        points=points,
    )


def camera_of(numbers: Array) -> WeakPerspective:
    """The camera of its (13,) stored numbers."""
    return WeakPerspective(numbers[:9].reshape(3, 3), float(numbers[9]), numbers[10:])


def _picture_bytes(image: Array, storage: Storage) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(image))
    if storage.picture == "png":
        return _bytes_of(picture, format="PNG")
    return _bytes_of(picture, format="JPEG", quality=storage.quality, subsampling=0)


def numbers_of_camera(camera: WeakPerspective) -> Array:
    """(13,) float64 numbers of a camera, as :func:`camera_of` reads them."""
    return np.concatenate([camera.rotation.ravel(), [camera.scale], camera.translation])


def _number_bytes(sample: Sample, storage: Storage) -> bytes:
    labels, numbers = sample.labels, {}
    if labels.camera is not None:
        numbers["camera"] = numbers_of_camera(labels.camera)
    with np.errstate(over="ignore"):  # what is too large becomes infinite and is refused
        for name, values in (("identity", labels.identity), ("expression", labels.expression)):
            if values is not None:
                numbers[name] = np.asarray(values).astype(storage.coefficients)
    for name, values in numbers.items():
        if not np.isfinite(values).all():
            photo = sample.provenance.photo
            raise DataError(f"The {name} of {photo!r} is not finite as {values.dtype}: leave the sample out.")
    if labels.points is not None:
        numbers["points"] = np.asarray(labels.points.points_image, np.float32)
        numbers["point_scheme"] = np.array(labels.points.scheme)
        numbers["point_source"] = np.array(labels.points.source.value)
    file = io.BytesIO()
    np.savez(file, **numbers)
    return file.getvalue()


def _bytes_of(picture: Image.Image, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own options
    file = io.BytesIO()
    picture.save(file, **options)
    return file.getvalue()
