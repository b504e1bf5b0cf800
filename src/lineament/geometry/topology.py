"""What belongs together: the 68 landmarks by feature, edges and loops of a mesh.

The 68 landmarks are numbered from the image's left to its right within each feature, from zero: jaw 0-16,
brows 17-26, nose 27-35, eyes 36-47, mouth 48-67. "right" and "left" are the person's own sides, so the
right eye is on the image's left, as in the ARKit names of blendshapes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
IndexArray = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class LandmarkGroup:
    """Neighbouring landmarks that form one feature."""

    name: str
    first: int
    stop: int  # one past the last
    closed: bool  # whether the last joins the first when drawn

    @property
    def index(self) -> range:
        """The landmarks of the group."""
        return range(self.first, self.stop)

    @property
    def strip(self) -> tuple[int, ...]:
        """Landmarks in the order a pen visits them; a closed group ends where it began."""
        return (*self.index, self.first) if self.closed else tuple(self.index)


GROUPS_68 = (
    LandmarkGroup("jaw", 0, 17, closed=False),
    LandmarkGroup("right_brow", 17, 22, closed=False),
    LandmarkGroup("left_brow", 22, 27, closed=False),
    LandmarkGroup("nose_ridge", 27, 31, closed=False),
    LandmarkGroup("nose_base", 31, 36, closed=False),
    LandmarkGroup("right_eye", 36, 42, closed=True),
    LandmarkGroup("left_eye", 42, 48, closed=True),
    LandmarkGroup("outer_lips", 48, 60, closed=True),
    LandmarkGroup("inner_lips", 60, 68, closed=True),
)

# Where each landmark is found after the picture is mirrored left to right: eyes and lips run round, so their
# order turns about another landmark than their first.
MIRROR_68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *(27, 28, 29, 30),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *(67, 66, 65),
)

# Upper against lower points: two pairs an eye, three on the inner lips.
LID_PAIRS_68 = ((37, 41), (38, 40), (43, 47), (44, 46))
LIP_PAIRS_68 = ((61, 67), (62, 66), (63, 65))
GAP_PAIRS_68 = (*LID_PAIRS_68, *LIP_PAIRS_68)

# AFLW's 21 points, each the mean of some of the 68: brows, eyes, ears and nose, mouth and chin.
_AFLW21_FROM_68: tuple[tuple[int, ...], ...] = (
    *((17,), (19,), (21,), (22,), (24,), (26,)),
    *((36,), tuple(range(36, 42)), (39,), (42,), tuple(range(42, 48)), (45,)),
    *((2,), (31,), (30,), (35,), (14,)),
    *((48,), tuple(range(60, 68)), (54,), (8,)),
)


def aflw21_from_68(landmarks: Array) -> Array:
    """AFLW's 21 landmarks from the 68, any frame: brows, eyes with centres, ears' lobes, nose, mouth, chin.

    Args:
        landmarks: (..., 68, C) float.

    Returns:
        (..., 21, C) float.
    """
    return np.stack([landmarks[..., group, :].mean(axis=-2) for group in _AFLW21_FROM_68], axis=-2)


def unique_edges(triangles: IndexArray) -> NDArray[np.int64]:
    """Each edge of a mesh once.

    Args:
        triangles: (M, 3) int.

    Returns:
        (E, 2) int, smaller vertex first, in ascending order.
    """
    return np.unique(np.sort(_directed_edges(triangles), axis=1), axis=0)


def boundary_loops(triangles: IndexArray) -> tuple[tuple[int, ...], ...]:
    """The borders of a mesh: each a ring of vertices, in the direction of its triangles, longest first.

    Args:
        triangles: (M, 3) int, consistently oriented; no two borders may touch in a vertex.

    Returns:
        Rings of vertices; none where the mesh is closed.

    Raises:
        ValueError: two borders share a vertex, or an edge has more than two triangles.
    """
    edges = _directed_edges(triangles)
    forward = {(int(a), int(b)) for a, b in edges}
    border = [(a, b) for a, b in forward if (b, a) not in forward]
    following = dict(border)
    if len(forward) != len(edges) or len(following) != len(border):
        raise ValueError(
            "the mesh is not a surface with simple borders: an edge has more than two triangles, or two "
            "borders share a vertex; split such vertices first"
        )
    loops: list[tuple[int, ...]] = []
    while following:
        loop = [min(following)]
        while (vertex := following.pop(loop[-1])) != loop[0]:
            loop.append(vertex)
        loops.append(tuple(loop))
    return tuple(sorted(loops, key=len, reverse=True))


def triangles_from_polygons(polygons: IndexArray) -> NDArray[np.int32]:
    """Triangles of polygons by fans about their first corner, orientation kept.

    Args:
        polygons: (F, C) int, C of 3 or more; rows of fewer than C corners end in -1.

    Returns:
        (M, 3) int32; the triangles of one polygon follow each other.
    """
    polygons = np.asarray(polygons)
    fans = [polygons[:, [0, corner, corner + 1]] for corner in range(1, polygons.shape[1] - 1)]
    triangles = np.stack(fans, axis=1).reshape(-1, 3)
    return triangles[(triangles >= 0).all(axis=1)].astype(np.int32)


def _directed_edges(triangles: IndexArray) -> IndexArray:
    """(3 M, 2) edges in the direction in which their triangles run."""
    triangles = np.asarray(triangles)
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
