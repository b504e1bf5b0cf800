"""Inference of a toy of the position-map family: what its file in ``methods/`` would be."""

import numpy as np

from lineament.crop import CropRule
from lineament.geometry.nearest_coefficients import NearestCoefficients
from lineament.methods.estimate import FreeFormEstimate
from lineament.methods.method import finite_outputs
from lineament.models import load_model
from toy_method.chart import skin_map


class ToyPositionMap:
    """Crop -> position map -> vertices.

    The graph's input is ``crop`` (n, S, S, 3) uint8 RGB, its output ``position_map`` (n, 3, M, M): in
    sides of the crop, depth too. The constants hold ``size``, which is M.
    """

    def __init__(self, network, model, crop_rule, size):
        self.network, self.crop_rule, self.size = network, crop_rule, size
        self._chart = skin_map(model, size)
        self._nearest = NearestCoefficients(model)

    @classmethod
    def from_bundle(cls, bundle, *, threads=None, device="cpu"):
        manifest = bundle.manifest
        return cls(
            bundle.network(threads=threads, device=device),
            load_model(manifest.face_model.name),
            CropRule(manifest.crop.size, manifest.crop.margin),
            int(bundle.arrays()["size"]),
        )

    def estimate(self, crops, crop_boxes):
        shapes = {"position_map": (3, self.size, self.size)}
        maps = finite_outputs(self.network, shapes, crop=crops)["position_map"]
        vertices_crop = self._chart.vertices(self.crop_rule.size * np.moveaxis(maps, 1, -1))
        return [
            FreeFormEstimate.of_vertices(self._nearest, box.image_from_crop(vertices))
            for vertices, box in zip(vertices_crop, crop_boxes, strict=True)
        ]
