"""A regressor that looks twice: at the whole face, then at eyes and mouth at the photo's own resolution.

A crop of a whole face shows an eye on a few pixels. Small networks see each eye and the mouth by themselves,
and what they read there moves the face by one step of a Kalman filter
(:mod:`lineament.methods.coefficient_update`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropRule
from lineament.errors import WeightsError
from lineament.geometry.morphable import MorphableModel
from lineament.image import Picture
from lineament.methods.closeup import CloseUp, CloseUpTable
from lineament.methods.coefficient_update import CoefficientUpdate, FaceState, Sighting
from lineament.methods.estimate import Estimate, MorphableEstimate
from lineament.methods.method import finite_outputs
from lineament.methods.regressor import MorphableRegressor
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop

Array: TypeAlias = NDArray[Any]

PARTS = ("eye", "mouth")
"""Graphs and constants of close-ups; weights have one of them or both."""
KEY_LIMITS = (0.0, 1.25)
"""What expression keys may be after an update; large eyes need more than one to shut."""


class CloseUpRegressor(MorphableRegressor):
    """Crop -> camera, identity and expression; then close-ups, which correct them.

    Graphs: ``network``, as :class:`MorphableRegressor` takes it; ``eye`` and ``mouth``, close-ups
    (n, S, S, 3) uint8 RGB to ``points`` (n, P, 2), sides of the close-up from its middle, and ``keys``
    (n, K). Constants: ``eye`` and ``mouth``, each a :class:`CloseUpTable` and its ``noise``; ``network``,
    with ``prior``, the covariance of that network's errors.
    """

    def __init__(
        self,
        network: OnnxNetwork,
        model: MorphableModel,
        *,
        crop_rule: CropRule,
        close_ups: Mapping[str, tuple[OnnxNetwork, tuple[CloseUp, ...]]],
        update: CoefficientUpdate,
    ) -> None:
        """Join networks.

        Args:
            network: see :class:`MorphableRegressor`.
            model: see there.
            crop_rule: of the whole face.
            close_ups: by part its network, and the part on each side.
            update: with the errors of all of them.

        Raises:
            WeightsError: see :class:`MorphableRegressor`.
        """
        super().__init__(network, model, crop_rule=crop_rule)
        self._close_ups, self._update = close_ups, update

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """What a bundle describes; see :class:`Method`.

        Raises:
            WeightsError: the bundle lacks a graph or a table, or belongs to another method.
            ModelError: the face model cannot be loaded.
        """
        whole = MorphableRegressor.from_bundle(bundle, threads=threads, device=device)
        parts = [part for part in PARTS if part in bundle.manifest.graphs]
        if not parts:
            raise WeightsError(
                f"{bundle.path.name} has no close-ups ({' or '.join(PARTS)}), as a {cls.__name__} has. These "
                f"weights belong to another method."
            )
        model, close_ups, noise = whole.model, {}, {}
        for part in parts:
            arrays = bundle.arrays(part)
            table = CloseUpTable.from_arrays(arrays)
            seen = 2 * table.vertex_index.shape[1] + len(table.keys[0])
            noise[part] = _covariance(arrays, "noise", seen, bundle)
            close_ups[part] = (bundle.network(part, threads=threads, device=device), table.of(model))
        state = 6 + len(model.identity_basis) + len(model.expression_basis)
        prior = _covariance(bundle.arrays("network"), "prior", state, bundle)
        return cls(
            whole.network,
            model,
            crop_rule=whole.crop_rule,
            close_ups=close_ups,
            update=CoefficientUpdate(prior, noise),
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
            cut = [
                (number, side, side.box(one.camera, one.identity, one.expression))
                for number, one in known
                for side in sides
                if side.is_shown(one.camera)
            ]
            if not cut:
                continue
            pictures = [resample_crop(image, box) for _, _, box in cut]
            crops = np.stack([p[:, ::-1] if side.mirrored else p for p, (_, side, _) in zip(pictures, cut)])
            count, keys = len(sides[0].points.neutral_model), len(sides[0].keys)
            found = finite_outputs(network, {"points": (count, 2), "keys": (keys,)}, crop=crops)
            for (number, side, box), points, values in zip(cut, found["points"], found["keys"], strict=True):
                if np.isfinite(points).all():
                    sightings[number].append((part, Sighting(side, box, points, values)))
        finished = list(estimates)
        for number, one in known:
            if sightings[number]:
                finished[number] = self._updated(one, sightings[number])
        return finished

    def _updated(
        self, estimate: MorphableEstimate, sightings: list[tuple[str, Sighting]]
    ) -> MorphableEstimate:
        """A face moved by what was seen of it."""
        state = FaceState(estimate.camera, estimate.identity, estimate.expression)
        face = self._update(state, sightings)
        expression = np.clip(face.expression, *KEY_LIMITS)
        landmarks = self._landmark_points.vertices_model(face.identity, expression)
        return replace(
            estimate,
            camera=face.camera,
            identity=face.identity,
            expression=expression,
            landmarks_image=face.camera.image_from_model(landmarks),
        )


def _covariance(arrays: Mapping[str, Array], name: str, size: int, bundle: Bundle) -> Array:
    """A square table of the right size; WeightsError otherwise."""
    found = arrays.get(name)
    if found is None or found.shape != (size, size) or not np.isfinite(found).all():
        shape = None if found is None else found.shape
        raise WeightsError(
            f"{bundle.path.name} states {name!r} as {shape}, expected ({size}, {size}) finite numbers. "
            f"Get the file again."
        )
    return found.astype(np.float64)
