"""Crops drawn from training samples at random, with the labels that follow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.crop import CropBox
from lineament.data.crops.augment import (
    AugmentConfig,
    disturb,
    framed,
    random_close_up_box,
    random_crop_box,
)
from lineament.data.crops.face_swap import FaceSwap
from lineament.data.crops.framing import framing_landmarks
from lineament.data.fitting.closeups import close_up_table
from lineament.data.labels.target_generator import TargetGenerator
from lineament.data.samples.face_labels import LANDMARK_SCHEME, LANDMARKS, FaceLabels, PointSource
from lineament.data.samples.mixture import Mixture, Samples
from lineament.data.samples.sample import Kind, Sample
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

BOX_SCHEME = LANDMARK_SCHEME
SOURCES = ("", *PointSource)
"""Who annotated a row's points, by its code; the first for rows without any."""


@dataclass(frozen=True, slots=True)
class CropBatch:
    """Network inputs and labels of B crops. What is not known of a row is filled with plain values.

    Attributes:
        crop: (B, S, S, 3) uint8 RGB.
        rotation: (B, 3, 3) float32, model frame; the identity where there is no camera.
        scale: (B,) float32, crop px per mm; 1 where there is no camera.
        translation: (B, 2) float32, crop px; 0 where there is no camera.
        identity: (B, K) float32; 0 where no face was fitted.
        expression: (B, E) float32; 0 where no face was fitted.
        has_coefficients: (B,) bool, which rows are of fitted faces; these have cameras too.
        points: (B, 68, 3) float32 annotated landmarks of "300w-lp", crop px; 0 where not annotated, depth 0
            where it is not known.
        point_weights: (B, 68) float32, 0 where not annotated.
        point_source: (B,) int64, who annotated, a place in :data:`SOURCES`.
        is_rendered: (B,) bool, pictures whose coefficients are exact, not fitted.
        is_changed: (B,) bool, photographs whose pose or expression was changed through their fitted mesh.
        occlusion: (B, S, S) bool, True where something hides the face; None where nobody asks for it.
        targets: the method's own targets by name, (B, ...) each.
    """

    crop: Array
    rotation: Array
    scale: Array
    translation: Array
    identity: Array
    expression: Array
    has_coefficients: NDArray[np.bool_]
    points: Array
    point_weights: Array
    point_source: Array
    is_rendered: NDArray[np.bool_]
    is_changed: NDArray[np.bool_]
    occlusion: NDArray[np.bool_] | None = None
    targets: Mapping[str, Array] = field(default_factory=dict)


