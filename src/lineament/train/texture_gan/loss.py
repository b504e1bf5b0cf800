"""L1 on what is known but was hidden, and LSGAN on patches (Mao et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lineament.train.networks.texture_gan import Translated


@dataclass(frozen=True, slots=True)
class TextureLossConfig:
    """Weights of the terms.

    Attributes:
        hidden: of the mean absolute difference, of colours -1 to 1, over texels that are known and hidden.
        seen: of the same over all that are known, so that borders fit.
        adversarial: of the translator's wish to pass for true; 0 trains by L1 alone.
    """

    hidden: float = 20.0
    seen: float = 2.0
    adversarial: float = 0.25


def texture_loss(
    found: Translated, whole: Tensor, hidden: Tensor, known: Tensor, config: TextureLossConfig
) -> dict[str, Tensor]:
    """The terms, of which "loss" is minimised; the judge's half reaches its own weights only.

    Args:
        found: of the network.
        whole: (B, 3, S, S) the true textures, -1 to 1.
        hidden: (B, 1, S, S) in 0..1, known and hidden.
        known: (B, 1, S, S) in 0..1, known.
        config: weights.
    """
    wrong = (found.whole - whole).abs()
    l1 = _mean(wrong, hidden)
    translator = config.hidden * l1 + config.seen * _mean(wrong, known)
    fooling = ((found.fooling - 1) ** 2).mean()
    judge = ((found.real - 1) ** 2).mean() / 2 + (found.fake**2).mean() / 2
    return {
        "loss": translator + config.adversarial * fooling + judge,
        "hidden_l1": l1 * 127.5,
        "fooling": fooling,
        "judge": judge,
    }


def _mean(wrong: Tensor, weight: Tensor) -> Tensor:
    return (wrong * weight).sum() / torch.clamp(3 * weight.sum(), min=1)
