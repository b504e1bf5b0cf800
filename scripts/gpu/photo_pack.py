"""Fitted photographs in one small file, and training sets made of them on a machine that has nothing else.

A photograph takes about five kilobytes: a reduced JPEG, and its fit in half precision. The pictures come from
a set that was built before (its samples of kind "photographed"), so nothing is fitted again.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from lineament.data.build.generators import Generators, generators_of
from lineament.data.build.worker import face_model_checksum
from lineament.data.fitting.fitted import FittedPhoto
from lineament.data.samples.recipe import BuildRecipe
from lineament.data.samples.sample import Kind, Provenance, Sample
from lineament.data.samples.shards import Recipe, ShardEntry, ShardFolder, alone_in, write_shard
from lineament.data.samples.store import SampleStore
from lineament.errors import DataError, LineamentError
from lineament.files import replace_durably, sha256_of
from lineament.foreign import reason_of
from lineament.geometry.camera import WeakPerspective
from lineament.models.builtin import load_builtin
from lineament.version import __version__

OTHERS = 40
"""Photographs whose faces come before other people's, and what is beside whose heads comes behind others."""
GENERATOR_ERRORS = (ArithmeticError, LookupError, ValueError)


class PhotoPack:
    """The photographs of a file.

    Raises:
        DataError: the file is missing or no such file.
    """

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path) as data:
                self._arrays = {name: data[name] for name in data.files}
            self._ends = np.cumsum(self._arrays["length"])
        except LineamentError:
            raise
        except Exception as error:
            raise DataError(
                f"{path} is no pack of photographs ({reason_of(error)}): make it again."
            ) from error
        self.recipe_text = str(self._arrays["source"])

    def __len__(self) -> int:
        """Number of photographs."""
        return len(self._ends)

    @property
    def collections(self) -> set[str]:
        """Names of the collections that the photographs are of."""
        return set(self._arrays["collection"].tolist())

    def photo(self, number: int) -> FittedPhoto:
        """One photograph with its fit."""
        arrays = self._arrays
        end, length = int(self._ends[number]), int(arrays["length"][number])
        picture = Image.open(io.BytesIO(arrays["pictures"][end - length : end].tobytes()))
        numbers = arrays["camera"][number].astype(float)
        camera = WeakPerspective(numbers[:9].reshape(3, 3), float(numbers[9]), numbers[10:])
        collection, photo, person = (str(arrays[name][number]) for name in ("collection", "photo", "person"))
        provenance = Provenance(
            collection, photo, person, Kind.PHOTOGRAPHED, bool(arrays["validation"][number])
        )
        identity, expression = (
            arrays[name][number].astype(np.float32) for name in ("identity", "expression")
        )
        return FittedPhoto(np.asarray(picture), camera, identity, expression, provenance)

    def others(self) -> list[FittedPhoto]:
        """Some photographs of people for training, spread over all."""
        training = np.flatnonzero(~self._arrays["validation"])
        chosen = training[np.linspace(0, len(training) - 1, min(OTHERS, len(training))).astype(int)]
        return [self.photo(int(number)) for number in np.unique(chosen)]


def write_pack(
    folder: Path,
    path: Path,
    *,
    budget: int,
    side: int = 144,
    quality: int = 75,
    collections: Collection[str] = (),
) -> int:
    """Pack the photographs of a set, spread evenly over it, until a budget is spent.

    Args:
        folder: of shards.
        path: of the file.
        budget: bytes.
        side: most px along a picture's longer side.
        quality: of JPEG.
        collections: only photographs of these; none takes all.

    Returns:
        How many photographs were packed.

    Raises:
        DataError: the set has no samples of kind "photographed", or none of these collections.
    """
    store = SampleStore(folder, kinds=[Kind.PHOTOGRAPHED])
    order = np.random.default_rng(0).permutation(len(store))
    rows: list[tuple[bytes, FittedPhoto]] = []
    spent = 0
    for number in order:
        sample = store[int(number)]
        if collections and sample.provenance.collection not in collections:
            continue
        packed = _reduced(sample, side, quality)
        spent += len(packed[0]) + 2 * (len(packed[1].identity) + len(packed[1].expression)) + 150
        if spent > budget:
            break
        rows.append(packed)
    if not rows:
        raise DataError(f"{folder} has no photographs of {', '.join(collections)} that fit {budget} bytes.")
    counts = Counter(photo.provenance.collection for _, photo in rows)
    source = ", ".join(f"{name} ({count} photographs)" for name, count in sorted(counts.items()))
    _write(path, rows, source=source)
    return len(rows)


