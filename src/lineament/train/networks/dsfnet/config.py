"""Sizes and switches of DSFNet, with the two presets side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lineament.errors import ConfigError
from lineament.train.networks.residual_encoder import OF_DEFAULT, EncoderConfig

Branch = Literal["ms", "is", "f"]


@dataclass(frozen=True, slots=True)
class HrnetConfig:
    """Sizes of the encoder; the defaults are HRNet-W18 with one module in each of stages 2 to 4.

    Attributes:
        stem: channels of the two strided convolutions.
        bottleneck: inner channels of the first stage's blocks, which give four times as many.
        bottlenecks: how many of them.
        width: channels of the finest branch; each coarser one has twice as many.
        blocks: residual blocks of a branch in each module.
        norm_momentum: of batch normalisation.
        upward: how coarser branches become as fine as another: "repeated" place by place, or "bilinear" as
            released.
    """

    stem: int = 64
    bottleneck: int = 64
    bottlenecks: int = 4
    width: int = 18
    blocks: int = 4
    norm_momentum: float = 0.01
    upward: Literal["repeated", "bilinear"] = "repeated"


@dataclass(frozen=True, slots=True)
class ResidualConfig:
    """The compact regressor's convolutions in HRNet's place, its last layers in the model-space branch's.

    Not of the paper: both can begin with the weights of `default`'s network of the whole face.

    Attributes:
        convolutions: sizes.
        squeeze: channels that the coarsest features are reduced to before the model-space branch reads them
            out position by position; the fusion reads them too.
        hidden: numbers that it reads pose and coefficients off.
        pyramid: channels of the features at a quarter of the crop that the maps are read off.
        frozen: the convolutions and the model-space branch stay as they begin, and only what is built on
            them is trained.
    """

    convolutions: EncoderConfig = OF_DEFAULT
    squeeze: int = 128
    hidden: int = 512
    pyramid: int = 48
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class HeadConfig:
    """The three heads of maps over the crop.

    Attributes:
        hidden: channels of the first convolution; 0 takes as many as the encoder gives.
        first: where the first convolution is: at "half" the crop's resolution, as published, or at the
            encoder's own "quarter".
        maps: side of the maps: the "whole" crop's, as published, or "half" of it. Maps are smooth, and their
            numbers are places in the crop and on the chart, not pixels: smaller ones lose little.
    """

    hidden: int = 0
    first: Literal["half", "quarter"] = "half"
    maps: Literal["whole", "half"] = "whole"


@dataclass(frozen=True, slots=True)
class ModelBranchConfig:
    """The branch that reads coefficients off the coarsest features.

    Attributes:
        channels: of the features that the fusion reads too.
        collected: channels that are read out position by position.
    """

    channels: int = 72
    collected: int = 8


@dataclass(frozen=True, slots=True)
class PointsConfig:
    """The branch that reads coefficients off the visible points.

    Attributes:
        enabled: without it only maps and the model-space branch remain.
        count: points that each alignment and the point network draw, with replacement.
        widths: of the shared layers.
        use_cor: whether a point's place on the chart is a feature.
        use_cf: whether its confidence is.
        min_visible: fraction of the crop's pixels; where fewer show the face, its scale and pose cannot be
            found from them, and the model-space branch answers.
        detached: the maps learn from their own losses alone. Else, as published, depth and confidence also
            get the gradient of what the points say; early on that of the coefficients is fourteen times that
            of the depth's own loss, and random.
    """

    enabled: bool = True
    count: int = 2048
    widths: tuple[int, ...] = (64, 64, 64, 128, 1024)
    use_cor: bool = True
    use_cf: bool = True
    min_visible: float = 0.01
    detached: bool = False

    @property
    def features(self) -> int:
        """Numbers of each point."""
        return 3 + self.use_cf + 2 * self.use_cor


@dataclass(frozen=True, slots=True)
class AlignConfig:
    """The weighted similarities between points and face model.

    Attributes:
        enabled: off, points stay in the frame of the crop and the point network says the pose.
        center: "weighted", or "code" where only the scale knows of weights' centroids and the rest of plain
            means, as released.
        back: the way back to the crop: "shape" aligns the completed face to the visible points, as released;
            "inverse" undoes the first alignment, as printed.
        unseen_weight: of texels that no pixel shows in the last alignment; others have their confidence.
    """

    enabled: bool = True
    center: Literal["weighted", "code"] = "weighted"
    back: Literal["shape", "inverse"] = "shape"
    unseen_weight: float = 1e-3


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """The U-Net that makes one face of both.

    Attributes:
        enabled: without it the image-space branch answers.
        widths: channels of the levels, finest first.
        use_f_ms: whether features of the model-space branch join at the coarsest level.
        blend: texel by texel the network says how far the face is that of one branch or the other, and what
            is to be added; without it, as published, it says all of the face itself.
    """

    enabled: bool = True
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    use_f_ms: bool = True
    blend: bool = False


@dataclass(frozen=True, slots=True)
class DsfConfig:
    """All of a network; the defaults are as published.

    Attributes:
        crop_size: side of the input, px; a multiple of 32, or of 16 with the residual backbone.
        map_size: texels along a side of the chart.
        identity: number of identity coefficients.
        expression: number of expression coefficients.
        backbone: what reads the crop: "hrnet", as published, or "residual".
        encoder: sizes of HRNet; the normalisations' momentum is that of all parts but the residual backbone.
        residual: sizes of the residual backbone and the model-space branch that belongs to it.
        heads: of the maps over the crop.
        model_branch: sizes.
        points: sizes and switches.
        align: switches.
        fusion: sizes and switches.
        output: the branch whose face is the result: model space, image space, or both fused.

    Raises:
        ConfigError: sizes that cannot be halved as often as needed, or an output that is switched off.
    """

    crop_size: int = 256
    map_size: int = 256
    identity: int = 100
    expression: int = 53
    backbone: Literal["hrnet", "residual"] = "hrnet"
    encoder: HrnetConfig = HrnetConfig()
    residual: ResidualConfig = ResidualConfig()
    heads: HeadConfig = HeadConfig()
    model_branch: ModelBranchConfig = ModelBranchConfig()
    points: PointsConfig = PointsConfig()
    align: AlignConfig = AlignConfig()
    fusion: FusionConfig = FusionConfig()
    output: Branch = "f"

    def __post_init__(self) -> None:
        """Refuse sizes and switches that do not fit."""
        halvings = 2 ** (len(self.fusion.widths) - 1)
        unit = 32 if self.backbone == "hrnet" else 16
        if self.crop_size % unit or self.map_size % halvings:
            raise ConfigError(
                f"crop_size must be a multiple of {unit} and map_size one of {halvings}; found "
                f"{self.crop_size} and {self.map_size}."
            )
        if self.fusion.enabled and not self.points.enabled:
            raise ConfigError("The fusion needs the image-space branch: set points.enabled.")
        there = ("ms", *(["is"] if self.points.enabled else []), *(["f"] if self.fusion.enabled else []))
        if self.output not in there:
            raise ConfigError(f"output {self.output!r} is switched off; choose from {', '.join(there)}.")

    @property
    def shared_channels(self) -> int:
        """Of the features that the fusion reads."""
        return self.model_branch.channels if self.backbone == "hrnet" else self.residual.squeeze

    @property
    def frozen(self) -> bool:
        """Whether the encoder and the model-space branch stay as they begin."""
        return self.backbone == "residual" and self.residual.frozen


PAPER = DsfConfig()
COMPACT_HRNET = DsfConfig(
    crop_size=128,
    map_size=64,
    encoder=HrnetConfig(stem=32, bottleneck=32, bottlenecks=2, width=16, norm_momentum=0.05),
    heads=HeadConfig(hidden=16, first="quarter"),
    model_branch=ModelBranchConfig(channels=64, collected=16),
    points=PointsConfig(count=384),
    fusion=FusionConfig(widths=(10, 20, 40, 80, 160)),
)
"""The published parts, narrower: what `compact` was until it could begin with trained weights."""
COMPACT = DsfConfig(
    crop_size=112,
    map_size=48,
    backbone="residual",
    encoder=HrnetConfig(norm_momentum=0.1),
    heads=HeadConfig(hidden=16, first="quarter", maps="half"),
    points=PointsConfig(count=256, widths=(64, 64, 128, 256), detached=True),
    fusion=FusionConfig(widths=(8, 16, 32, 48), blend=True),
)
PRESETS = {"paper": PAPER, "compact": COMPACT, "compact-hrnet": COMPACT_HRNET}


def tiny(config: DsfConfig = COMPACT_HRNET) -> DsfConfig:
    """The same parts at the least size that still is a network: for tests and trials."""
    return replace(
        config,
        crop_size=64,
        map_size=32,
        encoder=replace(config.encoder, stem=16, bottleneck=8, bottlenecks=1, width=8, blocks=1),
        residual=replace(
            config.residual,
            convolutions=EncoderConfig(stem=8, stages=(8, 16, 24, 32), blocks=(1, 1, 1, 1)),
            squeeze=16,
            hidden=64,
            pyramid=16,
        ),
        heads=replace(config.heads, hidden=16, first="quarter"),
        model_branch=ModelBranchConfig(channels=32, collected=16),
        points=replace(config.points, count=256, widths=(32, 32, 128)),
        fusion=replace(config.fusion, widths=(12, 24, 48)),
    )
