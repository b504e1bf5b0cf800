"""Zhou and Huang (ECAI 2020): a face model's shape, camera, colours and light, without labels in space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import ModelError, WeightsError
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.perspective import Perspective
from lineament.methods.dff_face import LIGHT, DffEstimate, FaceColors
from lineament.methods.method import Crops, crop_rule_and_model, finite_outputs
from lineament.models import load_model
from lineament.models.texture import load_texture_model
from lineament.network import OnnxNetwork
from lineament.result import DEFAULT_SCHEME

Array: TypeAlias = NDArray[Any]

CONSTANTS = "constants"
SHAPES: Mapping[str, tuple[int | None, ...]] = {
    "rotation": (3, 3),
    "translation": (3,),
    "focal": (),
    "identity": (None,),
    "expression": (None,),
    "texture": (None,),
    "light": LIGHT,
}
"""Outputs of the graph and their shapes a crop."""
OUTPUTS = tuple(SHAPES)


class Dff:
    """Crop -> perspective camera, identity, expression, texture and light.

    The graph's input is ``crop`` (n, S, S, 3) uint8 RGB. Its outputs are ``rotation`` (n, 3, 3),
    ``translation`` (n, 3) mm in the frame `camera`, ``focal`` (n,) in sides of the crop, ``identity`` (n, K),
    ``expression`` (n, E), ``texture`` (n, T) and ``light`` (n, 9, 3).
    """

    def __init__(
        self,
        network: OnnxNetwork,
        model: MorphableModel,
        colors: FaceColors,
        *,
        crop_rule: CropRule,
        weak: bool,
    ) -> None:
        """Join a network with the models whose coefficients it gives.

        Args:
            network: with the input and outputs above.
            model: with at least as many modes as the network gives, and the scheme "300w-lp".
            colors: of that model.
            crop_rule: S, and how wide the crops are that the network was trained on.
            weak: the camera is a weak-perspective one.

        Raises:
            WeightsError: the network has other inputs or outputs, or the model lacks the scheme.
        """
        missing = [name for name in OUTPUTS if name not in network.output_names]
        if missing or tuple(network.input_shapes) != ("crop",) or DEFAULT_SCHEME not in model.schemes:
            raise WeightsError(
                f"{network!r} with {model!r} is not for this method, which takes 'crop', gives "
                f"{', '.join(OUTPUTS)} and needs the landmarks {DEFAULT_SCHEME!r}. These weights belong to "
                f"another one."
            )
        self.network, self.model, self.colors = network, model, colors
        self.crop_rule, self.weak = crop_rule, weak
        self._landmark_points = model.landmark_points(DEFAULT_SCHEME)

    def __repr__(self) -> str:
        """Network, model, crop rule."""
        return f"Dff({self.network!r}, {self.model!r}, {self.crop_rule})"

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """See :class:`lineament.methods.method.Method`."""
        crop_rule, model_name = crop_rule_and_model(bundle, of="Zhou and Huang's method")
        arrays, texture = bundle.arrays(CONSTANTS), load_texture_model()
        try:
            weak, named = bool(arrays["weak"]), str(arrays["texture"])
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"{bundle.path.name} lacks a constant of this method ({error}): export it again."
            ) from error
        if named != texture.name:
            raise WeightsError(
                f"{bundle.path.name} gives coefficients of the textures {named!r}; those installed are "
                f"{texture.name!r}. Use the version of lineament that it was exported by."
            )
        model = load_model(model_name)
        try:
            colors = FaceColors.of(model, texture)
        except ValueError as error:
            raise ModelError(f"{bundle.path.name} does not fit its face model: {error}") from error
        network = bundle.network(threads=threads, device=device)
        return cls(network, model, colors, crop_rule=crop_rule, weak=weak)

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> list[DffEstimate]:
        """One estimate a crop; see :class:`Method`."""
        outputs = finite_outputs(self.network, SHAPES, crop=crops)
        found = tuple(outputs[name].shape[1] for name in ("identity", "texture", "expression"))
        modes = (
            len(self.model.identity_basis),
            len(self.colors.texture.modes),
            len(self.model.expression_basis),
        )
        if any(gives > has for gives, has in zip(found, modes, strict=True)):
            raise WeightsError(
                f"{self.network.path.name} gives {found} identity, texture and expression values, more than "
                f"the {modes} of {self.model!r} and its textures. It was trained with others."
            )
        return [
            self._estimate({name: values[row] for name, values in outputs.items()}, box)
            for row, box in enumerate(crop_boxes)
        ]

    def _estimate(self, said: Mapping[str, Array], crop_box: CropBox) -> DffEstimate:
        """The face of one crop's numbers."""
        size = crop_box.size
        in_crop = Perspective(
            rotation=said["rotation"],
            translation=said["translation"].astype(np.float64),
            focal_px=float(said["focal"]) * size,
            center_xy=np.array([size / 2, size / 2]),
        )
        perspective = crop_box.perspective_in_image(in_crop)
        camera = perspective.weak
        landmarks_model = self._landmark_points.vertices_model(said["identity"], said["expression"])
        return DffEstimate(
            camera=camera,
            landmarks_image=(camera if self.weak else perspective).image_from_model(landmarks_model),
            model=self.model,
            identity=said["identity"],
            expression=said["expression"],
            perspective=None if self.weak else perspective,
            texture=said["texture"],
            light=said["light"],
            colors=self.colors,
        )
