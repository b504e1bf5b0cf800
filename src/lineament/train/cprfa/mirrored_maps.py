"""CPRFA's maps of each crop and of its mirror image, and their mean, as one graph.

A code is a place on the mean face, which is symmetric: in a mirror its first coordinate, from 0 to 1, is what
is left to 1.
"""

from __future__ import annotations

import onnx
import torch
from torch import Tensor, nn

from lineament.bundle import Manifest
from lineament.train.onnx.flip_ensemble import answers_of, both_ways, halves, mean_map

CODE, MAPS = "code", ("face_mask", "depth")


class MeanCodes(nn.Module):
    """The maps of 2n crops, the mirror images last, to those of n."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sign", torch.tensor([-1.0, 1.0, 1.0])[:, None, None])
        self.register_buffer("side", torch.tensor([1.0, 0.0, 0.0])[:, None, None])

    def forward(self, code: Tensor, face_mask: Tensor, depth: Tensor | None = None) -> tuple[Tensor, ...]:
        """(2n, 3, S, S), (2n, S, S) and perhaps as many depths, to the same of n."""
        here, there = halves(code)
        mean = (here + self.side + self.sign * there.flip(3)) / 2
        return (mean, *(mean_map(maps) for maps in (face_mask, depth) if maps is not None))


def mirrored_maps(graph: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """The maps' graph of a CPRFA, float or in int8, that looks at each face both ways.

    Args:
        graph: of crops to codes, mask and perhaps depth.
        manifest: of its weights: crop and face model.

    Raises:
        ExportError: `graph` gives something else or belongs to a face model that is not symmetric; or the new
            graph does not say the mean of what `graph` says.
    """
    size, _, shapes = answers_of(graph, manifest, (CODE, MAPS[0]), (CODE, *MAPS))
    mean = MeanCodes()
    return both_ways(graph, mean, size=size, shapes=shapes, ends=tuple(shapes))
