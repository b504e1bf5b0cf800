"""The first method: one network from a crop to pose, identity and expression of a morphable model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import MARGIN, CropBox, crop_around_box, crop_around_points, upright_roll
from lineament.errors import BoxError, WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.image import resample_crop
from lineament.models import load_model
from lineament.network import OnnxNetwork
from lineament.result import DEFAULT_SCHEME, Detection, MorphableResult

Array: TypeAlias = NDArray[Any]

OUTPUTS = ("rotation", "scale", "translation", "identity", "expression")
BATCH = 64  # crops a run: a crowd must not fill the memory
WELL_FRAMED = {"shift": 0.04, "scale": 0.07, "roll": math.radians(6)}
"""A square so close to the refined one is not worth another look. Crops for training vary as much: one
standard deviation is 2 % in each direction, 3.5 % of the size and 5 degrees. Of 394 detected faces of
AFLW2000-3D 187 are looked at again: NME 3.70 %, with all of them 3.68 %, with none 3.93 %."""
LARGEST_STEP = 3.0  # a refined crop this many times larger or smaller than the first is a failure


class MorphableRegressor:
    """Crop -> weak-perspective camera, identity and expression.

    The graph's input is ``crop`` (n, S, S, 3) uint8 RGB. Its outputs are ``rotation`` (n, 3, 3), ``scale``
    (n,) crop px per mm, ``translation`` (n, 2) crop px, ``identity`` (n, K) and ``expression`` (n, E). S, the
    margin of the crop and the face model's name are in its metadata.
    """

    def __init__(
        self, network: OnnxNetwork, model: MorphableModel, *, crop_size: int, crop_margin: float = MARGIN
    ) -> None:
        """Join a network and the face model whose coefficients it gives.

        Args:
            network: with the input and outputs above.
            model: with at least as many modes as the network gives, and the landmark scheme "300w-lp".
            crop_size: S, px.
            crop_margin: side of the crop over the longer side of the landmarks' box.

        Raises:
            WeightsError: the network has other inputs or outputs, or the model lacks the landmark scheme.
        """
        missing = [name for name in OUTPUTS if name not in network.output_names]
        if missing or tuple(network.input_shapes) != ("crop",):
            raise WeightsError(
                f"{network!r} is not a morphable regressor, which takes 'crop' and gives "
                f"{', '.join(OUTPUTS)}. These weights belong to another method."
            )
        if DEFAULT_SCHEME not in model.schemes:
            raise WeightsError(
                f"The face model {model.name!r} has no landmarks of the scheme {DEFAULT_SCHEME!r}, "
                f"which crops are cut around. Add that scheme to its file."
            )
        self.network = network
        self.model = model
        self.crop_size = crop_size
        self.crop_margin = crop_margin
        self._landmark_points = model.landmark_points(DEFAULT_SCHEME)

    def __repr__(self) -> str:
        """Network, model, crop size."""
        return f"MorphableRegressor({self.network!r}, {self.model!r}, crop_size={self.crop_size})"

    @classmethod
    def from_network(cls, network: OnnxNetwork) -> Self:
        """The regressor a network's metadata describes (crop_size, crop_margin, face_model).

        Raises:
            WeightsError: the metadata lacks one of these, or the network is no morphable regressor.
            ModelError: the face model cannot be loaded.
        """
        try:
            crop_size = int(network.metadata["crop_size"])
            crop_margin = float(network.metadata["crop_margin"])
            face_model = network.metadata["face_model"]
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"{network.path.name} lacks readable metadata ({error}); a morphable regressor states "
                f"crop_size, crop_margin and face_model. These weights belong to another method."
            ) from error
        return cls(network, load_model(face_model), crop_size=crop_size, crop_margin=crop_margin)

    def crop_rule(self, detection: Detection) -> CropBox:
        """The square around the landmarks' box, upright as far as the detector knows."""
        return crop_around_box(
            detection.box_xyxy, size=self.crop_size, roll=detection.roll, margin=self.crop_margin
        )

    def refine_crops(self, image: Array, crop_boxes: Sequence[CropBox]) -> list[CropBox]:
        """Squares around the 68 landmarks as found in the given squares, turned upright."""
        predictions = self._predict(image, crop_boxes)
        return [
            self._refined(crop_box, *prediction)
            for crop_box, prediction in zip(crop_boxes, predictions, strict=True)
        ]

    def reconstruct(
        self,
        image: Array,
        crop_boxes: Sequence[CropBox],
        *,
        detections: Sequence[Detection] | None = None,
        passes: int = 1,
    ) -> list[MorphableResult]:
        """One face a square, in order; see :class:`Method`.

        Raises:
            WeightsError: the network's outputs do not fit the face model.
        """
        squares, predictions = self._look(image, list(crop_boxes), passes)
        if detections is None:
            detections = [self._seen(*prediction) for prediction in predictions]
        return [
            MorphableResult.from_coefficients(
                self.model, identity, expression, camera=camera, crop_box=square, detection=detection
            )
            for (camera, identity, expression), square, detection in zip(
                predictions, squares, detections, strict=True
            )
        ]

    def _look(
        self, image: Array, squares: list[CropBox], passes: int
    ) -> tuple[list[CropBox], list[tuple[WeakPerspective, Array, Array]]]:
        """The squares looked at last, and what was seen there."""
        predictions = self._predict(image, squares)
        for _ in range(passes - 1):
            refined = [self._refined(square, *found) for square, found in zip(squares, predictions)]
            again = [
                face
                for face, (square, better) in enumerate(zip(squares, refined))
                if not square.is_close_to(better, **WELL_FRAMED)
            ]
            if not again:
                break
            found_again = self._predict(image, [refined[face] for face in again])
            for face, found in zip(again, found_again, strict=True):
                squares[face], predictions[face] = refined[face], found
        return squares, predictions

    def _predict(
        self, image: Array, crop_boxes: Sequence[CropBox]
    ) -> list[tuple[WeakPerspective, Array, Array]]:
        """Camera in the photo, identity and expression for each square."""
        return [
            prediction
            for first in range(0, len(crop_boxes), BATCH)
            for prediction in self._predict_batch(image, crop_boxes[first : first + BATCH])
        ]

    def _predict_batch(
        self, image: Array, crop_boxes: Sequence[CropBox]
    ) -> Iterator[tuple[WeakPerspective, Array, Array]]:
        """The same for as many squares as go through the network at once."""
        crops = np.stack([resample_crop(image, box.resized(self.crop_size)) for box in crop_boxes])
        outputs = self.network(crop=crops)
        rotation, scale, translation, identity, expression = (outputs[name] for name in OUTPUTS)
        if identity.shape[1] > len(self.model.identity_basis) or expression.shape[1] > len(
            self.model.expression_basis
        ):
            raise WeightsError(
                f"{self.network.path.name} gives {identity.shape[1]} identity and {expression.shape[1]} "
                f"expression values, more than {self.model!r} has. "
                f"The weights were trained with another face model."
            )
        for row, crop_box in enumerate(crop_boxes):
            camera_in_crop = WeakPerspective(
                rotation=rotation[row],
                scale=float(scale[row]),
                translation=np.append(translation[row].astype(np.float64), 0.0),
            )
            camera = crop_box.resized(self.crop_size).camera_in_image(camera_in_crop)
            yield camera, identity[row], expression[row]

    def _landmarks_image(self, camera: WeakPerspective, identity: Array, expression: Array) -> Array:
        return camera.image_from_model(self._landmark_points.vertices_model(identity, expression))

    def _refined(
        self, crop_box: CropBox, camera: WeakPerspective, identity: Array, expression: Array
    ) -> CropBox:
        """The square around the landmarks, or the old one where the network clearly failed."""
        try:
            refined = crop_around_points(
                self._landmarks_image(camera, identity, expression),
                size=self.crop_size,
                roll=upright_roll(camera.rotation),
                margin=self.crop_margin,
            )
        except BoxError:
            return crop_box
        plausible = 1 / LARGEST_STEP < refined.side / crop_box.side < LARGEST_STEP
        return refined if plausible else crop_box

    def _seen(self, camera: WeakPerspective, identity: Array, expression: Array) -> Detection:
        """The landmarks' box as a detection."""
        landmarks_xy = self._landmarks_image(camera, identity, expression)[:, :2]
        box_xyxy = np.concatenate([landmarks_xy.min(axis=0), landmarks_xy.max(axis=0)]).astype(np.float32)
        return Detection(box_xyxy=box_xyxy, score=1.0, roll=upright_roll(camera.rotation))
