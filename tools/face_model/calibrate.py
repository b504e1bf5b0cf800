"""Measures two conventions of 300W-LP on our own photographs: the zero of head pose and its 68 landmarks.

A landmark detector trained on 300W-LP labelled the photographs (``photos/*_landmarks68_300wlp.npz``).
Its points are noisy one by one and right on average, so only averages are taken from them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.fitter import PLAIN, FitConfig, Fits, Fitter
from lineament.data.fitting.layout import PointLayout
from lineament.data.photographs.collections import COLLECTIONS, UNITS_PER_PX, Collection, read_collection
from lineament.geometry.face_mesh import LandmarkScheme
from lineament.geometry.morphable import MorphableModel
from lineament.geometry.rotation import angles_from_matrix, matrix_from_angles
from lineament.geometry.similarity import fit_similarity
from tools.face_model.assemble import Assembled

Array = NDArray[np.floating]

UPRIGHT = np.array([1.0, -1.0, 1.0])
"""Signs from the labels (y down, z to the viewer) to the model frame's axes."""
REGRESSION_RIDGE = 30.0
EYES = slice(36, 48)
MAX_RESIDUAL = 0.02


@dataclass(frozen=True, slots=True)
class Labelled:
    """Fitted photographs and their 68 points in 300W-LP's convention, (F, 68, 3) with the model's axes."""

    fits: Fits
    landmarks: Array
    collection: NDArray[np.integer]


def fit_collections(
    shared: Path, model: MorphableModel, layout: PointLayout, config: FitConfig = PLAIN
) -> Labelled:
    """Fit LFM to the 478-point labels of all collections.

    Args:
        shared: the folder of reference material.
        model: LFM.
        layout: where the 478 points lie on it.
        config: with refinements, one person has one identity, as in training sets
            (:mod:`lineament.data.fitting.collection_fits`).
    """
    fitter = Fitter(model, layout, config)
    collections = [read_collection(shared / "photos", name) for name in COLLECTIONS]
    fits = [fitter.fit(c.mesh_points, people=c.people if config.refinements else None) for c in collections]
    whole = Fits(
        **{name: np.concatenate([getattr(f, name) for f in fits]) for name in Fits.__dataclass_fields__}
    )
    numbers = np.repeat(np.arange(len(collections)), [len(c.photo_names) for c in collections])
    landmarks = np.concatenate([read_labels(shared, c) for c in collections])
    return Labelled(whole, landmarks, numbers)


def read_labels(shared: Path, collection: Collection) -> Array:
    """(F, 68, 3) px with the model's axes: 300W-LP's points of a collection's photographs."""
    with np.load(shared / "photos" / f"{collection.name}_landmarks68_300wlp.npz") as data:
        return data["landmarks68_q32"] / UNITS_PER_PX * UPRIGHT


def zero_pitch(labelled: Labelled, assembled: Assembled, basel_mean: Array) -> float:
    """Pitch of 300W-LP's zero pose in LFM's frame, radians.

    Two parts: how the mean of the Basel model stands against LFM at rest, and how the labels of a photograph
    stand against LFM fitted to it (median a collection, mean of the collections).
    """
    model = assembled.model
    at_rest = model.landmarks_model(np.zeros(1), np.zeros(1), scheme="lfm-68")
    tilt = float(angles_from_matrix(fit_similarity(basel_mean, at_rest).rotation).pitch)
    fits = labelled.fits
    shaped = model.landmarks_model(fits.identity, fits.expression, scheme="lfm-68")
    labels_pose = fit_similarity(shaped, labelled.landmarks).rotation
    turn = angles_from_matrix(np.swapaxes(fits.rotation, -1, -2) @ labels_pose).pitch
    medians = [np.median(turn[labelled.collection == c]) for c in range(len(COLLECTIONS))]
    return tilt + float(np.mean(medians))


def tilted(model: MorphableModel, pitch: float) -> MorphableModel:
    """The same face in a frame whose zero pose is the present frame's `pitch`."""
    turn = matrix_from_angles(0, pitch, 0).astype(np.float32)
    return replace(
        model,
        neutral_model=model.neutral_model @ turn,
        identity_basis=model.identity_basis @ turn,
        expression_basis=model.expression_basis @ turn,
    )


