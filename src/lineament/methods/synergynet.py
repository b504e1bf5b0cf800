"""SynergyNet (Wu et al., 3DV 2021): the regressor's coefficients, and landmarks refined beyond them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.crop import MARGIN, CropBox
from lineament.errors import WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.image import resample_crop
from lineament.methods.regressor import OUTPUTS, MorphableRegressor
from lineament.network import OnnxNetwork
from lineament.result import Detection, MorphableResult

Array: TypeAlias = NDArray[Any]
Seen: TypeAlias = tuple[WeakPerspective, Array, Array, Array]
"""Camera in the photo, identity, expression, and (68, 3) landmarks in the photo."""

LANDMARKS = "landmarks"


class SynergyNet(MorphableRegressor):
    """Crop -> camera, identity, expression and landmarks.

    The graph is a morphable regressor's with one output more: ``landmarks`` (n, 68, 3) crop px in the scheme
    "300w-lp", depth from the model's origin. They become the results' ``landmarks_image``; mesh and pose come
    from camera and coefficients, as in the paper.
    """

    def __init__(
        self, network: OnnxNetwork, model: MorphableModel, *, crop_size: int, crop_margin: float = MARGIN
    ) -> None:
        """Join a network and the face model whose coefficients it gives.

        Args:
            network: with the input and outputs above.
            model: with at least as many modes as the network gives, and the landmark scheme "300w-lp".
            crop_size: px.
            crop_margin: side of the crop over the longer side of the landmarks' box.

        Raises:
            WeightsError: the network has other inputs or outputs, or the model lacks the landmark scheme.
        """
        super().__init__(network, model, crop_size=crop_size, crop_margin=crop_margin)
        if LANDMARKS not in network.output_names:
            raise WeightsError(
                f"{network!r} gives no {LANDMARKS!r}, as a SynergyNet does. These weights belong to another "
                f"method; their metadata should say method = morphable-regressor."
            )

    def __repr__(self) -> str:
        """Network, model, crop size."""
        return f"SynergyNet({self.network!r}, {self.model!r}, crop_size={self.crop_size})"

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
        squares, found = self._look(image, list(crop_boxes), passes)
        predictions: list[Any] = list(found)  # each is a `Seen`: one entry more than the regressor's
        if detections is None:
            detections = [self._seen(*prediction) for prediction in predictions]
        results = []
        for seen, square, detection in zip(predictions, squares, detections, strict=True):
            camera, identity, expression, landmarks = seen
            face = MorphableResult.from_coefficients(
                self.model, identity, expression, camera=camera, crop_box=square, detection=detection
            )
            results.append(replace(face, landmarks_image=landmarks))
        return results

    def _predict_batch(self, image: Array, crop_boxes: Sequence[CropBox]) -> Iterator[Seen]:  # type: ignore[override]
        """What is seen in as many squares as go through the network at once."""
        boxes = [box.resized(self.crop_size) for box in crop_boxes]
        outputs = self.network(crop=np.stack([resample_crop(image, box) for box in boxes]))
        rotation, scale, translation, identity, expression = (outputs[name] for name in OUTPUTS)
        most = (len(self.model.identity_basis), len(self.model.expression_basis))
        if identity.shape[1] > most[0] or expression.shape[1] > most[1]:
            raise WeightsError(
                f"{self.network.path.name} gives {identity.shape[1]} identity and {expression.shape[1]} "
                f"expression values, more than {self.model!r} has. "
                f"The weights were trained with another face model."
            )
        for row, box in enumerate(boxes):
            where = np.append(translation[row].astype(np.float64), 0.0)
            camera = WeakPerspective(rotation=rotation[row], scale=float(scale[row]), translation=where)
            landmarks = box.image_from_crop(outputs[LANDMARKS][row].astype(np.float64)).astype(np.float32)
            yield box.camera_in_image(camera), identity[row], expression[row], landmarks

    def _refined(  # type: ignore[override]
        self,
        crop_box: CropBox,
        camera: WeakPerspective,
        identity: Array,
        expression: Array,
        landmarks: Array,
    ) -> CropBox:
        return super()._refined(crop_box, camera, identity, expression)

    def _seen(  # type: ignore[override]
        self,
        camera: WeakPerspective,
        identity: Array,
        expression: Array,
        landmarks: Array,
    ) -> Detection:
        return super()._seen(camera, identity, expression)
