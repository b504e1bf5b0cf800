"""DSFNet (Li et al., CVPR 2023): what the visible part of a face says and what the whole crop says, fused."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import ModelError, WeightsError
from lineament.geometry.alignment import align_points
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.geometry.similarity import Similarity
from lineament.methods.dsfnet_face import DsfEstimate, PosedShape
from lineament.methods.dsfnet_points import (
    MIN_TEXELS,
    NOSE_TIP,
    UNITS_PER_MM,
    FaceChart,
    Observed,
    crop_from_cloud,
    drawn,
    inverse,
    observed,
)
from lineament.methods.method import Crops, crop_rule_and_model, finite_outputs
from lineament.models import load_model
from lineament.network import OnnxNetwork
from lineament.result.face_mask import mask_at

Array: TypeAlias = NDArray[Any]
Outputs: TypeAlias = Mapping[str, Array]

CONSTANTS = "constants"
OUTPUTS = {
    "maps": (
        "correspondence",
        "depth",
        "face_mask",
        "confidence",
        "pose",
        "identity",
        "expression",
        "features",
    ),
    "points": ("points_pose", "points_identity", "points_expression"),
    "fusion": ("offset", "position"),
}
"""What each graph gives, in order."""
NEEDED = {"ms": ("maps",), "is": ("maps", "points"), "f": ("maps", "points", "fusion")}
"""Graphs of each output."""
MASK_CELLS = 64
"""Cells along a side of a result's mask, at most: as many as divide the maps' side."""
HIDDEN_WEIGHT = 0.1
"""Of vertices that are not seen, in the fit of the nearest coefficients; seen ones have their confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DsfSwitches:
    """What lies between the graphs; see ``lineament.train.networks.dsfnet.config``.

    Attributes:
        output: the branch whose face is the result: "ms", "is" or "f".
        use_cor: whether points know their place on the chart.
        use_cf: whether they know their confidence.
        min_visible: fraction of the crop's pixels below which the model-space branch answers.
        align: whether points are aligned; off, the point network says the pose.
        center_code: plain means in the alignments, as released.
        back_inverse: the way back is the inverse of the first alignment.
        unseen_weight: of texels that no pixel shows, in the last alignment.
    """

    output: str
    use_cor: bool
    use_cf: bool
    min_visible: float
    align: bool
    center_code: bool
    back_inverse: bool
    unseen_weight: float

    @classmethod
    def of_arrays(cls, arrays: Outputs) -> Self:
        """The switches among a bundle's constants."""
        return cls(
            output=("ms", "is", "f")[int(arrays["output"])],
            **{name: bool(arrays[name]) for name in ("use_cor", "use_cf", "align", "center_code")},
            back_inverse=bool(arrays["back_inverse"]),
            min_visible=float(arrays["min_visible"]),
            unseen_weight=float(arrays["unseen_weight"]),
        )


