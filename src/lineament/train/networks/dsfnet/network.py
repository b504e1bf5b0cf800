"""DSFNet (Li et al., CVPR 2023): a face in model space, one in image space, and the fusion of both."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lineament.geometry.morphable import MorphableModel
from lineament.methods.dsfnet_points import CLOUD_SIDES, MIN_TEXELS, UNITS_PER_MM, FaceChart, draws
from lineament.train.networks.alignment import Alignment, align_points
from lineament.train.networks.dsfnet.cloud import ChartTables, Cloud, drawn, taken
from lineament.train.networks.dsfnet.config import Branch, DsfConfig
from lineament.train.networks.dsfnet.faces import DsfOutput, Face, ImageBranch, inverse, moved
from lineament.train.networks.dsfnet.heads import POSE, Coefficients, CropMaps, MapHeads, ModelBranch
from lineament.train.networks.dsfnet.hrnet import Hrnet
from lineament.train.networks.dsfnet.pointnet import PointNet
from lineament.train.networks.dsfnet.residual import Pyramid, RegressorBranch
from lineament.train.networks.dsfnet.unet import FusionNet
from lineament.train.networks.regressor import RegressorOutput
from lineament.train.networks.residual_encoder import ResidualEncoder

FIRST, FEATURES, BACK, LAST = range(4)
"""Which row of the random numbers each draw of points has."""


class DsfNet(nn.Module):
    """Crop to maps, coefficients and faces.

    Args:
        config: sizes and switches.
        model: the face model, with at least as many modes as the network gives.
        chart: of that model, of the configured size.
    """

    def __init__(self, config: DsfConfig, model: MorphableModel, chart: FaceChart) -> None:
        super().__init__()
        self.config, self.chart = config, chart
        self.encoder: nn.Module
        if config.backbone == "hrnet":
            self.encoder = Hrnet(config.encoder)
            channels = self.encoder.channels
            self.pyramid, self.model_branch = None, ModelBranch(channels[-1], config)
            self.heads = MapHeads(sum(channels), config.heads)
        else:
            self.encoder = ResidualEncoder(config.residual.convolutions)
            channels = self.encoder.channels
            self.pyramid = Pyramid(channels, config.residual)
            self.model_branch = RegressorBranch(channels[-1], config)
            self.heads = MapHeads(config.residual.pyramid, config.heads)
        if config.frozen:
            for part in (self.encoder, self.model_branch):
                part.requires_grad_(False)
        self.points = PointNet(config) if config.points.enabled else None
        self.fusion = None
        if config.fusion.enabled:
            joined = config.shared_channels if config.fusion.use_f_ms else 0
            momentum = config.encoder.norm_momentum
            blend = config.fusion.blend
            self.fusion = FusionNet(config.fusion.widths, joined, norm_momentum=momentum, blend=blend)
        self.tables = ChartTables(model, chart, config.identity, config.expression)
        for name, count in (("pose", POSE), ("identity", config.identity), ("expression", config.expression)):
            self.register_buffer(f"{name}_mean", torch.zeros(count))
            self.register_buffer(f"{name}_std", torch.ones(count))
        uniform = torch.as_tensor(draws(0, config.points.count))
        self.register_buffer("uniform", uniform, persistent=False)

    def train(self, mode: bool = True) -> Self:
        """See :meth:`torch.nn.Module.train`; parts that are frozen always answer as after training."""
        super().train(mode)
        if self.config.frozen:
            self.encoder.eval()
            self.model_branch.eval()
        return self

    def forward(self, crop: Tensor) -> DsfOutput:
        """(B, 3, S, S) float crops with values in 0..255, RGB."""
        maps, coefficients, features = self.encoded(crop)
        with torch.autocast(crop.device.type, enabled=False):
            model_face = self.posed_by_numbers(coefficients)
        image = None if self.points is None else self.image_branch(maps)
        fused = None if image is None else self.fused(model_face, image.face, features)
        return DsfOutput(maps, features, coefficients, model_face, image, fused)

    def encoded(self, crop: Tensor) -> tuple[CropMaps, Coefficients, Tensor]:
        """Maps, coefficients of the model-space branch, and its features."""
        if self.pyramid is not None:
            return self._encoded_by_regressor(crop)
        branches = self.encoder(standardised(crop))
        larger = [
            functional.interpolate(lower, scale_factor=2**level, mode="bilinear", align_corners=False)
            for level, lower in enumerate(branches[1:], start=1)
        ]
        maps = self.heads(torch.cat([branches[0], *larger], dim=1))
        coefficients, features = self.model_branch(branches[-1])
        return maps, coefficients, features

    def _encoded_by_regressor(self, crop: Tensor) -> tuple[CropMaps, Coefficients, Tensor]:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.frozen):
            levels = self.encoder(crop)
            face, features = self.model_branch(levels[-1])
        identity = self.identity_mean + self.identity_std * face.identity
        expression = self.expression_mean + self.expression_std * face.expression
        own = self.coefficients_of_labels(replace(face, identity=identity, expression=expression))
        return self.heads(self.pyramid(levels)), self.standardised(own), features

    def image_branch(self, maps: CropMaps) -> ImageBranch:
        """The visible points' face."""
        config = self.config
        if config.points.detached:
            maps = maps.detached()
        with torch.autocast(maps.depth.device.type, enabled=False):
            visible = maps.segmentation > 0
            reliable = visible.float().mean((1, 2)) >= config.points.min_visible
            cloud = self.tables.observed(maps, visible)
            reliable = reliable & (cloud.hit.sum(1) >= MIN_TEXELS)
            uniform = self._uniform(len(visible))
            first = self._canonical(cloud, uniform[FIRST])
            features = self.point_features(cloud, first, uniform[FEATURES])
        coefficients = self.points(features)
        with torch.autocast(maps.depth.device.type, enabled=False):
            face = self._image_face(coefficients, cloud, first, uniform[BACK])
        return ImageBranch(coefficients, face, cloud, reliable)

    def point_features(self, cloud: Cloud, first: Alignment | None, uniform: Tensor) -> Tensor:
        """(B, F, m) what the point network reads: places in model space, confidence, places on the chart."""
        places = drawn(cloud.hit, uniform)
        points = taken(cloud.points, places)
        parts = [points if first is None else moved(points, first)]
        if self.config.points.use_cf:
            parts.append(taken(cloud.confidence, places)[..., None])
        if self.config.points.use_cor:
            parts.append(self.tables.place[places])
        return torch.cat(parts, dim=2).transpose(1, 2)

    def fused(self, model_face: Face, image_face: Face, features: Tensor) -> tuple[Tensor, Tensor] | None:
        """(B, T, 3) offsets in units and positions in the cloud frame; None without fusion."""
        if self.fusion is None:
            return None
        joined = features if self.config.fusion.use_f_ms else None
        offset, position = self.fusion(self.fusion_input(model_face, image_face), joined)
        return self.tables.of_map(offset), self.tables.of_map(position)

    def fusion_input(self, model_face: Face, image_face: Face) -> Tensor:
        """(B, 12, M, M) maps of both faces."""
        both = [image_face.position, model_face.position, image_face.offset, model_face.offset]
        return self.tables.as_map(torch.cat(both, dim=2))

    def face(self, output: DsfOutput, branch: Branch | None = None) -> Face:
        """The face of a branch; of the configured one when left out.

        Rows of which too little is visible have the face of the model-space branch.
        """
        branch = branch or self.config.output
        if branch == "ms":
            return output.model_face
        found = output.image.face if branch == "is" else self._settled(output)
        reliable = output.image.reliable
        pairs = [(getattr(found, name), getattr(output.model_face, name)) for name in Face.__slots__]
        return Face(
            *(torch.where(reliable.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in pairs),
        )

    def coefficients_of(self, standardised: Coefficients) -> Coefficients:
        """In their own units; expression and identity of whitened ones, and the pose's numbers."""
        names = ("pose", "identity", "expression")
        return Coefficients(
            *(
                getattr(self, f"{name}_mean") + getattr(self, f"{name}_std") * getattr(standardised, name)
                for name in names
            )
        )

    def standardised(self, own: Coefficients) -> Coefficients:
        """The inverse of :meth:`coefficients_of`; numbers that never vary become zero."""
        names = ("pose", "identity", "expression")
        pairs = ((name, getattr(self, f"{name}_std")) for name in names)
        return Coefficients(
            *(
                (getattr(own, name) - getattr(self, f"{name}_mean")) / spread.where(spread != 0, torch.inf)
                for name, spread in pairs
            )
        )

    def coefficients_of_labels(self, face: RegressorOutput) -> Coefficients:
        """Pose in this network's frames, and as many coefficients as it gives, of labelled faces."""
        size = self.config.crop_size
        identity = face.identity[:, : self.config.identity]
        expression = face.expression[:, : self.config.expression]
        scale = face.scale / (CLOUD_SIDES * size * UNITS_PER_MM)
        linear = scale[:, None, None] * face.rotation
        x, y = (face.translation - size / 2).unbind(1)
        nose = self.tables.nose_tip(torch.cat([identity, expression], dim=1))
        plane = torch.stack([x, -y], dim=1) / (CLOUD_SIDES * size)
        depth = -(linear[:, 2] * nose).sum(1, keepdim=True)
        rows = torch.cat([linear, torch.cat([plane, depth], dim=1)[..., None]], dim=2)
        return Coefficients(rows.flatten(1), identity, expression)

    def posed_by_numbers(self, standardised: Coefficients) -> Face:
        """The face of coefficients and of the pose's twelve numbers; its nose has no depth."""
        own = self.coefficients_of(standardised)
        rows = own.pose.view(-1, 3, 4)
        linear, origin = rows[..., :3], rows[..., 3]
        both = torch.cat([own.identity, own.expression], dim=1)
        depth = -(linear[:, 2] * self.tables.nose_tip(both)).sum(1, keepdim=True)
        translation = torch.cat([origin[:, :2], depth], dim=1)
        return self._posed(both, linear, translation)

    def _canonical(self, cloud: Cloud, uniform: Tensor) -> Alignment | None:
        """From the cloud to model space; None where that is switched off."""
        if not self.config.align.enabled:
            return None
        places = drawn(cloud.hit, uniform)
        weights = taken(cloud.confidence, places)
        center = self.config.align.center
        return align_points(taken(cloud.points, places), self.tables.mean[places], weights, centre=center)

    def _image_face(
        self, standardised: Coefficients, cloud: Cloud, first: Alignment | None, uniform: Tensor
    ) -> Face:
        if first is None:
            return self.posed_by_numbers(standardised)
        own = self.coefficients_of(standardised)
        both = torch.cat([own.identity, own.expression], dim=1)
        back = inverse(first)
        if self.config.align.back == "shape":
            places = drawn(cloud.hit, uniform)
            shape = taken(self.tables.mean + self.tables.offsets(both), places)
            weights = taken(cloud.confidence, places)
            back = align_points(shape, taken(cloud.points, places), weights, centre=self.config.align.center)
        return self._posed(both, back.scale[:, None, None] * back.rotation, back.translation)

    def _posed(self, coefficients: Tensor, linear: Tensor, translation: Tensor) -> Face:
        offset, landmarks = self.tables.offsets(coefficients), self.tables.landmarks(coefficients)
        position, landmarks = (
            points @ linear.transpose(1, 2) + translation[:, None]
            for points in (self.tables.mean + offset, landmarks)
        )
        return Face(offset, position, linear, landmarks)

    def _settled(self, output: DsfOutput) -> Face:
        """The fused offsets where the fused positions have them."""
        offset, position = output.fused
        cloud, uniform = output.image.cloud, self._uniform(len(offset))[LAST]
        places = drawn(torch.ones_like(cloud.hit), uniform)
        weights = torch.where(cloud.hit, cloud.confidence, self.config.align.unseen_weight)
        shape = self.tables.mean + offset
        last = align_points(
            taken(shape, places),
            taken(position, places),
            taken(weights, places),
            centre=self.config.align.center,
        )
        # How far the scheme's points lie from the mesh's own: what the whole crop says of it is steadier.
        own = self.coefficients_of(output.model_coefficients)
        both = torch.cat([own.identity, own.expression], dim=1)
        landmarks = self.tables.landmarks_of_offsets(offset, both)
        linear = last.scale[:, None, None] * last.rotation
        return Face(offset, moved(shape, last), linear, moved(landmarks, last))

    def _uniform(self, rows: int) -> Tensor:
        """(4, B or 1, m) numbers that points are drawn by: random in training, always the same afterwards."""
        if not self.training:
            return self.uniform[:, None]
        return torch.rand(4, rows, self.uniform.shape[1], device=self.uniform.device)


def standardised(crop: Tensor) -> Tensor:
    """Each channel of each crop with mean 0 and spread 1, as released."""
    values = crop / 255
    mean = values.mean((2, 3), keepdim=True)
    variance = (values - mean).square().mean((2, 3), keepdim=True)
    return (values - mean) / torch.sqrt(variance + 0.001)


def dsf_net(config: DsfConfig, model: MorphableModel, triangles: np.ndarray) -> DsfNet:
    """A network of random weights on the chart of these triangles of a model."""
    return DsfNet(config, model, FaceChart.of(model, triangles, config.map_size))
