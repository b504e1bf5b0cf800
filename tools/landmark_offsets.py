"""Where a convention has its landmarks on a network's faces: linear offsets, measured on many photographs.

For each of the 68 the difference between labels and the points registered on the mesh, in the head's frame,
is a ridge regression on coefficients and, where the convention follows the outline, the head's turn; alike on
both sides of the face. A photograph shows two of three coordinates; faces seen from all sides give the third.
Weights that differ have habits of their own, and no scheme can be right for all of them: schemes are measured
with the default ones, and other weights are tried on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.evaluate.protocols.handset_points import HandSetScheme
from lineament.geometry.face_mesh import LandmarkScheme, turn_terms
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import angles_from_matrix
from lineament.geometry.topology import MIRROR_68
from lineament.models.builtin import BUILTIN_PATH
from lineament.result import MorphableResult

Array = NDArray[Any]

REGISTERED = "lfm-68"
IDENTITY_UNIT, EXPRESSION_UNIT = 0.1, 0.3
MIRROR = np.asarray(MIRROR_68)
FLIP = np.array([-1.0, 1.0, 1.0])
CONSTANT_RIDGE = 0.3
"""Part of the ridge that the constant offset bears."""
SEVERE = 1e4
"""Ridge of what cannot be for points on the middle line: a sideways offset while the face looks ahead."""
FOLDS, TOGETHER = 3, 50
"""For cross-validation; neighbours among the photographs are often one person, so they stay together."""


@dataclass(frozen=True, slots=True)
class Regression:
    """How the offsets of a scheme are measured.

    Attributes:
        name: of the scheme.
        ridge: in mm; terms of the turn are about 1, coefficients count by their units.
        follows_turn: whether points move over the face as the head turns.
        identities: how many identity coefficients offsets follow.
        plain: points that follow no expression.
        of_neighbours: points that are not labelled, on the picture's left, and those whose offsets they take
            the mean of.
    """

    name: str
    ridge: float
    follows_turn: bool = True
    identities: int = 40
    plain: frozenset[int] = frozenset()
    of_neighbours: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """One face with labelled points.

    Attributes:
        scheme: which points these are.
        points: (P, 2) px.
        registered: (68, 2) px, the face's landmarks as registered on the mesh.
        rotation: (3, 3).
        scale: px per mm.
        identity: (K,).
        expression: (E,).
    """

    scheme: HandSetScheme
    points: Array
    registered: Array
    rotation: Array
    scale: float
    identity: Array
    expression: Array

    @classmethod
    def of(cls, face: object, scheme: HandSetScheme, points: Array) -> Seen:
        """An aligned face and the points on its photograph; SystemExit where it has no coefficients."""
        if not isinstance(face, MorphableResult):
            raise SystemExit("These weights give no coefficients: name weights of a morphable model.")
        return cls(
            scheme,
            points,
            face.landmarks(REGISTERED)[:, :2].astype(float),
            np.asarray(face.pose.rotation, float),
            float(face.pose.scale),
            face.identity.astype(float),
            face.expression.astype(float),
        )

    @property
    def distance(self) -> float:
        """Mean px from the registered points to the labels."""
        return float(np.linalg.norm(self.scheme.of_68(self.registered) - self.points, axis=1).mean())


def measured_scheme(seen: Sequence[Seen], model: MorphableModel, how: Regression) -> LandmarkScheme:
    """The 68 landmarks where the labels have them."""
    rows = _equations(seen, model, how)
    slopes = {point: _solved(rows[point], point, how) for point in rows}
    for point, others in how.of_neighbours.items():
        slopes.setdefault(point, np.mean([slopes[other] for other in others], axis=0))
    terms = len(next(iter(slopes.values())))
    offsets = np.zeros((terms, len(MIRROR), 3))
    for point, own in slopes.items():
        offsets[:, point] = own
    return _on_both_sides(model.schemes[REGISTERED], offsets, model, how)


def _features(face: Seen, model: MorphableModel, how: Regression, *, mirrored: bool) -> Array:
    """(1 + 4 + K + E,) terms of points on the picture's left, or of their mirror images in a mirrored face.

    The four of the turn are missing where offsets do not follow it.
    """
    angles = angles_from_matrix(face.rotation)
    identity, expression = face.identity[: how.identities], face.expression
    if mirrored:
        assert model.mirror is not None
        identity = identity * model.mirror.identity_sign[: how.identities]
        expression = expression[model.mirror.expression]
    facing = np.array([-angles.yaw if mirrored else angles.yaw])
    turn = turn_terms(facing, float(angles.pitch))[:, 0] if how.follows_turn else []
    return np.concatenate([[1.0], turn, IDENTITY_UNIT * identity, EXPRESSION_UNIT * expression])


def _equations(
    seen: Sequence[Seen], model: MorphableModel, how: Regression
) -> dict[int, list[tuple[Array, Array, Array]]]:
    """By point of the picture's left half or the middle: what each face says of its offset.

    Each is (2, 3) view, (2,) mm in the picture, (T,) features: view @ offset is what is seen.
    """
    rows: dict[int, list[tuple[Array, Array, Array]]] = {}
    for face in seen:
        apart = (face.points - face.scheme.of_68(face.registered)) / face.scale * [1.0, -1.0]
        yaw = float(angles_from_matrix(face.rotation).yaw)
        both = [_features(face, model, how, mirrored=mirrored) for mirrored in (False, True)]
        for (_, ours), gap in zip(face.scheme.pairs, apart, strict=True):
            for point in ours:
                is_middle = MIRROR[point] == point
                mirrored = yaw < 0 if is_middle else point != min(point, MIRROR[point])
                own = int(min(point, MIRROR[point]))
                # Points 0-7 are on the picture's left, 9-16 on the right; the middle has one number.
                view = face.rotation[:2] * (FLIP if mirrored else 1.0)
                rows.setdefault(own, []).append((view, gap, both[int(mirrored)]))
    return rows


def _solved(rows: Sequence[tuple[Array, Array, Array]], point: int, how: Regression) -> Array:
    """(T, 3) mm per term: ridge regression of one point."""
    views, gaps, features = (np.array(part) for part in zip(*rows, strict=True))
    terms = features.shape[1]
    inputs = np.einsum("sij,sk->sikj", views, features).reshape(2 * len(rows), 3 * terms)
    ridge = np.full((terms, 3), float(how.ridge))
    ridge[0] *= CONSTANT_RIDGE
    coefficients = 5 if how.follows_turn else 1
    if MIRROR[point] == point:
        ridge[0, 0] = SEVERE
        ridge[coefficients:, 0] = SEVERE
        if how.follows_turn:
            ridge[3, 0] = SEVERE  # of the head's pitch
    if point in how.plain:
        features_of_expression = slice(coefficients + how.identities, None)
        inputs.reshape(len(inputs), terms, 3)[:, features_of_expression] = 0.0
    normal = inputs.T @ inputs + np.diag(ridge.ravel())
    return np.linalg.solve(normal, inputs.T @ gaps.ravel()).reshape(terms, 3)


def _on_both_sides(
    registered: LandmarkScheme, offsets: Array, model: MorphableModel, how: Regression
) -> LandmarkScheme:
    """The scheme of (T, 68, 3) offsets that are known of the picture's left half and the middle."""
    assert model.mirror is not None
    left = np.arange(len(MIRROR)) <= MIRROR
    constant, turn = offsets[:1], offsets[1:5] if how.follows_turn else np.zeros((0, len(MIRROR), 3))
    identity, expression = np.split(offsets[1 + len(turn) :], [how.identities])
    identity, expression = IDENTITY_UNIT * identity, EXPRESSION_UNIT * expression
    sign = model.mirror.identity_sign[: how.identities, None, None]

    def whole(own: Array, opposite: Array) -> Array:
        """Of both sides; what lies in the middle is its own mirror image."""
        image = opposite[:, MIRROR] * FLIP
        return np.where(
            (np.arange(len(MIRROR)) == MIRROR)[:, None],
            (own + image) / 2,
            np.where(left[:, None], own, image),
        )

    return replace(
        registered,
        name=how.name,
        offset_model=whole(constant, constant)[0].astype(np.float32),
        identity_offset=whole(identity, sign * identity).astype(np.float32),
        expression_offset=whole(expression, expression[model.mirror.expression]).astype(np.float32),
        turn_offset=np.where(left[:, None], turn, turn[:, MIRROR] * FLIP).astype(np.float32),
    )


