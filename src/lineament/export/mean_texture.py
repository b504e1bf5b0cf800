"""One texture of a person from several photos or the frames of a video, in the memory of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lineament.export.texture import FaceTexture, FaceTexturer, Picture
from lineament.result import FaceResult

SHARPNESS = 3.0
"""Exponent of trust in the weights of a mean: what is seen straight outweighs what is seen aslant, which is
stretched and lies less exactly."""


class MeanTexture:
    """The mean of what was seen of one person; its size does not grow with the number of pictures."""

    def __init__(self, texturer: FaceTexturer) -> None:
        """Begin with nothing seen; people may share a texturer."""
        self._texturer = texturer
        self._sum: NDArray[np.float32] | None = None  # (S, S, 3) colours by their weights
        self._weight = np.zeros((0, 0), np.float32)
        self._trust = np.zeros((0, 0), np.float32)  # the best of all pictures

    def add(self, photo: Picture, face: FaceResult) -> None:
        """Add what one more picture shows.

        Args:
            photo: (H, W, 3) uint8 RGB.
            face: of this person, aligned on it.

        Raises:
            ExportError: the face is of another mesh than the texturer.
        """
        seen_rgb, trust = self._texturer.visible(photo, face)
        # A face twice as large shows four times as many pixels.
        weight = trust**SHARPNESS * np.float32(face.pose.scale) ** 2
        if self._sum is None:
            self._sum = np.zeros(seen_rgb.shape, np.float32)
            self._weight, self._trust = np.zeros_like(weight), np.zeros_like(trust)
        self._sum += seen_rgb * weight[..., None]
        self._weight += weight
        np.maximum(self._trust, trust, out=self._trust)

    def texture(self) -> FaceTexture | None:
        """The mean so far, its hidden parts completed as those of one photo are; None before any picture."""
        if self._sum is None:
            return None
        mean = self._sum / np.maximum(self._weight, 1e-12)[..., None]
        return self._texturer.completed(np.rint(mean).astype(np.uint8), self._trust)
