"""The first method: one network from a crop to pose, identity and expression of a morphable model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.methods.estimate import MorphableEstimate
from lineament.methods.method import Crops, crop_rule_and_model, finite_outputs
from lineament.models import load_model
from lineament.network import OnnxNetwork
from lineament.result import DEFAULT_SCHEME

Array: TypeAlias = NDArray[Any]

SHAPES: Mapping[str, tuple[int | None, ...]] = {
    "rotation": (3, 3),
    "scale": (),
    "translation": (2,),
    "identity": (None,),
    "expression": (None,),
}
"""Outputs of the graph and their shapes a crop."""

OUTPUTS = tuple(SHAPES)
UNCERTAINTY = "uncertainty"  # mm; of graphs that have learned it, or predict a face more than once


class MorphableRegressor:
    """Crop -> weak-perspective camera, identity and expression.

    The graph's input is ``crop`` (n, S, S, 3) uint8 RGB. Its outputs are ``rotation`` (n, 3, 3), ``scale``
    (n,) crop px per mm, ``translation`` (n, 2) crop px, ``identity`` (n, K), ``expression`` (n, E), and of
    graphs that know it ``uncertainty`` (n,) mm.

    Attributes:
        shapes: what the graph must give, and its shape a crop.
    """

    shapes: ClassVar[Mapping[str, tuple[int | None, ...]]] = SHAPES

    def __init__(self, network: OnnxNetwork, model: MorphableModel, *, crop_rule: CropRule) -> None:
        """Join a network and the face model whose coefficients it gives.

        Args:
            network: with the input and outputs above.
            model: with at least as many modes as the network gives, and the landmark scheme "300w-lp".
            crop_rule: S, and how wide the crops are that the network was trained on.

        Raises:
            WeightsError: the network has other inputs or outputs, or the model lacks the landmark scheme.
        """
        missing = [name for name in self.shapes if name not in network.output_names]
        if missing or tuple(network.input_shapes) != ("crop",):
            raise WeightsError(
                f"{network!r} is not for {type(self).__name__}, which takes 'crop' and gives "
                f"{', '.join(self.shapes)}. These weights belong to another method."
            )
        if DEFAULT_SCHEME not in model.schemes:
            raise WeightsError(
                f"The face model {model.name!r} has no landmarks of the scheme {DEFAULT_SCHEME!r}, "
                f"which crops are cut around. Add that scheme to its file."
            )
        self.network = network
        self.model = model
        self.crop_rule = crop_rule
        self._landmark_points = model.landmark_points(DEFAULT_SCHEME)

    def __repr__(self) -> str:
        """Network, model, crop rule."""
        return f"{type(self).__name__}({self.network!r}, {self.model!r}, {self.crop_rule})"

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """What a bundle describes; see :class:`Method`.

        Raises:
            WeightsError: the bundle states no crop or face model, or belongs to another method.
            ModelError: the face model cannot be loaded.
        """
        crop_rule, model_name = crop_rule_and_model(bundle, of=f"a {cls.__name__}")
        network = bundle.network(threads=threads, device=device)
        return cls(network, load_model(model_name), crop_rule=crop_rule)

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> list[MorphableEstimate]:
        """One estimate a crop; see :class:`Method`."""
        told = {UNCERTAINTY: ()} if UNCERTAINTY in self.network.output_names else {}
        outputs = finite_outputs(self.network, {**self.shapes, **told}, crop=crops)
        found = (outputs["identity"].shape[1], outputs["expression"].shape[1])
        if found[0] > len(self.model.identity_basis) or found[1] > len(self.model.expression_basis):
            raise WeightsError(
                f"{self.network.path.name} gives {found[0]} identity and {found[1]} expression values, more "
                f"than {self.model!r} has. The weights were trained with another face model."
            )
        return [self._estimate(outputs, row, box) for row, box in enumerate(crop_boxes)]

    def _estimate(self, outputs: Mapping[str, Array], row: int, crop_box: CropBox) -> MorphableEstimate:
        """The face of a row of the outputs."""
        rotation, scale, translation, identity, expression = (outputs[name][row] for name in OUTPUTS)
        where = np.array([*translation.tolist(), 0.0])
        camera = crop_box.camera_in_image(
            WeakPerspective(rotation=rotation, scale=float(scale), translation=where)
        )
        landmarks_model = self._landmark_points.vertices_model(identity, expression)
        return MorphableEstimate(
            camera=camera,
            landmarks_image=camera.image_from_model(landmarks_model),
            uncertainty_mm=float(outputs[UNCERTAINTY][row]) if UNCERTAINTY in outputs else None,
            model=self.model,
            identity=identity,
            expression=expression,
        )
