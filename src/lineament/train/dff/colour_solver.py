"""Light and texture of a face whose geometry is known: two linear problems, in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from lineament.train.dff.face import FaceSurface
from lineament.train.dff.photometric import ROOT_EPSILON
from lineament.train.dff.renderer import harmonics
from lineament.train.networks.dff.network import AMBIENT, DffOutput

LEAST_DISTANCE = 0.02
"""Of colours, below which reweighting believes a pixel no more."""
COARSER = 2
"""Pixels along a side that are averaged: colours are smooth, and a quarter of the pixels say as much."""
BANDS = (0, 1, 1, 1, 2, 2, 2, 2, 2)


@dataclass(frozen=True, slots=True)
class LightPrior:
    """What light is usual: about as strong from everywhere, nearly colourless; as ``data/render`` draws it.

    Attributes:
        weight: of a squared standard deviation.
        ambient: mean of the zeroth band's coefficients.
        grey: standard deviations of the mean over the channels, by band.
        tint: standard deviations of a channel about that mean, by band.
    """

    weight: float = 5e-2
    ambient: float = AMBIENT
    grey: tuple[float, float, float] = (0.4, 0.35, 0.15)
    tint: tuple[float, float, float] = (0.1, 0.06, 0.03)

    @property
    def mean(self) -> Tensor:
        """(9, 3)."""
        light = torch.zeros(len(BANDS), 3)
        light[0] = self.ambient
        return light

    @property
    def precision(self) -> Tensor:
        """(27, 27) the weighted inverse covariance of the coefficients, channels innermost."""
        mean = torch.full((3, 3), 1 / 3)
        blocks = [
            mean / (3 * self.grey[band] ** 2) + (torch.eye(3) - mean) / self.tint[band] ** 2 for band in BANDS
        ]
        return self.weight * torch.block_diag(*blocks)

    def cost(self, light: Tensor) -> Tensor:
        """Of (B, 9, 3) coefficients, summed over the batch."""
        apart = (light - self.mean.to(light.device)).flatten(1)
        return (apart @ self.precision.to(light.device) * apart).sum()


class ColourSolver:
    """Finds the light and the texture with which a face is most like a photograph.

    The cost is the photometric loss, whose distance becomes a sum of squares by weights that are the inverse
    of the distances before (iteratively reweighted least squares), and the priors of texture and light.
    """

    def __init__(self, surface: FaceSurface) -> None:
        """Of the faces that the surface draws."""
        self._surface = surface
        count = len(surface.mean_rgb)
        modes = surface.texture_basis.view(-1, count, 3).permute(1, 2, 0)
        self._modes = modes.flatten(1).contiguous()  # (N, 3 T): how each mode changes a vertex's colours

    def __call__(
        self,
        face: DffOutput,
        photo: Tensor,
        known: Tensor,
        *,
        photo_weight: float,
        texture_weight: float,
        light_prior: LightPrior,
        rounds: int,
    ) -> DffOutput:
        """The face with other texture and light; it begins with its own.

        Args:
            face: one.
            photo: (1, 3, S, S) in 0..1.
            known: (1, S, S) how far each pixel is believed.
            photo_weight: of the photometric term.
            texture_weight: of squared texture coefficients.
            light_prior: what light is usual.
            rounds: of light and texture in turn.
        """
        pixels = self._pixels(face, photo, known)
        texture, light = face.texture[0], face.light[0]
        for _ in range(rounds):
            weight = photo_weight * pixels.believed(texture, light)
            light = pixels.light(texture, weight, light_prior)
            weight = photo_weight * pixels.believed(texture, light)
            texture = pixels.texture(light, weight, texture_weight)
        return replace(face, texture=texture[None], light=light[None])

    def _pixels(self, face: DffOutput, photo: Tensor, known: Tensor) -> _Pixels:
        """What each believed pixel shows."""
        surface = self._surface
        photo, known = (functional.avg_pool2d(each, COARSER) for each in (photo, known))
        turned = surface.points.turned(face)
        bands = harmonics(surface.normals(turned))
        mesh = surface.points.projected(turned, face, photo.shape[-1])
        mean = surface.mean_rgb
        assert isinstance(mean, Tensor)
        everything = torch.cat([bands[0], mean, self._modes], dim=1)[None]
        drawn = surface.renderer(mesh, everything, photo.shape[-1])
        chosen = drawn.mask[0] & (known[0] > 0)
        values = drawn.rgb[0].permute(1, 2, 0)[chosen]
        bands, mean, modes = values.split([bands.shape[2], 3, self._modes.shape[1]], dim=1)
        modes = modes.reshape(len(values), 3, -1)
        return _Pixels(photo[0].permute(1, 2, 0)[chosen], known[0][chosen], bands, mean, modes)


@dataclass(frozen=True, slots=True)
class _Pixels:
    """P pixels of a face.

    Attributes:
        rgb: (P, 3) of the photograph.
        known: (P,).
        bands: (P, 9) harmonics of the surface's direction.
        mean_rgb: (P, 3) the mean colour.
        modes: (P, 3, T) how each mode changes it.
    """

    rgb: Tensor
    known: Tensor
    bands: Tensor
    mean_rgb: Tensor
    modes: Tensor

    def albedo(self, texture: Tensor) -> Tensor:
        """(P, 3)."""
        return self.mean_rgb + self.modes @ texture

    def believed(self, texture: Tensor, light: Tensor) -> Tensor:
        """(P,) weights of squares that make them the mean distance, and sum to its weight."""
        apart = self.rgb - self.albedo(texture) * (self.bands @ light)
        distance = torch.sqrt(apart.square().sum(1) + ROOT_EPSILON).clamp(min=LEAST_DISTANCE)
        return self.known / (2 * distance * self.known.sum().clamp(min=1))

    def light(self, texture: Tensor, weight: Tensor, prior: LightPrior) -> Tensor:
        """(9, 3) the best light for a texture."""
        rows = self.albedo(texture)[:, None] * self.bands[..., None]  # (P, 9, 3)
        weighted = rows * weight[:, None, None]
        normal = torch.einsum("pac,pbc->cab", weighted, rows)
        right = torch.einsum("pac,pc->ac", weighted, self.rgb).flatten()
        whole = torch.zeros(9, 3, 9, 3)
        for channel in range(3):
            whole[:, channel, :, channel] = normal[channel]
        precision = prior.precision
        left = whole.view(27, 27) + precision
        return torch.linalg.solve(left, right + precision @ prior.mean.flatten()).view(9, 3)

    def texture(self, light: Tensor, weight: Tensor, prior: float) -> Tensor:
        """(T,) the best texture in a light."""
        shade = self.bands @ light
        rows = (self.modes * shade[..., None]).flatten(0, 1)  # (3 P, T)
        left_over = (self.rgb - self.mean_rgb * shade).flatten()
        root = weight.repeat_interleave(3).sqrt()
        rows, left_over = rows * root[:, None], left_over * root
        normal = rows.T @ rows + prior * torch.eye(rows.shape[1])
        return torch.linalg.solve(normal, rows.T @ left_over)
