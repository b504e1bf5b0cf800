"""Builds the texture models from the photographs in ``../shared/photos``.

python -m tools.texture_model --shared ../shared --out FOLDER
    writes FOLDER/lfm_texture.npz (of photos/congress.zip alone, public domain: the one in the package) and
    FOLDER/lfm_texture_all.npz (of all collections: research only, never shipped), and prints for each how
    much variance its modes keep and how well it reproduces photographs of people it has not seen.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lineament.data.texture.build import (
    BuiltTexture,
    albedos_of,
    balanced,
    build_texture,
    reference_luminance,
)
from lineament.data.texture.photos import Candidate, PhotoChoice, good_photographs
from lineament.data.texture.unwrap import TextureChart
from lineament.models.loading import load_model
from lineament.models.texture import TextureModel, load_texture_model, save_texture_model


@dataclass(frozen=True, slots=True)
class Plan:
    """One texture model to build."""

    name: str
    file: str
    collections: tuple[str, ...]
    source: str
    licence: str


PLANS = (
    Plan(
        "congress",
        "lfm_texture.npz",
        ("congress",),
        "portraits of members of the United States Congress (official portraits collected by voteview.com)",
        "Apache-2.0; the portraits are in the public domain as works of the United States government",
    ),
    Plan(
        "all",
        "lfm_texture_all.npz",
        ("congress", "ytf", "lfw_expressions"),
        "congress, ytf, lfw_expressions",
        "research only, not to be distributed",
    ),
)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, help="folder with photos/")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--size", type=int, default=192, help="texels along a side of the chart")
    parser.add_argument("--modes", type=int, default=80)
    parser.add_argument("--most", type=int, default=700, help="photographs of each collection")
    parser.add_argument("--only", choices=[plan.name for plan in PLANS])
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    chart = TextureChart.of(load_model("lfm"), size=given.size)
    for plan in PLANS:
        if given.only in (None, plan.name):
            _build(plan, chart, given.shared / "photos", given.out / plan.file, given.modes, given.max_count)


def _build(plan: Plan, chart: TextureChart, photos: Path, out: Path, modes: int, max_count: int) -> None:
    start = time.process_time()
    choice = PhotoChoice(max_count=max_count)
    training, unseen = (
        [
            c
            for name in plan.collections
            for c in good_photographs(photos, name, chart, choice, validation=held)
        ]
        for held in (False, True)
    )
    built = build_texture(
        training, chart, count=modes, name=plan.name, source=plan.source, licence=plan.licence
    )
    save_texture_model(out, built.model)
    report(plan, built, load_texture_model(out), training, unseen, chart)
    print(f"  {out.stat().st_size / 1e6:.2f} MB, {time.process_time() - start:.0f} s of one core")


def report(
    plan: Plan,
    built: BuiltTexture,
    stored: TextureModel,
    training: Sequence[Candidate],
    unseen: Sequence[Candidate],
    chart: TextureChart,
) -> None:
    """Print what was built of what, and the errors of the stored model on both groups of photographs."""
    people = len({c.provenance.person for c in training})
    print(f"{plan.name}: {len(stored.modes)} modes of {len(training)} photographs of {people} people")
    print(f"  variance kept {built.variance_kept:.1%}, antisymmetric modes {int((stored.sign < 0).sum())}")
    for group, candidates in (("of its own photographs", training[:100]), ("of people not seen", unseen)):
        if candidates:
            with_modes, with_mean = reconstruction_error(stored, candidates, chart)
            print(
                f"  error on {len(candidates)} {group}: {255 * with_modes:.1f} grey levels "
                f"(RMS over seen texels; {255 * with_mean:.1f} with the mean alone)"
            )


def reconstruction_error(
    stored: TextureModel, candidates: Sequence[Candidate], chart: TextureChart
) -> tuple[float, float]:
    """RMS error of fitted textures and of the mean texture over the seen texels, colours from 0 to 1."""
    albedos, weights = albedos_of(candidates, chart, _reference(stored, chart))
    albedos = balanced(albedos, weights, chart)
    errors = []
    for albedo, weight in zip(albedos, weights, strict=True):
        fitted = stored.uv_map(stored.coefficients(albedo, weight=weight))
        mean = stored.uv_map(np.zeros(0))
        squared = [((rebuilt - albedo) ** 2).mean(axis=-1) for rebuilt in (fitted, mean)]
        errors.append([float((s * weight).sum() / weight.sum()) for s in squared])
    fitted_error, mean_error = np.sqrt(np.mean(errors, axis=0))
    return float(fitted_error), float(mean_error)


def _reference(stored: TextureModel, chart: TextureChart) -> np.ndarray:
    mean = stored.uv_map(np.zeros(0))
    return reference_luminance(mean[None], chart.mask[None].astype(np.float32), chart)


if __name__ == "__main__":
    main()
