"""How well fits predict points that people set and the fit did not use.

``python -m tools.measure_hand_points --shared ../shared`` leaves out a fifth of the hand-set points of
training people, fits each photograph with the others, and measures where the fit has those left out: in % of
the fitted face's size (root area of its box), with identity shared over a person's photographs and without,
and without any hand-set point. On an outline the distance across it counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.evidence import Evidence
from lineament.data.fitting.fitter import Fits, Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.fitting.outline import SchemePoints
from lineament.data.fitting.point_places import find_places
from lineament.data.photographs.collection import PhotoEntry, read_photo_collection
from lineament.data.photographs.collections import MESH_POINTS, is_validation
from lineament.data.photographs.known import KNOWN
from lineament.geometry.mesh import barycentric_points
from lineament.models.builtin import load_builtin

Array = NDArray[Any]

COLLECTIONS = ("cfp", "fgnet", "london")
LEFT_OUT = 0.2


def main(arguments: list[str] | None = None) -> None:
    """Measure every collection with hand-set points."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=160, help="photographs of each collection")
    options = parser.parse_args(arguments)
    for name in COLLECTIONS:
        root = options.shared / "photos" / f"{name}.zip"
        collection = read_photo_collection(root, known=KNOWN[name])
        entries = [e for e in collection.entries if e.points and not is_validation(e.person)][
            : options.photos
        ]
        for line in measure(entries):
            print(f"{name} {line}", flush=True)


def measure(entries: Sequence[PhotoEntry]) -> list[str]:
    """Lines of figures of the photographs of one collection."""
    model = load_builtin()
    fitter = Fitter(model, mesh_layout())
    rng = np.random.default_rng(0)
    out = [
        rng.permutation(len(e.points[0].points_image)) < LEFT_OUT * len(e.points[0].points_image)
        for e in entries
    ]
    kept = [e.points[0].without(o) for e, o in zip(entries, out, strict=True)]
    meshes = np.stack([_mesh(entry) for entry in entries])
    evidence = Evidence(
        [[one] for one in kept],
        np.array([e.is_neutral for e in entries]),
        np.array([e.told_yaw for e in entries]),
    )
    has_mesh = np.isfinite(meshes).all(axis=(1, 2))
    fits = {
        "alone": fitter.fit(meshes, evidence=evidence),
        "identity shared": fitter.fit(meshes, people=[e.person for e in entries], evidence=evidence),
    }
    bare = Evidence([[] for _ in kept], evidence.is_neutral)
    fits["without hand-set points"] = fitter.fit(
        np.where(has_mesh[:, None, None], meshes, meshes[has_mesh][0]), evidence=bare
    )
    schemes = {e.points[0].scheme: SchemePoints(model, find_places(e.points[0].scheme)) for e in entries}
    profile = np.isfinite(evidence.yaw())
    lines = []
    for name, fit in fits.items():
        apart = [_apart(fit, f, schemes[e.points[0].scheme], e, out[f]) for f, e in enumerate(entries)]
        usable = has_mesh if name.startswith("without") else np.ones(len(entries), bool)
        for kind, chosen in (("profiles", profile & usable), ("fronts", ~profile & usable)):
            if chosen.any():
                values = np.concatenate([apart[f] for f in np.flatnonzero(chosen)])
                lines.append(
                    f"{kind}, {name}: {chosen.sum()} photographs, points left out are predicted to "
                    f"{values.mean():.2%} (median {np.median(values):.2%})"
                )
    return lines


def _mesh(entry: PhotoEntry) -> Array:
    if entry.landmarks is None:
        return np.full((len(MESH_POINTS), 3), np.nan)
    return entry.landmarks.points_image[list(MESH_POINTS)]


def _apart(fits: Fits, f: int, scheme: SchemePoints, entry: PhotoEntry, out: Array) -> Array:
    """(Q,) distances of the points left out over the size of the face."""
    rotation, scale = fits.rotation[f], float(fits.scale[f])
    coefficients = np.concatenate([fits.identity[f], fits.expression[f]]).astype(float)
    rows = scheme.rows(rotation, coefficients)
    layout = mesh_layout()
    vertices = load_builtin().vertices_model(fits.identity[f], fits.expression[f])
    points = barycentric_points(vertices, layout.vertex_index, layout.weights) @ rotation.T
    size = float(np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))) * scale
    visible = (entry.points[0].points_image[:, :2] - fits.translation[f, :2]) * [1, -1]
    left = visible - scale * (rows.place @ rotation.T)[:, :2]
    across = np.einsum("pai,pi->pa", rows.axes, left) * (rows.trust > 0.5)
    used = out & (rows.trust[:, 0] > 0.5) & entry.points[0].annotated
    return np.linalg.norm(across[used], axis=1) / size


if __name__ == "__main__":
    main()
