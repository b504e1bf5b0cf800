"""What hidden parts of a face's texture become: the face's other side, a likely face's colours, or nothing.

The face's other side is the usual answer: it has the person's own moles and beard at the photo's resolution.
:mod:`lineament.export.texture_translator` has the learned one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.errors import ExportError
from lineament.geometry.face_mesh import FaceMesh
from lineament.models.texture import TextureModel

Array = NDArray[np.floating]
Plane = NDArray[np.float32]

LIGHT_RANGE = 35.0  # how much brighter or darker the other side of a face may be made to fit
ROUNDS = 2  # of the texture model: a likely face, then the light that it leaves, then once more
LIGHT_RATIO = 0.4, 2.0  # of what is seen and a likely face; more is another thing than light
LIGHT_SIZE = 8  # cells along a side of the map of light


class Completion(Protocol):
    """Colours for all texels of a chart."""

    def check(self, mesh: FaceMesh) -> None:
        """Refuse a mesh whose chart this does not know.

        Raises:
            ExportError: it is one.
        """

    def __call__(self, colors: Array, trust: Array, *, mirrored: bool) -> Array:
        """The whole texture of what is seen of it.

        Args:
            colors: (S, S, 3) float, 0 to 255; where the trust is 0 they mean nothing.
            trust: (S, S) in 0..1, how far each is known.
            mirrored: whether the chart's halves mirror each other.

        Returns:
            (S, S, 3) float, where the trust is 1 the colours themselves.
        """


@dataclass(frozen=True, slots=True)
class OtherSide:
    """The other side of the face where that is seen, fitted to what surrounds it, and smooth colour else."""

    def check(self, mesh: FaceMesh) -> None:
        """Any chart will do."""

    def __call__(self, colors: Array, trust: Array, *, mirrored: bool) -> Array:
        """See :func:`from_other_side`."""
        return from_other_side(colors, trust, mirrored=mirrored)


@dataclass(frozen=True, slots=True)
class Nothing:
    """Hidden parts stay black."""

    def check(self, mesh: FaceMesh) -> None:
        """Any chart will do."""

    def __call__(self, colors: Array, trust: Array, *, mirrored: bool) -> Array:
        """The colours that are trusted at all, as the photo has them."""
        return colors * (trust > 0)[..., None]


@dataclass(frozen=True, slots=True)
class LikelyFace:
    """The colours of the face that the texture model finds likeliest, in the light of what is seen.

    Attributes:
        model: colours of faces without light, on the chart of one mesh.
    """

    model: TextureModel

    def check(self, mesh: FaceMesh) -> None:
        """Refuse a mesh whose vertices have other places on the chart.

        Raises:
            ExportError: it is one.
        """
        uv = mesh.uv
        known = self.model.vertex_uv
        if uv is None or uv.shape != known.shape or not np.allclose(uv, known, atol=1e-3):
            raise ExportError(
                f"The texture model {self.model.name!r} does not know the chart of the mesh {mesh.name!r}: "
                f"complete its textures by the other side (mirror)."
            )

    def __call__(self, colors: Array, trust: Array, *, mirrored: bool) -> Array:
        """Least squares on what is seen and light that changes slowly over the chart, in turns."""
        size = self.model.size
        small, weight = resized(colors, trust, size)
        weight = weight * self.model.mask
        likely = self.model.uv_map(np.zeros(0)) * 255
        light = np.ones_like(likely)
        for _ in range(ROUNDS):
            light = _light(small, likely, weight)
            likely = self.model.uv_map(self.model.coefficients(small / light / 255, weight=weight)) * 255
        lit = fill_smoothly(likely * _light(small, likely, weight), self.model.mask[..., None] * 1.0)
        guess = enlarged(lit, len(colors))
        # What it misses beside what is seen goes on into what is hidden, so that no seam shows.
        known = trust[..., None]
        missed = np.clip(fill_smoothly(colors - guess, known), -LIGHT_RANGE, LIGHT_RANGE)
        return known * colors + (1 - known) * (guess + missed)


def _light(colors: Array, likely: Array, weight: Array) -> Array:
    """(S, S, 3) how much brighter what is seen is than a likely face, spread smoothly over the chart."""
    share = np.broadcast_to(weight[..., None], colors.shape)
    sums = [shrunk(values * share, LIGHT_SIZE) for values in (colors, likely)]
    amount = shrunk(weight[..., None], LIGHT_SIZE)
    ratio = np.clip(sums[0] / np.maximum(sums[1], 1e-3), *LIGHT_RATIO)
    known = np.clip(amount * 4, 0, 1) * (sums[1] > 1e-3).all(axis=-1, keepdims=True)
    return enlarged(fill_smoothly(ratio, known), len(colors)) if known.any() else np.ones_like(colors)


def resized(colors: Array, trust: Array, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A texture at another size: colours (size, size, 3), each the mean of those that are trusted, and trust.

    Args:
        colors: (S, S, 3).
        trust: (S, S) in 0..1.
        size: texels along a side.
    """
    if len(trust) == size:
        return colors.astype(np.float32), trust.astype(np.float32)
    to = shrunk if size < len(trust) else enlarged
    weight = to(trust[..., None].astype(np.float32), size)
    sums = to(colors * trust[..., None], size)
    means = np.asarray(sums / np.maximum(weight, 1e-6), np.float32)
    return means, np.clip(weight[..., 0], 0, 1)


def shrunk(values: Array, size: int) -> NDArray[np.float32]:
    """(size, size, C) means of areas of (S, S, C) values."""
    return _by_pillow(values, size, Image.Resampling.BOX)


def enlarged(values: Array, size: int) -> NDArray[np.float32]:
    """(size, size, C) of (S, S, C) values, bilinear."""
    return _by_pillow(values, size, Image.Resampling.BILINEAR)


