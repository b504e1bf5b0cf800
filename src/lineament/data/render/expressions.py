"""Random expressions as faces have them: blendshapes in natural combinations, eyes closed often enough."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lineament.expression_keys import CLOSED_OF_OPEN, stem_of

REST_SCALE = 0.05
"""Mean weight of shapes that nothing was chosen for."""


def random_expression(names: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """(E,) weights in [0, 1] under ARKit's names; names that a model lacks are left out."""
    weights = _at_rest(names, rng)
    for part in (_eyes, _brows, _mouth, _cheeks_and_nose):
        part(weights, rng)
    if rng.uniform() < 0.1:  # a grimace: something of everything
        for name in rng.choice(names, 6, replace=False):
            weights[str(name)] = float(rng.uniform(0, 0.6))
    weights["mouthClose"] = min(weights.get("mouthClose", 0.0), CLOSED_OF_OPEN * weights.get("jawOpen", 0.0))
    values = [np.clip(weights.get(name, 0.0), 0, 1) for name in names]
    return np.array(values, np.float32)


SIDES = ("Left", "Right")
ALONE, BOTH_SIDES, SEVERAL = 0.4, 0.25, 0.35
"""Shares of single keys, of keys on both sides, and of keys of several parts of the face."""
PARTS = (("brow",), ("eye",), ("cheek", "nose"), ("jaw", "mouth"))
"""First parts of the names of keys that move one part of the face."""
WITH_JAW = {"mouthClose": CLOSED_OF_OPEN}
"""Keys that need an open jaw, and how far they may go for each part of it."""
NEUTRAL = 0.3
"""Fraction of these faces on which everything else is exactly at rest."""
LOOKING = 0.5
"""Fraction of the others whose eyes look somewhere whatever the rest of the face does."""


