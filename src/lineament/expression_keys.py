"""Keys: the names of expressions, and what the weights that a network gives for them mean.

A network's weight moves the face model's mesh. What is reported of it may differ, so that a face at rest
reads 0 and a shut eye 1: weights say by a table (:class:`KeyScale` a key) what they give there. A network
also gives a little of one key for another (a dimple for half a smile), the same little on every face: such
cross-talk is taken out by reading a key from several weights. The mesh is not moved by any of that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError

Array: TypeAlias = NDArray[Any]
TargetNames = Literal["arkit", "all"]

ARKIT_NAME_OF_SIDE = {
    "browInnerUpLeft": "browInnerUp",
    "browInnerUpRight": "browInnerUp",
    "cheekPuffLeft": "cheekPuff",
    "cheekPuffRight": "cheekPuff",
}
"""Blendshapes that face models split by side and ARKit does not; ARKit's weight is the mean of both sides."""

TONGUE = "tongueOut"
"""ARKit's one name that the built-in model has no shape for: it is reported as 0."""

_SIDED = (
    *("browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut"),
    *("eyeLookUp", "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress"),
    *("mouthSmile", "mouthStretch", "mouthUpperUp", "noseSneer"),
)
_WHOLE = (
    *("browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose"),
    *("mouthFunnel", "mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper"),
    *("mouthShrugLower", "mouthShrugUpper"),
)
ARKIT_NAMES = (
    *sorted([name + side for name in _SIDED for side in ("Left", "Right")] + [*_WHOLE]),
    TONGUE,
)
"""The 52 names of Apple's ``ARFaceAnchor.BlendShapeLocation``, by the alphabet."""


def stem_of(name: str) -> str:
    """A key's name without its side; "mouthLeft" and "jawRight" are keys of their own, not sides of one."""
    stem = name.removesuffix("Left").removesuffix("Right")
    return name if stem in ("mouth", "jaw") else stem


def other_side(name: str) -> str:
    """The key that a mirror makes of one."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


CLOSED_OF_OPEN = 0.6
"""`mouthClose` over `jawOpen`, at most: lips cannot close more than the jaw opens them."""
GAZE = "eyeLook"
"""First part of the names of keys that turn an eye."""
IRIS_SEEN, IRIS_HIDDEN = 0.5, 0.85
"""`eyeBlink` up to which enough of the iris is seen, and from which nothing of it is."""
LEAST_RANGE = 0.05
"""Least distance of a raised key's weight from its weight at rest that can be calibrated."""


@dataclass(frozen=True, slots=True)
class KeyScale:
    """What a network gives for one key.

    Attributes:
        rest: what is read on a face at rest.
        full: what is read on a face on which the key is raised as far as it goes.
        measured: whether its weight means anything; what is not measured is reported as 0.
        mix: the reading is the sum of the network's weights times these factors, by key; empty for the key's
            own weight alone.
        mesh_rest: the network's own weight of the key on a face at rest, if `mix` reads something else.
    """

    rest: float = 0.0
    full: float = 1.0
    measured: bool = True
    mix: Mapping[str, float] = field(default_factory=dict)
    mesh_rest: float = 0.0

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be told from noise.

        Raises:
            ValueError: a number is not finite, or full is not above rest by 0.05.
        """
        if not all(map(math.isfinite, (*self.mix.values(), self.mesh_rest))):
            raise ValueError(f"mix and mesh_rest must be finite, found {dict(self.mix)}, {self.mesh_rest}")
        if not (math.isfinite(self.rest) and math.isfinite(self.full)):
            raise ValueError(f"rest and full must be finite, found {self.rest} and {self.full}")
        if self.full - self.rest < LEAST_RANGE:
            raise ValueError(f"full must be above rest by {LEAST_RANGE}, found {self.full} and {self.rest}")


AS_GIVEN = KeyScale()


@dataclass(frozen=True, slots=True)
class _Layout:
    """A table of keys as arrays, for E names.

    Attributes:
        rest: (E,) reading at rest.
        span: (E,) from there to fully raised.
        measured: (E,) bool.
        mixing: see :func:`key_mixing`.
        gaze: of each side, which of the names turn its eye and which shuts it.
    """

    rest: Array
    span: Array
    measured: Array
    mixing: Array | None
    gaze: tuple[tuple[list[int], int], ...]

    @classmethod
    def of(cls, names: Sequence[str], scales: Mapping[str, KeyScale]) -> _Layout:
        own = [scales.get(name, AS_GIVEN) for name in names]
        rest = np.array([scale.rest for scale in own])
        return cls(
            rest=rest,
            span=np.array([scale.full for scale in own]) - rest,
            measured=np.array([scale.measured for scale in own], bool),
            mixing=key_mixing(names, scales),
            gaze=tuple(_gaze(names, scales)),
        )

    def readings(self, weights: Array) -> Array:
        return weights if self.mixing is None else np.asarray(weights, float) @ self.mixing


def _gaze(names: Sequence[str], scales: Mapping[str, KeyScale]) -> Iterator[tuple[list[int], int]]:
    places = {name: place for place, name in enumerate(names)}
    for side in ("Left", "Right"):
        turning = [
            places[name]
            for name in scales
            if name.startswith(GAZE) and name.endswith(side) and name in places
        ]
        if turning and "eyeBlink" + side in places:
            yield turning, places["eyeBlink" + side]


class KeyTable(Mapping[str, KeyScale]):
    """The scales of weights' keys by name, laid out once for all faces.

    Args:
        scales: by name.
    """

    def __init__(self, scales: Mapping[str, KeyScale]) -> None:
        self._scales = dict(scales)
        self._layouts: dict[tuple[str, ...], _Layout] = {}

    def __getitem__(self, name: str) -> KeyScale:
        """The scale of a key."""
        return self._scales[name]

    def __iter__(self) -> Iterator[str]:
        """Names, in the table's order."""
        return iter(self._scales)

    def __len__(self) -> int:
        """How many keys it has."""
        return len(self._scales)

    def __repr__(self) -> str:
        """The scales."""
        return f"KeyTable({self._scales!r})"

    def __reduce__(self) -> tuple[type[KeyTable], tuple[dict[str, KeyScale]]]:
        """Pickled without what is found again when asked for."""
        return KeyTable, (self._scales,)

    def _layout(self, names: tuple[str, ...]) -> _Layout:
        if names not in self._layouts:
            self._layouts[names] = _Layout.of(names, self._scales)
        return self._layouts[names]


