"""A regressor that predicts from each face and from its mirror image.

The mean of both answers is more exact than either, because what a network gets wrong in a picture and in its
mirror image is partly independent; and it is exactly symmetric: the mirror image of a crop has the mirrored
face. It takes a face model whose mirror image is itself (:class:`lineament.geometry.morphable.Mirror`).

How far both predictions are apart tells how much to believe them. The graph says it in mm on the head, its
output "uncertainty": the mean distance, in the picture, of the 68 landmarks.

Both predictions are in the graph, one batch of its network: whatever runs it, Python or a page in a browser,
has an ordinary regressor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch
from onnx import compose
from torch import Tensor, nn

from lineament.bundle import Manifest
from lineament.errors import ExportError
from lineament.geometry.morphable import Mirror, MorphableModel
from lineament.geometry.topology import MIRROR_68
from lineament.methods.regressor import OUTPUTS, UNCERTAINTY
from lineament.methods.synergynet import LANDMARKS
from lineament.models import load_model
from lineament.result import DEFAULT_SCHEME
from lineament.train.networks.regressor import rotation_from_six
from lineament.train.onnx.graph import network_of, noise, renamed, trace


class _BothCrops(nn.Module):
    """(n, S, S, 3) crops to (2n, S, S, 3): the crops, then their mirror images."""

    def forward(self, crop: Tensor) -> Tensor:
        return torch.cat([crop, crop.flip(2)])


class MirroredCoefficients(nn.Module):
    """Coefficients of mirror images as those of the faces themselves.

    Args:
        mirror: of the face model.
        identity: number of identity coefficients.
    """

    def __init__(self, mirror: Mirror, identity: int) -> None:
        super().__init__()
        self.register_buffer("identity_sign", torch.tensor(mirror.identity_sign[:identity]).float())
        self.register_buffer("partner", torch.tensor(np.asarray(mirror.expression)).long())

    def forward(self, identity: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        """(n, K) and (n, E) of mirror images, to those of the faces."""
        return self.identity_sign * identity, expression[:, self.partner]

    def means(self, identity: Tensor, expression: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients of faces, then of their mirror images, (2n, K) and (2n, E), to the n means of both."""
        shape, shape_there = halves(identity)
        weights, weights_there = halves(expression)
        shape_there, weights_there = self(shape_there, weights_there)
        return (shape + shape_there) / 2, (weights + weights_there) / 2


