"""Measures where hand-set points lie on the face model.

``python -m tools.register_points --shared ../shared`` fits faces of training people to MediaPipe's mesh; what
the fits leave between a point and its place is the scheme's constant offset (its mean) and the trust in the
point (its spread). Points
that are one of the 68 start from that landmark; the others from the vertex that lies
beneath them most steadily.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.evidence import Evidence
from lineament.data.fitting.fitter import Fits, Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.fitting.point_places import PlaceKind, PointPlaces, find_places, write_places
from lineament.data.photographs.collections import MESH_POINTS, UNITS_PER_PX, is_validation
from lineament.data.photographs.head_yaw import predicted_yaws
from lineament.data.photographs.known import KNOWN
from lineament.data.photographs.point_sets import PointSet
from lineament.data.samples.point_schemes import POINT_SCHEMES
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.mesh import barycentric_points
from lineament.geometry.morphable import MorphableModel
from lineament.models.builtin import load_builtin

Array = NDArray[Any]

MAX_YAW = np.radians(20)
MAX_FACES = 500
JAW_CORRIDOR_MM = 8.0
MIN_SIGMA_MM, MAX_SIGMA_MM = 1.5, 6.0
MAX_SPREAD_MM = 5.0
PROFILE_ROUNDS = 1
PROFILE_PEOPLE = 40
DEPTH_RIDGE = 0.3
"""From the front an offset in depth hardly shows: evidence for none, in photographs a photograph."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A scheme to register.

    Attributes:
        scheme: its name.
        collection: of photographs, with `NAME_points.npz`.
        photos: which of them, part of the name.
        jaw: points on the outline of the jaw.
        ridge: points on the midline.
        unused: points of hair, ears, neck, irises and pupils.
    """

    scheme: str
    collection: str
    photos: str = ""
    jaw: tuple[int, ...] = ()
    ridge: tuple[int, ...] = ()
    unused: tuple[int, ...] = ()


REGISTERED = (
    Registered("cfp-30", "cfp", "_frontal_", tuple(range(8)), (18, 19, 20, 21, 22, 26, 27, 28, 29)),
    Registered("fgnet-68", "fgnet", jaw=(*range(7), *range(8, 15)), ridge=(41, 51, 57, 67), unused=(31, 36)),
    Registered(
        "london-189",
        "london",
        jaw=(*range(125, 129), *range(130, 134)),
        unused=(*range(18), *range(109, 125), *range(134, 158), *range(183, 189)),
    ),
)


def main(arguments: list[str] | None = None) -> None:
    """Measure all schemes and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, required=True)
    shared = parser.parse_args(arguments).shared
    model = load_builtin()
    places = {one.scheme: register(model, shared / "photos", one) for one in REGISTERED}
    write_places(places | {"cfp-30-mirrored": mirrored(places["cfp-30"], model)})
    for _ in range(PROFILE_ROUNDS):
        places["cfp-30"] = with_profiles(model, shared / "photos", places["cfp-30"])
        write_places(places | {"cfp-30-mirrored": mirrored(places["cfp-30"], model)})
    places["cfp-30-mirrored"] = mirrored(places["cfp-30"], model)
    for scheme in ("300w-lp", "68-outline"):
        places[scheme] = of_cfp(model, places, scheme)
    write_places(places)
    for place in places.values():
        used = place.kind != PlaceKind.UNUSED
        sigma = place.sigma_mm[used].mean()
        print(f"{place.scheme}: {used.sum()} of {len(used)} points used, sigma {sigma:.2f} mm")


