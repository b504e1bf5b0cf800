"""Several methods look at the same crop, and the face is the mean of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle, Manifest
from lineament.crop import CropBox
from lineament.errors import WeightsError
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.methods.cprfa import Cprfa
from lineament.methods.dsfnet import DsfNet
from lineament.methods.estimate import Estimate, FreeFormEstimate, MorphableEstimate
from lineament.methods.method import Crops, Method
from lineament.methods.regressor import MorphableRegressor
from lineament.methods.sadrnet import SadrNet
from lineament.methods.seen_face import SeenFaceEstimate
from lineament.methods.synergynet import SynergyNet
from lineament.models import load_model

Array: TypeAlias = NDArray[Any]

MEMBERS: Mapping[str, type[Method]] = {
    "close-up-regressor": MorphableRegressor,
    "cprfa": Cprfa,
    "dsfnet": DsfNet,
    "morphable-regressor": MorphableRegressor,
    "sadrnet": SadrNet,
    "synergynet": SynergyNet,
}
"""Methods that can be members, by the name that weights give; each sees the whole face alone."""
DOUBT_MM = 5.0
"""The confidence of a vertex falls to 1/e where members are so far from their mean."""


class Ensemble:
    """Crop -> the faces of several methods -> their mean.

    The mean is taken vertex by vertex in the picture, after all have been given the same mean depth. How far
    members are apart is the confidence of each vertex and, as a mean over them, the uncertainty of the face.
    """

    def __init__(self, members: Mapping[str, Method], model: MorphableModel) -> None:
        """Join methods.

        Args:
            members: by the name of their weights; with one rule of crops, and faces of the mesh of `model`.
            model: the face model.

        Raises:
            WeightsError: there is none, or their crops differ.
        """
        rules = {member.crop_rule for member in members.values()}
        if len(rules) != 1:
            raise WeightsError(
                f"The members of an ensemble see the same crops; found {sorted(map(str, rules))}. Take "
                f"weights that were trained on crops of one size and margin."
            )
        self.members, self.model = members, model
        [self.crop_rule] = rules
        self._nearest = NearestCoefficients(model)

    def __repr__(self) -> str:
        """The members."""
        return f"Ensemble({', '.join(self.members)})"

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """The members that a bundle names; see :class:`Method`.

        Raises:
            WeightsError: it names none, one is not installed or of a method that cannot be a member, or their
                crops or face models differ.
        """
        manifest = bundle.manifest
        if manifest.face_model is None or not manifest.members:
            raise WeightsError(f"{bundle.path.name} names no members or no face model: get the file again.")
        members = [Bundle.open(name) for name in manifest.members]
        for member in members:
            _check_member(member, manifest, bundle.path.name)
        opened = {
            member.manifest.name: MEMBERS[member.manifest.method].from_bundle(
                member, threads=threads, device=device
            )
            for member in members
        }
        return cls(opened, load_model(manifest.face_model.name))

    @property
    def other_weights(self) -> tuple[str, ...]:
        """The names of the members' weights."""
        return tuple(self.members)

    def rows(self) -> dict[str, Method]:
        """What an evaluation compares: each member alone."""
        return dict(self.members)

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> list[Estimate]:
        """One estimate a crop; a member whose numbers are not finite does not count. See :class:`Method`."""
        found = [member.estimate(crops, crop_boxes) for member in self.members.values()]
        return [self._mean(of_one) for of_one in zip(*found, strict=True)]

    def _mean(self, estimates: Sequence[Estimate]) -> Estimate:
        """The mean of the faces of one crop."""
        believed = [one for one in estimates if one.is_finite]
        if not believed:
            return estimates[0]
        faces = np.stack([vertices_of(one).astype(np.float64) for one in believed])
        faces[..., 2] += faces[..., 2].mean() - faces[..., 2].mean(axis=1, keepdims=True)
        mean = faces.mean(axis=0)
        plain = FreeFormEstimate.of_vertices(self._nearest, mean.astype(np.float32))
        apart_mm = np.sqrt(((faces - mean) ** 2).sum(axis=2).mean(axis=0)) / plain.camera.scale
        plain = replace(plain, uncertainty_mm=float(apart_mm.mean()))
        masks = [one.crop_mask for one in believed if isinstance(one, SeenFaceEstimate)]
        if not masks:
            return plain
        return SeenFaceEstimate(
            **{name: getattr(plain, name) for name in FreeFormEstimate.__dataclass_fields__},
            crop_mask=masks[0],
            confidence=np.exp(-apart_mm / DOUBT_MM).astype(np.float32),
        )


def vertices_of(estimate: Estimate) -> Array:
    """(N, 3) px of the photo, of estimates that have the whole mesh.

    Raises:
        TypeError: this one has none.
    """
    if isinstance(estimate, FreeFormEstimate):
        return estimate.vertices_image
    if isinstance(estimate, MorphableEstimate):
        vertices = estimate.model.vertices_model(estimate.identity, estimate.expression)
        return estimate.camera.image_from_model(vertices)
    raise TypeError(f"{type(estimate).__name__} has no vertices before it is a result.")


def _check_member(member: Bundle, manifest: Manifest, name: str) -> None:
    """Refuse weights that cannot be a member.

    Raises:
        WeightsError: says why.
    """
    theirs, ours = member.manifest.face_model, manifest.face_model
    if member.manifest.method not in MEMBERS:
        raise WeightsError(
            f"{name} has the member {member.source}, whose method {member.manifest.method!r} is none of "
            f"{', '.join(MEMBERS)}. Upgrade lineament."
        )
    if theirs is None or ours is None or theirs.name != ours.name:
        raise WeightsError(f"{name} has the member {member.source}, whose face model is another one.")
