"""Another person's skin on a fitted face: its look changes; pose, shape, expression stay (SynergyNet, 4.1).

The skin of picture B is read at the vertices of B's mesh and drawn on A's mesh in picture A. What B does not
show of a side is taken from its other side; what neither shows stays A's own. Eyes, teeth and all that is
around the face stay too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from lineament.data.drawing.compiled import compiled
from lineament.data.drawing.zbuffer import draw_mesh, interpolate, vertex_visibility
from lineament.data.samples.view import View
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.topology import GAP_PAIRS_68

Array: TypeAlias = NDArray[Any]

OUTER_FADE_MM = 22.0
INNER_FADE_MM = 4.0
MAX_CHANGE_MM = (4.0,) * 4 + (7.0,) * 3
"""Lids or lips (`GAP_PAIRS_68`) whose opening differs by more would show what the labels deny."""
MAX_YAW_BEYOND = np.radians(25)
"""A donor turned away further than the face shows too little of what the face shows."""
MIN_RESOLUTION = 0.6
"""B's px a mm over A's; coarser skin is not worth having."""
MAX_CONTRAST = 1.7


class FaceSwap:
    """Exchanges skin between views of one face model.

    Args:
        model: of the views' coefficients, with a part "face".
    """

    def __init__(self, model: MorphableModel) -> None:
        self._model = model
        first, last = model.parts["face"]
        self._skin = np.ascontiguousarray(model.triangles[first:last], np.int32)
        self._fraction = skin_fraction(model.neutral_model, self._skin)
        self._landmarks = model.landmark_points("300w-lp")
        self._other_side = np.arange(len(self._fraction)) if model.mirror is None else model.mirror.vertex

    def __call__(self, view: View, donor: View, *, hidden: NDArray[np.bool_] | None = None) -> View:
        """The view with the donor's skin; unchanged where the two do not fit together.

        Args:
            view: of the face that stays.
            donor: whose skin is taken; nothing may stand in front of it.
            hidden: (H, W) what stands in front of the view's face, and stays in front; None for nothing.
        """
        if not self._fits(view, donor):
            return view
        here, there = (
            one.camera.image_from_model(self._model.vertices_model(one.identity, one.expression))
            for one in (view, donor)
        )
        visible_there = vertex_visibility(there, self._skin)
        side = self._other_side
        alpha = self._fraction * vertex_visibility(here, self._skin)
        table = np.column_stack([there[:, :2], visible_there, there[side, :2], visible_there[side], alpha])
        raster = draw_mesh(here, self._model.triangles, size_hw=view.image.shape[:2])
        first, last = self._model.parts["face"]
        shown = (raster.triangle_index >= first) & (raster.triangle_index < last)
        places = interpolate(raster, self._model.triangles, table)
        if hidden is not None:
            shown &= ~hidden
        skin, weight = _gather(np.ascontiguousarray(donor.image), places, shown)
        if weight.sum() < 0.01 * weight.size:
            return view
        return replace(view, image=_laid_over(view.image, skin, weight))

    def _fits(self, view: View, donor: View) -> bool:
        """Whether the donor shows what the face shows, as finely, with lids and lips about as open."""
        if donor.camera.scale < MIN_RESOLUTION * view.camera.scale:
            return False
        here, there = (abs(float(one.camera.angles.yaw)) for one in (view, donor))
        if there > here + MAX_YAW_BEYOND:
            return False
        change = np.abs(self._openings(view) - self._openings(donor))
        return bool((change <= MAX_CHANGE_MM).all())

    def _openings(self, view: View) -> Array:
        """(7,) mm between upper and lower lids and lips."""
        points = self._landmarks.vertices_model(view.identity, view.expression)
        upper, lower = np.array(GAP_PAIRS_68).T
        return np.linalg.norm(points[upper] - points[lower], axis=-1)


def skin_fraction(vertices: Array, triangles: Array) -> NDArray[np.float32]:
    """(N,) how much of a vertex is exchanged: 1 inside, falling to 0 at the skin's border and its holes."""
    distance = np.full(len(vertices), 0.0)
    used = np.unique(triangles)
    inside = np.ones(len(used))
    loops = border_loops(triangles)
    longest = max(loops, key=lambda loop: np.linalg.norm(np.ptp(vertices[loop], axis=0)))
    for loop in loops:
        reach = OUTER_FADE_MM if loop is longest else INNER_FADE_MM
        away, _ = cKDTree(vertices[loop]).query(vertices[used])
        inside = np.minimum(inside, np.clip(away / reach, 0, 1))
    distance[used] = inside**2 * (3 - 2 * inside)
    return distance.astype(np.float32)


