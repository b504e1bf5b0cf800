"""SADRNet's maps of each crop and of its mirror image, and their mean, as one graph.

The mirror image of a map over the chart has its columns in the other order, because the chart of the face
model is symmetric. Texels whose partner shows no face keep what the crop itself says.
"""

from __future__ import annotations

import onnx
import torch
from torch import Tensor, nn

from lineament.bundle import Manifest
from lineament.data.labels.label_surface import LabelSurface
from lineament.methods.sadrnet import ATTENTION, FACE, SHAPE
from lineament.methods.sadrnet_tables import POSITION_UNIT
from lineament.train.onnx.flip_ensemble import answers_of, both_ways, halves, mean_map


class MeanMaps(nn.Module):
    """The maps of 2n crops, the mirror images last, to those of n.

    Args:
        mask: (M, M) texels that show the face.
    """

    shared: Tensor
    sign: Tensor
    side: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("shared", 0.5 * (mask & mask.flip(1)))
        self.register_buffer("sign", torch.tensor([-1.0, 1.0, 1.0])[:, None, None])
        self.register_buffer("side", torch.tensor([1 / POSITION_UNIT, 0.0, 0.0])[:, None, None])

    def forward(
        self, face_map: Tensor, offset_map: Tensor, attention: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """(2n, 3, M, M) twice and (2n, A, A), to the same of n."""
        faces, offsets = (halves(maps) for maps in (face_map, offset_map))
        means = [self._mean(faces[0], self.side + self.sign * faces[1].flip(3))]
        means.append(self._mean(offsets[0], self.sign * offsets[1].flip(3)))
        if attention is not None:
            means.append(mean_map(attention))
        return tuple(means)

    def _mean(self, here: Tensor, there: Tensor) -> Tensor:
        return here + self.shared * (there - here)


def mirrored_maps(graph: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """The graph of a SADRNet, float or in int8, that looks at each face both ways.

    Args:
        graph: that gives a face map, an offset map and perhaps the attention.
        manifest: of its weights: crop and face model.

    Raises:
        ExportError: `graph` gives something else or belongs to a face model that is not symmetric; or the new
            graph does not say the mean of what `graph` says.
    """
    size, model, shapes = answers_of(graph, manifest, (FACE, SHAPE), (FACE, SHAPE, ATTENTION))
    mask = LabelSurface.of(model, size=shapes[FACE][-1]).mask
    mean = MeanMaps(torch.as_tensor(mask))
    return both_ways(graph, mean, size=size, shapes=shapes, ends=tuple(shapes))
