"""A regressor that looks again: once at the whole face as it lies in the photo, then at its eyes and mouth.

The first network has to find a face anywhere in a crop, disturbed and rotated; what it learns for that costs
it precision. So it only says where to cut. The second network sees crops that are cut well, and close-ups of
eyes and mouth, at the photo's own resolution, move what it found by a Kalman update
(:mod:`lineament.methods.coefficient_update`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.geometry.morphable import MorphableModel
from lineament.image import Picture
from lineament.methods.closeup import CloseUp, CloseUpTable
from lineament.methods.coefficient_update import CoefficientUpdate, FaceState, Sighting
from lineament.methods.estimate import Estimate, MorphableEstimate
from lineament.methods.method import Crops, finite_outputs
from lineament.methods.regressor import MorphableRegressor
from lineament.models import load_model
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result import DEFAULT_SCHEME

Array: TypeAlias = NDArray[Any]

PARTS = ("eye", "mouth")
"""Graphs and constants of close-ups; weights may have any of them, or none."""
KEY_LIMITS = (0.0, 1.25)
"""What expression keys may be after an update; large eyes need more than one to shut."""


class RefinedRegressor:
    """Crop -> camera, identity and expression, found in a first pass and refined in a second.

    Graphs: ``network``, the first pass, and ``second``, both as :class:`MorphableRegressor` takes them;
    ``eye`` and ``mouth``, close-ups (n, S, S, 3) uint8 RGB to ``points`` (n, P, 2), sides of the close-up
    from its middle, and ``keys`` (n, K). Constants: ``eye``, ``mouth``, each a :class:`CloseUpTable` and its
    ``noise``; ``prior``, the covariance of the second pass's errors.

    Attributes:
        first: finds the face.
        second: sees it again, well framed.
    """

    def __init__(
        self,
        first: MorphableRegressor,
        second: MorphableRegressor,
        close_ups: dict[str, tuple[OnnxNetwork, tuple[CloseUp, ...]]],
        update: CoefficientUpdate | None,
    ) -> None:
        """Join networks.

        Args:
            first: finds the face.
            second: sees it again, well framed.
            close_ups: by part its network, and the part on each side.
            update: None where there are no close-ups.
        """
        self.first, self.second, self._update = first, second, update
        self._close_ups = close_ups
        self._landmark_points = self.model.landmark_points(DEFAULT_SCHEME)

    def __repr__(self) -> str:
        """Networks and what they look at."""
        return f"{type(self).__name__}({self.first!r}, {self.second!r}, close-ups={sorted(self._close_ups)})"

    @property
    def crop_rule(self) -> CropRule:
        """Of the first pass."""
        return self.first.crop_rule

    @property
    def model(self) -> MorphableModel:
        """The face model of all networks."""
        return self.first.model

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """What a bundle describes; see :class:`Method`.

        Raises:
            WeightsError: the bundle lacks a graph or a table, or belongs to another method.
            ModelError: the face model cannot be loaded.
        """
        crop, face_model = bundle.manifest.crop, bundle.manifest.face_model
        if crop is None or face_model is None or "second" not in bundle.manifest.graphs:
            raise WeightsError(
                f"{bundle.path.name} lacks a second pass, or does not state how crops are cut and whose "
                f"coefficients it gives, as a {cls.__name__} does. These weights belong to another method."
            )
        model, rule = load_model(face_model.name), CropRule(crop.size, crop.margin)
        first, second = (
            MorphableRegressor(bundle.network(name, threads=threads, device=device), model, crop_rule=rule)
            for name in ("network", "second")
        )
        parts = [part for part in PARTS if part in bundle.manifest.graphs]
        if not parts:
            return cls(first, second, {}, None)
        close_ups, noise = {}, {}
        for part in parts:
            arrays = bundle.arrays(part)
            table = CloseUpTable.from_arrays(arrays)
            sides = table.of(model)
            seen = 2 * table.vertex_index.shape[1] + len(table.keys[0])
            noise[part] = _covariance(arrays, "noise", seen, bundle)
            close_ups[part] = (bundle.network(part, threads=threads, device=device), sides)
        state = 6 + len(model.identity_basis) + len(model.expression_basis)
        prior = _covariance(bundle.arrays("second"), "prior", state, bundle)
        return cls(first, second, close_ups, CoefficientUpdate(prior, noise))

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> list[MorphableEstimate]:
        """The first pass; see :class:`Method`."""
        return self.first.estimate(crops, crop_boxes)

    def finish(self, image: Picture, estimates: Sequence[Estimate]) -> list[Estimate]:
        """Faces as close-ups of their eyes and mouths have them; see :class:`RefiningMethod`.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            estimates: of the second pass; what is not finite stays as it is.
        """
        if self._update is None:
            return list(estimates)
        known = [one for one in estimates if isinstance(one, MorphableEstimate) and one.is_finite]
        seen: dict[int, list[tuple[str, Sighting]]] = {id(one): [] for one in known}
        for part, (network, sides) in self._close_ups.items():
            cut = [(one, side) for one in known for side in sides if side.is_shown(one.camera)]
            boxes = [side.box(one.camera, one.identity, one.expression) for one, side in cut]
            if not cut:
                continue
            crops = [resample_crop(image, box) for box in boxes]
            whole = np.stack(
                [crop[:, ::-1] if side.mirrored else crop for crop, (_, side) in zip(crops, cut)]
            )
            count, keys = len(sides[0].points.neutral_model), len(sides[0].keys)
            found = finite_outputs(network, {"points": (count, 2), "keys": (keys,)}, crop=whole)
            for row, ((one, side), box) in enumerate(zip(cut, boxes)):
                points, values = found["points"][row], found["keys"][row]
                if np.isfinite(points).all():
                    seen[id(one)].append((part, Sighting(side, box, points, values)))
        return [self._updated(one, seen.get(id(one), [])) for one in estimates]

    def _updated(self, estimate: Estimate, sightings: list[tuple[str, Sighting]]) -> Estimate:
        """A face moved by what was seen of it."""
        if not sightings or self._update is None or not isinstance(estimate, MorphableEstimate):
            return estimate
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


def _covariance(arrays: dict[str, Array], name: str, size: int, bundle: Bundle) -> Array:
    """A square table of the right size; WeightsError otherwise."""
    found = arrays.get(name)
    if found is None or found.shape != (size, size) or not np.isfinite(found).all():
        shape = None if found is None else found.shape
        raise WeightsError(
            f"{bundle.path.name} states {name!r} as {shape}, expected ({size}, {size}) finite numbers. "
            f"Get the file again."
        )
    return found.astype(np.float64)
