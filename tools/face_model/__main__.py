"""``python -m tools.face_model --shared ../shared``: build ``src/lineament/assets/lfm.npz`` from scratch.

Takes about two minutes on two cores and prints what it measured.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from lineament.data.fitting.fitter import FitConfig
from lineament.data.heads.lids import lid_margins
from lineament.geometry.morphable import MorphableModel
from lineament.models.builtin import BUILTIN_PATH, load_builtin
from tools.face_model.assemble import assemble
from tools.face_model.calibrate import (
    fit_collections,
    label_scheme,
    scheme_errors,
    tilted,
    zero_pitch,
)
from tools.face_model.layout478 import layout478
from tools.face_model.lids import with_closing_lids
from tools.face_model.write import write_model


def with_signs_of(model: MorphableModel, present: MorphableModel) -> MorphableModel:
    """The model with its modes turned as in the present file: trained weights mean those modes.

    A mode and its opposite describe the same faces; which of them a machine's eigensolver finds is chance.
    """
    if model.identity_basis.shape != present.identity_basis.shape:
        return model
    agreement = np.einsum("cpi,cpi->c", model.identity_basis, present.identity_basis)
    signs = np.where(agreement < 0, np.float32(-1), np.float32(1))
    return replace(model, identity_basis=model.identity_basis * signs[:, None, None])


def shut_gap_mm(model: MorphableModel) -> float:
    """The greatest distance between the margins of the mean face's lids at a blink of weight one."""
    blink = model.expression_basis[model.expression_names.index("eyeBlinkLeft")]
    upper, lower = ((model.neutral_model + blink)[margin] for margin in lid_margins(model))
    return float(np.linalg.norm(upper - lower, axis=1).max())


def main() -> None:
    """Assemble, calibrate, write, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=BUILTIN_PATH)
    arguments = parser.parse_args()
    assembled = assemble(arguments.shared)
    if BUILTIN_PATH.exists():
        assembled = replace(assembled, model=with_signs_of(assembled.model, load_builtin()))
    kept = assembled.identity
    print(
        f"identity: {len(kept.basis)} modes ({int(np.sum(kept.sign < 0))} antisymmetric) keep "
        f"{kept.variance_kept:.5%} of the variance; ICT faces not used: rms {kept.held_out_rms_mm:.3f} mm, "
        f"worst vertex {kept.held_out_worst_mm:.2f} mm"
    )
    for name, registration in (("478-point mesh", assembled.mesh478), ("Basel mean", assembled.basel)):
        median, high = np.percentile(registration.places.distance, [50, 95])
        print(f"{name} on LFM: median {median:.2f} mm, 95 % {high:.2f} mm")
    layout = layout478(assembled)
    labelled = fit_collections(arguments.shared, assembled.model, layout)
    print(
        f"fits: median residual {np.median(labelled.fits.residual):.3%} "
        f"of {len(labelled.landmarks)} photographs"
    )
    reference = np.load(arguments.shared / "bfm_reference" / "bfm_reference.npz")
    basel_mean = reference["mean_shape"][reference["keypoints68"]].astype(float)
    pitch = zero_pitch(labelled, assembled, basel_mean)
    print(f"zero of head pose: {np.degrees(pitch):.2f} degrees of pitch in ICT's frame")
    # Where the other meshes lie and what zero pose is was measured with ICT's own blinks, and stays.
    model = with_closing_lids(tilted(assembled.model, pitch))
    print(f"shut lids are {shut_gap_mm(model):.4f} mm apart")
    # The scheme depends on how faces are fitted: weights are trained on labels of the same fits.
    labelled = fit_collections(arguments.shared, model, layout, FitConfig())
    raw, constant, regressed = scheme_errors(labelled, model)
    print(
        f"distance of the labels from the landmarks, of their box's size: registered {raw:.2%}, "
        f"with a constant {constant:.2%}, with a regression {regressed:.2%} (cross-validated)"
    )
    scheme = label_scheme(labelled, model)
    model = replace(model, schemes={**model.schemes, scheme.name: scheme})
    write_model(arguments.out, model, assembled, layout)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {model}")


if __name__ == "__main__":
    main()