def random_keys(names: tuple[str, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """(E,) weights in [0, 1], each key by itself, so that a network can tell keys apart.

    No photograph shows them so. One key alone, on one side or on both, or keys of two or three parts of the
    face at once; any size, whole ones often. On most faces the others are a little off their rest. Gaze moves
    both eyes alike, and lips close no more than the jaw is open.
    """
    weights = {} if rng.uniform() < NEUTRAL else _at_rest(names, rng)
    if weights and rng.uniform() < LOOKING:
        _look_anywhere(weights, rng.uniform(-0.9, 0.9), rng.uniform(-0.8, 0.8))
    kind = rng.choice(3, p=(ALONE, BOTH_SIDES, SEVERAL))
    parts = rng.permutation(len(PARTS))[: rng.integers(2, 4)] if kind == 2 else [None]
    for part in parts:
        own = [name for name in names if part is None or name.startswith(PARTS[part])]
        stem = str(rng.choice(sorted({stem_of(name) for name in own})))
        name = str(rng.choice([name for name in own if stem_of(name) == stem]))
        _raise(weights, names, name, both=kind == 1 or rng.uniform() < 0.25, rng=rng)
    for name, fraction in WITH_JAW.items():
        if weights.get(name, 0.0) > fraction * weights.get("jawOpen", 0.0):
            weights["jawOpen"] = weights[name] / fraction
            if weights["jawOpen"] > 1:
                weights["jawOpen"], weights[name] = 1.0, fraction
    return np.array([np.clip(weights.get(name, 0.0), 0, 1) for name in names], np.float32)


def _raise(
    weights: dict[str, float], names: tuple[str, ...], name: str, *, both: bool, rng: np.random.Generator
) -> None:
    """Give a key a random weight, and its other side nearly the same where both are meant."""
    amount = 1.0 if rng.uniform() < 0.25 else rng.uniform(0.1, 1.0)
    weights[name] = amount
    stem = stem_of(name)
    sides = [stem + side for side in SIDES if stem + side in names]
    if name.startswith("eyeLook"):
        _look(weights, name, amount)
    elif len(sides) == 2:
        other = next(side for side in sides if side != name)
        weights[other] = amount * rng.uniform(0.7, 1.0) if both else min(weights.get(other, 0.0), 0.05)


def _look(weights: dict[str, float], name: str, amount: float) -> None:
    """Both eyes look the same way: what is out for the left is in for the right."""
    for key in [key for key in weights if key.startswith("eyeLook")]:
        weights[key] = 0.0
    left = name.endswith("Left")
    turned = {"eyeLookOut": "eyeLookIn", "eyeLookIn": "eyeLookOut"}
    stem = stem_of(name)
    weights[name] = amount
    weights[turned.get(stem, stem) + ("Right" if left else "Left")] = amount


def _at_rest(names: tuple[str, ...], rng: np.random.Generator) -> dict[str, float]:
    """No face is without expression: fits of photographs have a little of nearly everything."""
    amounts = {name.removesuffix("Left").removesuffix("Right"): rng.exponential(REST_SCALE) for name in names}
    weights: dict[str, float] = {}
    for name in names:
        if not name.startswith("eye"):
            amount = amounts[name.removesuffix("Left").removesuffix("Right")]
            weights[name] = max(amount * (1 + 0.4 * rng.standard_normal()), 0.0)
    return weights


def _both(
    weights: dict[str, float], name: str, amount: float, rng: np.random.Generator, uneven: float = 0.15
) -> None:
    """The same on both sides, up to a little."""
    for side in ("Left", "Right"):
        more = amount * (1 + uneven * rng.standard_normal())
        weights[name + side] = max(weights.get(name + side, 0.0), more)


def _eyes(weights: dict[str, float], rng: np.random.Generator) -> None:
    kind = rng.uniform()
    blink = 0.0
    if kind < 0.20:
        blink = rng.uniform(0.88, 1.0)
    elif kind < 0.34:
        blink = rng.uniform(0.2, 0.85)
    elif kind < 0.60:
        blink = rng.uniform(0, 0.2)
    _both(weights, "eyeBlink", blink, rng, uneven=0.03)
    if kind > 0.95:  # a wink
        weights["eyeBlink" + str(rng.choice(["Left", "Right"]))] = 1.0
    if kind > 0.6 and rng.uniform() < 0.25:
        _both(weights, "eyeWide", rng.uniform(0.1, 0.9), rng)
    if rng.uniform() < 0.3:
        _both(weights, "eyeSquint", rng.uniform(0.1, 0.8), rng)
    _look_anywhere(weights, rng.normal(0, 0.32), rng.normal(-0.05, 0.25))


def _look_anywhere(weights: dict[str, float], aside: float, up: float) -> None:
    """Both eyes to the person's left by so much, and up."""
    names = ("eyeLookOutLeft", "eyeLookInRight") if aside > 0 else ("eyeLookInLeft", "eyeLookOutRight")
    for name in names:
        weights[name] = min(abs(aside), 1.0)
    for side in ("Left", "Right"):
        weights[("eyeLookUp" if up > 0 else "eyeLookDown") + side] = min(abs(up), 0.9)


def _brows(weights: dict[str, float], rng: np.random.Generator) -> None:
    kind = rng.uniform()
    if kind < 0.22:
        amount = rng.uniform(0.2, 1.0)
        _both(weights, "browInnerUp", amount * rng.uniform(0.2, 0.9), rng, uneven=0.05)
        _both(weights, "browOuterUp", amount, rng)
    elif kind < 0.47:
        _both(weights, "browDown", rng.uniform(0.2, 0.9), rng)
    elif kind < 0.53:
        _both(weights, "browInnerUp", rng.uniform(0.2, 0.8), rng, uneven=0.05)
    elif kind < 0.57:
        weights["browOuterUp" + str(rng.choice(["Left", "Right"]))] = rng.uniform(0.4, 1)


def _mouth(weights: dict[str, float], rng: np.random.Generator) -> None:
    kind = rng.choice(
        ["rest", "smile", "laugh", "talk", "wide", "pucker", "frown", "aside", "press"], p=MOUTHS
    )
    strong = rng.uniform(0.25, 1.0)
    if kind in ("smile", "laugh"):
        _both(weights, "mouthSmile", strong, rng)
        _both(weights, "cheekSquint", strong * rng.uniform(0.3, 0.9), rng)
        _both(weights, "mouthUpperUp", strong * rng.uniform(0, 0.35), rng)
        weights["jawOpen"] = rng.uniform(0.1, 0.55) if kind == "laugh" else rng.uniform(0, 0.08)
    elif kind == "talk":
        weights["jawOpen"] = rng.uniform(0.03, 0.35)
        weights["mouthFunnel"] = rng.uniform(0, 0.5) * (rng.uniform() < 0.4)
        _both(weights, "mouthLowerDown", rng.uniform(0, 0.6), rng)
        _both(weights, "mouthStretch", rng.uniform(0, 0.5), rng)
        weights["mouthShrugUpper"] = rng.uniform(0, 0.4)
    elif kind == "wide":
        weights["jawOpen"] = rng.uniform(0.4, 0.95)
        _both(weights, "mouthStretch", rng.uniform(0, 0.5), rng)
        _both(weights, "mouthUpperUp", rng.uniform(0, 0.4), rng)
    elif kind == "pucker":
        weights["mouthPucker"] = strong
        weights["mouthFunnel"] = rng.uniform(0, 0.6)
    elif kind == "frown":
        _both(weights, "mouthFrown", strong, rng)
        weights["mouthShrugLower"] = rng.uniform(0, 0.9)
    elif kind == "aside":
        side = str(rng.choice(["Left", "Right"]))
        weights["mouth" + side] = strong
        weights["jaw" + side] = rng.uniform(0.1, 0.7)
        weights["jawOpen"] = rng.uniform(0, 0.3)
    elif kind == "press":
        _both(weights, "mouthPress", strong, rng)
        weights["mouthRollLower"] = rng.uniform(0, 0.7)
        weights["mouthRollUpper"] = rng.uniform(0, 0.4)
    else:
        weights["jawOpen"] = rng.uniform(0, 0.05)
        _both(weights, "mouthDimple", rng.uniform(0, 0.3), rng)
    if rng.uniform() < 0.06:
        weights["jawForward"] = rng.uniform(0.2, 0.7)


MOUTHS = (0.26, 0.17, 0.12, 0.14, 0.11, 0.06, 0.05, 0.05, 0.04)
"""Shares of the kinds of mouths."""


def _cheeks_and_nose(weights: dict[str, float], rng: np.random.Generator) -> None:
    if rng.uniform() < 0.05 and weights.get("jawOpen", 0) < 0.1:
        _both(weights, "cheekPuff", rng.uniform(0.2, 0.7), rng, uneven=0.2)
    if rng.uniform() < 0.08:
        _both(weights, "noseSneer", rng.uniform(0.15, 0.6), rng)