def errors(seen: Sequence[Seen], scheme: LandmarkScheme, model: MorphableModel) -> float:
    """Mean distance of the scheme's points from those that people set, over the size of the face's 68."""
    found = []
    for face in seen:
        moved = scheme.points_model(
            model.vertices_model(face.identity, face.expression),
            face.identity,
            face.expression,
            face.rotation,
        ) - model.landmarks_model(face.identity, face.expression, scheme=REGISTERED)
        points = face.registered + face.scale * (moved @ face.rotation.T)[:, :2] * [1.0, -1.0]
        size = np.sqrt(np.prod(np.ptp(face.registered, axis=0)))
        found.append(np.linalg.norm(face.scheme.of_68(points) - face.points, axis=1).mean() / size)
    return float(np.mean(found))


def cross_validated(seen: Sequence[Seen], model: MorphableModel, how: Regression) -> tuple[float, float]:
    """Errors of the registered points and of the scheme, on faces that it was not measured on."""
    fold = np.arange(len(seen)) // TOGETHER % FOLDS
    before, after = [], []
    for number in range(FOLDS):
        known = [face for face, own in zip(seen, fold, strict=True) if own != number]
        unseen = [face for face, own in zip(seen, fold, strict=True) if own == number]
        before.append(errors(unseen, model.schemes[REGISTERED], model))
        after.append(errors(unseen, measured_scheme(known, model, how), model))
    return float(np.mean(before)), float(np.mean(after))


def replace_scheme(
    seen: Sequence[Seen], model: MorphableModel, how: Regression, out: Path = BUILTIN_PATH
) -> None:
    """Measure a scheme, print how far it is right, and put it into a file of the face model."""
    before, after = cross_validated(seen, model, how)
    print(
        f"{len(seen)} faces; distance of the labels from the landmarks, of the face's size: "
        f"registered {before:.2%}, {how.name} {after:.2%} (cross-validated)"
    )
    write_scheme(out, measured_scheme(seen, model, how))
    print(f"{out}: scheme {how.name} replaced")


def write_scheme(path: Path, scheme: LandmarkScheme) -> None:
    """Put a scheme into the package's face model, or another file of its arrays."""
    with np.load(BUILTIN_PATH) as present:
        arrays = dict(present)
    parts = ("vertex_index", "weights", "offset_model", "identity_offset", "expression_offset", "turn_offset")
    arrays |= {f"scheme/{scheme.name}/{part}": getattr(scheme, part) for part in parts}
    np.savez_compressed(path, **arrays)