def label_scheme(
    labelled: Labelled, model: MorphableModel, *, ridge: float = REGRESSION_RIDGE
) -> LandmarkScheme:
    """The 68 landmarks where 300W-LP labels them, as a linear function of LFM's coefficients.

    The median difference between the labels and the registered points, in the head's own frame, and its ridge
    regression on the coefficients. The regression of the eyelids ignores expression: 300W-LP has almost no
    closed eyes, so its labels keep them open, and that habit is not wanted.
    """
    good = labelled.fits.residual < MAX_RESIDUAL
    return _scheme_from(_gaps(labelled, model)[good], labelled.fits, good, model, ridge)


def scheme_errors(
    labelled: Labelled, model: MorphableModel, folds: int = 5, *, ridge: float = REGRESSION_RIDGE
) -> tuple[float, float, float]:
    """How far the labels lie from three schemes, mean 2D distance over the size of the labels' box.

    The registered points, these and a constant, these and the regression; the last two measured on blocks of
    photographs that were not used to find them.
    """
    gaps, fits = _gaps(labelled, model), labelled.fits
    good = fits.residual < MAX_RESIDUAL
    fold = (np.arange(len(gaps)) // 50) % folds  # neighbours in a collection are often one person
    size = np.sqrt(np.prod(np.ptp(labelled.landmarks[..., :2], axis=1), axis=-1)) / fits.scale
    errors = []
    for number in range(folds):
        known, unseen = good & (fold != number), good & (fold == number)
        scheme = _scheme_from(gaps[known], fits, known, model, ridge)
        linear = (
            scheme.offset_model
            + np.tensordot(fits.identity[unseen], scheme.identity_offset, 1)
            + np.tensordot(fits.expression[unseen], scheme.expression_offset, 1)
        )
        rest = np.stack([gaps[unseen], gaps[unseen] - np.median(gaps[known], axis=0), gaps[unseen] - linear])
        visible = np.einsum("sfpi,fji->sfpj", rest, fits.rotation[unseen])[..., :2]
        errors.append(np.linalg.norm(visible, axis=-1).mean(axis=2) / size[unseen])
    raw, constant, regressed = np.concatenate(errors, axis=1).mean(axis=1)
    return float(raw), float(constant), float(regressed)


def _gaps(labelled: Labelled, model: MorphableModel) -> Array:
    """(F, 68, 3) from the registered points to the labels, mm in the head's frame."""
    fits = labelled.fits
    points = model.landmarks_model(fits.identity, fits.expression, scheme="lfm-68")
    origin = fits.translation[:, None] * np.array([1.0, -1.0, -1.0])
    gap = (labelled.landmarks - origin) @ fits.rotation / fits.scale[:, None, None] - points
    # The labels' depth has its own origin: only differences of depth within a face count.
    view = fits.rotation[:, 2]
    return gap - np.einsum("fpi,fi->fp", gap, view).mean(axis=1)[:, None, None] * view[:, None]


def _scheme_from(
    gap: Array, fits: Fits, chosen: NDArray[np.bool_], model: MorphableModel, ridge: float
) -> LandmarkScheme:
    identity, expression = fits.identity[chosen].astype(float), fits.expression[chosen].astype(float)
    both = _ridge(np.concatenate([identity, expression], axis=1), gap, ridge)
    count = identity.shape[1]
    identity_offset, expression_offset = both[:count], both[count:]
    identity_offset[:, EYES], expression_offset[:, EYES] = _ridge(identity, gap, ridge)[:, EYES], 0.0
    predicted = np.tensordot(identity, identity_offset, 1) + np.tensordot(expression, expression_offset, 1)
    return replace(
        model.schemes["lfm-68"],
        name="300w-lp",
        offset_model=np.median(gap - predicted, axis=0).astype(np.float32),
        identity_offset=identity_offset.astype(np.float32),
        expression_offset=expression_offset.astype(np.float32),
    )


def _ridge(features: Array, targets: Array, ridge: float) -> Array:
    """(C, P, 3) slopes of (F, P, 3) targets on (F, C) features."""
    centred = features - features.mean(axis=0)
    aim = (targets - targets.mean(axis=0)).reshape(len(targets), -1)
    normal = centred.T @ centred + ridge * np.eye(features.shape[1])
    return np.linalg.solve(normal, centred.T @ aim).reshape(features.shape[1], *targets.shape[1:])
