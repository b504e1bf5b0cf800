"""How `lineament align` completes the hidden parts of textures, as the command line says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineament.errors import ConfigError

if TYPE_CHECKING:
    from lineament.export.texture_completion import Completion

COMPLETIONS = ("mirror", "model", "gan", "none")


@dataclass(frozen=True, slots=True)
class Completing:
    """A choice that goes to other processes.

    Attributes:
        kind: one of :data:`COMPLETIONS`.
        weights: file or name of weights; None for kinds that need none.
        sha256: of these weights, so that results of others are made anew.
    """

    kind: str = "mirror"
    weights: str | None = None
    sha256: str | None = None

    def open(self) -> Completion:
        """What completes textures.

        Raises:
            LineamentError: the weights cannot be read.
        """
        from lineament.export.texture_completion import LikelyFace, Nothing, OtherSide
        from lineament.export.texture_translator import Translator
        from lineament.models.texture import load_texture_model

        if self.kind == "gan":
            assert self.weights is not None, "refused at the door"
            return Translator.open(self.weights, threads=1)
        if self.kind == "model":
            return LikelyFace(load_texture_model())
        return Nothing() if self.kind == "none" else OtherSide()


def completing_from(kind: str, weights: str | None) -> Completing:
    """The choice of the command line, its weights opened once to see that they will do.

    Raises:
        ConfigError: an unknown kind, weights without "gan", or "gan" without weights.
        WeightsError: the weights are missing, damaged or of another method.
    """
    if kind not in COMPLETIONS:
        raise ConfigError(
            f"There is no completion {kind!r} of textures. Choose from {', '.join(COMPLETIONS)}."
        )
    if kind != "gan":
        if weights is not None:
            raise ConfigError("--gan-weights are read with --complete gan only: add that, or leave them out.")
        return Completing(kind)
    if weights is None:
        raise ConfigError(
            "--complete gan needs --gan-weights FILE: the package has none. Train them with `lineament train "
            "uv-gan --config docs/runs/configs/train_uv_gan.toml --out RUN`, then write them with `lineament "
            "export RUN --out uv_gan.lineament`; or take --complete mirror."
        )
    from lineament.bundle import Bundle
    from lineament.export.texture_translator import Translator

    Translator.open(weights, threads=1)
    bundle = Bundle.open(weights)
    return Completing(kind, bundle.source, bundle.sha256)
