"""Dense targets by name, in lineament's own frames and units, for methods that learn maps.

Maps over the chart are a fixed gather of the mesh's vertices; maps over the crop come from one pass of the
z-buffer. :mod:`lineament.data.labels.paper_units` has what turns them into a paper's own units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lineament.data.labels.label_surface import MAP_SIZE, LabelSurface
from lineament.data.labels.targets import (
    ImageMaps,
    PosedFace,
    image_maps,
    offset_map,
    posed,
    position_map,
    shape_map,
)
from lineament.data.samples.face_labels import FaceLabels
from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel

Array = NDArray[Any]

ChartMap = Literal["position_map", "shape_map", "offset_map"]
CropMap = Literal["surface", "correspondence_uv", "ncc", "depth", "segmentation"]
CHART_MAPS = {"position_map": position_map, "shape_map": shape_map, "offset_map": offset_map}


@dataclass(frozen=True, slots=True)
class DenseTargets:
    """Which maps a method learns: a :class:`lineament.data.labels.target_generator.TargetConfig`.

    Attributes:
        maps: names of the targets. Over the chart, (U, U, 3) float32: "position_map" in px of the crop,
            "shape_map" and "offset_map" in mm, model frame. Over the crop, (S, S, ...) as in
            :class:`ImageMaps`: "surface" bool, "correspondence_uv" (2), "ncc" (3), "depth", which is zero
            where no face is, and "segmentation" uint8, which knows of the occlusion mask.
        map_size: texels along a side of the chart.

    Raises:
        ConfigError: no map, or one that is not known.
    """

    maps: tuple[ChartMap | CropMap, ...]
    map_size: int = MAP_SIZE

    def __post_init__(self) -> None:
        """Refuse maps that cannot be made."""
        known = (*get_args(ChartMap), *get_args(CropMap))
        if not self.maps or not set(self.maps) <= set(known):
            raise ConfigError(f"Dense targets are some of {', '.join(known)}; found {list(self.maps)}.")

    def open(self, model: MorphableModel) -> DenseTargetGenerator:
        """The generator, with its tables of a face model; ValueError if it has no chart."""
        return DenseTargetGenerator(self, LabelSurface.of(model, size=self.map_size))


class DenseTargetGenerator:
    """Makes the maps of one configuration.

    Args:
        config: which maps.
        surface: of the face model.
    """

    def __init__(self, config: DenseTargets, surface: LabelSurface) -> None:
        self._config, self._surface = config, surface
        self._needs_crop = any(name not in CHART_MAPS for name in config.maps)

    def make(self, labels: FaceLabels, crop_size: int) -> dict[str, Array]:
        """The maps by name; zeros where the labels have no coefficients."""
        if not labels.has_coefficients:
            return {name: self._nothing(name, crop_size) for name in self._config.maps}
        face = posed(labels, self._surface.model, size_hw=(crop_size, crop_size))
        maps = image_maps(face, self._surface) if self._needs_crop else None
        return {name: self._map(name, face, maps) for name in self._config.maps}

    def _map(self, name: str, face: PosedFace, maps: ImageMaps | None) -> Array:
        if name in CHART_MAPS:
            return CHART_MAPS[name](face, self._surface)
        found: Array = getattr(maps, name)
        return np.where(np.isfinite(found), found, np.float32(0)) if name == "depth" else found

    def _nothing(self, name: str, crop_size: int) -> Array:
        size, surface = crop_size, self._surface.size
        shape, kind = {
            "surface": ((size, size), np.bool_),
            "correspondence_uv": ((size, size, 2), np.float32),
            "ncc": ((size, size, 3), np.float32),
            "depth": ((size, size), np.float32),
            "segmentation": ((size, size), np.uint8),
        }.get(name, ((surface, surface, 3), np.float32))
        return np.zeros(shape, kind)
