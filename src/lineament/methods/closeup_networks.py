"""Networks that see each eye and the mouth at the photo's own resolution, and move faces by what they see.

A crop of a whole face shows an eye on a few pixels. What small networks read in close-ups moves the face by
one step of a Kalman filter (:mod:`lineament.methods.coefficient_update`), whatever method it is of. Before
that, another network sees what is in front of the face: of an eye or a mouth behind a hand a close-up says
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox
from lineament.errors import WeightsError
from lineament.expression_keys import GAZE
from lineament.geometry.morphable import MorphableModel
from lineament.image import Picture
from lineament.image.check import size_wh
from lineament.methods.closeup import CloseUp, CloseUpTable
from lineament.methods.coefficient_update import CoefficientUpdate, FaceState, Sighting
from lineament.methods.estimate import Estimate
from lineament.methods.method import finite_outputs
from lineament.methods.occlusion_network import OcclusionNetwork, occlusion_network
from lineament.network import OnnxNetwork
from lineament.resample import resample_crop
from lineament.result.face_mask import FaceMask

Array: TypeAlias = NDArray[Any]

PARTS = ("eye", "mouth")
"""Graphs and constants of close-ups; weights have one of them, both, or an occlusion network alone."""
KEY_LIMITS = (0.0, 1.25)
"""What expression keys may be after an update; large eyes need more than one to shut."""


class CloseUpNetworks:
    """Networks of eyes and mouth, and how what they see moves a face.

    Attributes:
        model: whose faces they move.
        parts: by name the network, and the part on each side.
        update: with the errors of all of them; None without parts.
        occlusion: sees what is in front of a face; None without.
    """

    def __init__(
        self,
        model: MorphableModel,
        parts: Mapping[str, tuple[OnnxNetwork, tuple[CloseUp, ...]]],
        update: CoefficientUpdate | None,
        occlusion: OcclusionNetwork | None = None,
    ) -> None:
        """Join networks; see the attributes."""
        self.model, self.parts, self.update, self.occlusion = model, parts, update, occlusion

    @classmethod
    def from_bundle(
        cls, bundle: Bundle, model: MorphableModel, *, threads: int | None = None, device: str = "cpu"
    ) -> Self:
        """Those of a bundle; it may have none.

        Raises:
            WeightsError: a table is missing or damaged, or belongs to another face model.
        """
        parts, update = close_ups_of(bundle, model)
        opened = {
            name: (bundle.network(name, threads=threads, device=device), sides)
            for name, sides in parts.items()
        }
        return cls(model, opened, update, occlusion_network(bundle, threads=threads, device=device))

    def masks(self, image: Picture, estimates: Sequence[Estimate]) -> list[FaceMask | None]:
        """What is in front of the faces of one photo; None where nobody looked.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            estimates: of the whole faces.
        """
        return [None] * len(estimates) if self.occlusion is None else self.occlusion(image, estimates)

    def __call__(self, image: Picture, faces: Sequence[FaceState]) -> list[FaceState]:
        """Faces of one photo as close-ups have them, in order; one of which nothing is seen stays the same.

        Args:
            image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
            faces: as seen whole, with all coefficients of the model.
        """
        sightings: list[list[tuple[str, Sighting]]] = [[] for _ in faces]
        for part, (network, sides) in self.parts.items():
            shown = [
                (number, side, side.box(face.camera, face.identity, face.expression))
                for number, face in enumerate(faces)
                for side in sides
                if side.is_shown(face.camera)
            ]
            looks = [
                (number, side, box)
                for number, side, box in shown
                if box.share_within(*size_wh(image)) >= side.min_within
            ]
            places = [(side, box) for _, side, box in looks]
            for (number, _, _), seen in zip(looks, _sightings(network, image, places), strict=True):
                if seen is not None:
                    sightings[number].append((part, seen))
        return [
            self._without_hidden_gaze(self._updated(face, seen) if seen else face)
            for face, seen in zip(faces, sightings, strict=True)
        ]

    def _updated(self, face: FaceState, sightings: list[tuple[str, Sighting]]) -> FaceState:
        """A face moved by what was seen of it."""
        assert self.update is not None
        try:
            found = self.update(face, sightings)
        except np.linalg.LinAlgError:  # numbers so large that nothing follows from what is seen
            return face
        return replace(found, expression=np.clip(found.expression, *KEY_LIMITS))

    def _without_hidden_gaze(self, face: FaceState) -> FaceState:
        """A face whose eyes look nowhere where they are turned away: networks of whole faces only guess."""
        hidden = [
            key
            for side in self.parts.get("eye", (None, ()))[1]
            if not side.is_shown(face.camera)
            for key in side.keys
            if self.model.expression_names[key].startswith(GAZE)
        ]
        if not hidden:
            return face
        expression = face.expression.copy()
        expression[hidden] = 0
        return replace(face, expression=expression)


def moved_by(networks: CloseUpNetworks, image: Picture, estimates: Sequence[Estimate]) -> list[Estimate]:
    """Estimates of any method, moved as close-ups of their eyes and mouths have them, with what is in front.

    Args:
        networks: of the face model that the estimates have.
        image: (H, W, 3) uint8 RGB, or Pillow's picture of it.
        estimates: of the whole faces; what is not finite or has no state stays as it is.
    """
    finished = list(estimates)
    known: dict[int, FaceState] = {}
    for number, (one, mask) in enumerate(zip(estimates, networks.masks(image, estimates), strict=True)):
        if mask is not None:
            finished[number] = one.masked_by(mask)
        state = one.state() if one.is_finite else None
        if state is not None:
            known[number] = replace(state, shown=mask)
    for (number, before), after in zip(known.items(), networks(image, list(known.values())), strict=True):
        if after is not before:
            finished[number] = finished[number].moved_to(after)
    return finished


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