class _MeanFace(nn.Module):
    """The outputs for 2n crops of :class:`_BothCrops` to those for n."""

    def __init__(self, model: MorphableModel, crop_size: int, identity: int) -> None:
        super().__init__()
        assert model.mirror is not None
        self.crop_size = float(crop_size)
        flip = torch.tensor([-1.0, 1.0, 1.0])
        self.register_buffer("rotation_signs", flip[:, None] * flip)  # of the rotation on both sides
        self.mirrored = MirroredCoefficients(model.mirror, identity)
        points = model.landmark_points(DEFAULT_SCHEME)
        self.register_buffer("neutral", torch.tensor(points.neutral_model).float())
        bases = np.concatenate([points.identity_basis[:identity], points.expression_basis])
        self.register_buffer("bases", torch.tensor(bases.reshape(len(bases), -1)).float())
        self.register_buffer("landmark_partner", torch.tensor(MIRROR_68).long())
        self.register_buffer("landmark_side", torch.tensor([self.crop_size, 0.0, 0.0]))
        self.register_buffer("landmark_signs", flip)

    def forward(
        self,
        rotation: Tensor,
        scale: Tensor,
        translation: Tensor,
        identity: Tensor,
        expression: Tensor,
        landmarks: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        turn, turn_there = rotation.reshape(2, -1, 3, 3)
        turn_there = self.rotation_signs * turn_there
        where, where_there = translation.reshape(2, -1, 2)
        where_there = torch.stack([self.crop_size - where_there[:, 0], where_there[:, 1]], dim=1)
        size, size_there = scale.reshape(2, -1)
        shape, shape_there = halves(identity)
        weights, weights_there = halves(expression)
        shape_there, weights_there = self.mirrored(shape_there, weights_there)
        here = self._landmarks_crop(turn, size, where, shape, weights)
        there = self._landmarks_crop(turn_there, size_there, where_there, shape_there, weights_there)
        mean_size = (size + size_there) / 2
        own = () if landmarks is None else (self._mean_landmarks(landmarks),)
        return (
            rotation_from_six((turn + turn_there)[:, :2].reshape(-1, 6)),
            mean_size,
            (where + where_there) / 2,
            (shape + shape_there) / 2,
            (weights + weights_there) / 2,
            *own,
            torch.sqrt(((here - there) ** 2).sum(2)).mean(1) / mean_size,
        )

    def _mean_landmarks(self, landmarks: Tensor) -> Tensor:
        here, there = landmarks.reshape(2, -1, 68, 3)
        there = self.landmark_side + self.landmark_signs * there[:, self.landmark_partner]
        return (here + there) / 2

    def _landmarks_crop(
        self, rotation: Tensor, scale: Tensor, translation: Tensor, identity: Tensor, expression: Tensor
    ) -> Tensor:
        """(n, 68, 2) px."""
        moved = (torch.cat([identity, expression], dim=1) @ self.bases).reshape(-1, len(self.neutral), 3)
        rotated = (self.neutral + moved) @ rotation.transpose(1, 2)
        flat = torch.stack([rotated[..., 0], -rotated[..., 1]], dim=2)
        return scale[:, None, None] * flat + translation[:, None]


def flip_ensemble(graph: onnx.ModelProto, manifest: Manifest) -> onnx.ModelProto:
    """The graph of a regressor, float or in int8, that predicts from each face both ways.

    Args:
        graph: of the regressor.
        manifest: of its weights: crop and face model.

    Raises:
        ExportError: `graph` is no regressor, predicts both ways already, or belongs to a face model that is
            not symmetric; or the new graph does not say the mean of what `graph` says.
    """
    shapes = _shapes(graph)
    assert manifest.crop is not None
    assert manifest.face_model is not None
    model, size = load_model(manifest.face_model.name), manifest.crop.size
    if model.mirror is None or shapes["expression"] != [len(model.mirror.expression)]:
        raise ExportError(
            f"The network gives {shapes['expression'][0]} weights of the face model {model.name!r}, which "
            f"has no mirror image for them. That takes a symmetric model with all of its blendshapes."
        )
    mean = _MeanFace(model, size, shapes["identity"][0])
    return both_ways(graph, mean, size=size, shapes=shapes, ends=(*shapes, UNCERTAINTY))


def both_ways(
    graph: onnx.ModelProto,
    mean: nn.Module,
    *,
    size: int,
    shapes: Mapping[str, Sequence[int]],
    ends: tuple[str, ...],
) -> onnx.ModelProto:
    """A graph of crops whose answers are made of those for each crop and for its mirror image.

    Args:
        graph: of (n, S, S, 3) crops.
        mean: takes its outputs for 2n crops, the mirror images last, and gives those for n.
        size: S, px.
        shapes: of the graph's outputs, without the rows.
        ends: names of what `mean` gives.

    Raises:
        ExportError: the new graph does not say what `mean` makes of what `graph` says.
    """
    before = trace(_BothCrops(), {"crop": noise(2, size, size, 3)}, ("crops",))
    answers = {f"seen_{name}": np.ones((4, *shape), np.float32) for name, shape in shapes.items()}
    whole = _joined(before, graph, trace(mean, answers, ends, rows=4), tuple(shapes), ends)
    onnx.checker.check_model(whole)
    _check(graph, whole, mean, size, tuple(shapes), ends)
    return whole


def answers_of(
    graph: onnx.ModelProto, manifest: Manifest, *known: tuple[str, ...]
) -> tuple[int, MorphableModel, dict[str, tuple[int, ...]]]:
    """What is to be known of a graph of crops before it can look both ways.

    Args:
        graph: of crops.
        manifest: of its weights: crop and face model.
        known: the outputs that it may have.

    Returns:
        Side of the crops, px; the face model, which has a mirror; shapes of the outputs, without the rows.

    Raises:
        ExportError: it gives something else, or its face model has no mirror image of what it gives.
    """
    assert manifest.crop is not None
    assert manifest.face_model is not None
    size, model = manifest.crop.size, load_model(manifest.face_model.name)
    said = network_of(graph)(crop=noise(1, size, size, 3))
    shapes = {output.name: said[output.name].shape[1:] for output in graph.graph.output}
    if tuple(shapes) not in known:
        raise ExportError(
            f"The network gives {', '.join(shapes)}; looking at faces both ways is for "
            f"{' or '.join(', '.join(names) for names in known)}: leave --flip out."
        )
    if model.mirror is None:
        raise ExportError(f"The face model {model.name!r} is not symmetric: leave --flip out.")
    if shapes.get("expression", (len(model.mirror.expression),)) != (len(model.mirror.expression),):
        raise ExportError(
            f"The network gives {shapes['expression'][0]} weights of the face model {model.name!r}, which "
            f"has no mirror image for them: leave --flip out."
        )
    return size, model, shapes


def halves(values: Tensor) -> Tensor:
    """(2, n, ...) answers for n crops and for their mirror images, of (2n, ...)."""
    return values.reshape(2, -1, *values.shape[1:])


def mean_map(maps: Tensor) -> Tensor:
    """(n, S, S) means of (2n, S, S) maps over crops, the mirror images' with their columns in order again."""
    here, there = halves(maps)
    return (here + there.flip(2)) / 2


def _shapes(graph: onnx.ModelProto) -> Mapping[str, list[int]]:
    """Shapes of a regressor's outputs, without the rows."""
    shapes = {
        output.name: [length.dim_value for length in output.type.tensor_type.shape.dim[1:]]
        for output in graph.graph.output
    }
    if UNCERTAINTY in shapes:
        raise ExportError("The network predicts from each face both ways already.")
    if tuple(shapes) not in (OUTPUTS, (*OUTPUTS, LANDMARKS)):
        raise ExportError(
            f"The network gives {', '.join(shapes)}; predicting both ways is for {', '.join(OUTPUTS)}."
        )
    return shapes


def _joined(
    before: onnx.ModelProto,
    graph: onnx.ModelProto,
    after: onnx.ModelProto,
    outputs: tuple[str, ...],
    ends: tuple[str, ...],
) -> onnx.ModelProto:
    """One graph of three, whose inputs and outputs have the names of the middle one's."""
    for part in (before, after):
        part.ir_version = graph.ir_version
        del part.opset_import[:]
        part.opset_import.extend(graph.opset_import)
    first, middle, last = (f"{place}/" for place in ("before", "both", "after"))
    network = renamed(graph, {name: middle + name for name in ("crop", *outputs)})
    crops = [(f"{first}crops", f"{middle}crop")]
    whole = compose.merge_models(compose.add_prefix(before, first), network, io_map=crops)
    answers = [(middle + name, f"{last}seen_{name}") for name in outputs]
    whole = compose.merge_models(whole, compose.add_prefix(after, last), io_map=answers)
    return renamed(whole, {f"{first}crop": "crop"} | {last + name: name for name in ends})


def _check(
    graph: onnx.ModelProto,
    whole: onnx.ModelProto,
    mean: nn.Module,
    size: int,
    outputs: tuple[str, ...],
    ends: tuple[str, ...],
) -> None:
    """Compare the new graph with the mean of the old one's answers, taken by torch."""
    crops = noise(3, size, size, 3)
    both = network_of(graph)(crop=np.concatenate([crops, crops[:, :, ::-1]]))
    expected = mean(*(torch.from_numpy(both[name]) for name in outputs))
    found = network_of(whole)(crop=crops)
    for name, wanted in zip(ends, expected, strict=True):
        if not np.allclose(found[name], wanted.numpy(), rtol=1e-3, atol=1e-3):
            raise ExportError(f"{name} of the flip ensemble is not the mean of both predictions.")
