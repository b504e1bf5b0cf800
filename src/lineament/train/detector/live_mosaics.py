"""Canvases made while the network trains on them, from packs of faces and drawn scenes; nothing is on disk.

What is composed is shown several times, each time mirrored, turned and spoiled by a camera differently:
composing costs three times what the rest does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from lineament.data.crops.camera_effects import EffectConfig, random_effects
from lineament.data.mosaics.composites import Composer, CompositeConfig
from lineament.data.mosaics.drawn_scenes import drawn_scene
from lineament.data.photographs.face_packs import about_face_pack, read_face_pack
from lineament.data.photographs.face_sets import FaceSet
from lineament.errors import ConfigError
from lineament.train.detector.mosaics import Batch, vary

Picture = NDArray[np.uint8]
SILENT = EffectConfig(tone=0, grey=0, dark=0, light=0, blur=0, shrink=0, noise=0, jpeg=0)
A_BATCH = 32
GREY = 8.0  # grey levels: photographs whose colours spread less are grey, or of one tint
DRAWN = "backgrounds and clutter that are drawn"


@dataclass(frozen=True, slots=True)
class LiveMosaicConfig:
    """What mosaics are made of.

    Attributes:
        faces: packs of faces (:mod:`lineament.data.photographs.face_packs`); pieces without faces are cut
            from the first.
        weights: how often faces are drawn from each pack.
        colored: fraction of the faces of a pack that are drawn from its photographs in colour.
        behind: packs of heads from behind, which stand among the backgrounds.
        scenes: drawn scenes that a process keeps.
        fresh: fraction of mosaics with a scene drawn for them alone.
        empty: fraction of mosaics without a face.
        takes: how often each composition is shown.
        held_out: mosaics of people never trained on, for figures and for what scores mean.
        composites: sizes, probabilities and camera.
    """

    faces: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    colored: float = 0.55
    behind: tuple[str, ...] = ()
    scenes: int = 300
    fresh: float = 0.15
    empty: float = 0.16
    takes: int = 2
    held_out: int = 2000
    composites: CompositeConfig = field(default_factory=CompositeConfig)

    @property
    def about(self) -> dict[str, str]:
        """What weights trained on these say of it: "trained_on" and "licence"."""
        packs = [about_face_pack(Path(path)) for path in (*self.faces, *self.behind)]
        parts = list(dict.fromkeys(pack["about"] for pack in packs))
        licences = list(dict.fromkeys(pack["licence"] for pack in packs))
        return {
            "trained_on": f"composites of {', '.join(parts)}, {DRAWN}",
            "licence": f"Apache-2.0 for the file; of the training data: {'; '.join(licences)}",
        }


class LiveMosaics:
    """Canvases drawn at random: a source of rows, and its own configuration for worker processes.

    Args:
        config: what they are made of.
        turn_probability: fraction rotated by quarters.
        held_out: whether faces are those of people kept from training.

    Raises:
        ConfigError: no packs, or other weights than packs.
        DataError: a pack cannot be read.
    """

    def __init__(self, config: LiveMosaicConfig, turn_probability: float, *, held_out: bool = False) -> None:
        if not config.faces or len(config.weights) not in (0, len(config.faces)):
            raise ConfigError(
                f"{len(config.faces)} packs of faces need as many weights, found {len(config.weights)}."
            )
        weights = config.weights or (1.0,) * len(config.faces)
        packs = [read_face_pack(Path(path)).part(held_out=held_out) for path in config.faces]
        self.config, self._turn_probability, self._held_out = config, turn_probability, held_out
        split = [_by_color(pack, weight, config.colored) for pack, weight in zip(packs, weights, strict=True)]
        self._photographs, self._faces = split[0], [part for parts in split for part in parts]
        behind = [_pictures(read_face_pack(Path(path)).part(held_out=held_out)) for path in config.behind]
        self._scenes = [picture for pictures in behind for picture in pictures]
        self._drawn = False

    def open(self) -> LiveMosaics:
        """Itself: worker processes begin as copies of this one."""
        return self

    def rows(self, rngs: Sequence[np.random.Generator]) -> dict[str, NDArray[np.generic]]:
        """A batch of a row a generator: "mosaic" (n, size, size, 3) and "labels" (n, faces, 8).

        Each `takes` rows that follow each other show one composition.
        """
        self._draw_scenes()
        pictures, labels = [], []
        for first in range(0, len(rngs), self.config.takes):
            composed = self._compose(rngs[first])
            for rng in rngs[first : first + self.config.takes]:
                picture, label = vary(rng, *composed, self._turn_probability)
                picture = random_effects(rng, np.ascontiguousarray(picture), self.config.composites.effects)
                pictures.append(picture)
                labels.append(label)
        return {"mosaic": np.stack(pictures), "labels": np.stack(labels)}

    def _compose(self, rng: np.random.Generator) -> tuple[Picture, NDArray[np.float32]]:
        scenes = self._scenes
        if rng.random() < self.config.fresh:
            some = rng.integers(0, len(scenes), 2)
            scenes = [drawn_scene(rng), *(scenes[number] for number in some)]
        first = self._photographs[rng.integers(len(self._photographs))]  # what is beside its faces is cut too
        faces = [first, *(part for part in self._faces if part is not first)]
        made = Composer(faces, scenes, _probabilities(self.config)).compose(rng)
        return made.canvas, made.labels

    def _draw_scenes(self) -> None:
        """Draw the scenes that are kept, once in each process."""
        if not self._drawn:
            seeds = range(self.config.scenes)
            self._scenes += [drawn_scene(np.random.default_rng([int(self._held_out), n])) for n in seeds]
            self._drawn = True


class HeldOutMosaics(Dataset[dict[str, NDArray[np.generic]]]):
    """Batches of mosaics of people never trained on; batch `n` is always the same."""

    def __init__(self, source: LiveMosaics, count: int) -> None:
        self._source, self._count = source, count

    def __len__(self) -> int:
        """Number of batches."""
        return -(-self._count // A_BATCH)

    def __getitem__(self, number: int) -> dict[str, NDArray[np.generic]]:
        """A batch."""
        first = number * A_BATCH
        rows = range(first, min(first + A_BATCH, self._count))
        return self._source.rows([np.random.default_rng([7, row]) for row in rows])


def held_out_batches(config: LiveMosaicConfig, *, workers: int) -> list[Batch]:
    """Batches of mosaics of people never trained on, without turns by quarters; always the same."""
    source = LiveMosaics(replace(config, takes=1), 0.0, held_out=True)
    loader = DataLoader(HeldOutMosaics(source, config.held_out), batch_size=None, num_workers=workers)
    # Copies: what comes from a process lies in memory shared with it, of which there may be little.
    return [(batch["mosaic"].numpy().copy(), batch["labels"].numpy().copy()) for batch in loader]


def _probabilities(config: LiveMosaicConfig) -> CompositeConfig:
    """How mosaics are composed, without a camera, and with the fraction of empty ones that is asked for."""
    usual = config.composites
    rest = (1 - config.empty) / (usual.single + usual.mosaic + usual.crowd)
    return replace(
        usual,
        single=rest * usual.single,
        mosaic=rest * usual.mosaic,
        crowd=rest * usual.crowd,
        effects=SILENT,
    )


def _by_color(faces: FaceSet, weight: float, colored: float) -> list[tuple[FaceSet, float]]:
    """A pack in two, photographs in grey and in colour, with their weights; whole if it has only one kind."""
    colorfulness = np.array([_colorfulness(faces, number) for number in range(len(faces))])
    parts = [
        (np.flatnonzero(colorfulness <= GREY), 1 - colored),
        (np.flatnonzero(colorfulness > GREY), colored),
    ]
    if not all(len(rows) for rows, _ in parts):
        return [(faces, weight)]
    return [(faces.rows(rows), weight * fraction) for rows, fraction in parts]


def _colorfulness(faces: FaceSet, number: int) -> float:
    """How much the colours of a picture differ from place to place, grey levels; of one tint they do not."""
    picture = faces.picture(number, scale=0.125)[0].astype(np.float32)
    return float((picture.max(axis=-1) - picture.min(axis=-1)).std())


def _pictures(faces: FaceSet) -> list[Picture]:
    return [faces.picture(number, scale=1.0)[0] for number in range(len(faces))]