def register(model: MorphableModel, folder: Path, one: Registered) -> PointPlaces:
    """The places of a scheme's points."""
    fits, points = _fitted(model, folder, one)
    scheme = POINT_SCHEMES[one.scheme]
    count = len(scheme)
    lfm = model.schemes["lfm-68"]
    of_68 = np.array(scheme.of_68)
    vertex_index, weights = lfm.vertex_index[of_68].copy(), lfm.weights[of_68].copy()
    vertices = np.stack([_projected(model, fits, f) for f in range(len(points))])  # (F, N, 2)
    skin = np.unique(model.triangles[slice(*model.parts["face"])])
    jaw_points = barycentric_points(model.neutral_model, lfm.vertex_index[:17], lfm.weights[:17])
    near_jaw = skin[_distance_to_line(model.neutral_model[skin], jaw_points) < JAW_CORRIDOR_MM]
    front = skin[_vertex_normal_z(model)[skin] > -0.1]
    for p in np.flatnonzero(of_68 < 0):
        among = near_jaw if p in one.jaw else front
        apart = vertices[:, among] - points[:, p, None]
        spread = np.nanmean(np.minimum(np.sum(apart**2, axis=-1) / fits.scale[:, None] ** 2, 100), axis=0)
        vertex_index[p], weights[p] = among[np.argmin(spread)], [1, 0, 0]
    kind = np.full(count, PlaceKind.FIXED)
    kind[list(one.jaw)], kind[list(one.ridge)] = PlaceKind.JAW, PlaceKind.RIDGE
    kind[list(one.unused)] = PlaceKind.UNUSED
    offset, sigma = _offsets(model, fits, points, vertex_index, weights)
    offset[kind == PlaceKind.JAW] = 0  # they lie on the outline
    kind[sigma > MAX_SPREAD_MM] = PlaceKind.UNUSED
    sigma = np.clip(sigma, MIN_SIGMA_MM, MAX_SIGMA_MM)
    return PointPlaces(
        one.scheme, vertex_index, weights.astype(np.float32), offset, sigma, kind.astype(np.uint8)
    )


def with_profiles(model: MorphableModel, folder: Path, places: PointPlaces) -> PointPlaces:
    """CFP's places with offsets of the depth and of the jaw's edge, which only profiles show."""
    with np.load(folder / "cfp_landmarks.npz") as data:
        mesh = dict(
            zip(data["names"].tolist(), data["mesh478_q32"][:, MESH_POINTS] / UNITS_PER_PX, strict=True)
        )
    with np.load(folder / "cfp_points.npz") as data:
        hand = dict(zip(data["names"].tolist(), data["points"].astype(float), strict=True))
    known = KNOWN["cfp"]
    names = [
        name for name in hand if int(name[:3]) <= PROFILE_PEOPLE and not is_validation(f"cfp/{name[:3]}")
    ]
    sets = [
        PointSet(own := known.in_order(Path(name).stem, hand[name]), known.scheme_of(own)) for name in names
    ]
    meshes = np.stack([np.where(mesh[name].min() < -900, np.nan, mesh[name]) for name in names])
    yaws = predicted_yaws(folder / "cfp_landmarks68_300wlp.npz")
    is_profile = np.array([np.isfinite(known.told_yaw(Path(name).stem, known.scheme)) for name in names])
    yaw = np.where(is_profile, [yaws[name] for name in names], np.nan)
    fitter = Fitter(model, mesh_layout())
    fits = fitter.fit(
        meshes, people=[name[:3] for name in names], evidence=Evidence([[one] for one in sets], told_yaw=yaw)
    )
    plain = {s: find_places(s) for s in (places.scheme, f"{places.scheme}-mirrored")}
    left, axes = [], []
    for f, one in enumerate(sets):
        place = plain[one.scheme]
        placed = barycentric_points(_projected(model, fits, f), place.vertex_index, place.weights)
        sign = np.array([-1.0, 1, 1]) if one.scheme != places.scheme else np.ones(3)
        left.append((one.points_image - placed) / fits.scale[f] * [1, -1])
        axes.append(fits.rotation[f, :2] * sign)
    offset, sigma = _solved(np.stack(left), np.stack(axes))
    profile = np.isfinite(yaw)
    jaw = places.kind == PlaceKind.JAW
    edge, _ = _solved(np.stack(left)[profile], np.stack(axes)[profile])
    offset[jaw] = edge[jaw]
    return replace(places, offset_model=offset, sigma_mm=np.clip(sigma, MIN_SIGMA_MM, MAX_SIGMA_MM))


def mirrored(places: PointPlaces, model: MorphableModel) -> PointPlaces:
    """The same points on the other side of the head."""
    assert model.mirror is not None
    vertex = np.asarray(model.mirror.vertex)[places.vertex_index]
    offset = places.offset_model * [-1, 1, 1]
    return PointPlaces(
        f"{places.scheme}-mirrored", vertex, places.weights, offset, places.sigma_mm, places.kind
    )


def of_cfp(model: MorphableModel, places: dict[str, PointPlaces], scheme: str) -> PointPlaces:
    """A scheme of 68 points, with the offsets that were measured on CFP where they were, else none."""
    lfm = model.schemes["lfm-68"]
    kind = np.full(68, PlaceKind.FIXED)
    offset, sigma = np.zeros((68, 3)), np.full(68, 2.0)
    if scheme == "68-outline":
        kind[:17], kind[8] = PlaceKind.JAW, PlaceKind.FIXED
        kind[[27, 28, 29, 30, 33, 51, 62, 66, 57]] = PlaceKind.RIDGE
        for name in ("cfp-30", "cfp-30-mirrored"):
            numbers = np.array(POINT_SCHEMES[name].of_68)
            offset[numbers], sigma[numbers] = places[name].offset_model, places[name].sigma_mm
    return PointPlaces(scheme, lfm.vertex_index, lfm.weights, offset, sigma, kind.astype(np.uint8))


