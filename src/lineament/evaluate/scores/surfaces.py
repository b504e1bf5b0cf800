"""Errors that need a whole mesh: measured while the mesh is at hand, since meshes are not kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.items import BASEL_NO_NECK, LFM, LFM_FACE, LFM_POINTS, Prediction, TrueSurface
from lineament.evaluate.scores.detections import measures as detection_measures
from lineament.evaluate.scores.metrics import box_size, interocular, normalised_mean_error, without_mean_depth
from lineament.evaluate.scores.reconstruction import crop_to_ball, icp, matched_error, point_to_plane_rmse
from lineament.geometry.similarity import Similarity, fit_similarity
from lineament.models.basel import BaselTable, load_basel_table

Array = NDArray[Any]

FIVE_POINTS = (36, 45, 30, 48, 54)  # outer eye corners, tip of the nose, corners of the mouth
MEAN_INTEROCULAR_MM = 85.4  # of scans without landmarks: the mean face's outer eye corners
CROP_MM = 95.0  # around the tip of the nose (SynergyNet's Florence protocol)
EVERY_2DASL = 50  # vertices skipped by 2DASL's public script
MAX_POINTS = 2500  # that ICP moves: more change its result in the fourth digit and take their time
FACE_VERTICES = 8683  # of LFM: the skin; eyeballs and mouth follow


@cache
def _basel_table() -> BaselTable:
    return load_basel_table()


def carried(prediction: Prediction, surface: TrueSurface) -> Array | None:
    """(N, 3) px, the prediction at the vertices of the truth; None where no table joins the two meshes."""
    if prediction.vertices_image is None:
        return None
    ways = (prediction.topology, surface.topology)
    if ways == (LFM, BASEL_NO_NECK):
        return _basel_table().carry(prediction.vertices_image)
    if ways == (LFM, LFM_FACE):
        return prediction.vertices_image[:FACE_VERTICES]
    if ways == (LFM, LFM_POINTS) and surface.vertex_index is not None:
        return prediction.vertices_image[surface.vertex_index]
    return prediction.vertices_image if ways[0] == ways[1] != "unknown" else None


def dense_error(prediction: Prediction, surface: TrueSurface, *, dimensions: int) -> float:
    """NME of all common vertices, over the box of the true ones, in two or three dimensions."""
    points = carried(prediction, surface)
    if points is None:
        return np.nan
    if dimensions == 2:
        return float(normalised_mean_error(points[:, :2], surface.vertices_image[:, :2]))
    return float(normalised_mean_error(*without_mean_depth(points, surface.vertices_image)))


def points_error(prediction: Prediction, surface: TrueSurface) -> float:
    """NME in x and y of points that are vertices of ours, over the size that the truth gives."""
    points = carried(prediction, surface)
    if points is None:
        return np.nan
    return float(normalised_mean_error(points[:, :2], surface.vertices_image[:, :2], size=surface.size))


def reconstruction_error(prediction: Prediction, surface: TrueSurface) -> float:
    """PRNet's, SADRNet's and DSFNet's: one closed-form fit, over the 3D distance of the outer eye corners."""
    points = carried(prediction, surface)
    if points is None or surface.landmarks_image is None:
        return np.nan
    size = float(interocular(surface.landmarks_image))
    return matched_error(points, surface.vertices_image, size=size, fit="published")


def box_error_rigid(prediction: Prediction, surface: TrueSurface) -> float:
    """2DASL's script: every 50th true vertex, ICP without scale, over the box of the true vertices."""
    points = _skin(prediction)
    if points is None:
        return np.nan
    truth = surface.vertices_image[::EVERY_2DASL]
    fit = icp(truth, points, start=_inverse(_start(prediction, surface)), with_scale=False)
    return float(fit.distance.mean() / box_size(surface.vertices_image))


def box_error_scaled(prediction: Prediction, surface: TrueSurface) -> float:
    """Zhou and Huang's: ICP with scale from the truth's points to the prediction, over the truth's box."""
    points = _skin(prediction)
    if points is None:
        return np.nan
    truth = _thinned(surface.vertices_image)
    fit = icp(truth, points, start=_inverse(_start(prediction, surface)))
    scale = float(fit.similarity.scale)  # distances were measured in the prediction's size
    return float(fit.distance.mean() / scale / box_size(surface.vertices_image))


