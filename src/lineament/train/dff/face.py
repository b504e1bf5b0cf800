"""Faces of the network's numbers: their points, where a camera sees them, and their colours in the light."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.errors import ConfigError
from lineament.geometry.morphable import MorphableModel
from lineament.models.texture import TextureModel
from lineament.train.dff.rasterisers import Rasteriser
from lineament.train.dff.renderer import ProjectedMesh, Renderer, VertexNormals, harmonics
from lineament.train.networks.dff.network import EXPRESSION_UNIT, DffConfig, DffOutput

Array = NDArray[Any]

AXES = (1.0, -1.0, -1.0)
"""Signs between the model frame and the camera's."""


def expression_unit(model: MorphableModel) -> float:
    """The model's weight of one standard deviation of an expression."""
    return 1.0 if model.expression_bounds is None else EXPRESSION_UNIT


class FacePoints(nn.Module):
    """Some points of a face model, and where cameras see them.

    Args:
        model: whose vertices are the points; its leading modes are used.
        config: of the network.
    """

    def __init__(self, model: MorphableModel, config: DffConfig) -> None:
        super().__init__()
        self.camera = config.camera
        unit = expression_unit(model)
        tables = {
            "rest": model.neutral_model,
            "identity_basis": model.identity_basis[: config.identity].reshape(config.identity, -1),
            "expression_basis": unit
            * model.expression_basis[: config.expression].reshape(config.expression, -1),
            "axes": np.array(AXES),
        }
        for name, values in tables.items():
            kept = torch.as_tensor(np.ascontiguousarray(values, np.float32))
            self.register_buffer(name, kept, persistent=False)

    def points_model(self, face: DffOutput) -> Tensor:
        """(B, P, 3) mm, model frame."""
        moved = face.identity @ self.identity_basis + face.expression @ self.expression_basis
        return self.rest + moved.view(len(moved), -1, 3)

    def projected(self, turned: Tensor, face: DffOutput, size: int) -> ProjectedMesh:
        """Where the crop has (B, P, 3) points, mm, turned by the rotation but not moved.

        Torch twin of :meth:`lineament.geometry.perspective.Perspective.image_from_model`.
        """
        x, y, z = (turned * self.axes + face.translation[:, None]).unbind(2)
        depth = z if self.camera != "weak" else face.translation[:, 2:].expand_as(z)
        inverse = 1 / depth.clamp(min=1.0)  # a face in the camera's plane has no picture, nor a gradient
        xy = torch.stack([x, y], dim=2) * (face.focal * size)[:, None, None] * inverse[..., None] + size / 2
        return ProjectedMesh(xy, inverse, -1 / z.clamp(min=1.0))

    def turned(self, face: DffOutput) -> Tensor:
        """(B, P, 3) mm, turned by the rotation: x right, y up, z to the viewer."""
        return self.points_model(face) @ face.rotation.transpose(1, 2)

    def forward(self, face: DffOutput, size: int) -> Tensor:
        """(B, P, 2) px of crops of a size."""
        return self.projected(self.turned(face), face, size).xy


class FaceSurface(nn.Module):
    """The skin of a face model with its colours: draws faces.

    Args:
        model: with the part "face".
        texture: on the model's vertices.
        config: of the network.
        rasteriser: finds the triangle of each pixel; None takes our own.

    Raises:
        ConfigError: the texture belongs to another mesh, or model or texture has fewer modes than are asked.
    """

    def __init__(
        self,
        model: MorphableModel,
        texture: TextureModel,
        config: DffConfig,
        rasteriser: Rasteriser | None = None,
    ) -> None:
        super().__init__()
        check_modes(model, texture, config)
        first, last = model.parts.get("face", (0, len(model.triangles)))
        skin, triangles = np.unique(model.triangles[first:last], return_inverse=True)
        triangles = torch.as_tensor(triangles.reshape(-1, 3).astype(np.int64))
        self.points = FacePoints(vertices_of(model, skin), config)
        self.normals = VertexNormals(triangles, len(skin))
        self.renderer = Renderer(triangles, rasteriser)
        mean, modes = texture.vertex_basis()
        self.register_buffer("skin", torch.as_tensor(skin), persistent=False)
        self.register_buffer("mean_rgb", torch.as_tensor(mean[skin]), persistent=False)
        basis = np.ascontiguousarray(modes[: config.texture, skin].reshape(config.texture, -1))
        self.register_buffer("texture_basis", torch.as_tensor(basis), persistent=False)

    def albedo(self, face: DffOutput) -> Tensor:
        """(B, N, 3) colours of the skin's vertices without light, mostly in 0..1."""
        moved = face.texture @ self.texture_basis
        return self.mean_rgb + moved.view(len(moved), -1, 3)

    def lit(self, albedo: Tensor, normals: Tensor, light: Tensor) -> Tensor:
        """(B, N, 3) colours: C = t * sum of r_b H_b(n)."""
        return albedo * (harmonics(normals) @ light)

    def forward(self, face: DffOutput, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Draw faces.

        Returns:
            (B, 3, S, S) pictures in 0..1, not clipped; (B, S, S) bool masks; and (B, N, 3) normals as the
            camera sees them.
        """
        turned = self.points.turned(face)
        normals = self.normals(turned)
        colors = self.lit(self.albedo(face), normals, face.light)
        drawn = self.renderer(self.points.projected(turned, face, size), colors, size)
        return drawn.rgb, drawn.mask, normals


def check_modes(model: MorphableModel, texture: TextureModel, config: DffConfig) -> None:
    """Refuse what does not belong together.

    Raises:
        ConfigError: the texture belongs to another mesh, or there are fewer modes than the network gives.
    """
    if len(texture.vertex_uv) != len(model.neutral_model):
        raise ConfigError(
            f"The texture model {texture.name!r} has colours of {len(texture.vertex_uv)} vertices, the face "
            f"model {model.name!r} has {len(model.neutral_model)}: choose one that was made for it."
        )
    found = (len(model.identity_basis), len(texture.modes), len(model.expression_basis))
    wanted = (config.identity, config.texture, config.expression)
    if any(have < want for have, want in zip(found, wanted, strict=True)):
        raise ConfigError(
            f"The network is to give {_counts(wanted)}, but there are {_counts(found)} in {model.name!r} and "
            f"{texture.name!r}: set network.identity, network.texture and network.expression."
        )


def _counts(numbers: Sequence[int]) -> str:
    return "{} identity, {} texture and {} expression modes".format(*numbers)


def vertices_of(model: MorphableModel, chosen: Array) -> MorphableModel:
    """A model without triangles whose vertices are some of another's."""
    return MorphableModel(
        name=f"{model.name}/part",
        neutral_model=model.neutral_model[chosen],
        identity_basis=model.identity_basis[:, chosen],
        expression_basis=model.expression_basis[:, chosen],
        expression_names=model.expression_names,
        triangles=np.zeros((0, 3), np.int32),
        expression_bounds=model.expression_bounds,
    )