def _fitted(model: MorphableModel, folder: Path, one: Registered) -> tuple[Fits, Array]:
    """Fits to the meshes of frontal faces of training people, and their points (F, P, 2)."""
    with np.load(folder / f"{one.collection}_landmarks.npz") as data:
        mesh = dict(
            zip(data["names"].tolist(), data["mesh478_q32"][:, MESH_POINTS] / UNITS_PER_PX, strict=True)
        )
    with np.load(folder / f"{one.collection}_points.npz") as data:
        hand = {
            name: KNOWN[one.collection].in_order(Path(name).stem, points.astype(float))
            for name, points in zip(data["names"].tolist(), data["points"], strict=True)
        }
    names = [
        name
        for name in hand
        if one.photos in name
        and not is_validation(f"{one.collection}/{Path(name).stem}")
        and mesh[name].min() > -900
    ]
    names = [names[n] for n in np.unique(np.linspace(0, len(names) - 1, MAX_FACES).astype(int))]
    fits = Fitter(model, mesh_layout()).fit(np.stack([mesh[name] for name in names]))
    yaw = np.arcsin(np.clip(fits.rotation[:, 0, 2], -1, 1))
    kept = (np.abs(yaw) < MAX_YAW) & (fits.residual < 0.02)
    chosen = Fits(
        fits.rotation[kept],
        fits.scale[kept],
        fits.translation[kept],
        fits.identity[kept],
        fits.expression[kept],
        fits.residual[kept],
    )
    return chosen, np.stack([hand[name] for name in names])[kept]


def _projected(model: MorphableModel, fits: Fits, f: int) -> Array:
    camera = WeakPerspective(fits.rotation[f], float(fits.scale[f]), fits.translation[f])
    return camera.image_from_model(model.vertices_model(fits.identity[f], fits.expression[f]))[:, :2]


def _offsets(
    model: MorphableModel, fits: Fits, points: Array, vertex_index: Array, weights: Array
) -> tuple[Array, Array]:
    """(P, 3) mean offsets in the head's frame and (P,) spread per axis, mm."""
    placed = np.stack(
        [barycentric_points(_projected(model, fits, f), vertex_index, weights) for f in range(len(points))]
    )
    left = (points - placed) / fits.scale[:, None, None] * [1, -1]
    return _solved(left, fits.rotation[:, :2])


def _solved(left: Array, rotations: Array) -> tuple[Array, Array]:
    """Offsets and spread of residuals (F, P, 2) mm, the pictures' axes (F, 2, 3) in the head's frame."""
    count = left.shape[1]
    offset, sigma = np.zeros((count, 3)), np.zeros(count)
    for p in range(count):
        there = np.isfinite(left[:, p]).all(axis=1)
        far = np.linalg.norm(left[there, p] - np.median(left[there, p], axis=0), axis=1)
        near = np.flatnonzero(there)[far < 3 * np.median(far) + 1e-6]
        axes = rotations[near]
        normal = np.einsum("fai,faj->ij", axes, axes) + len(near) * np.diag([0.05, 0.05, DEPTH_RIDGE])
        offset[p] = np.linalg.solve(normal, np.einsum("fai,fa->i", axes, left[near, p]))
        rest = left[near, p] - axes @ offset[p]
        sigma[p] = np.sqrt(np.mean(rest**2))
    return offset, sigma


def _vertex_normal_z(model: MorphableModel) -> Array:
    from lineament.geometry.mesh import vertex_normals

    return vertex_normals(model.neutral_model.astype(float), model.triangles)[:, 2]


def _distance_to_line(points: Array, line: Array) -> Array:
    """(N,) from the pieces of a line through (M, 3)."""
    start, along = line[:-1], np.diff(line, axis=0)
    fraction = np.einsum("nmi,mi->nm", points[:, None] - start, along) / np.sum(along**2, axis=1)
    nearest = start + np.clip(fraction, 0, 1)[..., None] * along
    return np.linalg.norm(points[:, None] - nearest, axis=-1).min(axis=1)


if __name__ == "__main__":
    main()
