"""Reads the photographs of collections that are good enough for a texture model."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.fitting.fitted import FittedPhoto
from lineament.data.fitting.fitter import Fits, Fitter
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.photographs.collections import Collection, read_collection, read_member
from lineament.data.samples.sample import Kind, Provenance
from lineament.data.texture.quality import QualityConfig, quality, worth_unwrapping
from lineament.data.texture.unwrap import TextureChart, Unwrapped, unwrap
from lineament.geometry.camera import WeakPerspective

IndexArray = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class PhotoChoice:
    """Which photographs of a collection are taken.

    Attributes:
        photos_a_person: best ones kept of each person.
        tried_a_person: looked at, of each person, those with the best fit first.
        max_count: photographs of a collection in all, the best; None for all good ones.
        quality: what a photograph must be.
    """

    photos_a_person: int = 2
    tried_a_person: int = 6
    max_count: int | None = 1000
    quality: QualityConfig = field(default_factory=QualityConfig)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An unwrapped photograph.

    Attributes:
        provenance: where it comes from.
        unwrapped: on the chart.
        quality: in (0, 1].
    """

    provenance: Provenance
    unwrapped: Unwrapped
    quality: float


def good_photographs(
    folder: Path, name: str, chart: TextureChart, choice: PhotoChoice, *, validation: bool = False
) -> list[Candidate]:
    """The best photographs of one collection, unwrapped.

    Args:
        folder: of the collections.
        name: of the collection.
        chart: what to unwrap to.
        choice: which photographs.
        validation: those of the people kept from training in place of all others.
    """
    collection = read_collection(folder, name)
    fits = Fitter(chart.model, mesh_layout()).fit(collection.mesh_points)
    tried = _tried(collection, fits, choice, validation)
    by_person: dict[str, list[Candidate]] = {}
    for photo in fitted_photos(collection, fits, tried):
        unwrapped = unwrap(photo, chart)
        score = quality(unwrapped, chart, choice.quality)
        if score > 0:
            by_person.setdefault(photo.provenance.person, []).append(
                Candidate(photo.provenance, unwrapped, score)
            )
    kept = [
        candidate
        for person in by_person.values()
        for candidate in sorted(person, key=lambda c: -c.quality)[: choice.photos_a_person]
    ]
    return sorted(kept, key=lambda c: -c.quality)[: choice.max_count]


def _tried(collection: Collection, fits: Fits, choice: PhotoChoice, validation: bool) -> IndexArray:
    """Photographs worth a look, at most so many a person, the best fits first."""
    people, left_out = collection.people, collection.is_validation != validation
    counts: dict[str, int] = {}
    tried = []
    for number in np.argsort(fits.residual):
        camera = camera_of(fits, int(number))
        if left_out[number] or not worth_unwrapping(camera, float(fits.residual[number]), choice.quality):
            continue
        counts[people[number]] = counts.get(people[number], 0) + 1
        if counts[people[number]] <= choice.tried_a_person:
            tried.append(number)
    return np.sort(np.array(tried, np.int64))


def fitted_photos(collection: Collection, fits: Fits, numbers: IndexArray) -> Iterator[FittedPhoto]:
    """Photographs of a collection with their fits, read one after the other."""
    people, validation = collection.people, collection.is_validation
    with zipfile.ZipFile(collection.archive) as archive:
        for number in numbers:
            name = collection.photo_names[number]
            kept = bool(validation[number])
            provenance = Provenance(collection.name, name, people[number], Kind.PHOTOGRAPHED, kept)
            yield FittedPhoto(
                np.asarray(read_member(archive, name)),
                camera_of(fits, int(number)),
                fits.identity[number],
                fits.expression[number],
                provenance,
            )


def camera_of(fits: Fits, number: int) -> WeakPerspective:
    """The camera of one of the fitted photographs."""
    return WeakPerspective(fits.rotation[number], float(fits.scale[number]), fits.translation[number])
