"""A regressor that looks twice: at the whole face, then at eyes and mouth at the photo's own resolution.

A crop of a whole face shows an eye on a few pixels. Small networks see each eye and the mouth by themselves,
and what they read there moves the face by one step of a Kalman filter
(:mod:`lineament.methods.coefficient_update`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule, upright_roll
from lineament.errors import BoxError, WeightsError
from lineament.expression_keys import GAZE
from lineament.geometry.morphable import MorphableModel
from lineament.image import Picture
from lineament.image.check import size_wh
from lineament.methods.closeup import CloseUp, CloseUpTable
from lineament.methods.coefficient_update import CoefficientUpdate, FaceState, Sighting
from lineament.methods.estimate import Estimate, MorphableEstimate
from lineament.methods.method import finite_outputs
from lineament.methods.regressor import MorphableRegressor
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result.face_mask import FaceMask

Array: TypeAlias = NDArray[Any]

PARTS = ("eye", "mouth")
"""Graphs and constants of close-ups; weights have one of them, both, or an occlusion network alone."""
OCCLUSION = "occlusion"
"""Graph that sees what is in front of a face, and its constants: how its crops are cut."""
MIN_WITHIN = 0.95
"""Share of a close-up that must be in the photo: where the chin is cut off, a network that learned from whole
mouths sees a wide one nearly shut."""
KEY_LIMITS = (0.0, 1.25)
"""What expression keys may be after an update; large eyes need more than one to shut."""


class CloseUpRegressor(MorphableRegressor):
    """Crop -> camera, identity and expression; then close-ups, which correct them.

    Graphs: ``network``, as :class:`MorphableRegressor` takes it; ``eye`` and ``mouth``, close-ups
    (n, S, S, 3) uint8 RGB to ``points`` (n, P, 2), sides of the close-up from its middle, and ``keys``
    (n, K); ``occlusion``, a crop of the whole face (n, S, S, 3) to ``shown`` (n, A, A), how surely each cell
    shows the face itself. Constants: ``eye`` and ``mouth``, each a :class:`CloseUpTable` and its ``noise``;
    ``network``, with ``prior``, the covariance of that network's errors; ``occlusion``, ``size`` and
    ``margin`` of its crops.
    """

    def __init__(
        self,
        network: OnnxNetwork,
        model: MorphableModel,
        *,
        crop_rule: CropRule,
        close_ups: Mapping[str, tuple[OnnxNetwork, tuple[CloseUp, ...]]],
        update: CoefficientUpdate | None,
        occlusion: tuple[OnnxNetwork, CropRule] | None = None,
    ) -> None:
        """Join networks.

        Args:
            network: see :class:`MorphableRegressor`.
            model: see there.
            crop_rule: of the whole face.
            close_ups: by part its network, and the part on each side.
            update: with the errors of all of them; None without close-ups.
            occlusion: sees what is in front of a face, and how its crops are cut.

        Raises:
            WeightsError: see :class:`MorphableRegressor`.
        """
        super().__init__(network, model, crop_rule=crop_rule)
        self._close_ups, self._update, self._occlusion = close_ups, update, occlusion

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """What a bundle describes; see :class:`Method`.

        Raises:
            WeightsError: the bundle lacks a graph or a table, or belongs to another method.
            ModelError: the face model cannot be loaded.
        """
        whole = MorphableRegressor.from_bundle(bundle, threads=threads, device=device)
        parts, update = close_ups_of(bundle, whole.model)
        rule = occlusion_rule(bundle)
        if not parts and rule is None:
            raise WeightsError(
                f"{bundle.path.name} has no close-ups ({' or '.join(PARTS)}), as a {cls.__name__} has. These "
                f"weights belong to another method."
            )
        networks = {
            name: bundle.network(name, threads=threads, device=device)
            for name in (*parts, *(() if rule is None else (OCCLUSION,)))
        }
        return cls(
            whole.network,
            whole.model,
            crop_rule=whole.crop_rule,
            close_ups={part: (networks[part], sides) for part, sides in parts.items()},
            update=update,
            occlusion=None if rule is None else (networks[OCCLUSION], rule),
        )

    def finish(self, image: Picture, estimates: Sequence[Estimate]) -> list[Estimate]:
        """Faces as close-ups of their eyes and mouths have them; see :class:`FinishingMethod`.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            estimates: of the whole faces; what is not finite stays as it is.
        """
        known = [
            (number, one)
            for number, one in enumerate(estimates)
            if isinstance(one, MorphableEstimate) and one.is_finite
        ]
        sightings: dict[int, list[tuple[str, Sighting]]] = {number: [] for number, _ in known}
        for part, (network, sides) in self._close_ups.items():
            shown = [
                (number, side, side.box(one.camera, one.identity, one.expression))
                for number, one in known
                for side in sides
                if side.is_shown(one.camera)
            ]
            looks = [look for look in shown if look[2].share_within(*size_wh(image)) >= MIN_WITHIN]
            places = [(side, box) for _, side, box in looks]
            for (number, _, _), seen in zip(looks, _sightings(network, image, places), strict=True):
                if seen is not None:
                    sightings[number].append((part, seen))
        finished = list(estimates)
        for number, one in known:
            better = self._updated(one, sightings[number]) if sightings[number] else one
            finished[number] = self._without_hidden_gaze(better)
        return finished if self._occlusion is None else self._masked(image, finished)

    def _without_hidden_gaze(self, estimate: MorphableEstimate) -> MorphableEstimate:
        """A face whose eyes look nowhere where they are turned away: networks of whole faces only guess."""
        hidden = [
            key
            for side in self._close_ups.get("eye", (None, ()))[1]
            if not side.is_shown(estimate.camera)
            for key in side.keys
            if self.model.expression_names[key].startswith(GAZE)
        ]
        if not hidden:
            return estimate
        expression = estimate.expression.copy()
        expression[hidden] = 0
        return replace(estimate, expression=expression)

    def _masked(self, image: Picture, estimates: Sequence[Estimate]) -> list[Estimate]:
        """Faces with what is seen in front of them; all of them in one run."""
        assert self._occlusion is not None
        network, rule = self._occlusion
        masked = list(estimates)
        looks: list[tuple[int, MorphableEstimate, CropBox]] = []
        for number, one in enumerate(estimates):
            if isinstance(one, MorphableEstimate) and one.is_finite:
                with suppress(BoxError):  # all landmarks in one place
                    roll = upright_roll(one.camera.rotation)
                    looks.append((number, one, rule.around_points(one.landmarks_image, roll=roll)))
        if not looks:
            return masked
        cells = rule.size // 2
        crops = np.stack([resample_crop(image, box) for _, _, box in looks])
        shown = finite_outputs(network, {"shown": (cells, cells)}, crop=crops)["shown"]
        for (number, one, box), seen in zip(looks, shown, strict=True):
            if np.isfinite(seen).all():
                masked[number] = replace(one, shown=FaceMask(seen.astype(np.float32), box))
        return masked

    def _updated(
        self, estimate: MorphableEstimate, sightings: list[tuple[str, Sighting]]
    ) -> MorphableEstimate:
        """A face moved by what was seen of it."""
        state = FaceState(estimate.camera, estimate.identity, estimate.expression)
        assert self._update is not None
        try:
            face = self._update(state, sightings)
        except (
            np.linalg.LinAlgError
        ):  # a face of numbers so large that nothing follows from what is seen of it
            return estimate
        expression = np.clip(face.expression, *KEY_LIMITS)
        landmarks = self._landmark_points.vertices_model(face.identity, expression)
        return replace(
            estimate,
            camera=face.camera,
            identity=face.identity,
            expression=expression,
            landmarks_image=face.camera.image_from_model(landmarks),
        )


def close_ups_of(
    bundle: Bundle, model: MorphableModel
) -> tuple[dict[str, tuple[CloseUp, ...]], CoefficientUpdate | None]:
    """By part of a bundle's close-ups the part on each side, and the update that what is seen there makes.

    Args:
        bundle: weights; without close-ups there is no part and no update.
        model: their face model.

    Raises:
        WeightsError: a table is missing or of another shape, or no covariance.
    """
    parts = [part for part in PARTS if part in bundle.manifest.graphs]
    if not parts:
        return {}, None
    sides: dict[str, tuple[CloseUp, ...]] = {}
    noise: dict[str, Array] = {}
    for part in parts:
        arrays = bundle.arrays(part)
        table = CloseUpTable.from_arrays(arrays)
        seen = 2 * table.vertex_index.shape[1] + len(table.keys[0])
        noise[part] = _covariance(arrays, "noise", seen, bundle)
        sides[part] = table.of(model)
    state = 6 + len(model.identity_basis) + len(model.expression_basis)
    prior = _covariance(bundle.arrays("network"), "prior", state, bundle)
    return sides, CoefficientUpdate(prior, noise)


def occlusion_rule(bundle: Bundle) -> CropRule | None:
    """How crops are cut for a bundle's occlusion network; None where it has none.

    Raises:
        WeightsError: it does not say so.
    """
    if OCCLUSION not in bundle.manifest.graphs:
        return None
    return _crop_rule(bundle.arrays(OCCLUSION), bundle)


def _crop_rule(arrays: Mapping[str, Array], bundle: Bundle) -> CropRule:
    """How crops are cut for the occlusion network; WeightsError where it is not said."""
    try:
        size, margin = int(arrays["size"]), float(arrays["margin"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{bundle.path.name} does not state how its occlusion network's crops are cut ({error}): get the "
            f"file again."
        ) from error
    if not (8 <= size <= 512 and 0.5 < margin < 10):
        raise WeightsError(
            f"{bundle.path.name} cuts the occlusion network's crops at {size} px, {margin} times the "
            f"landmarks: get the file again."
        )
    return CropRule(size, margin)


def _covariance(arrays: Mapping[str, Array], name: str, size: int, bundle: Bundle) -> Array:
    """A square table of the right size; WeightsError otherwise."""
    found = arrays.get(name)
    if found is None or found.shape != (size, size) or not np.isfinite(found).all():
        shape = None if found is None else found.shape
        raise WeightsError(
            f"{bundle.path.name} states {name!r} as {shape}, expected ({size}, {size}) finite numbers. "
            f"Get the file again."
        )
    if not _is_covariance(found):
        raise WeightsError(
            f"{bundle.path.name} states a {name!r} that is no covariance: it is not symmetric, or has a "
            f"direction without variance. Get the file again."
        )
    return found.astype(np.float64)


def _is_covariance(table: Array) -> bool:
    """Whether (D, D) is the covariance of errors in every direction: symmetric, positive definite."""
    wide = np.asarray(table, np.float64)
    try:
        np.linalg.cholesky(wide)
    except np.linalg.LinAlgError:
        return False
    return bool(np.allclose(wide, wide.T, rtol=1e-4, atol=1e-6 * np.abs(wide).max()))


def _sightings(
    network: OnnxNetwork, image: Picture, places: Sequence[tuple[CloseUp, CropBox]]
) -> list[Sighting | None]:
    """What a part's network sees at places of a photo, all in one run; None where it gives no numbers."""
    if not places:
        return []
    cut = {box: resample_crop(image, box) for box in dict.fromkeys(box for _, box in places)}
    crops = np.stack([cut[box][:, ::-1] if side.mirrored else cut[box] for side, box in places])
    first = places[0][0]
    shapes = {"points": (len(first.points.neutral_model), 2), "keys": (len(first.keys),)}
    found = finite_outputs(network, shapes, crop=crops)
    return [
        Sighting(side, box, points, keys) if np.isfinite(points).all() else None
        for (side, box), points, keys in zip(places, found["points"], found["keys"], strict=True)
    ]
