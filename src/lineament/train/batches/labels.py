"""Labels of a batch as losses take them: of fitted faces, of annotated points, or of both, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from lineament.train.batches.samples import FACE, LABELS
from lineament.train.networks.regressor import RegressorOutput

OTHERS = ("crop", "occlusion", *LABELS)
"""What else a batch may hold beside targets."""


@dataclass(frozen=True, slots=True)
class LabelBatch:
    """What is known of B faces in their crops; values without weight are plain, never NaN.

    Attributes:
        rotation: (B, 3, 3) proper rotations, model frame.
        scale: (B,) crop px per mm.
        translation: (B, 2) crop px.
        identity: (B, K).
        expression: (B, E).
        has_coefficients: (B,) bool, which rows are of fitted faces; of the others the five above mean
            nothing.
        points: (B, 68, 3) annotated landmarks of "300w-lp", crop px; depth is 0 where it is not known.
        point_weights: (B, 68) 0 where a landmark is not annotated.
        point_source: (B,) int64, places in :data:`lineament.data.crops.sampler.SOURCES`.
        is_rendered: (B,) bool, of which pictures the coefficients are exact; those of photographs are fits.
        is_changed: (B,) bool, photographs whose pose or expression was changed through their fitted mesh.
        occlusion: (B, S, S) bool, True where something hides the face; None where nobody asked for it.
        targets: what the method's own :class:`TargetGenerator` made of each row, by name.
    """

    rotation: Tensor
    scale: Tensor
    translation: Tensor
    identity: Tensor
    expression: Tensor
    has_coefficients: Tensor
    points: Tensor
    point_weights: Tensor
    point_source: Tensor
    is_rendered: Tensor
    is_changed: Tensor
    occlusion: Tensor | None = None
    targets: Mapping[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: Mapping[str, Tensor]) -> LabelBatch:
        """The labels and targets among the tensors of a batch."""
        targets = {name: values for name, values in batch.items() if name not in OTHERS}
        return cls(*(batch[name] for name in LABELS), occlusion=batch.get("occlusion"), targets=targets)

    @property
    def face(self) -> RegressorOutput:
        """Cameras and coefficients in the networks' own terms."""
        return RegressorOutput(*(getattr(self, name) for name in FACE))

    @property
    def fitted_weights(self) -> Tensor:
        """(B,) float, 1 for rows of fitted faces."""
        return self.has_coefficients.to(self.scale.dtype)

    @property
    def point_weights_alone(self) -> Tensor:
        """(B, 68) weights of the points of rows without coefficients: a fit has met its points already."""
        return self.point_weights * (1 - self.fitted_weights)[:, None]
