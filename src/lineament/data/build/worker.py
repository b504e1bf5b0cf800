"""One process of a build: fits a part of a collection, makes its pictures, writes its shard.

Everything random about a photograph comes from the recipe's seed and the photograph's name, so a set does not
depend on how many processes made it, nor on what was made before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lineament.data.build.generators import Generators, generators_of, texture_path
from lineament.data.build.store import part_key, read_fits, write_fits
from lineament.data.fitting.collection_fits import PartFits, PartFitter, PhotoFit
from lineament.data.fitting.fitted import FittedPhoto, MadeView
from lineament.data.fitting.fitter import FitConfig
from lineament.data.fitting.layouts import mesh_layout
from lineament.data.fitting.point_places import PLACES_PATH
from lineament.data.fitting.quality import QualityLimits
from lineament.data.formats.files import Files, open_files
from lineament.data.photographs.collection import PhotoEntry
from lineament.data.photographs.collections import is_validation
from lineament.data.render.identities import IDENTITIES_PATH
from lineament.data.samples.face_labels import AnnotatedPoints, PointSource
from lineament.data.samples.recipe import BuildRecipe
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import ShardEntry, write_shard
from lineament.errors import LineamentError
from lineament.files import sha256_of, text_bytes
from lineament.geometry.camera import WeakPerspective
from lineament.models.builtin import BUILTIN_PATH, load_builtin
from lineament.version import __version__

Array = NDArray[Any]

PHOTO_ERRORS = (LineamentError, ArithmeticError, LookupError, MemoryError, OSError, ValueError)
"""What one photograph may do to a generator without stopping the others."""
LARGEST_FACE_PX = 512.0
"""Photographs with a larger face are halved, and more, before anything is made of them."""
HEAD_MM = 200.0
RENDERED = "rendered"


@dataclass(frozen=True, slots=True)
class PhotoPart:
    """Photographs that make one shard.

    Attributes:
        shard: its name.
        collection: name of the collection.
        root: the collection's folder or zip.
        entries: the photographs.
        share_people: whether pictures of one person may share an identity.
    """

    shard: str
    collection: str
    root: Path
    entries: tuple[PhotoEntry, ...]
    share_people: bool


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What all processes of a build know.

    Attributes:
        recipe: of the set.
        out: folder of the shards.
        fits: folder of the fits.
        backgrounds: zip of pictures without people, or None.
        others: a few photographs of each collection, whose people come before other people's faces.
    """

    recipe: BuildRecipe
    out: Path
    fits: Path
    backgrounds: Path | None
    others: tuple[PhotoPart, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class RenderedPart:
    """Rendered faces that make one shard.

    Attributes:
        shard: its name.
        first: number of the first face.
        count: how many.
    """

    shard: str
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class PartDone:
    """A shard that has been written.

    Attributes:
        entry: for the manifest.
        left_out: photograph and reason of what is not in it.
    """

    entry: ShardEntry
    left_out: tuple[tuple[str, str], ...]


def fits_key(recipe: BuildRecipe, part: PhotoPart) -> str:
    """A checksum of all that the fits of a part depend on, but the pictures themselves.

    Raises:
        DataError: the collection cannot be opened.
    """
    rules = f"{FitConfig()} {QualityLimits()} {recipe.photos}"
    places = sha256_of(PLACES_PATH) if any(entry.points for entry in part.entries) else ""
    models = f"{face_model_checksum()} {mesh_points_checksum()}"
    about = f"{__version__} {models} {rules} {part.share_people} {places}"
    return part_key(part.root, part.entries, about)


@lru_cache(maxsize=1)
def mesh_points_checksum() -> str:
    """Of the places where a detector's points lie on the face model, and of how far they are believed."""
    layout = mesh_layout()
    arrays = (layout.vertex_index, layout.weights, layout.trust, layout.depth_trust)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@lru_cache(maxsize=1)
def face_model_checksum() -> str:
    """Of the built-in face model's file."""
    return sha256_of(BUILTIN_PATH)


def shard_keys(plan: BuildPlan, parts: Sequence[PhotoPart | RenderedPart]) -> dict[str, str]:
    """Of each shard by name a checksum of what it is made of.

    Photographs count by their names, people and landmarks; those of the people who come before other people's
    faces are among them. Rendered faces count by the face model, the textures and the version.

    Raises:
        DataError: a collection cannot be opened.
        ModelError: there are rendered faces and their textures cannot be read.
    """
    others = "".join(fits_key(plan.recipe, part) for part in plan.others)
    own = {part.shard: fits_key(plan.recipe, part) for part in parts if isinstance(part, PhotoPart)}
    rendered = rendered_key(plan.recipe) if len(own) < len(parts) else ""
    return {
        part.shard: hashlib.sha256(f"{others}{own.get(part.shard, rendered)}".encode()).hexdigest()
        for part in parts
    }


def rendered_key(recipe: BuildRecipe) -> str:
    """A checksum of all that rendered faces depend on, but the pictures behind them."""
    files = " ".join(map(sha256_of, (texture_path(recipe.rendered), IDENTITIES_PATH)))
    about = f"{__version__} {face_model_checksum()} {files} {recipe.rendered}"
    return hashlib.sha256(about.encode()).hexdigest()


def build_part(plan: BuildPlan, part: PhotoPart | RenderedPart) -> PartDone:
    """Write one shard.

    Raises:
        DataError: the collection cannot be opened.
    """
    sample_generator = _sample_generator(plan)
    left_out: list[tuple[str, str]] = []
    if isinstance(part, RenderedPart):
        samples = sample_generator.rendered(part)
    else:
        samples = sample_generator.photographed(part, left_out)
    entry = write_shard(plan.out, part.shard, samples, plan.recipe.storage)
    return PartDone(entry, tuple(left_out))


def fit_part(plan: BuildPlan, part: PhotoPart) -> PartFits:
    """The fits of one part, made now or before."""
    return _sample_generator(plan).fits(part)


@lru_cache(maxsize=1)
def _sample_generator(plan: BuildPlan) -> SampleGenerator:
    """The generators of this process, made when its first part comes."""
    return SampleGenerator(plan)


class SampleGenerator:
    """The generators of one process.

    Args:
        plan: of the build.
    """

    def __init__(self, plan: BuildPlan) -> None:
        self._plan = plan
        self._model = load_builtin()
        self._fitter: PartFitter | None = None
        self._generators: Generators | None = None

    @property
    def generators(self) -> Generators:
        """Made when first needed: a process that only fits needs none."""
        if self._generators is None:
            others = [photo for part in self._plan.others for photo in self._photos(part)]
            self._generators = generators_of(self._plan.recipe, self._model, self._plan.backgrounds, others)
        return self._generators

    def _photos(self, part: PhotoPart) -> list[FittedPhoto]:
        """The photographs of a part whose people are for training, as far as they can be read."""
        photos = []
        fits = self.fits(part)
        with open_files(part.root) as files:
            for fit in fits.kept:
                if not fit.is_validation:
                    with suppress(*PHOTO_ERRORS):
                        photos.append(_opened(files, part, fit))
        return photos

    def fits(self, part: PhotoPart) -> PartFits:
        """The fits of a part, from the disk where they are there."""
        path = self._plan.fits / f"{part.shard}.npz"
        key = fits_key(self._plan.recipe, part)
        if (found := read_fits(path, key)) is not None:
            return found
        if self._fitter is None:
            self._fitter = PartFitter(self._model, self._plan.recipe.photos)
        fits = self._fitter.fit(part.root, part.entries, share_people=part.share_people)
        write_fits(path, fits, key)
        return fits

    def photographed(self, part: PhotoPart, left_out: list[tuple[str, str]]) -> Iterator[Sample]:
        """The samples of a part; `left_out` takes photographs that gave none, with the reason."""
        fits = self.fits(part)
        left_out += fits.left_out
        with open_files(part.root) as files:
            for fit in fits.kept:
                try:
                    samples = self._samples(part, fit, _opened(files, part, fit))
                except PHOTO_ERRORS as error:
                    left_out.append((fit.photo, f"{type(error).__name__}: {error}"))
                    continue
                if not samples:
                    left_out.append((fit.photo, "the face is too small"))
                yield from samples

    def rendered(self, part: RenderedPart) -> Iterator[Sample]:
        """The samples of a part of rendered faces."""
        assert self.generators.renderer is not None
        for number in range(part.first, part.first + part.count):
            name = f"{RENDERED}/{number:06d}"
            made = self._occluded(self.generators.renderer(self._rng(name)), self._rng(f"{name}/occluder"))
            provenance = Provenance(RENDERED, name, name, made.kind, is_validation(name))
            yield Sample.of_view(made.view, made.occlusion, provenance)

    def _samples(self, part: PhotoPart, fit: PhotoFit, photo: FittedPhoto) -> list[Sample]:
        """All samples of one photograph, made before the first is written: all of them or none."""
        samples = []
        for name, generator in self.generators.of_photos.items():
            key = f"{part.collection}/{fit.photo}#{fit.face}/{name}"
            for number, made in enumerate(generator(photo, self._rng(key))):
                made = self._occluded(made, self._rng(f"{key}/{number}"))
                provenance = replace(photo.provenance, kind=made.kind)
                samples.append(Sample.of_view(made.view, made.occlusion, provenance, made.points))
        return samples

    def _occluded(self, made: MadeView, rng: np.random.Generator) -> MadeView:
        occluder = self.generators.occluder
        if occluder is None or rng.uniform() >= self._plan.recipe.occluded.probability:
            return made
        return occluder(made, rng)

    def _rng(self, name: str) -> np.random.Generator:
        """Random numbers that belong to a name and the recipe's seed."""
        words = np.frombuffer(hashlib.sha256(text_bytes(name)).digest()[:16], np.uint32)
        return np.random.default_rng([self._plan.recipe.seed, *words.tolist()])


def _opened(files: Files, part: PhotoPart, fit: PhotoFit) -> FittedPhoto:
    """The photograph of a fit, not larger than generators can use."""
    image = files.image(fit.photo)
    camera, points = fit.camera, _points_of(part, fit)
    halvings = int(np.floor(max(np.log2(camera.scale * HEAD_MM / LARGEST_FACE_PX), 0.0)))
    if halvings:
        image = np.asarray(Image.fromarray(image).reduce(2**halvings))
        shrink = 0.5**halvings
        camera = WeakPerspective(camera.rotation, camera.scale * shrink, camera.translation * shrink)
        if points is not None:
            points = replace(points, points_image=points.points_image * np.float32(shrink))
    name = fit.photo if fit.face == 0 else f"{fit.photo}#{fit.face}"
    provenance = Provenance(part.collection, name, fit.person, Kind.PHOTOGRAPHED, fit.is_validation)
    return FittedPhoto(image, camera, fit.identity, fit.expression, provenance, points)


def _points_of(part: PhotoPart, fit: PhotoFit) -> AnnotatedPoints | None:
    """The points that people set of the face."""
    if fit.face:
        return None
    sets = next((entry.points for entry in part.entries if entry.photo == fit.photo), ())
    by_hand = [one for one in sets if one.source is PointSource.HAND]
    return by_hand[0].as_label() if by_hand else None