def _layout_of(names: Sequence[str], scales: Mapping[str, KeyScale]) -> _Layout:
    return scales._layout(tuple(names)) if isinstance(scales, KeyTable) else _Layout.of(names, scales)


def key_mixing(names: Sequence[str], scales: Mapping[str, KeyScale]) -> Array | None:
    """(E, E) factors with which weights (..., E) become readings, `weights @ mixing`; None if all are plain.

    Args:
        names: of E keys; of a mix that names others these are left out.
        scales: by name.
    """
    if not any(scale.mix for scale in scales.values()):
        return None
    mixing, wanted = np.eye(len(names)), list(names)
    for row, name in zip(mixing, names, strict=True):
        if mix := scales.get(name, AS_GIVEN).mix:
            row[:] = list(mix.values()) if list(mix) == wanted else [mix.get(other, 0.0) for other in names]
    return mixing.T


def key_readings(names: Sequence[str], weights: Array, scales: Mapping[str, KeyScale]) -> Array:
    """(..., E) what keys are read from (:attr:`KeyScale.mix`), of (..., E) as the network gives them."""
    return _layout_of(names, scales).readings(weights)


def reported_weights(
    names: Sequence[str], weights: Array, scales: Mapping[str, KeyScale], neutral: Array | None = None
) -> Array:
    """What is reported of a network's weights: 0 at rest, 1 fully raised, 0 where nothing is measured.

    A person's own rest takes the place of the table's; a key that rests high is not stretched by more than
    twice for it. Where lids hide the iris, nobody sees where the eye looks: an `eyeLook...` that the table
    has fades as `eyeBlink` of the same side goes from :data:`IRIS_SEEN` to :data:`IRIS_HIDDEN`.

    Args:
        names: of E keys.
        weights: (..., E) as the network gives them.
        scales: by name; keys that it lacks are as given.
        neutral: (E,) the network's weights of this person at rest, or None.

    Returns:
        (..., E), not clipped.
    """
    layout = _layout_of(names, scales)
    rest, span = layout.rest, layout.span
    if neutral is not None:
        own_rest = layout.readings(np.asarray(neutral, float))
        span = np.maximum(rest + span - own_rest, span / 2)
        rest = own_rest
    reported: Array = np.where(layout.measured, (layout.readings(weights) - rest) / span, 0.0)
    for turning, blink in layout.gaze:  # eyes behind their lids look nowhere
        shut = reported[..., blink, None]
        reported[..., turning] *= np.clip((IRIS_HIDDEN - shut) / (IRIS_HIDDEN - IRIS_SEEN), 0, 1)
    return reported


def weights_at_rest(
    names: Sequence[str], weights: Array, scales: Mapping[str, KeyScale], neutral: Array | None = None
) -> Array:
    """What :func:`reported_weights` leaves out: weights that a mesh has before any key is raised.

    Args:
        names: of E keys.
        weights: (..., E) as the network gives them.
        scales: by name; keys that it lacks are as given.
        neutral: (E,) the network's weights of this person at rest, or None.

    Returns:
        (..., E) rest of what is measured, and the weights themselves of what is not.
    """
    own = [scales.get(name, AS_GIVEN) for name in names]
    everyones = [scale.mesh_rest if scale.mix else scale.rest for scale in own]
    rest = np.array(everyones) if neutral is None else np.asarray(neutral, float)
    return np.where(np.array([scale.measured for scale in own]), rest, weights)


def key_groups(names: Sequence[str], targets: TargetNames = "arkit") -> dict[str, tuple[int, ...]]:
    """Which of a face model's expressions each reported name stands for.

    Args:
        names: of the model's expressions.
        targets: "all" for the model's own names; "arkit" merges both sides of `browInnerUp` and `cheekPuff`
            and, where the model has ARKit's other 51 names, gives exactly the 52, `tongueOut` of nothing.

    Raises:
        ConfigError: other targets.
    """
    if targets not in get_args(TargetNames):
        raise ConfigError(f"targets are {' or '.join(map(repr, get_args(TargetNames)))}, not {targets!r}.")
    if targets == "all":
        return {name: (number,) for number, name in enumerate(names)}
    groups: dict[str, tuple[int, ...]] = {}
    for number, name in enumerate(names):
        merged = ARKIT_NAME_OF_SIDE.get(name, name)
        groups[merged] = (*groups.get(merged, ()), number)
    if not set(ARKIT_NAMES) - {TONGUE} <= set(groups):
        return groups
    ordered = {name: group for name, group in groups.items() if name in ARKIT_NAMES}
    return ordered | {TONGUE: ordered.get(TONGUE, ())}