def interocular_error_icp(prediction: Prediction, surface: TrueSurface) -> float:
    """SADRNet's Florence: ICP with scale onto the scan, over the 3D distance of the true eye corners."""
    points = _skin(prediction)
    if points is None:
        return np.nan
    if surface.landmarks_image is None:
        size = MEAN_INTEROCULAR_MM * surface.px_per_mm
    else:
        size = float(interocular(surface.landmarks_image))
    fit = icp(_thinned(points), surface.vertices_image, start=_start(prediction, surface))
    return float(fit.distance.mean() / size)


def plane_error_mm(prediction: Prediction, surface: TrueSurface) -> float:
    """SynergyNet's Florence: both cut to 95 mm around the nose, rigid ICP, RMSE to the scan's planes, mm."""
    points = _skin(prediction)
    if points is None or not len(surface.triangles) or not np.isfinite(surface.px_per_mm):
        return np.nan
    truth_mm, nose_mm = (p / surface.px_per_mm for p in (surface.vertices_image, surface.nose_image))
    moved = _start(prediction, surface).apply(points) / surface.px_per_mm
    near = moved[np.linalg.norm(moved - nose_mm, axis=-1) <= CROP_MM]
    vertices, triangles = crop_to_ball(truth_mm, surface.triangles, center=nose_mm, radius=CROP_MM)
    if len(near) < 10 or not len(triangles):
        return np.nan
    return point_to_plane_rmse(_thinned(near), vertices, triangles)


def _skin(prediction: Prediction) -> Array | None:
    """The predicted points that are skin: eyeballs and the mouth's inside are no part of a scan."""
    if prediction.vertices_image is None:
        return None
    points = np.asarray(prediction.vertices_image, np.float64)
    return points[:FACE_VERTICES] if prediction.topology == LFM else points


def _thinned(points: Array) -> Array:
    return points[:: max(1, len(points) // MAX_POINTS)]


def _start(prediction: Prediction, surface: TrueSurface) -> Similarity:
    """Where ICP begins: five landmarks laid on the true ones; without those, a shift in depth alone."""
    five = list(FIVE_POINTS)
    found = np.asarray(prediction.landmarks_image, np.float64)
    if surface.landmarks_image is not None and found.shape[-1] == 3 and np.isfinite(found[five]).all():
        return fit_similarity(found[five], surface.landmarks_image[five])
    depth = np.zeros(3)
    if found.shape[-1] == 3 and np.isfinite(found[30]).all():
        depth[2] = surface.nose_image[2] - found[30, 2]
    return Similarity(np.float64(1), np.eye(3), depth)


def _inverse(similarity: Similarity) -> Similarity:
    turn = similarity.rotation.T
    scale = 1 / similarity.scale
    return Similarity(scale, turn, -scale * turn @ similarity.translation)


@dataclass(frozen=True, slots=True)
class Measure:
    """An error of a mesh.

    Attributes:
        unit: "%" of a size (the function gives a fraction) or "mm".
        of: the function.
    """

    unit: str
    of: Callable[[Prediction, TrueSurface], float]

    def value(self, prediction: Prediction, surface: TrueSurface) -> float:
        """In its unit; NaN where it does not apply to this pair of meshes."""
        return (100 if self.unit == "%" else 1) * self.of(prediction, surface)


MEASURES = {
    "points": Measure("%", points_error),
    "dense-2d": Measure("%", lambda p, s: dense_error(p, s, dimensions=2)),
    "dense-3d": Measure("%", lambda p, s: dense_error(p, s, dimensions=3)),
    "reconstruction": Measure("%", reconstruction_error),
    "reconstruction-box-rigid": Measure("%", box_error_rigid),
    "reconstruction-box-icp": Measure("%", box_error_scaled),
    "interocular-icp": Measure("%", interocular_error_icp),
    "point-to-plane": Measure("mm", plane_error_mm),
    **{name: Measure("%", of) for name, of in detection_measures().items()},
}
