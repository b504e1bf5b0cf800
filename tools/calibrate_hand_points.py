"""Measures the scheme ``ibug-68``, where people set points: ``python -m tools.calibrate_hand_points``.

On CFP (profiles and frontals, 30 points), FG-NET (13) and London (23), people who are for training, the
default weights' faces are compared with the points that were set by hand. For each of the 68 the difference
in the head's frame is a ridge regression on the head's turn, the first identity coefficients and the
expression, alike on both sides of the face. A photograph shows two of three coordinates; faces seen from all
sides give the third. Where nobody set a point it moves as its neighbours do. Weights that differ have habits
of their own, and no scheme can be right for all of them: it is measured with the default ones, and other
weights are tried on it. The scheme in ``lfm.npz`` is replaced.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.aligner import FaceAligner
from lineament.data.photographs.collections import shared_folder
from lineament.evaluate.items import EvaluationItem
from lineament.evaluate.protocols.handset_points import SCHEMES, HandSetScheme
from lineament.evaluate.sets.handset import load_handset
from lineament.geometry.face_mesh import LandmarkScheme, turn_terms
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import angles_from_matrix
from lineament.geometry.topology import MIRROR_68
from lineament.models import load_model
from lineament.models.builtin import BUILTIN_PATH
from lineament.result import MorphableResult

Array = NDArray[Any]

NAME, REGISTERED = "ibug-68", "lfm-68"
IDENTITIES = 40
RIDGE = 0.3
"""Of the regression in mm; terms of the turn are about 1, coefficients count by the next two."""
IDENTITY_UNIT, EXPRESSION_UNIT = 0.1, 0.3
MAX_DISTANCE = 0.12
"""Of a face's size: where a face lies so far from the points, it is another one or wrong."""
MIRROR = np.asarray(MIRROR_68)
FLIP = np.array([-1.0, 1.0, 1.0])
SEVERE = 1e4
"""Ridge of what cannot be for points on the middle line: a sideways offset while the face looks ahead."""
OF_NEIGHBOURS: dict[int, tuple[int, ...]] = {
    18: (17, 19),
    20: (19, 21),
    49: (48, 50),
    58: (57,),
    59: (48, 57),
    60: (48,),
    61: (62,),
    67: (66,),
}
"""Points that nobody set, on the picture's left, and those whose offsets they take the mean of."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One face with points that people set.

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


def faces_seen(items: Iterable[EvaluationItem], weights: str) -> list[Seen]:
    """The weights' faces in the items' true boxes, where both agree roughly."""
    aligner = FaceAligner.from_pretrained(weights)
    found = []
    for item in items:
        (points,) = item.landmarks.values()
        for face in aligner(item.photo.read(), boxes=[item.box_xyxy]):
            if not isinstance(face, MorphableResult):
                raise SystemExit(f"{weights} gives no coefficients: name weights of a morphable model.")
            seen = Seen(
                SCHEMES[item.scheme],
                points,
                face.landmarks(REGISTERED)[:, :2].astype(float),
                np.asarray(face.pose.rotation, float),
                float(face.pose.scale),
                face.identity.astype(float),
                face.expression.astype(float),
            )
            apart = np.linalg.norm(seen.scheme.of_68(seen.registered) - points, axis=1).mean()
            if apart < MAX_DISTANCE * item.size:
                found.append(seen)
    return found


def hand_set_scheme(seen: Sequence[Seen], model: MorphableModel) -> LandmarkScheme:
    """The 68 landmarks where people set them."""
    registered = model.schemes[REGISTERED]
    rows = _equations(seen, model)
    slopes = {point: _solved(rows[point], point) for point in rows}
    for point, others in OF_NEIGHBOURS.items():
        slopes.setdefault(point, np.mean([slopes[other] for other in others], axis=0))
    terms = len(next(iter(slopes.values())))
    offsets = np.zeros((terms, len(MIRROR), 3))
    for point, own in slopes.items():
        offsets[:, point] = own
    return _on_both_sides(registered, offsets, model)


def _features(face: Seen, model: MorphableModel, *, mirrored: bool) -> Array:
    """(T,) terms of points on the picture's left, or of their mirror images in a mirrored face."""
    angles = angles_from_matrix(face.rotation)
    identity, expression = face.identity[:IDENTITIES], face.expression
    if mirrored:
        assert model.mirror is not None
        identity = identity * model.mirror.identity_sign[:IDENTITIES]
        expression = expression[model.mirror.expression]
    facing = np.array([-angles.yaw if mirrored else angles.yaw])
    turn = turn_terms(facing, float(angles.pitch))[:, 0]
    return np.concatenate([[1.0], turn, IDENTITY_UNIT * identity, EXPRESSION_UNIT * expression])


