"""SADRNet (Ruan et al., IEEE TIP 2021): two maps and a mask, and the face that aligning them gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.bundle import Bundle
from lineament.crop import CropBox, CropRule
from lineament.errors import WeightsError
from lineament.geometry.alignment import align_points
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.geometry.rotation import matrix_from_six
from lineament.geometry.similarity import Similarity
from lineament.geometry.uv import UvMap, make_uv_map
from lineament.methods.method import Crops, crop_rule_and_model, finite_outputs
from lineament.methods.sadrnet_tables import (
    MIN_WEIGHT,
    MODEL_TO_MAP,
    POSITION_UNIT,
    SHAPE_PER_MM,
    SadrTables,
    landmark_weights,
)
from lineament.methods.seen_face import SeenFaceEstimate
from lineament.models import load_model
from lineament.network import OnnxNetwork
from lineament.result.face_mask import mask_at

Array: TypeAlias = NDArray[Any]

FACE, SHAPE, ATTENTION, POSE = "face_map", "offset_map", "attention", "pose"
MAP_TO_CROP = np.array([1.0, 1.0, -1.0])
"""Signs between the face map, whose depth grows toward the viewer, and the crop."""
DOUBT_MM = 5.0
"""The confidence of a vertex falls to 1/e where both heads are so far apart."""


def trained_chart(model: MorphableModel, known: NDArray[np.bool_]) -> UvMap:
    """The map of the skin that a network was trained on; other vertices have no place there.

    Args:
        model: with a chart.
        known: (M, M) texels that were trained.
    """
    first, last = model.parts.get("face", (0, len(model.triangles)))
    chart = _chart_of(model, model.triangles[first:last], size=len(known))
    unknown = ~known.ravel()[chart.texel] & (chart.texel_weights > 0)
    trained: NDArray[np.bool_] = np.asarray(~unknown.any(axis=1))
    if trained[chart.triangles].all():
        return chart
    return _chart_of(model, chart.triangles[trained[chart.triangles].all(axis=1)], size=len(known))


def _chart_of(model: MorphableModel, triangles: Array, *, size: int) -> UvMap:
    """The map of some triangles."""
    assert model.uv is not None
    uv = np.full(model.uv.shape, np.nan)
    used = np.unique(triangles)
    uv[used] = model.uv[used]
    return make_uv_map(uv, triangles, size=size)


class SadrNet:
    """Crop -> face map, shape map and attention -> one face.

    The graph's input is ``crop`` (n, S, S, 3) uint8 RGB. Its outputs are ``face_map`` (n, 3, M, M), the face
    where it is in the crop; ``offset_map`` (n, 3, M, M), the shape less the mean face; ``attention``
    (n, A, A) in 0..1, where the face is seen. Networks trained without one of them lack it, and those that
    regress the pose give ``pose`` (n, 9). Units are the paper's (:mod:`lineament.methods.sadrnet_tables`).
    """

    def __init__(
        self, network: OnnxNetwork, model: MorphableModel, tables: SadrTables, *, crop_rule: CropRule
    ) -> None:
        """Join a network, the face model whose chart its maps lie on, and its tables.

        Args:
            network: with the input and outputs above.
            model: with a chart.
            tables: of that chart.
            crop_rule: S, and how wide the crops are that the network was trained on.

        Raises:
            WeightsError: the network has other inputs or outputs, or the model has no chart.
        """
        wanted = {"align": (FACE, SHAPE), "regress": (SHAPE, POSE), "direct": (FACE,)}.get(tables.pose, ())
        missing = [name for name in wanted if name not in network.output_names]
        if missing or not wanted or tuple(network.input_shapes) != ("crop",) or model.uv is None:
            raise WeightsError(
                f"{network!r} with {model!r} is not for SADRNet, which takes 'crop', gives "
                f"{', '.join(wanted) or 'maps'} and needs a face model with a chart. These weights belong to "
                f"another method."
            )
        self.network, self.model, self.tables, self.crop_rule = network, model, tables, crop_rule
        self._chart = trained_chart(model, tables.known)
        self._nearest = NearestCoefficients(model)
        self._mean = model.neutral_model * (SHAPE_PER_MM * MODEL_TO_MAP)
        self._mean_map = self._chart.position_map(self._mean).reshape(-1, 3)
        maps = (3, tables.size, tables.size)
        sizes: dict[str, tuple[int | None, ...]] = {FACE: maps, SHAPE: maps, POSE: (9,)}
        self._shapes = {name: sizes[name] for name in wanted}
        if ATTENTION in network.output_names:
            self._shapes[ATTENTION] = (None, None)

    def __repr__(self) -> str:
        """Network, model, crop rule."""
        return f"SadrNet({self.network!r}, {self.model!r}, {self.crop_rule})"

    @classmethod
    def from_bundle(cls, bundle: Bundle, *, threads: int | None = None, device: str = "cpu") -> Self:
        """What a bundle describes; see :class:`Method`.

        Raises:
            WeightsError: the bundle states no crop or face model, or belongs to another method.
            ModelError: the face model cannot be loaded.
        """
        crop_rule, model_name = crop_rule_and_model(bundle, of="SADRNet")
        tables = SadrTables.of_arrays(bundle.arrays())
        network = bundle.network(threads=threads, device=device)
        model = load_model(model_name)
        return cls(network, model, tables, crop_rule=crop_rule)

    def estimate(self, crops: Crops, crop_boxes: Sequence[CropBox]) -> list[SeenFaceEstimate]:
        """One estimate a crop; see :class:`Method`."""
        outputs = finite_outputs(self.network, self._shapes, crop=crops)
        return [
            self._estimate({name: values[row] for name, values in outputs.items()}, box)
            for row, box in enumerate(crop_boxes)
        ]

    def _estimate(self, maps: Mapping[str, Array], crop_box: CropBox) -> SeenFaceEstimate:
        """The face of one crop's maps."""
        attention = maps.get(ATTENTION, np.ones((1, 1), np.float32))
        found, confidence = self._aligned(maps) if SHAPE in maps else (self._vertices(maps[FACE]), None)
        seen = mask_at(attention, found[:, :2] * POSITION_UNIT)
        believed = np.where(np.isfinite(found[:, 0]), seen if confidence is None else confidence, np.nan)
        in_crop = found * (POSITION_UNIT * crop_box.size) * MAP_TO_CROP
        return SeenFaceEstimate.of_seen_vertices(
            self._nearest,
            crop_box.image_from_crop(in_crop),
            crop_mask=attention,
            # What has no place on the map is as good as the nearest face, and that as the rest.
            confidence=np.where(np.isfinite(believed), believed, np.nanmedian(believed)),
            weights=np.nan_to_num(seen * believed) + MIN_WEIGHT,
        )

    def _aligned(self, maps: Mapping[str, Array]) -> tuple[Array, Array | None]:
        """(N, 3) vertices of the shape where the pose puts them, and (N,) confidences where two heads agree.

        Both are in the face map's frame; the paper's G.
        """
        shape = self._mean + self._vertices(maps[SHAPE]) * MODEL_TO_MAP
        place = self.similarity(maps)
        vertices = place.apply(shape)
        if FACE not in maps:
            return vertices, None
        size = self.tables.size
        aligned = place.apply(self._mean_map + maps[SHAPE].reshape(3, -1).T * MODEL_TO_MAP)
        apart = np.linalg.norm(aligned - maps[FACE].reshape(3, -1).T, axis=1).reshape(1, size, size)
        doubt = np.maximum(self._vertices(apart)[:, 0], 0)  # between texels of much doubt it may overshoot
        return vertices, np.exp(-doubt / (place.scale * SHAPE_PER_MM * DOUBT_MM))

    def similarity(self, maps: Mapping[str, Array]) -> Similarity:
        """What carries the shape, y down, into the crop as the face map has it.

        Args:
            maps: outputs of the graph for one crop.
        """
        if POSE in maps:
            pose = maps[POSE].astype(np.float64)
            return Similarity(np.exp(pose[6]), matrix_from_six(pose[:6]), np.append(pose[7:], 0.0))
        tables = self.tables
        shape, face = (maps[name].reshape(3, -1)[:, tables.texels].T for name in (SHAPE, FACE))
        weights = landmark_weights(maps[FACE], maps.get(ATTENTION), tables)
        return align_points((tables.mean + shape) * MODEL_TO_MAP, face, weights)

    def _vertices(self, found: Array) -> Array:
        """(N, C) what a (C, M, M) map says at the vertices; NaN for those that have no place on it."""
        return self._chart.vertices(np.moveaxis(found, 0, -1).astype(np.float32))
