"""The jaw's landmarks where a silhouette has them: chosen anew for every pose.

Labels of the outline (2D jaws) mark what is outermost in the picture, which in a turned head is another
vertex than the jaw's. Each of the sixteen contour landmarks has a strip of the skin at its height, and stands
at the strip's outermost vertex.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from lineament.geometry.morphable import MorphableModel
from lineament.train.dff.face import FacePoints, vertices_of
from lineament.train.networks.dff.network import DffConfig, DffOutput

STRIP_MM = 2.5
"""Half of a strip's height."""
STRIP_DEPTH_MM = 45.0
"""How far in front of its landmark a strip reaches at most, so that it ends on the cheek."""
CONTOUR = tuple(n for n in range(17) if n != 8)


class ContourPoints(nn.Module):
    """Puts contour landmarks on the silhouette.

    Args:
        model: the face model, with the scheme "300w-lp" and the part "face".
        config: of the network.
    """

    def __init__(self, model: MorphableModel, config: DffConfig) -> None:
        super().__init__()
        first, last = model.parts.get("face", (0, len(model.triangles)))
        skin = np.unique(model.triangles[first:last])
        rest, marks = model.neutral_model, model.landmark_points("300w-lp").neutral_model
        strips = [_strip(rest, skin, marks[number]) for number in CONTOUR]
        used, placed = np.unique(np.concatenate(strips), return_inverse=True)
        width = max(map(len, strips))
        table, start = np.zeros((len(strips), width), np.int64), 0
        for row, strip in enumerate(strips):
            table[row] = placed[start : start + len(strip)][np.arange(width) % len(strip)]
            start += len(strip)
        self.points = FacePoints(vertices_of(model, used), config)
        side = np.array([np.sign(marks[number, 0]) for number in CONTOUR], np.float32)
        self.register_buffer("table", torch.as_tensor(table), persistent=False)
        self.register_buffer("side", torch.as_tensor(side), persistent=False)

    def forward(self, landmarks: Tensor, face: DffOutput, size: int) -> Tensor:
        """(B, 68, 2) px: the landmarks with the contour's on the silhouette."""
        xy = self.points(face, size)
        up = face.rotation[:, :2, 1] * torch.tensor([1.0, -1.0], device=xy.device)
        across = torch.stack([-up[:, 1], up[:, 0]], dim=1)  # to the viewer's right of an upright head
        strips = xy[:, self.table]
        outward = (strips * across[:, None, None]).sum(3) * self.side[:, None]
        outermost = outward.argmax(2)
        chosen = strips.gather(2, outermost[..., None, None].expand(-1, -1, 1, 2))[:, :, 0]
        index = torch.tensor(CONTOUR, device=xy.device)
        return landmarks.index_copy(1, index, chosen)


def _strip(rest: np.ndarray, skin: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Vertices of the skin at a landmark's height, on its side of the face, from it to the cheek."""
    points, reach = rest[skin], STRIP_MM
    level = np.abs(points[:, 1] - mark[1])
    near = (points[:, 0] * mark[0] > 0) & (points[:, 2] > mark[2] - STRIP_MM)
    near &= points[:, 2] < mark[2] + STRIP_DEPTH_MM
    while not (near & (level < reach)).any():
        reach *= 2
    return np.asarray(skin[near & (level < reach)])
