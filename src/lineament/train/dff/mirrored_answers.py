"""Zhou and Huang's numbers for each crop and for its mirror image, and their mean, as one graph.

The principal point is the middle of the crop, so that a mirror turns the sign of x alone: of the place of the
head, and of the harmonics that are odd in x. Textures are those that the crop itself shows, because the modes
of the texture model are not symmetric.
"""

from __future__ import annotations

import onnx
import torch
from torch import Tensor, nn

from lineament.bundle import Manifest
from lineament.geometry.morphable import Mirror
from lineament.methods.dff import OUTPUTS
from lineament.train.networks.regressor import rotation_from_six
from lineament.train.onnx.flip_ensemble import MirroredCoefficients, answers_of, both_ways, halves

ODD_IN_X = (3, 4, 7)
"""Of the nine harmonics: x, xy and xz."""


class MeanFace(nn.Module):
    """The answers for 2n crops, the mirror images last, to those for n.

    Args:
        mirror: of the face model.
        identity: number of identity coefficients.
    """

    def __init__(self, mirror: Mirror, identity: int) -> None:
        super().__init__()
        side, light = torch.tensor([-1.0, 1.0, 1.0]), torch.ones(9, 1)
        light[list(ODD_IN_X)] = -1
        self.register_buffer("side", side)
        self.register_buffer("rotation_signs", side[:, None] * side)
        self.register_buffer("light_signs", light)
        self.mirrored = MirroredCoefficients(mirror, identity)

    def forward(
        self,
        rotation: Tensor,
        translation: Tensor,
        focal: Tensor,
        identity: Tensor,
        expression: Tensor,
        texture: Tensor,
        light: Tensor,
    ) -> tuple[Tensor, ...]:
        """All outputs of the graph, of 2n rows and of n."""
        turn, turn_there = halves(rotation)
        where, where_there = halves(translation)
        lit, lit_there = halves(light)
        return (
            rotation_from_six((turn + self.rotation_signs * turn_there)[:, :2].reshape(-1, 6)),
            (where + self.side * where_there) / 2,
            halves(focal).mean(0),
            *self.mirrored.means(identity, expression),
            halves(texture)[0],
            (lit + self.light_signs * lit_there) / 2,
        )


def mirrored_answers(graph: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """The graph of a regressor, float or in int8, that looks at each face both ways.

    Args:
        graph: of crops to the numbers of a face.
        manifest: of its weights: crop and face model.

    Raises:
        ExportError: `graph` gives something else or belongs to a face model that is not symmetric; or the new
            graph does not say the mean of what `graph` says.
    """
    size, model, shapes = answers_of(graph, manifest, OUTPUTS)
    assert model.mirror is not None
    mean = MeanFace(model.mirror, shapes["identity"][0])
    return both_ways(graph, mean, size=size, shapes=shapes, ends=tuple(shapes))
