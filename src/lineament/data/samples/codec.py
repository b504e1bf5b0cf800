"""A sample as the members of a webdataset: ``jpg`` or ``png``, ``mask.png``, ``npz``, ``json``.

- The picture is a JPEG without colour subsampling, or a PNG where nothing may be lost.
- ``mask.png`` is the occlusion mask with one bit a pixel, white where something is in front; there is none
  where the sample has none.
- ``npz`` holds ``camera`` (13,) float64 (rotation row by row, scale, translation), ``identity`` (K,) and
  ``expression`` (E,), by default in half precision: 0.1 % of a coefficient, some micrometres of a face.
- ``json`` holds the provenance.

The same sample gives the same bytes, so shards can be compared by their checksums.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.view import View
from lineament.errors import DataError, ImageError, LineamentError
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
class Labels:
    """What a sample has beside its pictures.

    Attributes:
        camera: (13,) float64, rotation row by row, scale, translation.
        identity: (K,) float32.
        expression: (E,) float32.
        provenance: where it comes from.
    """

    camera: Array
    identity: Array
    expression: Array
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


def decode_labels(members: Mapping[str, bytes], *, name: str) -> Labels:
    """Labels and provenance without the pictures; DataError if a member is missing or damaged."""
    try:
        with np.load(io.BytesIO(members[LABELS])) as data:
            camera, identity, expression = (data[key] for key in ("camera", "identity", "expression"))
        about = json.loads(members[PROVENANCE])
        about["kind"] = Kind(about["kind"])
        provenance = Provenance(**about)
    except LineamentError:
        raise
    except Exception as error:
        raise DataError(
            f"The labels of {name} are missing or damaged ({reason_of(error)}): make the shard again."
        ) from error
    if camera.shape != (CAMERA_NUMBERS,):
        raise DataError(f"The camera of {name} has shape {camera.shape}, not (13,): make the shard again.")
    return Labels(camera, identity.astype(np.float32), expression.astype(np.float32), provenance)


def sample_of(members: Mapping[str, bytes], labels: Labels, *, name: str) -> Sample:
    """The sample of known labels, with picture and mask decoded; DataError if one is missing or damaged."""
    picture = next((members[kind] for kind in PICTURES if kind in members), None)
    if picture is None:
        raise DataError(f"{name} has no picture (a jpg or png member): make the shard again.")
    try:
        image = read_image(picture)
        mask = None if MASK not in members else read_image(members[MASK])[..., 0] > 127
    except ImageError as error:
        raise DataError(
            f"A picture of {name} is damaged ({reason_of(error)}): make the shard again."
        ) from error
    view = View(image, camera_of(labels.camera), labels.identity, labels.expression)
    return Sample(view, mask, labels.provenance)


def camera_of(numbers: Array) -> WeakPerspective:
    """The camera of its (13,) stored numbers."""
    return WeakPerspective(numbers[:9].reshape(3, 3), float(numbers[9]), numbers[10:])


def _picture_bytes(image: Array, storage: Storage) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(image))
    if storage.picture == "png":
        return _bytes_of(picture, format="PNG")
    return _bytes_of(picture, format="JPEG", quality=storage.quality, subsampling=0)


def _number_bytes(sample: Sample, storage: Storage) -> bytes:
    camera = sample.camera
    numbers = {"camera": np.concatenate([camera.rotation.ravel(), [camera.scale], camera.translation])}
    with np.errstate(over="ignore"):  # what is too large becomes infinite and is refused
        for name in ("identity", "expression"):
            numbers[name] = np.asarray(getattr(sample, name)).astype(storage.coefficients)
    for name, values in numbers.items():
        if not np.isfinite(values).all():
            photo = sample.provenance.photo
            raise DataError(f"The {name} of {photo!r} is not finite as {values.dtype}: leave the sample out.")
    file = io.BytesIO()
    np.savez(file, **numbers)
    return file.getvalue()


def _bytes_of(picture: Image.Image, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own options
    file = io.BytesIO()
    picture.save(file, **options)
    return file.getvalue()