def border_loops(triangles: Array) -> list[Array]:
    """The vertices of each connected border of a mesh."""
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    edges, count = np.unique(edges, axis=0, return_counts=True)
    edges = edges[count == 1]
    vertices, index = np.unique(edges, return_inverse=True)
    first, second = index.reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(len(vertices),) * 2)
    number, loop = csgraph.connected_components(graph, directed=False)
    return [vertices[loop == one] for one in range(number)]


def _laid_over(image: Array, skin: Array, weight: Array) -> NDArray[np.uint8]:
    """Skin in the colours of the picture it is laid on."""
    below = image.astype(np.float32)
    alpha = weight[..., None]
    total = alpha.sum()
    means, stds = [], []
    for picture in (skin, below):
        mean = (picture * alpha).sum((0, 1)) / total
        means.append(mean)
        stds.append(np.sqrt((((picture - mean) ** 2) * alpha).sum() / total) + 1)
    contrast = np.clip(stds[1] / stds[0], 1 / MAX_CONTRAST, MAX_CONTRAST)
    matched = (skin - means[0]) * contrast + means[1]
    return np.clip(below + alpha * (matched - below) + 0.5, 0, 255).astype(np.uint8)


@compiled(nogil=True)
def _gather(donor: Array, places: Array, shown: Array) -> tuple[Array, Array]:
    """(H, W, 3) skin read from the donor's picture, and (H, W) how much it counts.

    Args:
        donor: (H', W', 3) uint8.
        places: (H, W, 7) place in the donor and how visible, the same on the other side, share.
        shown: (H, W) bool.
    """
    height, width = shown.shape
    skin = np.zeros((height, width, 3), np.float32)
    weight = np.zeros((height, width), np.float32)
    colour = np.zeros(3, np.float32)
    for row in range(height):
        for column in range(width):
            if not shown[row, column]:
                continue
            near, far = places[row, column, 2], places[row, column, 5]
            far = max(0.0, (1 - near) * far)
            if near + far < 0.05:
                continue
            for k in range(3):
                skin[row, column, k] = 0
            for which in range(2):
                part = (near if which == 0 else far) / (near + far)
                if part > 0 and _read(
                    donor, places[row, column, 3 * which], places[row, column, 3 * which + 1], colour
                ):
                    for k in range(3):
                        skin[row, column, k] += part * colour[k]
                elif part > 0:
                    near = far = 0.0
                    break
            weight[row, column] = places[row, column, 6] * min(1.0, near + far)
    return skin, weight


@compiled(nogil=True)
def _read(picture: Array, x: float, y: float, out: Array) -> bool:
    """Bilinear colour at a place in px; False outside."""
    x, y = x - 0.5, y - 0.5
    left, top = int(np.floor(x)), int(np.floor(y))
    if left < 0 or top < 0 or left + 1 >= picture.shape[1] or top + 1 >= picture.shape[0]:
        return False
    fx, fy = x - left, y - top
    for k in range(3):
        upper = picture[top, left, k] * (1 - fx) + picture[top, left + 1, k] * fx
        lower = picture[top + 1, left, k] * (1 - fx) + picture[top + 1, left + 1, k] * fx
        out[k] = upper * (1 - fy) + lower * fy
    return True