class DsfNet:
    """Crop -> maps -> points -> both faces -> one.

    The graph ``maps`` takes ``crop`` (n, S, S, 3) uint8 RGB and gives maps over it, the model-space branch's
    pose (n, 12), identity (n, K) and expression (n, E), and its features (n, C, h, h). ``points`` takes
    features (n, F, m) of m visible points, ``fusion`` the maps ``faces`` (n, 12, M, M) of both faces, and
    ``features`` where it knows them. Points are drawn by numbers that the bundle holds, so the same crop
    always gives the same face.
    """

    def __init__(
        self,
        networks: Mapping[str, OnnxNetwork],
        crop_rule: CropRule,
        chart: FaceChart,
        draws: Array,
        switches: DsfSwitches,
    ) -> None:
        """Keep networks and tables.

        Args:
            networks: "maps", and "points" and "fusion" where the output needs them.
            crop_rule: how crops are cut.
            chart: of the face model.
            draws: (4, m) numbers in [0, 1), see :func:`lineament.methods.dsfnet_points.draws`.
            switches: what lies between the networks.
        """
        self.crop_rule = crop_rule
        self._networks, self._chart, self._draws, self._switches = networks, chart, draws, switches
        self._nearest = NearestCoefficients(chart.model)
        model = chart.model
        self._neutral = model.neutral_model.astype(np.float64) * UNITS_PER_MM
        self._nose = model.schemes["lfm-68" if "lfm-68" in model.schemes else "300w-lp"]
        row, column = np.divmod(chart.texel, chart.size)
        self._place = np.stack([row, column], axis=1) * 2.0 / (chart.size - 1) - 1

    @property
    def model(self) -> MorphableModel:
        """The face model whose chart the maps lie on."""
        return self._chart.model

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """See :class:`lineament.methods.method.Method`."""
        crop_rule, model_name = crop_rule_and_model(bundle, of="DSFNet")
        arrays = bundle.arrays(CONSTANTS)
        try:
            switches = DsfSwitches.of_arrays(arrays)
            model = load_model(model_name)
            chart = FaceChart.of(model, arrays["triangles"], int(arrays["map_size"]))
            draws = arrays["draws"]
        except (KeyError, IndexError) as error:
            raise WeightsError(
                f"{bundle.path.name} lacks a constant of DSFNet ({error}): export it again."
            ) from error
        except ValueError as error:
            raise ModelError(f"{bundle.path.name} does not fit its face model: {error}") from error
        networks = {
            name: bundle.network(name, threads=threads, device=device) for name in NEEDED[switches.output]
        }
        return cls(networks, crop_rule, chart, draws, switches)

    def rows(self) -> dict[str, DsfNet]:
        """Its branches, of the same weights: "ms", "is" and "f", those that have their graphs."""
        return {
            output: self._with_output(output)
            for output, graphs in NEEDED.items()
            if set(graphs) <= set(self._networks)
        }

    def _with_output(self, output: str) -> DsfNet:
        other = copy.copy(self)
        other._switches = replace(self._switches, output=output)
        return other

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> list[DsfEstimate]:
        """See :class:`lineament.methods.method.Method`."""
        outputs = self.encoded(crops)
        by_model = [self.model_face(outputs, row) for row in range(len(crops))]
        answers = [(face.in_cloud(face.vertices), "ms") for face in by_model]
        seen = {} if self._switches.output == "ms" else self._reliable(outputs)
        if seen:
            found = self.image_answers(outputs, by_model, seen)
            for row, vertices in zip(seen, found, strict=True):
                answers[row] = (vertices, self._switches.output)
        return [self._as_estimate(outputs, row, box, *answers[row]) for row, box in enumerate(crop_boxes)]

    def encoded(self, crops: Crops) -> dict[str, Array]:
        """What the first graph gives, checked."""
        model, pixels = self._chart.model, (None, None)
        shapes: dict[str, tuple[int | None, ...]] = {
            "correspondence": (2, *pixels),
            **dict.fromkeys(("depth", "face_mask", "confidence"), pixels),
            "pose": (12,),
            "identity": (None,),
            "expression": (None,),
            "features": (None, None, None),
        }
        outputs = finite_outputs(self._networks["maps"], shapes, crop=crops)
        known = (len(model.identity_basis), len(model.expression_basis))
        given = (outputs["identity"].shape[1], outputs["expression"].shape[1])
        if given[0] > known[0] or given[1] > known[1]:
            raise WeightsError(
                f"The weights give {given[0]} identity and {given[1]} expression values, the face model "
                f"{model.name!r} has {known[0]} and {known[1]}: they belong to another model."
            )
        return outputs

    def model_face(self, outputs: Outputs, row: int) -> PosedShape:
        """The model-space branch's face."""
        names = ("pose", "identity", "expression")
        return self._by_numbers(*(outputs[name][row].astype(np.float64) for name in names))

    def image_answers(
        self, outputs: Outputs, by_model: Sequence[PosedShape], visible: Mapping[int, Observed]
    ) -> list[Array]:
        """(N, 3) vertices in the cloud frame of the image-space branch, or of the fusion.

        Args:
            outputs: of the first graph.
            by_model: the model-space branch's faces, one a row of the outputs.
            visible: the points of the rows that are asked for.
        """
        rows, seen = list(visible), list(visible.values())
        first = [self._canonical(each) for each in seen]
        points = np.stack([self._features(each, to_model) for each, to_model in zip(seen, first)])
        found = finite_outputs(
            self._networks["points"],
            {"points_pose": (12,), "points_identity": (None,), "points_expression": (None,)},
            points=points.astype(np.float32),
        )
        by_image = [self._image_face(found, place, seen[place], first[place]) for place in range(len(rows))]
        if self._switches.output == "is":
            return [face.in_cloud(face.vertices) for face in by_image]
        faces = np.stack([self._both(image, by_model[row]) for image, row in zip(by_image, rows)])
        network = self._networks["fusion"]
        joined = {"features": outputs["features"][rows]} if "features" in network.input_shapes else {}
        shape = (3, self._chart.size, self._chart.size)
        maps = finite_outputs(network, {"offset": shape, "position": shape}, faces=faces, **joined)
        return [self._settled(maps, place, seen[place]) for place in range(len(rows))]

    def observed(self, outputs: Outputs, row: int) -> Observed:
        """The visible points of a row."""
        return observed(
            outputs["correspondence"][row].astype(np.float64),
            outputs["depth"][row].astype(np.float64),
            outputs["confidence"][row].astype(np.float64),
            outputs["face_mask"][row] > 0.5,
            self._chart,
        )

    def _reliable(self, outputs: Outputs) -> dict[int, Observed]:
        """The visible points of the rows that are numbers and show enough of a face."""
        finite = np.isfinite(outputs["pose"]).all(axis=1)
        visible = (outputs["face_mask"] > 0.5).mean(axis=(1, 2)) >= self._switches.min_visible
        rows = [int(row) for row in np.flatnonzero(finite & visible)]
        seen = {row: self.observed(outputs, row) for row in rows}
        return {row: each for row, each in seen.items() if each.hit.sum() >= MIN_TEXELS}

    def _by_numbers(self, pose: Array, identity: Array, expression: Array) -> PosedShape:
        """The face of coefficients and a pose of twelve numbers; the tip of its nose has no depth."""
        vertices = self._shape(identity, expression)
        rows = pose.reshape(3, 4)
        linear, translation = rows[:, :3], rows[:, 3].copy()
        translation[2] = -(linear @ self._nose_tip(vertices, identity, expression))[2]
        return PosedShape(vertices, linear, translation)

    def _shape(self, identity: Array, expression: Array) -> Array:
        model = self._chart.model
        found: Array = model.vertices_model(identity.astype(np.float32), expression.astype(np.float32))
        return found.astype(np.float64) * UNITS_PER_MM

    def _nose_tip(self, vertices: Array, identity: Array, expression: Array) -> Array:
        tip: Array = self._nose.points_model(vertices / UNITS_PER_MM, identity, expression)[NOSE_TIP]
        return tip * UNITS_PER_MM

    def _align(self, source: Array, target: Array, weights: Array) -> Similarity:
        return align_points(
            source, target, weights, centre="code" if self._switches.center_code else "weighted"
        )

    def _canonical(self, seen: Observed) -> Similarity | None:
        """From the points to model space; None where nothing is aligned."""
        if not self._switches.align:
            return None
        places = drawn(seen.hit, self._draws[0])
        return self._align(seen.points[places], self._chart.mean[places], seen.confidence[places])

    def _features(self, seen: Observed, to_model: Similarity | None) -> Array:
        """(F, m) what the point network reads."""
        places = drawn(seen.hit, self._draws[1])
        points = seen.points[places]
        parts = [points if to_model is None else to_model.apply(points)]
        if self._switches.use_cf:
            parts.append(seen.confidence[places, None])
        if self._switches.use_cor:
            parts.append(self._place[places])
        features: Array = np.concatenate(parts, axis=1).T
        return features

    def _image_face(
        self, found: Outputs, place: int, seen: Observed, to_model: Similarity | None
    ) -> PosedShape:
        """The image-space branch's face, back in the crop."""
        names = ("points_pose", "points_identity", "points_expression")
        pose, identity, expression = (found[name][place].astype(np.float64) for name in names)
        if to_model is None:
            return self._by_numbers(pose, identity, expression)
        vertices = self._shape(identity, expression)
        back = inverse(to_model)
        if not self._switches.back_inverse:
            places = drawn(seen.hit, self._draws[2])
            shape = self._chart.gathered(vertices)[places]
            back = self._align(shape, seen.points[places], seen.confidence[places])
        return PosedShape(vertices, back.scale * back.rotation, back.translation)

    def _both(self, by_image: PosedShape, by_model: PosedShape) -> Array:
        """(12, M, M) float32 maps of both faces for the fusion."""
        chart = self._chart
        image, model = (chart.gathered(face.vertices) for face in (by_image, by_model))
        positions = [by_image.in_cloud(image), by_model.in_cloud(model)]
        return chart.as_map(np.concatenate([*positions, image - chart.mean, model - chart.mean], axis=1))

    def _settled(self, maps: Outputs, place: int, seen: Observed) -> Array:
        """(N, 3) vertices in the cloud frame: the fused offsets, where the fused positions have them."""
        chart = self._chart
        offset = maps["offset"][place].astype(np.float64)
        position = chart.of_map(maps["position"][place].astype(np.float64))
        places = drawn(np.ones(len(seen.hit), bool), self._draws[3])
        weights = np.where(seen.hit, seen.confidence, self._switches.unseen_weight)
        shape = chart.mean + chart.of_map(offset)
        last = self._align(shape[places], position[places], weights[places])
        return last.apply(self._neutral + chart.vertices(offset))

    def _as_estimate(
        self, outputs: Outputs, row: int, crop_box: CropBox, vertices_cloud: Array, branch: str
    ) -> DsfEstimate:
        size = self.crop_rule.size
        vertices_crop = crop_from_cloud(vertices_cloud, size)
        places = vertices_crop[:, :2] / size
        mask, confidence = outputs["face_mask"][row], outputs["confidence"][row]
        inside = ((places >= 0) & (places <= 1)).all(axis=1)
        seen = mask_at(mask, places) * inside
        believed = (mask_at(confidence, places) * seen).astype(np.float32)
        plain = DsfEstimate.of_seen_vertices(
            self._nearest,
            crop_box.image_from_crop(vertices_crop),
            crop_mask=_smaller(mask),
            confidence=believed,
            weights=HIDDEN_WEIGHT + (1 - HIDDEN_WEIGHT) * np.nan_to_num(believed),
        )
        return replace(plain, branch=branch)


def _smaller(mask: Array) -> Array:
    """The mask as at most 64 x 64 fractions."""
    cells = max(cells for cells in range(1, MASK_CELLS + 1) if len(mask) % cells == 0)
    step = len(mask) // cells
    smaller: Array = mask.reshape(cells, step, cells, step).mean(axis=(1, 3))
    return smaller