def _by_pillow(values: Array, size: int, how: Image.Resampling) -> NDArray[np.float32]:
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(values[..., k], np.float32)).resize((size, size), how)
        )
        for k in range(values.shape[-1])
    ]
    return np.stack(planes, axis=-1)


def from_other_side(colors: Array, trust: Array, *, mirrored: bool) -> Array:
    """A texture completed by the other side of the face where that is seen, else smoothly.

    Args:
        colors: (S, S, 3) float, 0 to 255.
        trust: (S, S) in 0..1, how far each is known.
        mirrored: whether the chart's halves mirror each other.

    Returns:
        (S, S, 3) float: seen, else the other side's fitted to its surroundings, else smooth.
    """
    planes = [*np.array(np.moveaxis(colors, -1, 0), np.float32, order="C")]  # one colour after the other
    weight = np.asarray(trust, np.float32)
    if mirrored:
        planes, weight = _with_other_side(planes, weight)
    known = Pyramid.of(weight)
    whole = np.empty((len(planes), *weight.shape), np.float32)
    unknown = 1 - weight
    for plane, completed in zip(planes, whole, strict=True):
        smooth = known.filled(plane)
        smooth *= unknown
        plane *= weight
        np.add(plane, smooth, out=completed)
    return np.moveaxis(whole, 0, -1)


def _with_other_side(planes: list[Plane], weight: Plane) -> tuple[list[Plane], Plane]:
    """Colours to which the other side's are added where it is known better, and how far they are known."""
    other_weight = weight[:, ::-1]
    # What both sides show says how they differ in light; the difference is spread over what one hides.
    both = np.minimum(weight, other_weight)
    shared = Pyramid.of(both) if both.any() else None
    fraction = other_weight * (1 - weight)
    total = weight + fraction
    divisor = np.maximum(total, 1e-6)
    joined = []
    for plane in planes:
        lit = np.ascontiguousarray(plane[:, ::-1])
        if shared is not None:
            offset = shared.filled(plane - lit)
            lit += np.clip(offset, -LIGHT_RANGE, LIGHT_RANGE, out=offset)
        np.clip(lit, 0, 255, out=lit)
        lit *= fraction
        plane *= weight
        lit += plane
        lit /= divisor
        joined.append(lit)
    return joined, total


def fill_smoothly(values: Array, weight: Array) -> Array:
    """Known values spread over a whole map; see :class:`Pyramid`.

    Args:
        values: (S, S, C) float.
        weight: (S, S, 1) in 0..1, how far each is known.

    Returns:
        (S, S, C) float32: where the weight is 1 the values themselves, elsewhere smooth.
    """
    known = Pyramid.of(np.asarray(weight[..., 0], np.float32))
    planes = np.ascontiguousarray(np.moveaxis(values, -1, 0), np.float32)
    return np.stack([known.filled(plane) for plane in planes], axis=-1)


@dataclass(frozen=True, slots=True)
class Pyramid:
    """Spreads known values over a whole map: pull them into ever coarser maps, push them back.

    Gortler et al. 1996, "The lumigraph", section 3.4.

    Attributes:
        weights: (H, W) of each level but the coarsest, the finest first, how far its values are known.
        unknown: 1 less these.
        divisors: (H / 2, W / 2) sums of four weights of each, for their mean.
    """

    weights: list[Plane]
    unknown: list[Plane]
    divisors: list[Plane]

    @classmethod
    def of(cls, weight: Plane) -> Self:
        """For values known so far, (H, W) float32 in 0..1."""
        weights, unknown, divisors = [], [], []
        while max(weight.shape) > 1 and weight.min() < 1:
            sums = _quartered(weight)
            weights.append(weight)
            unknown.append(1 - weight)
            divisors.append(np.maximum(sums, 1e-6))
            weight = np.minimum(sums, 1)
        return cls(weights, unknown, divisors)

    def filled(self, plane: Plane) -> Plane:
        """(H, W) float32, where the weight is 1 the values (H, W) themselves, elsewhere smooth."""
        pulled = []
        for weight, divisor in zip(self.weights, self.divisors, strict=True):
            known = weight * plane
            pulled.append(known)
            plane = _quartered(known)
            plane /= divisor
        if not pulled:
            return plane.copy()
        for known, unknown in zip(reversed(pulled), reversed(self.unknown), strict=True):
            height, width = known.shape
            pushed = _doubled(_doubled(plane, 0), 1)[:height, :width]
            pushed *= unknown
            pushed += known
            plane = pushed
        return plane


def _quartered(plane: Plane) -> Plane:
    """Sums of 2 x 2 texels; beyond the last ones there is nothing."""
    height, width = plane.shape
    if height % 2 or width % 2:
        plane = np.pad(plane, ((0, height % 2), (0, width % 2)))
    sums = plane[::2, ::2] + plane[1::2, ::2]
    sums += plane[::2, 1::2]
    sums += plane[1::2, 1::2]
    return sums


def _doubled(plane: Plane, axis: int) -> Plane:
    """Twice as many texels along an axis, each three quarters its own coarse one and a quarter the next."""
    near, far = plane * np.float32(0.75), plane * np.float32(0.25)
    shape = list(plane.shape)
    shape[axis] *= 2
    finer = np.empty(shape, np.float32)
    if axis:
        near, far, rows = near.T, far.T, finer.T
    else:
        rows = finer
    np.add(near[1:], far[:-1], out=rows[2::2])
    np.add(near[:-1], far[1:], out=rows[1:-1:2])
    np.add(near[0], far[0], out=rows[0])
    np.add(near[-1], far[-1], out=rows[-1])
    return finer
