"""The first method: one network from a crop to pose, identity and expression of a morphable model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import MARGIN, CropBox, crop_around_box, crop_around_points, upright_roll
from lineament.errors import BoxError, WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.image import Picture
from lineament.methods.seen import SeenFace
from lineament.models import load_model
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result import DEFAULT_SCHEME, Detection, MorphableResult

Array: TypeAlias = NDArray[Any]

OUTPUTS = ("rotation", "scale", "translation", "identity", "expression")
UNCERTAINTY = "uncertainty"  # mm; of graphs that look at a face more than once
BATCH = 64  # crops a run: a crowd must not fill the memory
WELL_FRAMED = {"shift": 0.04, "scale": 0.07, "roll": math.radians(6)}
"""A square so close to the refined one is not worth another look. Crops for training vary as much: one
standard deviation is 2 % in each direction, 3.5 % of the size and 5 degrees. Of 394 detected faces of
AFLW2000-3D 187 are looked at again: NME 3.70 %, with all of them 3.68 %, with none 3.93 %."""
LARGEST_STEP = 3.0  # a refined crop this many times larger or smaller than the first is a failure


class MorphableRegressor:
    """Crop -> weak-perspective camera, identity and expression.

    The graph's input is ``crop`` (n, S, S, 3) uint8 RGB. Its outputs are ``rotation`` (n, 3, 3), ``scale``
    (n,) crop px per mm, ``translation`` (n, 2) crop px, ``identity`` (n, K), ``expression`` (n, E), and of
    graphs that look more than once ``uncertainty`` (n,) mm. S, the margin of the crop and the face model's
    name are in its metadata.

    Attributes:
        outputs: what the graph must give.
    """

    outputs: ClassVar[tuple[str, ...]] = OUTPUTS

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
        missing = [name for name in self.outputs if name not in network.output_names]
        if missing or tuple(network.input_shapes) != ("crop",):
            raise WeightsError(
                f"{network!r} is not for {type(self).__name__}, which takes 'crop' and gives "
                f"{', '.join(self.outputs)}. These weights belong to another method."
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
        return f"{type(self).__name__}({self.network!r}, {self.model!r}, crop_size={self.crop_size})"

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """What a bundle describes; see :class:`Method`.

        Raises:
            WeightsError: the bundle states no crop or face model, or belongs to another method.
            ModelError: the face model cannot be loaded.
        """
        crop, face_model = bundle.manifest.crop, bundle.manifest.face_model
        if crop is None or face_model is None:
            raise WeightsError(
                f"{bundle.path.name} does not state how crops are cut (crop: size, margin) and whose "
                f"coefficients it gives (face_model), as a {cls.__name__} does. These weights belong to "
                f"another method."
            )
        network = bundle.network(threads=threads, device=device)
        return cls(network, load_model(face_model.name), crop_size=crop.size, crop_margin=crop.margin)

    def crop_rule(self, detection: Detection) -> CropBox:
        """The square around the landmarks' box, upright as far as the detector knows."""
        return crop_around_box(
            detection.box_xyxy, size=self.crop_size, roll=detection.roll, margin=self.crop_margin
        )

    def refine_crops(self, image: Picture, crop_boxes: Sequence[CropBox]) -> list[CropBox]:
        """Squares around the 68 landmarks as found in the given squares, turned upright."""
        seen = self._see(image, crop_boxes)
        return [self._refined(crop_box, face) for crop_box, face in zip(crop_boxes, seen, strict=True)]

    def reconstruct(
        self,
        image: Picture,
        crop_boxes: Sequence[CropBox],
        *,
        detections: Sequence[Detection] | None = None,
        passes: int = 1,
    ) -> list[MorphableResult]:
        """One face a square, in order; see :class:`Method`.

        Raises:
            WeightsError: the network's outputs do not fit the face model.
        """
        squares, seen = self._look(image, list(crop_boxes), passes)
        if detections is None:
            detections = [self._detection(face) for face in seen]
        return [
            face.result(self.model, crop_box=square, detection=detection)
            for face, square, detection in zip(seen, squares, detections, strict=True)
        ]

    def _look(
        self, image: Picture, squares: list[CropBox], passes: int
    ) -> tuple[list[CropBox], list[SeenFace]]:
        """The squares looked at last, and what was seen there."""
        seen = self._see(image, squares)
        for _ in range(passes - 1):
            refined = [self._refined(square, face) for square, face in zip(squares, seen)]
            again = [
                number
                for number, (square, better) in enumerate(zip(squares, refined))
                if not square.is_close_to(better, **WELL_FRAMED)
            ]
            if not again:
                break
            seen_again = self._see(image, [refined[number] for number in again])
            for number, face in zip(again, seen_again, strict=True):
                squares[number], seen[number] = refined[number], face
        return squares, seen

    def _see(self, image: Picture, crop_boxes: Sequence[CropBox]) -> list[SeenFace]:
        """What is seen in each square."""
        return [
            face
            for first in range(0, len(crop_boxes), BATCH)
            for face in self._see_batch(image, crop_boxes[first : first + BATCH])
        ]

    def _see_batch(self, image: Picture, crop_boxes: Sequence[CropBox]) -> Iterator[SeenFace]:
        """The same for as many squares as go through the network at once."""
        boxes = [box.resized(self.crop_size) for box in crop_boxes]
        outputs = self.network(crop=np.stack([resample_crop(image, box) for box in boxes]))
        found = (outputs["identity"].shape[1], outputs["expression"].shape[1])
        if found[0] > len(self.model.identity_basis) or found[1] > len(self.model.expression_basis):
            raise WeightsError(
                f"{self.network.path.name} gives {found[0]} identity and {found[1]} expression values, more "
                f"than {self.model!r} has. The weights were trained with another face model."
            )
        for row, box in enumerate(boxes):
            yield self._seen(outputs, row, box)

    def _seen(self, outputs: Mapping[str, Array], row: int, crop_box: CropBox) -> SeenFace:
        """The face of a row of the outputs; `crop_box` has the network's size."""
        rotation, scale, translation, identity, expression = (outputs[name][row] for name in OUTPUTS)
        where = np.array([*translation.tolist(), 0.0])
        camera = WeakPerspective(rotation=rotation, scale=float(scale), translation=where)
        uncertainty_mm = float(outputs[UNCERTAINTY][row]) if UNCERTAINTY in outputs else None
        return SeenFace(crop_box.camera_in_image(camera), identity, expression, uncertainty_mm)

    def _refined(self, crop_box: CropBox, seen: SeenFace) -> CropBox:
        """The square around the landmarks, or the old one where the network clearly failed."""
        try:
            refined = crop_around_points(
                seen.points_image(self._landmark_points),
                size=self.crop_size,
                roll=upright_roll(seen.camera.rotation),
                margin=self.crop_margin,
            )
        except BoxError:
            return crop_box
        plausible = 1 / LARGEST_STEP < refined.side / crop_box.side < LARGEST_STEP
        return refined if plausible else crop_box

    def _detection(self, seen: SeenFace) -> Detection:
        """The landmarks' box as a detection."""
        landmarks_xy = seen.points_image(self._landmark_points)[:, :2]
        box_xyxy = np.concatenate([landmarks_xy.min(axis=0), landmarks_xy.max(axis=0)]).astype(np.float32)
        return Detection(box_xyxy=box_xyxy, score=1.0, roll=upright_roll(seen.camera.rotation))
