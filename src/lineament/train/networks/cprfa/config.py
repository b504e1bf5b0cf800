"""Sizes and switches of CPRFA, with the two presets side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from lineament.crop import MARGIN
from lineament.errors import ConfigError
from lineament.train.networks.residual_encoder import OF_FAST, EncoderConfig

Solver = Literal["cpr", "least_squares", "pnp"]
POINTS = 68
"""Landmarks of the external detector."""


@dataclass(frozen=True, slots=True)
class UnetConfig:
    """HS-U-Net; the defaults are ours for what the paper leaves open.

    Attributes:
        widths: channels of the levels, finest first; each but the first halves the picture.
        convolutions: of a level, in the encoder and in the decoder.
        up_kernel: of the convolution after each enlargement.
        depth: whether each pixel also says its depth, from which the matrices of alpha become
            three-dimensional.
        encoder: "plain" is that of a U-Net; "residual" that of the compact regressor, whose weights it can
            begin with (:class:`lineament.train.networks.cprfa.residual_unet.ResidualHsUnet`). There `widths`
            are five, of a half of the crop to a thirty-second, and `up_kernel` means nothing.
        residual: sizes of that encoder.
        squeeze, hidden: of the regressor's layers between its last map and its heads.
        frozen: parts of that encoder that stay as they began: 1 the stem, 2 to 5 the stages too, 6 all.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 512)
    convolutions: tuple[int, int] = (2, 2)
    up_kernel: int = 3
    depth: bool = False
    encoder: Literal["plain", "residual"] = "plain"
    residual: EncoderConfig = OF_FAST
    squeeze: int = 96
    hidden: int = 384
    frozen: int = 0

    def __post_init__(self) -> None:
        """Refuse an encoder that does not exist, and sizes that do not fit it."""
        if self.encoder not in ("plain", "residual"):
            raise ConfigError(f"unet.encoder is plain or residual, not {self.encoder!r}.")
        levels = 1 + len(self.residual.stages)
        if self.encoder == "residual" and len(self.widths) != levels:
            raise ConfigError(
                f"unet.widths are those of the stem's level and of each stage's, {levels} in all, where "
                f"unet.encoder is residual; found {len(self.widths)}."
            )
        parts = levels + 1 if self.encoder == "residual" else 0
        if not 0 <= self.frozen <= parts:
            raise ConfigError(
                f"unet.frozen is 0 to {levels + 1}, and 0 where unet.encoder is plain; found {self.frozen}."
            )


@dataclass(frozen=True, slots=True)
class RetrievalConfig:
    """How vertices are found in the maps; see :class:`lineament.methods.cprfa_points.Retrieval`."""

    radius_mm: float = 2.0
    mode: Literal["pixel_to_vertex", "vertex_to_pixel"] = "vertex_to_pixel"
    subpixel: Literal["linear", "mean", "none"] = "linear"
    erode_px: int = 1


@dataclass(frozen=True, slots=True)
class CprConfig:
    """The matrices.

    Attributes:
        side: N, rows of a matrix; 2 N vertices are chosen, N of either side of the face, and a third channel
            holds N / 2 of both.
        spacing_mm: least distance of chosen vertices on the mean face.
        scale: "ratio" of distances, as published, or its "log".
        rz: "signed", the sine of each pair's angle from the x axis, model less observed; "cross_pair", the
            signed sine between an observed pair and its model pair.
        mask_channel: whether each matrix is followed by where it is known, so that a true zero is none that
            is missing.
        short_px: pairs closer than that (of 256) say nothing of directions.
    """

    side: int = 256
    spacing_mm: float = 3.0
    scale: Literal["ratio", "log"] = "ratio"
    rz: Literal["signed", "cross_pair"] = "signed"
    mask_channel: bool = True
    short_px: float = 3.0

    @property
    def vertices(self) -> int:
        """C, how many are chosen."""
        return 2 * self.side


@dataclass(frozen=True, slots=True)
class UpdateConfig:
    """The networks that turn matrices into increments.

    Attributes:
        widths: channels of the six convolutions over vertices' matrices.
        landmark_widths: over landmarks' matrices; the last as of the others.
        hidden: of the layer before the recurrent cell, and of the cell.
        cell: "gru" or "lstm".
        stages: of a round, which share their weights.
        rounds: with weights of their own; the second knows alpha and looks along its steps.
        order: "sequential" projects the model again after each group of parameters, "joint" once a stage.
        fusion: whether landmarks of an external detector have matrices too.
        merge: increments of vertices and landmarks are added ("sum") or averaged ("mean").
    """

    widths: tuple[int, ...] = (32, 64, 128, 128, 256, 256)
    landmark_widths: tuple[int, ...] = (32, 64, 128, 128, 256, 256)
    hidden: int = 256
    cell: Literal["gru", "lstm"] = "gru"
    stages: int = 3
    rounds: int = 2
    order: Literal["sequential", "joint"] = "sequential"
    fusion: bool = True
    merge: Literal["sum", "mean"] = "sum"


