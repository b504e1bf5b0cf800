"""What DSFNet says of a face: as an estimate, as a result, and on the way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.methods.seen_face import SeenFaceEstimate, SeenFaceResult
from lineament.result import Detection
from lineament.result.face import extended

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class DsfResult(SeenFaceResult):
    """A face of DSFNet.

    Attributes:
        branch: which part of the method answered: "f", "is", or "ms" where too little of the face is seen for
            its scale and pose to be found from the visible points.
    """

    branch: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DsfEstimate(SeenFaceEstimate):
    """An estimate of DSFNet.

    Attributes:
        branch: see :class:`DsfResult`.
    """

    branch: str = "f"

    def result(self, *, crop_box: CropBox, detection: Detection) -> DsfResult:
        """The whole face."""
        plain = SeenFaceEstimate.result(self, crop_box=crop_box, detection=detection)
        return extended(plain, DsfResult, branch=self.branch)


@dataclass(frozen=True, slots=True, eq=False)
class PosedShape:
    """A face of coefficients in the crop.

    Attributes:
        vertices: (N, 3) units, model frame.
        linear: (3, 3) from there to the cloud frame.
        translation: (3,).
    """

    vertices: Array
    linear: Array
    translation: Array

    def in_cloud(self, points: Array) -> Array:
        """(n, 3) points of the model frame, in the cloud frame."""
        moved: Array = points @ self.linear.T + self.translation
        return moved
