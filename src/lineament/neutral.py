"""A person's own rest: what the weights of expressions are while the face does nothing.

A network that has one rest for everybody sees a frown in low brows and a smile in full cheeks. What is there
in a person's quietest frames is taken for the person, not for what the face does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lineament.errors import ConfigError
from lineament.expression_keys import AS_GIVEN, KeyScale, key_mixing, key_readings, reported_weights
from lineament.result import MorphableResult
from lineament.several import Faces, list_of_faces

Array: TypeAlias = NDArray[Any]

QUIET = 0.15
"""The part of the faces that is taken for rest: those whose weights are the least together."""
MOST = 0.4
"""No rest is further from everybody's than that, in parts of a key's range: who always smiles
smiles."""
LEAST_SHARE = 0.02
"""Changes of weights that readings hardly show, by this part of the best seen, are not made for them."""


def neutral_expression(faces: Faces) -> Array:
    """(E,) float32 weights of a person at rest: of each key the median over the quietest faces.

    A single face is taken as it is, however it looks.

    Args:
        faces: results of one person by one set of weights; those that are not finite are left out.

    Raises:
        ConfigError: there is no face, or they have no expression or different ones.
    """
    known = [face for face in list_of_faces(faces) if face.is_finite]
    morphable = [face for face in known if isinstance(face, MorphableResult)]
    if not known or len(morphable) < len(known):
        raise ConfigError(
            "A person's rest is found from faces with coefficients of a face model; found "
            f"{len(known)} faces, {len(morphable)} with coefficients. Give results of one person."
        )
    if len({(face.model.name, len(face.expression)) for face in morphable}) > 1:
        raise ConfigError("These faces have different expressions. Give results of one set of weights.")
    first = morphable[0]
    if len(morphable) == 1:
        return np.asarray(first.expression, np.float32)
    names = first.model.expression_names[: len(first.expression)]
    return quietest(names, np.stack([face.expression for face in morphable]), first.key_scales)


def quietest(names: Sequence[str], weights: Array, scales: Mapping[str, KeyScale]) -> Array:
    """The same from (n, E) weights alone; `scales` as in :func:`reported_weights`."""
    raised = np.clip(reported_weights(names, weights.astype(float), scales), 0, 1).sum(axis=1)
    count = max(1, round(QUIET * len(weights)))
    rest = np.median(weights[np.argsort(raised, kind="stable")[:count]], axis=0)
    own = [scales.get(name, AS_GIVEN) for name in names]
    low = np.array([scale.rest for scale in own])
    span = np.array([scale.full for scale in own]) - low
    readings = key_readings(names, rest, scales)
    excess = np.clip(readings, low - MOST * span, low + MOST * span) - readings
    mixing = key_mixing(names, scales)
    if mixing is not None and excess.any():  # the smallest change of weights that takes it off
        excess = np.linalg.lstsq(mixing.T, excess, rcond=LEAST_SHARE)[0]
    return np.asarray(rest + excess, np.float32)
