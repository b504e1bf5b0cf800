"""How faces are refined: weights of the terms, and how far a step goes."""

from __future__ import annotations

from dataclasses import dataclass

from lineament.train.dff.colour_solver import LightPrior


@dataclass(frozen=True, slots=True)
class StepSizes:
    """Greatest change of a number in one step of the fit.

    Attributes:
        identity: standard deviations.
        expression: standard deviations.
        turn: radians.
        move: sides of the square that is looked at.
        grow: of the logarithm of the size.
        texture: standard deviations.
        light: of coefficients of spherical harmonics.
    """

    identity: float = 0.075
    expression: float = 0.075
    turn: float = 0.006
    move: float = 0.003
    grow: float = 0.0045
    texture: float = 0.05
    light: float = 0.01


@dataclass(frozen=True, slots=True)
class RefineOptions:
    """Weights of the terms, and how far a step goes.

    Distances are in sides of the square that is looked at, colours in 0..1, coefficients in standard
    deviations, as in :class:`lineament.train.dff.loss.DffLossConfig`. The numbers were chosen on photographs
    of people that training may use (``python -m benchmarks.refine --people training``).

    Attributes:
        size: px along a side of the square that the face is drawn in.
        photo: of the mean distance of colours.
        land: of squared distances that landmarks move from where the method had them.
        identity: of squared differences of identity coefficients from the start.
        expression: the same of expression coefficients.
        certain_mm: uncertainty of a start for which these three weights are meant. They fall with its fourth
            power: what several predictions agree on is better than what colours say, on profiles it is not.
        unknown_mm: uncertainty of a start whose method does not tell.
        bounds: of squares of expression weights beyond the model's bounds.
        texture: of squared texture coefficients.
        light: what light is usual.
        skin_mask: keep what has not the colour of skin out of the photometric term.
        occlusion_mask: keep what the method saw in front of the face out of it.
        rounds: of light and texture in turn, before and after the steps.
        step_sizes: of the first step.
        last_step: size of the last step over that of the first.
    """

    size: int = 112
    photo: float = 100.0
    land: float = 8000.0
    identity: float = 2.0
    expression: float = 2.0
    certain_mm: float = 1.4
    unknown_mm: float = 1.5
    bounds: float = 20.0
    texture: float = 2e-2
    light: LightPrior = LightPrior()
    skin_mask: bool = True
    occlusion_mask: bool = True
    rounds: int = 3
    step_sizes: StepSizes = StepSizes()
    last_step: float = 0.1


DEFAULTS = RefineOptions()
