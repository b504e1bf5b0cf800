"""Which fitted photographs are fit to learn from, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.fitter import Fits
from lineament.geometry.rotation import angles_from_matrix

Array = NDArray[np.floating]


class Reason(StrEnum):
    """Why a fit is not used; the first that holds."""

    KEPT = "kept"
    NOT_FINITE = "the fit has no finite answer"
    RESIDUAL = "the points lie too far from the fitted face"
    OUTLIERS = "too many points were put aside"
    IDENTITY = "nobody's head looks like that"
    EXPRESSION = "too many expressions at once"
    POSE = "the head is turned farther than the detector's mesh is good for"
    SIZE = "the face is too small in the picture"


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """The worst that is still kept.

    Attributes:
        residual: mean distance of the points over the size of their box.
        set_residual: the same of points that people set; they scatter by 2 to 3 %.
        outliers: fraction of points put aside.
        identity: root mean square of the identity coefficients, standard deviations.
        expression: sum of all blendshape weights.
        yaw: turn to the side, radians; of faces on which people set points `set_yaw` holds.
        set_yaw: the same where people set points.
        pitch: nod, radians.
        min_scale: px per mm; a head is about 200 mm high.
    """

    residual: float = 0.022
    set_residual: float = 0.035
    outliers: float = 0.03
    identity: float = 1.3
    expression: float = 16.0
    yaw: float = float(np.radians(75))
    set_yaw: float = float(np.radians(110))
    pitch: float = float(np.radians(55))
    min_scale: float = 0.2


@dataclass(frozen=True, slots=True)
class FitQuality:
    """Measures of F fits.

    Attributes:
        residual: (F,) see :class:`Fits`.
        outliers: (F,) fraction of points put aside.
        identity: (F,) root mean square of the identity coefficients (Mahalanobis distance over root K).
        expression: (F,) sum of blendshape weights.
        yaw: (F,) radians.
        pitch: (F,) radians.
        scale: (F,) px per mm.
        reasons: F reasons, :attr:`Reason.KEPT` where the fit is good.
    """

    residual: Array
    outliers: Array
    identity: Array
    expression: Array
    yaw: Array
    pitch: Array
    scale: Array
    reasons: tuple[Reason, ...]

    @property
    def is_kept(self) -> NDArray[np.bool_]:
        """(F,) which fits are good."""
        return np.array([reason is Reason.KEPT for reason in self.reasons], bool)

    def count(self) -> dict[Reason, int]:
        """How often each reason was given."""
        return {reason: self.reasons.count(reason) for reason in Reason if reason in self.reasons}


def judge(fits: Fits, limits: QualityLimits | None = None) -> FitQuality:
    """Measure fits and say of each whether it is kept.

    Args:
        fits: of F photographs.
        limits: the worst that is kept.
    """
    limits = limits or QualityLimits()
    angles = angles_from_matrix(fits.rotation)
    by_hand = fits.set_residual if len(fits.set_residual) else np.full(len(fits.scale), np.nan)
    is_set = np.isfinite(by_hand)
    max_yaw = np.where(is_set, limits.set_yaw, limits.yaw)
    # Of profiles the angles' pitch means nothing (gimbal lock); a mesh that is poor there is not believed.
    max_pitch = np.where(is_set, np.inf, limits.pitch)
    far = np.where(is_set, np.nan_to_num(by_hand) > limits.set_residual, fits.residual > limits.residual)
    outliers = fits.outliers if len(fits.outliers) else np.zeros(len(fits.scale))
    identity = np.sqrt(np.mean(fits.identity.astype(float) ** 2, axis=1))
    expression = fits.expression.sum(axis=1)
    values = (fits.scale, fits.residual, identity, expression, angles.yaw, angles.pitch)
    finite = np.all([np.isfinite(value) for value in values], axis=0)
    faults = (
        (Reason.NOT_FINITE, ~finite),
        (Reason.SIZE, fits.scale < limits.min_scale),
        (Reason.POSE, (np.abs(angles.yaw) > max_yaw) | (np.abs(angles.pitch) > max_pitch)),
        (Reason.RESIDUAL, far),
        (Reason.OUTLIERS, outliers > limits.outliers),
        (Reason.IDENTITY, identity > limits.identity),
        (Reason.EXPRESSION, expression > limits.expression),
    )
    first = np.select([wrong for _, wrong in faults], np.arange(1, len(faults) + 1), 0)
    names = (Reason.KEPT, *(reason for reason, _ in faults))
    return FitQuality(
        residual=fits.residual,
        outliers=outliers,
        identity=identity,
        expression=expression,
        yaw=angles.yaw,
        pitch=angles.pitch,
        scale=fits.scale,
        reasons=tuple(names[int(number)] for number in first),
    )
