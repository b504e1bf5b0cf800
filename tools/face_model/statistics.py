"""Identity modes and blendshapes of LFM: symmetric by construction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineament.geometry.similarity import fit_similarity
from tools.face_model.source import FaceSurface, Source, mirrored

Array = NDArray[np.floating]
IntArray = NDArray[np.integer]

SAMPLES = 3000
HELD_OUT = 300
SEED = 20261120
LEFT_OUT_SHAPES = ("PupilDilate_L", "PupilDilate_R", "cheekRaiser_L", "cheekRaiser_R")
"""Not ARKit's: pupils have no geometry here, and the cheek raiser doubles the cheek squint."""
OPPOSITES = {"jawLeft": "jawRight", "mouthLeft": "mouthRight"}


@dataclass(frozen=True, slots=True)
class IdentityModes:
    """What :func:`identity_modes` found.

    Attributes:
        basis: (K, N, 3) modes of the surface, mm per standard deviation.
        carrier_basis: (K, C, 3) how the carriers of the parts (eyeballs) go with them.
        sign: (K,) +1 for symmetric modes, -1 for antisymmetric ones.
        deviation: (K,) standard deviation along each mode, mm, over all coordinates together.
        variance_kept: fraction of the samples' variance that K modes hold.
        held_out_rms_mm: distance of vertices of ICT faces not used from their best reconstruction.
        held_out_worst_mm: the greatest such distance.
    """

    basis: Array
    carrier_basis: Array
    sign: Array
    deviation: Array
    variance_kept: float
    held_out_rms_mm: float
    held_out_worst_mm: float


def identity_modes(
    source: Source, surface: FaceSurface, neutral: Array, carriers: IntArray, count: int
) -> IdentityModes:
    """PCA over faces sampled from ICT and their mirror images.

    A set that holds each face's mirror image has a covariance that commutes with mirroring, so its modes are
    symmetric or antisymmetric. They are found as such: the symmetric and the antisymmetric half of every
    sample are orthogonal, and each half has its own PCA.
    """
    rng = np.random.default_rng(SEED)
    faces, carried = _sample_faces(source, surface, neutral, carriers, SAMPLES, rng)
    halves = [0.5 * (faces + s * mirrored(faces, surface.mirror)) for s in (1, -1)]
    found = [_principal(half.reshape(len(half), -1)) for half in halves]
    deviation = np.concatenate([d for d, _ in found])
    vectors = np.concatenate([v for _, v in found])
    sign = np.repeat([1.0, -1.0], [len(d) for d, _ in found])
    best = np.argsort(-deviation, kind="stable")[:count]
    basis = vectors[best] * deviation[best, None]
    scores = faces.reshape(SAMPLES, -1) @ vectors[best].T / deviation[best]
    carrier_basis = np.linalg.lstsq(scores, carried.reshape(SAMPLES, -1), rcond=None)[0]
    test, _ = _sample_faces(source, surface, neutral, carriers, HELD_OUT, rng)
    test = test.reshape(HELD_OUT, -1)
    rest = test - (test @ vectors[best].T) @ vectors[best]
    error = np.linalg.norm(rest.reshape(HELD_OUT, -1, 3), axis=-1)
    return IdentityModes(
        basis=basis.reshape(count, -1, 3).astype(np.float32),
        carrier_basis=carrier_basis.reshape(count, -1, 3).astype(np.float32),
        sign=sign[best].astype(np.float32),
        deviation=deviation[best],
        variance_kept=float(np.sum(deviation[best] ** 2) / np.sum(deviation**2)),
        held_out_rms_mm=float(np.sqrt(np.mean(error**2))),
        held_out_worst_mm=float(error.max()),
    )


def _sample_faces(
    source: Source,
    surface: FaceSurface,
    neutral: Array,
    carriers: IntArray,
    count: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """(count, N, 3) and (count, C, 3) differences of random ICT faces, each moved onto the neutral one."""
    weights = rng.standard_normal((count, len(source.identity))).astype(np.float32)

    def blended(rest: Array, vertices: IntArray) -> Array:
        basis = source.identity[:, vertices].reshape(len(source.identity), -1)
        return rest + (weights @ basis).reshape(count, -1, 3)

    faces = blended(neutral, surface.source_index)
    rest = source.neutral[carriers]
    # Where a head stands in its frame is pose, not identity.
    fit = fit_similarity(faces, np.broadcast_to(neutral, faces.shape), with_scale=False)
    carried = fit.apply(blended(rest, carriers)) - rest
    return (fit.apply(faces) - neutral).astype(np.float32), carried.astype(np.float32)


def _principal(samples: Array) -> tuple[Array, Array]:
    """Standard deviations (C,) and unit modes (C, D) of samples (S, D) whose mean is known to be zero."""
    gram = samples @ samples.T / len(samples)
    values, vectors = np.linalg.eigh(gram.astype(np.float64))
    keep = values > values.max() * 1e-9
    values, vectors = values[keep][::-1], vectors[:, keep][:, ::-1]
    modes = (vectors / np.sqrt(values * len(samples))).T @ samples
    return np.sqrt(values), modes / np.linalg.norm(modes, axis=1, keepdims=True)


@dataclass(frozen=True, slots=True)
class Blendshapes:
    """(E, N, 3) shapes in mm at weight one, ARKit's names, and the shape of the other side of each."""

    basis: Array
    names: tuple[str, ...]
    mirror: IntArray


def blendshapes(source: Source, surface: FaceSurface) -> Blendshapes:
    """ICT's expressions under ARKit's names; each pair mirrors exactly, the others are symmetric."""
    kept = [i for i, name in enumerate(source.expression_names) if name not in LEFT_OUT_SHAPES]
    source_names = [source.expression_names[i] for i in kept]
    partner = np.array([source_names.index(_other_side(name)) for name in source_names])
    shapes = source.expression[kept][:, surface.source_index]
    # Averaging with the mirror image of the opposite shape makes both sides agree exactly.
    shapes = 0.5 * (shapes + mirrored(shapes, surface.mirror)[partner])
    return Blendshapes(shapes.astype(np.float32), tuple(arkit_name(n) for n in source_names), partner)


def _other_side(name: str) -> str:
    opposites = OPPOSITES | {right: left for left, right in OPPOSITES.items()}
    if name.endswith(("_L", "_R")):
        return name[:-1] + {"L": "R", "R": "L"}[name[-1]]
    return opposites.get(name, name)


def arkit_name(source_name: str) -> str:
    """ARKit's spelling: "eyeBlink_L" is "eyeBlinkLeft"."""
    return source_name.replace("_L", "Left").replace("_R", "Right")


def expression_modes(basis: Array, mirror: IntArray, count: int, std: float = 0.3) -> tuple[Array, Array]:
    """A compact basis of the blendshapes' space: (count, E) weights per mode, (count,) signs under mirroring.

    PCA of faces whose blendshape weights vary independently with standard deviation `std`; every mode is
    scaled to one standard deviation and is symmetric or antisymmetric.
    """
    flat = basis.reshape(len(basis), -1).astype(np.float64)
    found = []
    kinds, directions = np.linalg.eigh(np.eye(len(basis))[mirror])
    for sign in (1.0, -1.0):
        weights = directions[:, kinds * sign > 0]
        values, vectors = np.linalg.eigh(weights.T @ flat @ flat.T @ weights)
        found += [(value, std * weights @ v, sign) for value, v in zip(values, vectors.T, strict=True)]
    found.sort(key=lambda mode: -mode[0])
    modes = np.stack([weights for _, weights, _ in found[:count]])
    return modes.astype(np.float32), np.float32([sign for _, _, sign in found[:count]])
