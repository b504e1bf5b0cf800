"""DSFNet's first graph for each crop and its mirror image, and the mean of both answers, as one graph.

Maps over the crop have their columns in the other order in a mirror, and a pixel's place on the chart is the
mirrored one, because the chart of the face model is symmetric. The features that the fusion reads are those
of the crop itself.
"""

from __future__ import annotations

import onnx
import torch
from torch import Tensor, nn

from lineament.bundle import Manifest
from lineament.geometry.morphable import Mirror
from lineament.methods.dsfnet import OUTPUTS
from lineament.train.onnx.flip_ensemble import MirroredCoefficients, answers_of, both_ways, halves, mean_map


class MeanAnswers(nn.Module):
    """The answers for 2n crops, the mirror images last, to those for n.

    Args:
        mirror: of the face model.
        identity: number of identity coefficients.
    """

    def __init__(self, mirror: Mirror, identity: int) -> None:
        super().__init__()
        column, linear = torch.tensor([-1.0, 1.0]), torch.tensor([-1.0, 1.0, 1.0])
        self.register_buffer("column_sign", column[:, None, None])
        sides = torch.cat([linear, torch.ones(1)])  # of a row of the pose: rotation and scale, translation
        self.register_buffer("pose_signs", (linear[:, None] * sides).flatten())
        self.mirrored = MirroredCoefficients(mirror, identity)

    def forward(
        self,
        correspondence: Tensor,
        depth: Tensor,
        face_mask: Tensor,
        confidence: Tensor,
        pose: Tensor,
        identity: Tensor,
        expression: Tensor,
        features: Tensor,
    ) -> tuple[Tensor, ...]:
        """All outputs of the first graph, of 2n rows and of n."""
        place, place_there = halves(correspondence)
        pose_here, pose_there = halves(pose)
        return (
            (place + self.column_sign * place_there.flip(3)) / 2,
            *(mean_map(values) for values in (depth, face_mask, confidence)),
            (pose_here + self.pose_signs * pose_there) / 2,
            *self.mirrored.means(identity, expression),
            halves(features)[0],
        )


def mirrored_maps(graph: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """The first graph of a DSFNet, float or in int8, that looks at each face both ways.

    Args:
        graph: of crops to maps, coefficients and features.
        manifest: of its weights: crop and face model.

    Raises:
        ExportError: `graph` gives something else or belongs to a face model that is not symmetric; or the new
            graph does not say the mean of what `graph` says.
    """
    size, model, shapes = answers_of(graph, manifest, OUTPUTS["maps"])
    assert model.mirror is not None
    mean = MeanAnswers(model.mirror, shapes["identity"][0])
    return both_ways(graph, mean, size=size, shapes=shapes, ends=tuple(shapes))
