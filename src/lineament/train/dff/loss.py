"""The five losses of the paper (section 6 of the sheet), with our readings of what it leaves open."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.data.crops.sampler import SOURCES
from lineament.train.batches.labels import LabelBatch
from lineament.train.dff.colour_solver import LightPrior
from lineament.train.dff.contour import ContourPoints
from lineament.train.dff.face import FaceSurface
from lineament.train.dff.photometric import photometric
from lineament.train.dff.skin_mask import skin_weights
from lineament.train.networks.dff.network import DffNet, DffOutput

Labels = Literal["hand", "detector", "mesh478"]

JAW, CHIN = slice(0, 17), 8
CONTOUR_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class DffLossConfig:
    """Weights and switches; distances are in sides of the crop, colours in 0..1.

    The paper names no unit. In pixels the landmarks' loss would be of order 10^5 and drown all others; in
    sides of the crop it is about ten, as the photometric one is.

    Attributes:
        land: of L_land; contour points count half.
        land_error: of L_land_error.
        photo: of L_photo.
        w_dff: of L_dff. 1e-6 as printed is no influence at all with unit descriptors (at most 3e-4 beside
            losses of about ten); ours is about a twentieth of the total at the start.
        identity: of the squared identity coefficients.
        texture: of the squared texture coefficients. With the paper's a whole people's colours drift dark and
            the light bright: only their product is seen.
        light: of squared standard deviations that light is from what is usual
            (:class:`lineament.train.dff.colour_solver.LightPrior`); none as printed.
        expression: of the squared expression coefficients.
        bounds: of squares of expression weights outside of the model's bounds; the paper's model has none.
        render_from: fraction of the run before which only L_land and the coefficients count, so that the face
            is in the picture before it is drawn.
        land_error_from: fraction of the run from which L_land_error counts (epoch 5 of 10).
        epochs: how many the run has: errors of points are remembered for about one.
        contour: "fixed" vertices of the jaw, or "dynamic": the silhouette's, for points set on the outline.
        dff_at: where descriptors of the drawn face are read: at the "detected" landmarks or at the
            "projected" ones; those of the photograph are always read at the detected.
        skin_mask: keep what has not the colour of skin out of L_photo.
        occlusion_mask: keep what is known to hide the face out of L_photo and L_dff.
    """

    land: float = 400.0
    land_error: float = 2000.0
    photo: float = 100.0
    w_dff: float = 0.1
    identity: float = 2e-5
    texture: float = 2e-2
    light: float = 0.0
    expression: float = 4e-4
    bounds: float = 0.0
    render_from: float = 0.2
    land_error_from: float = 0.5
    epochs: int = 10
    contour: Literal["fixed", "dynamic"] = "fixed"
    dff_at: Literal["detected", "projected"] = "detected"
    skin_mask: bool = True
    occlusion_mask: bool = True


OURS = DffLossConfig(texture=0.15, light=0.1, bounds=20.0)
AS_PRINTED = DffLossConfig(w_dff=1e-6, skin_mask=False, occlusion_mask=False)


class DffLoss(nn.Module):
    """The terms of a batch, out of photographs and points in the plane alone: coefficients are never read.

    Args:
        network: whose counters are used; not kept as a child.
        surface: draws faces.
        contour: chooses the jaw's points; None for fixed ones.
        descriptor: crops in 0..255 to (B, C, s, s) unit descriptors; frozen. None leaves L_dff out.
        config: weights and switches.
        labels: whose points count.
        steps: of the run.
        bf16: whether the descriptor's multiplications are in bfloat16, as the network's are.
        bounds: least and greatest weight of an expression; None for a model without bounds.
        unit: weight of one standard deviation of an expression.
        landmark_corners: (68, 3) vertices of the skin, as the surface numbers them, around each landmark.
        landmark_weights: (68, 3) of these.
    """

    def __init__(
        self,
        network: DffNet,
        surface: FaceSurface,
        contour: ContourPoints | None,
        descriptor: nn.Module | None,
        config: DffLossConfig,
        *,
        labels: tuple[Labels, ...],
        steps: int,
        bf16: bool,
        bounds: tuple[float, float] | None,
        unit: float,
        landmark_corners: Tensor,
        landmark_weights: Tensor,
    ) -> None:
        super().__init__()
        self._network = (network,)  # in a tuple, or its weights would count as the loss's own
        self.surface, self.contour = surface, contour
        self.descriptor = None if descriptor is None else descriptor.eval().requires_grad_(False)
        self.config, self.steps, self.bounds, self.unit, self.bf16 = config, steps, bounds, unit, bf16
        weights = torch.ones(68)
        weights[JAW] = CONTOUR_WEIGHT
        weights[CHIN] = 1.0
        codes = torch.tensor([SOURCES.index(name) for name in labels])
        tables = {
            "weights": weights,
            "fixed": (weights == 1).float(),
            "codes": codes,
            "landmark_corners": landmark_corners,
            "landmark_weights": landmark_weights,
        }
        for name, values in tables.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, found: DffOutput, truth: LabelBatch) -> dict[str, Tensor]:
        """Each term, weighted, and their sum under "loss"; all are means over the batch."""
        config, network = self.config, self._network[0]
        done = int(network.steps) / self.steps
        size = found.picture.shape[-1]
        known = truth.point_weights * torch.isin(truth.point_source, self.codes)[:, None]
        square, projected = self._point_squares(found, truth, known, size)
        terms = {
            "land": config.land * (square * self.weights).sum(1).mean(),
            **self._regularisation(found),
        }
        if config.land_error:
            errors = self._remembered(square.detach(), known)
            if done >= config.land_error_from:
                terms["land_error"] = config.land_error * (square * self.fixed * errors).sum(1).mean()
        drawn = config.photo or (config.w_dff and self.descriptor is not None)
        if drawn and done >= config.render_from:
            terms |= self._pictures(found, truth, known, projected)
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def _point_squares(
        self, found: DffOutput, truth: LabelBatch, known: Tensor, size: int
    ) -> tuple[Tensor, Tensor]:
        """(B, 68) squared distances of known landmarks, sides of the crop, and (B, 68, 2) px of the face."""
        projected = self._network[0].landmarks(found, size)
        if self.contour is not None:
            projected = self.contour(projected, found, size)
        apart = torch.where(known[..., None] > 0, (projected - truth.points[..., :2]) / size, 0.0)
        return apart.square().sum(2) * known, projected

    def _regularisation(self, found: DffOutput) -> dict[str, Tensor]:
        config = self.config
        squares = {
            name: getattr(found, name).square().sum(1) for name in ("identity", "texture", "expression")
        }
        terms = {"reg": sum(getattr(config, name) * value.mean() for name, value in squares.items())}
        if config.light:
            usual = LightPrior(weight=config.light)
            terms["light"] = usual.cost(found.light) / len(found.light)
        if config.bounds and self.bounds is not None:
            weights, (low, high) = self.unit * found.expression, self.bounds
            beyond = functional.relu(low - weights) + functional.relu(weights - high)
            terms["bounds"] = config.bounds * beyond.square().sum(1).mean()
        return terms

    @torch.no_grad()
    def _remembered(self, square: Tensor, known: Tensor) -> Tensor:
        """(68,) mean error e of each point over about an epoch, sides of the crop; updated by this batch."""
        record = self._network[0].point_errors
        before = record[0] / record[1].clamp(min=1e-6)
        if self._network[0].training:
            keep = 1 - 1 / max(self.steps / self.config.epochs, 1.0)
            record.mul_(keep).add_(torch.stack([(square.sqrt() * known).sum(0), known.sum(0)]))
        return before

    def _pictures(
        self, found: DffOutput, truth: LabelBatch, known: Tensor, projected: Tensor
    ) -> dict[str, Tensor]:
        """What the drawn face says beside the photograph."""
        config, photo = self.config, found.picture / 255
        rendered, mask, normals = self.surface(found, photo.shape[-1])
        weight = mask.to(photo.dtype)
        if config.occlusion_mask and truth.occlusion is not None:
            weight = weight * ~truth.occlusion
        terms = {}
        if config.photo:
            believed = weight * skin_weights(photo, weight) if config.skin_mask else weight
            terms["photo"] = config.photo * photometric(photo, rendered, believed)
        if config.w_dff and self.descriptor is not None:
            visible = (self._landmark_normals(normals)[..., 2] > 0) * known
            if config.occlusion_mask and truth.occlusion is not None:
                visible = visible * (
                    1 - read_at(truth.occlusion[:, None].to(photo.dtype), truth.points)[..., 0]
                )
            whole = torch.where(
                mask[:, None], rendered.clamp(0, 1), photo
            )  # a black surround would shift them
            with torch.no_grad():
                wanted = read_at(self._described(found.picture), truth.points, size=photo.shape[-1])
            at = truth.points if config.dff_at == "detected" else projected
            given = read_at(self._described(255 * whole), at, size=photo.shape[-1])
            terms["dff"] = config.w_dff * ((wanted - given).square().sum(2) * visible).sum(1).mean()
        return terms

    def _described(self, crop: Tensor) -> Tensor:
        assert self.descriptor is not None
        with torch.autocast(crop.device.type, torch.bfloat16, enabled=self.bf16):
            found: Tensor = self.descriptor(crop.contiguous(memory_format=torch.channels_last))
        return found.float()

    def _landmark_normals(self, normals: Tensor) -> Tensor:
        """(B, 68, 3) normals at the landmarks, without a gradient."""
        corners = normals.detach()[:, self.landmark_corners]
        return (corners * self.landmark_weights[..., None]).sum(2)


def read_at(maps: Tensor, points: Tensor, *, size: int | None = None) -> Tensor:
    """(B, P, C) values of (B, C, s, s) maps at (B, P, 2 or 3) places of crops, px, between pixel centres.

    Args:
        maps: over the crop.
        points: px of a crop of `size`.
        size: px; that of the maps when None.
    """
    side = maps.shape[-1] if size is None else size
    places = (points[..., :2] * (2 / side) - 1)[:, :, None].to(maps.dtype)
    found = functional.grid_sample(maps, places, align_corners=False, padding_mode="border")
    return found[..., 0].transpose(1, 2)


def without_pictures(config: DffLossConfig) -> DffLossConfig:
    """The losses of landmarks alone."""
    return replace(config, photo=0.0, w_dff=0.0)