def _equations(seen: Sequence[Seen], model: MorphableModel) -> dict[int, list[tuple[Array, Array, Array]]]:
    """By point of the picture's left half or the middle: what each face says of its offset.

    Each is (2, 3) view, (2,) mm in the picture, (T,) features: view @ offset is what is seen.
    """
    rows: dict[int, list[tuple[Array, Array, Array]]] = {}
    for face in seen:
        apart = (face.points - face.scheme.of_68(face.registered)) / face.scale * [1.0, -1.0]
        yaw = float(angles_from_matrix(face.rotation).yaw)
        both = [_features(face, model, mirrored=mirrored) for mirrored in (False, True)]
        for (_, ours), gap in zip(face.scheme.pairs, apart, strict=True):
            for point in ours:
                is_middle = MIRROR[point] == point
                mirrored = yaw < 0 if is_middle else point != min(point, MIRROR[point])
                own = int(min(point, MIRROR[point]))
                # Points 0-7 are on the picture's left, 9-16 on the right; the middle has one number.
                view = face.rotation[:2] * (FLIP if mirrored else 1.0)
                rows.setdefault(own, []).append((view, gap, both[int(mirrored)]))
    return rows


def _solved(rows: Sequence[tuple[Array, Array, Array]], point: int) -> Array:
    """(T, 3) mm per term: ridge regression of one point."""
    views, gaps, features = (np.array(part) for part in zip(*rows, strict=True))
    terms = features.shape[1]
    inputs = np.einsum("sij,sk->sikj", views, features).reshape(2 * len(rows), 3 * terms)
    ridge = np.full((terms, 3), RIDGE)
    ridge[0] *= 0.3
    if MIRROR[point] == point:
        ridge[0, 0] = ridge[3, 0] = SEVERE
        ridge[5:, 0] = SEVERE
    normal = inputs.T @ inputs + np.diag(ridge.ravel())
    return np.linalg.solve(normal, inputs.T @ gaps.ravel()).reshape(terms, 3)


def _on_both_sides(registered: LandmarkScheme, offsets: Array, model: MorphableModel) -> LandmarkScheme:
    """The scheme of (T, 68, 3) offsets that are known of the picture's left half and the middle."""
    assert model.mirror is not None
    left = np.arange(len(MIRROR)) <= MIRROR
    constant, turn = offsets[:1], offsets[1:5]
    identity, expression = np.split(offsets[5:], [IDENTITIES])
    identity, expression = IDENTITY_UNIT * identity, EXPRESSION_UNIT * expression
    sign = model.mirror.identity_sign[:IDENTITIES, None, None]

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
        name=NAME,
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


def main() -> None:
    """Measure, report, replace the scheme."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=None)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--faces", type=int, default=2000, help="of each kind at most")
    parser.add_argument("--out", type=Path, default=BUILTIN_PATH)
    given = parser.parse_args()
    known = load_handset((given.shared or shared_folder()) / "photos", given.faces).calibration
    model = load_model("lfm")
    seen = faces_seen(known, given.weights)
    folds = [hand_set_scheme([s for n, s in enumerate(seen) if n // 50 % 3 != f], model) for f in range(3)]
    unseen = [[s for n, s in enumerate(seen) if n // 50 % 3 == f] for f in range(3)]
    before = np.mean([errors(part, model.schemes[REGISTERED], model) for part in unseen])
    after = np.mean([errors(part, scheme, model) for part, scheme in zip(unseen, folds, strict=True)])
    print(
        f"{len(seen)} faces; points that people set from the landmarks, of the face's size: "
        f"registered {before:.2%}, "
        f"{NAME} {after:.2%} (cross-validated)"
    )
    write_scheme(given.out, hand_set_scheme(seen, model))
    print(f"{given.out}: scheme {NAME} replaced")


def write_scheme(path: Path, scheme: LandmarkScheme) -> None:
    """Put a scheme into the package's face model, or another file of its arrays."""
    with np.load(BUILTIN_PATH) as present:
        arrays = dict(present)
    parts = ("vertex_index", "weights", "offset_model", "identity_offset", "expression_offset", "turn_offset")
    arrays |= {f"scheme/{scheme.name}/{part}": getattr(scheme, part) for part in parts}
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