@dataclass(frozen=True, slots=True)
class CapuConfig:
    """The line search of round 2.

    Attributes:
        enabled: off, steps of round 2 are taken as they are.
        samples: M; the path to twice the step is looked at in 2 M places.
        kappa: fraction of the detected vertices that is looked at.
        least: vertices; where fewer are detected the step is taken as it is.
    """

    enabled: bool = True
    samples: int = 5
    kappa: float = 0.1
    least: int = 20


@dataclass(frozen=True, slots=True)
class CprfaConfig:
    """All of the networks; the defaults are as published where that is known.

    Attributes:
        crop_size: side of the input, px.
        crop_margin: side of a crop over that of the landmarks' box; decides the frame of poses.
        identity: number of identity coefficients.
        expression: number of expression coefficients.
        expression_std: of a weight; identity has 1.
        unet: sizes.
        retrieval: switches.
        cpr: switches.
        updates: sizes and switches.
        capu: switches.
        solver: what makes a face of the vertices, unless a user asks for another.

    Raises:
        ConfigError: sizes that do not fit together.
    """

    crop_size: int = 256
    crop_margin: float = 1.5
    identity: int = 100
    expression: int = 53
    expression_std: float = 0.25
    unet: UnetConfig = UnetConfig()
    retrieval: RetrievalConfig = RetrievalConfig()
    cpr: CprConfig = CprConfig()
    updates: UpdateConfig = UpdateConfig()
    capu: CapuConfig = CapuConfig()
    solver: Solver = "least_squares"

    def __post_init__(self) -> None:
        """Refuse sizes that do not fit."""
        halvings = 2 ** (len(self.unet.widths) - 1)
        if len(self.unet.widths) < 3 or self.crop_size % halvings:
            raise ConfigError(
                f"unet.widths needs three levels or more, and crop_size must be a multiple of {halvings}; "
                f"found {len(self.unet.widths)} and {self.crop_size}."
            )
        if self.cpr.side % 2 or self.cpr.side < 8:
            raise ConfigError(f"cpr.side must be even and at least 8, found {self.cpr.side}.")
        updates = self.updates
        if len(updates.widths) != 6 or len(updates.landmark_widths) != 6:
            raise ConfigError(
                f"updates.widths and landmark_widths have six layers, found {len(updates.widths)} and "
                f"{len(updates.landmark_widths)}: both are merged at the sixth."
            )
        if updates.widths[-1] != updates.landmark_widths[-1]:
            raise ConfigError(
                f"The sixth layers are merged and must be as wide: found {updates.widths[-1]} and "
                f"{updates.landmark_widths[-1]}."
            )
        if updates.rounds not in (1, 2) or updates.stages < 1:
            raise ConfigError(
                f"updates.rounds is 1 or 2 and updates.stages at least 1, found {updates.rounds} and "
                f"{updates.stages}."
            )


PAPER = CprfaConfig()
COMPACT = CprfaConfig(
    crop_size=112,
    crop_margin=MARGIN,
    unet=UnetConfig(widths=(16, 32, 64, 96, 128), convolutions=(2, 1), encoder="residual"),
    cpr=CprConfig(side=128),
    updates=UpdateConfig(
        widths=(16, 32, 64, 64, 128, 128), landmark_widths=(16, 32, 48, 48, 64, 128), hidden=192
    ),
)
"""Crops are those of the compact regressor, with whose weights the maps' encoder can begin."""
PRESETS = {"paper": PAPER, "compact": COMPACT}


def tiny(config: CprfaConfig = COMPACT) -> CprfaConfig:
    """The same parts at the least size that still is a network: for tests and trials."""
    return replace(
        config,
        crop_size=64,
        crop_margin=1.5,
        unet=UnetConfig(widths=(16, 24, 32, 48), convolutions=(2, 1), up_kernel=1),
        retrieval=replace(config.retrieval, radius_mm=4.0),
        cpr=replace(config.cpr, side=32, spacing_mm=4.0),
        updates=replace(
            config.updates, widths=(8, 16, 16, 16, 32, 32), landmark_widths=(8, 8, 16, 16, 16, 32), hidden=32
        ),
    )
