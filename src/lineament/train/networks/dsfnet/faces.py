"""What DSFNet says of B crops, and how points move between its frames."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lineament.methods.dsfnet_points import MIN_SCALE
from lineament.train.networks.alignment import Alignment, nearest_rotation
from lineament.train.networks.dsfnet.cloud import Cloud
from lineament.train.networks.dsfnet.heads import Coefficients, CropMaps


@dataclass(frozen=True, slots=True)
class Face:
    """B faces in the crop.

    Attributes:
        offset: (B, T, 3) units, difference from the mean face at the texels.
        position: (B, T, 3) cloud frame.
        linear: (B, 3, 3) from units to the cloud frame.
        landmarks: (B, 68, 3) cloud frame, scheme "300w-lp".
    """

    offset: Tensor
    position: Tensor
    linear: Tensor
    landmarks: Tensor


@dataclass(frozen=True, slots=True)
class ImageBranch:
    """What the visible points say.

    Attributes:
        coefficients: whitened; the pose is used where nothing is aligned.
        face: in the crop.
        cloud: the points.
        reliable: (B,) bool, whether enough of the face is visible.
    """

    coefficients: Coefficients
    face: Face
    cloud: Cloud
    reliable: Tensor


@dataclass(frozen=True, slots=True)
class DsfOutput:
    """What the network says of B crops.

    Attributes:
        maps: over the crops.
        features: (B, C, S / 32, S / 32) f_ms.
        model_coefficients: whitened.
        model_face: of the model-space branch.
        image: the image-space branch, or None.
        fused: offsets and positions of the fusion, (B, T, 3) units and cloud frame, or None.
    """

    maps: CropMaps
    features: Tensor
    model_coefficients: Coefficients
    model_face: Face
    image: ImageBranch | None
    fused: tuple[Tensor, Tensor] | None


def moved(points: Tensor, alignment: Alignment) -> Tensor:
    """(B, n, 3) points of the source frame in the target frame."""
    rotated = points @ alignment.rotation.transpose(1, 2)
    return alignment.scale[:, None, None] * rotated + alignment.translation[:, None]


def inverse(alignment: Alignment) -> Alignment:
    """The way back from model space."""
    scale, rotation = 1 / alignment.scale.clamp(min=MIN_SCALE), alignment.rotation.transpose(1, 2)
    origin = (rotation @ alignment.translation[..., None])[..., 0]
    return Alignment(scale, rotation, -scale[:, None] * origin)


def rotations_of(face: Face) -> Tensor:
    """(B, 3, 3) proper rotations of the model frame."""
    return nearest_rotation(face.linear.double()).float()