def _reduced(sample: Sample, side: int, quality: int) -> tuple[bytes, FittedPhoto]:
    height, width = sample.size_hw
    shrink = min(1.0, side / max(height, width))
    picture = Image.fromarray(np.ascontiguousarray(sample.image))
    if shrink < 1:
        picture = picture.resize((round(width * shrink), round(height * shrink)), Image.Resampling.LANCZOS)
    fraction_x, fraction_y = picture.width / width, picture.height / height
    camera = sample.camera
    moved = camera.translation * np.array([fraction_x, fraction_y, fraction_x])
    camera = WeakPerspective(camera.rotation, camera.scale * (fraction_x + fraction_y) / 2, moved)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    photo = FittedPhoto(np.asarray(picture), camera, sample.identity, sample.expression, sample.provenance)
    return file.getvalue(), photo


def _write(path: Path, rows: list[tuple[bytes, FittedPhoto]], *, source: str) -> None:
    photos = [photo for _, photo in rows]
    cameras = [
        np.concatenate([p.camera.rotation.ravel(), [p.camera.scale], p.camera.translation]) for p in photos
    ]
    about = [photo.provenance for photo in photos]
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(
            file,
            pictures=np.frombuffer(b"".join(picture for picture, _ in rows), np.uint8),
            length=np.array([len(picture) for picture, _ in rows], np.int64),
            camera=np.array(cameras, np.float32),
            identity=np.array([photo.identity for photo in photos], np.float16),
            expression=np.array([photo.expression for photo in photos], np.float16),
            collection=np.array([one.collection for one in about], str),
            photo=np.array([one.photo for one in about], str),
            person=np.array([one.person for one in about], str),
            validation=np.array([one.validation for one in about], bool),
            source=np.array(source),
        )
    replace_durably(temporary, path)


def expand(pack: Path, recipe: BuildRecipe, out: Path, *, processes: int) -> Iterator[ShardEntry]:
    """Make the samples of a recipe out of packed photographs; each shard as it is finished.

    Args:
        pack: written by :func:`write_pack`.
        recipe: what is made of each photograph; where it names collections, all must be of these.
        out: folder of shards; what is there already stays, unless it was made of another pack, face model or
            version.
        processes: how many work at once; the samples do not depend on it.

    Raises:
        DataError: the pack cannot be read, holds photographs that are not the recipe's, or the folder holds
            another set.
    """
    photos = PhotoPack(pack)
    others = photos.collections - set(recipe.collections)
    if recipe.collections and others:
        raise DataError(
            f"{pack} holds photographs of {', '.join(sorted(others))}, but the recipe {recipe.name!r} and "
            f"its licence are for {', '.join(recipe.collections)}: take another recipe, or pack those alone."
        )
    about = Recipe(
        source=photos.recipe_text,
        licence=recipe.licence,
        seed=recipe.seed,
        command=f"scripts.gpu.photo_pack.expand  # recipe {recipe.digest}",
        face_model="lfm",
        storage=recipe.storage,
    )
    out.mkdir(parents=True, exist_ok=True)
    made_of = f"{__version__} {face_model_checksum()} {sha256_of(pack)} {recipe.digest}"
    key = hashlib.sha256(made_of.encode()).hexdigest()
    with alone_in(out), ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        shards = ShardFolder(out, about)
        starts = range(0, len(photos), recipe.photos_a_shard)
        names = {f"packed_{number:05d}": first for number, first in enumerate(starts)}
        todo = shards.unfinished(list(names), dict.fromkeys(names, key))
        work = partial(_expand_part, pack, recipe, out)
        for entry in pool.map(work, todo, [names[name] for name in todo]):
            entry = replace(entry, made_of=key)
            shards.add(entry)
            yield entry


def _expand_part(pack: Path, recipe: BuildRecipe, out: Path, name: str, first: int) -> ShardEntry:
    photos, generators = _sample_generator(pack, recipe)
    numbers = range(first, min(first + recipe.photos_a_shard, len(photos)))
    samples = (sample for number in numbers for sample in _samples(photos.photo(number), recipe, generators))
    return write_shard(out, name, samples, recipe.storage)


@lru_cache(maxsize=1)
def _sample_generator(pack: Path, recipe: BuildRecipe) -> tuple[PhotoPack, Generators]:
    photos = PhotoPack(pack)
    return photos, generators_of(recipe, load_builtin(), None, photos.others())


def _samples(photo: FittedPhoto, recipe: BuildRecipe, generators: Generators) -> Iterable[Sample]:
    """All samples of one photograph; none where a generator cannot use it."""
    provenance, made = photo.provenance, []
    for name, generator in generators.of_photos.items():
        rng = _rng(recipe.seed, f"{provenance.collection}/{provenance.photo}/{name}")
        try:
            for view in generator(photo, rng):
                wanted = generators.occluder is not None and rng.uniform() < recipe.occluded.probability
                made.append(generators.occluder(view, rng) if wanted else view)
        except GENERATOR_ERRORS:
            return []
    return [Sample.of_view(one.view, one.occlusion, replace(provenance, kind=one.kind)) for one in made]


def _rng(seed: int, name: str) -> np.random.Generator:
    words = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], np.uint32)
    return np.random.default_rng([seed, *words.tolist()])
