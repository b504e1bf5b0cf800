"""What every method can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.image import Picture
from lineament.result import Detection, FaceResult


class Method(Protocol):
    """Turns squares of a photo into aligned faces; all faces of a photo pass in one call."""

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """The method that weights were trained for, its networks opened.

        Args:
            bundle: with the graphs, and the constants that the method needs.
            threads: CPU threads a network may use; None takes what the bundle says, or else all cores.
            device: "cpu", "cuda" or "auto".

        Raises:
            WeightsError: the weights belong to another method.
        """
        ...

    def crop_rule(self, detection: Detection) -> CropBox:
        """The square to look at for a detected face."""
        ...

    def refine_crops(self, image: Picture, crop_boxes: Sequence[CropBox]) -> list[CropBox]:
        """Better squares of the same faces, cut around the faces as seen in the given ones.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            crop_boxes: one a face.
        """
        ...

    def reconstruct(
        self,
        image: Picture,
        crop_boxes: Sequence[CropBox],
        *,
        detections: Sequence[Detection] | None = None,
        passes: int = 1,
    ) -> Sequence[FaceResult]:
        """One result a square, in order.

        A pass after the first looks again, in a better square, at those faces whose square was not cut as it
        should have been. A face that is well framed already keeps its result.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            crop_boxes: one a face.
            detections: what the squares were made from, kept in the results; without them the results carry
                the box of the landmarks found, with score 1.
            passes: how often a face is looked at, at most.
        """
        ...
