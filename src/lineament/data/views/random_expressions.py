"""Which expressions photographs lack, and how often each is to be painted into one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.expression_keys import CLOSED_OF_OPEN, other_side, stem_of

Array = NDArray[Any]

SIDES = ("Left", "Right")
LIDS = ("eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown", "eyeLookIn", "eyeLookOut")
"""What else moves lids: a blink of weight one shuts them exactly where all these are zero."""
MOUTH = ("mouth", "jaw")
"""First parts of the names of the keys of the mouth."""
FLAT = ("jawForward",)
"""Keys that change shading more than outlines, which an edit leaves as they are in the photograph."""
ASIDE = 0.5
"""Of single keys of the mouth, the fraction that pulls it to one side; half of these take the jaw along."""
BARED = {
    "mouthUpperUp": 0.5,
    "mouthLowerDown": 0.4,
    "mouthSmile": 0.35,
    "mouthFrown": 0.2,
    "mouthStretch": 0.2,
    "mouthDimple": 0.15,
}
"""What else a mouth that is pulled aside shows on that side, and how often."""
KINDS = ("shut", "wink", "half", "mouth", "brows", "smile", "jaw")
"""Edits that a face is given by default."""


@dataclass(frozen=True, slots=True)
class EditProbabilities:
    """How often each edit is chosen, relative to the others.

    Attributes:
        shut: both eyes shut.
        wink: one eye shut.
        half: both eyes half closed.
        mouth: the mouth opened.
        brows: brows raised or lowered.
        smile: a smile.
        jaw: the jaw moved aside.
        mouth_keys: one key of the mouth or the jaw raised by itself, on one side or on both; often the mouth
            pulled aside, open or shut. Few photographs show it.
        with_mouth: fraction of edits of the eyes with an edit of the mouth besides.
    """

    shut: float = 0.36
    wink: float = 0.08
    half: float = 0.08
    mouth: float = 0.24
    brows: float = 0.10
    smile: float = 0.08
    jaw: float = 0.06
    mouth_keys: float = 0.0
    with_mouth: float = 0.25

    def and_mouth_keys(self, fraction: float) -> EditProbabilities:
        """The same, but for a fraction of all edits that raise a key of the mouth."""
        others = {kind: (1 - fraction) * float(getattr(self, kind)) for kind in KINDS}
        total = sum(float(getattr(self, kind)) for kind in KINDS)
        return replace(self, mouth_keys=fraction * total, **others)


def random_expression(
    expression: Array, names: tuple[str, ...], probabilities: EditProbabilities, rng: np.random.Generator
) -> Array:
    """Another expression for a face.

    Args:
        expression: (E,) as photographed.
        names: (E,) of the blendshapes, ARKit's.
        probabilities: how often what.
        rng: of the choice.

    Returns:
        (E,) with weights in [0, 1] wherever they were changed.
    """
    weights = {kind: getattr(probabilities, kind) for kind in (*KINDS, "mouth_keys")}
    odds = np.array(list(weights.values()))
    kind = list(weights)[rng.choice(len(odds), p=odds / odds.sum())]
    edit = _Edit(expression.copy(), names)
    if kind in ("shut", "wink", "half"):
        _close_eyes(edit, kind, rng)
        if rng.uniform() < probabilities.with_mouth:
            _move_mouth(edit, str(rng.choice(["mouth", "smile"])), rng)
    elif kind == "brows":
        _move_brows(edit, rng)
    elif kind == "mouth_keys":
        _raise_mouth_key(edit, rng)
    else:
        _move_mouth(edit, kind, rng)
    return edit.expression


@dataclass(frozen=True, slots=True)
class _Edit:
    """An expression being changed by the names of its blendshapes."""

    expression: Array
    names: tuple[str, ...]

    def set(self, name: str, weight: float) -> None:
        self.expression[self.names.index(name)] = np.clip(weight, 0, 1)

    def raise_to(self, name: str, weight: float) -> None:
        self.set(name, max(float(self.expression[self.names.index(name)]), weight))


def _close_eyes(edit: _Edit, kind: str, rng: np.random.Generator) -> None:
    for side in (str(rng.choice(SIDES)),) if kind == "wink" else SIDES:
        for name in LIDS:
            edit.set(name + side, 0.0)
        edit.set("eyeBlink" + side, rng.uniform(0.4, 0.8) if kind == "half" else 1.0)


def _move_mouth(edit: _Edit, kind: str, rng: np.random.Generator) -> None:
    smile = rng.uniform(0.3, 0.9)
    if kind == "smile" or (kind == "mouth" and rng.uniform() < 0.3):
        for side in SIDES:
            edit.raise_to("mouthSmile" + side, smile * rng.uniform(0.85, 1.0))
    if kind == "mouth":
        edit.set("mouthClose", 0.0)
        edit.raise_to("jawOpen", rng.uniform(0.15, 0.85))
        if rng.uniform() < 0.25:
            edit.raise_to("mouthFunnel", rng.uniform(0.2, 0.7))
    if kind == "jaw":
        edit.raise_to(str(rng.choice(["jawLeft", "jawRight"])), rng.uniform(0.4, 1.0))
        edit.raise_to("jawOpen", rng.uniform(0.0, 0.3))


def _raise_mouth_key(edit: _Edit, rng: np.random.Generator) -> None:
    """The mouth less as it was, and one of its keys raised."""
    own = [name for name in edit.names if name.startswith(MOUTH)]
    kept = rng.uniform(0, 1)
    for name in own:
        edit.set(name, kept * float(edit.expression[edit.names.index(name)]))
    amount = rng.uniform(0.3, 1.0)
    if rng.uniform() < ASIDE:
        side = str(rng.choice(SIDES))
        edit.set(f"mouth{side}", amount)
        edit.set(other_side(f"mouth{side}"), 0.0)
        if rng.uniform() < 0.5:
            edit.set(f"jaw{side}", rng.uniform(0.1, 1.0))
        (_open_aside if rng.uniform() < 0.6 else _bare_aside)(edit, side, rng)
        return
    stem = str(rng.choice(sorted({stem_of(name) for name in own if name not in FLAT})))
    name = str(rng.choice([name for name in own if stem_of(name) == stem]))
    edit.set(name, amount)
    if stem != name and rng.uniform() < 0.5:
        edit.set(other_side(name), amount * rng.uniform(0.7, 1.0))
    if name == "mouthClose":
        edit.set(name, CLOSED_OF_OPEN * amount)
        edit.raise_to("jawOpen", amount)


def _open_aside(edit: _Edit, side: str, rng: np.random.Generator) -> None:
    """A mouth that is pulled aside opened, maybe rounded, or its lips drawn from the teeth on that side."""
    edit.set("mouthClose", 0.0)
    edit.raise_to("jawOpen", rng.uniform(0.1, 0.8))
    kind = rng.uniform()
    if kind < 0.3:
        edit.set("mouthFunnel", rng.uniform(0.2, 0.8))
    elif kind < 0.6:
        edit.set(f"mouthUpperUp{side}", rng.uniform(0.2, 0.9))
        edit.set(f"mouthLowerDown{side}", rng.uniform(0.0, 0.9))


def _bare_aside(edit: _Edit, side: str, rng: np.random.Generator) -> None:
    """Lips of a mouth that is pulled aside drawn from the teeth, as people do it: no key comes alone."""
    for stem, often in BARED.items():
        if rng.uniform() < often:
            edit.raise_to(f"{stem}{side}", rng.uniform(0.2, 0.9))
            if rng.uniform() < 0.3:
                edit.raise_to(other_side(f"{stem}{side}"), rng.uniform(0.0, 0.5))


def _move_brows(edit: _Edit, rng: np.random.Generator) -> None:
    raised = rng.uniform() < 0.7
    weight = rng.uniform(0.4, 1.0)
    for side in SIDES:
        edit.set("browDown" + side, 0.0 if raised else weight)
        for name in ("browInnerUp", "browOuterUp"):
            edit.set(name + side, weight * rng.uniform(0.8, 1.0) if raised else 0.0)