class CropSampler:
    """Draws batches of disturbed crops from a store.

    Args:
        store: the samples.
        model: the face model their labels belong to.
        config: crops and disturbances.
        swap: puts another person's skin on faces; None leaves them as they are.
        swap_probability: fraction of the crops that are so changed.
        occlusion: whether batches have masks of what hides the face.
        targets: makes a method's own targets; None for none.
    """

    def __init__(
        self,
        store: Samples,
        model: MorphableModel,
        config: AugmentConfig,
        *,
        swap: FaceSwap | None = None,
        swap_probability: float = 0.0,
        occlusion: bool = False,
        targets: TargetGenerator | None = None,
    ) -> None:
        self.store = store if isinstance(store, Mixture) else Mixture([store])
        self.config = config
        self.model = model
        self._swap, self._swap_probability = swap, swap_probability
        self._occlusion, self._targets = occlusion, targets
        self._with_mask = occlusion or targets is not None
        self._landmark_points = model.landmark_points(BOX_SCHEME)
        self._close_up = (
            close_up_table(config.close_up, config.crop_size).of(model)[0] if config.close_up else None
        )

    def batch(self, size: int, rng: np.random.Generator) -> CropBatch:
        """A batch of random samples, mirrored half of the time, cropped and disturbed."""
        return self.rows([rng] * size)

    def rows(self, rngs: Sequence[np.random.Generator]) -> CropBatch:
        """A batch whose rows are functions of one generator each."""
        return self._joined([self._drawn(rng) for rng in rngs])

    def plain_batch(self, numbers: NDArray[np.integer]) -> CropBatch:
        """Given samples, cropped exactly around the landmarks; nothing is disturbed, a black frame stays."""
        steady = AugmentConfig(
            crop_size=self.config.crop_size,
            crop_margin=self.config.crop_margin,
            close_up=self.config.close_up,
            tight_probability=1.0,
            tight_shift=0.0,
            tight_scale=0.0,
            tight_roll=0.0,
        )
        rng = np.random.default_rng(0)
        samples = [self._sample(int(number)) for number in numbers]
        crops = [s.cropped(self._crop_box(s.labels, steady, rng)) for s in samples]
        width, size = self.config.black_frame, self.config.crop_size
        frame = ~framed(np.ones((size, size), bool), width) if width and self._with_mask else None
        return self._joined(
            [replace(s, image=framed(s.image, width), labels=s.labels.hidden_by(frame)) for s in crops]
        )

    def _drawn(self, rng: np.random.Generator) -> Sample:
        sample = self._sample(self.store.draw(rng))
        if self._swap is not None and rng.uniform() < self._swap_probability:
            sample = self._swapped(self._swap, sample, self._sample(self.store.draw(rng)))
        if rng.uniform() < 0.5:
            sample = sample.mirrored(self.model)
        sample = sample.cropped(self._crop_box(sample.labels, self.config, rng))
        other = self.store.draw(rng)
        disturbed = disturb(sample.image, lambda: self._sample(other).image, self.config, rng)
        covered = disturbed.covered if self._with_mask else None
        return replace(sample, image=disturbed.image, labels=sample.labels.hidden_by(covered))

    def _crop_box(self, labels: FaceLabels, config: AugmentConfig, rng: np.random.Generator) -> CropBox:
        """Where a sample is cut: around the face, or around the part that is asked for, if that is known."""
        known = labels.camera is not None and labels.identity is not None and labels.expression is not None
        if self._close_up is None or not known:
            return random_crop_box(self._landmarks(labels), config, rng)
        box = self._close_up.box(labels.camera, labels.identity, labels.expression)
        return random_close_up_box(box, config, rng)

    def _sample(self, number: int) -> Sample:
        return self.store.sample(number, with_mask=self._with_mask)

    @staticmethod
    def _swapped(swap: FaceSwap, sample: Sample, donor: Sample) -> Sample:
        """The sample with the donor's skin, behind what hides it; unchanged where the donor's is hidden."""
        known = sample.labels.has_coefficients and donor.labels.has_coefficients
        if not known or donor.occlusion is not None:
            return sample
        return replace(sample, image=swap(sample.view, donor.view, hidden=sample.occlusion).image)

    def _landmarks(self, labels: FaceLabels) -> Array:
        """(68, 2 or 3) px, what crops are cut around."""
        if labels.camera is not None and labels.identity is not None and labels.expression is not None:
            points = self._landmark_points.vertices_model(labels.identity, labels.expression)
            return labels.camera.image_from_model(points)
        if labels.points is None:
            return labels.camera.image_from_model(self._landmark_points.neutral_model)
        return framing_landmarks(*labels.points.as_landmarks(), self._landmark_points.neutral_model)

    def _joined(self, crops: list[Sample]) -> CropBatch:
        labels, size, model = [crop.labels for crop in crops], self.config.crop_size, self.model
        occlusion = None
        if self._occlusion:
            occlusion = np.zeros((len(crops), size, size), bool)
            for row, one in zip(occlusion, labels):
                if one.occlusion is not None:
                    row[:] = one.occlusion
        made = [] if self._targets is None else [self._targets.make(one, size) for one in labels]
        return CropBatch(
            crop=np.stack([crop.image for crop in crops]),
            **joined_labels(crops, (len(model.identity_basis), len(model.expression_basis))),
            occlusion=occlusion,
            targets={name: np.stack([one[name] for one in made]) for name in (made[0] if made else ())},
        )


def joined_labels(samples: Sequence[Sample], counts: tuple[int, int]) -> dict[str, Array]:
    """Labels of B faces as the arrays of a :class:`CropBatch`, plain values where something is not known.

    Args:
        samples: of each face.
        counts: of identity and of expression coefficients where none of these faces has any.
    """
    labels = [sample.labels for sample in samples]
    cameras = [one.camera for one in labels]
    marks = [None if one.points is None else one.points.as_landmarks() for one in labels]
    nothing = np.zeros((LANDMARKS, 3), np.float32), np.zeros(LANDMARKS, np.float32)
    points, weights = zip(*(nothing if one is None else one for one in marks))
    return {
        "rotation": np.float32([np.eye(3) if c is None else c.rotation for c in cameras]),
        "scale": np.float32([1.0 if c is None else c.scale for c in cameras]),
        "translation": np.float32([(0, 0) if c is None else c.translation[:2] for c in cameras]),
        "identity": _filled([one.identity for one in labels], counts[0]),
        "expression": _filled([one.expression for one in labels], counts[1]),
        "has_coefficients": np.array([one.has_coefficients for one in labels], bool),
        "points": np.stack(points),
        "point_weights": np.stack(weights),
        "point_source": np.array(
            [0 if one.points is None else SOURCES.index(one.points.source) for one in labels], np.int64
        ),
        "is_rendered": np.array([sample.provenance.kind is Kind.RENDERED for sample in samples], bool),
        "is_changed": np.array([sample.provenance.kind is Kind.ROTATED for sample in samples], bool),
    }


def _filled(rows: Sequence[Array | None], count: int) -> NDArray[np.float32]:
    """Rows of one length, `count` where none is known; those that are missing are zero."""
    count = next((len(row) for row in rows if row is not None), count)
    return np.float32([np.zeros(count) if row is None else row for row in rows])
