"""Textures of frontal faces, known on both sides, and the same with a part hidden: pairs to learn from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.data.samples.store import SampleStore
from lineament.data.texture.hiding import placed
from lineament.data.texture.quality import FACE_MM
from lineament.data.texture.unwrap import CORE_CENTRE, CORE_RADIUS
from lineament.errors import DataError
from lineament.export.texture import FaceTexturer
from lineament.export.texture_completion import from_other_side
from lineament.export.texture_translator import network_input
from lineament.foreign import foreign
from lineament.geometry.morphable import MorphableModel

Array = NDArray[np.floating]

CHANNELS = 7
"""Of a kept texture: what is seen, what that is completed to, and how far it is trusted."""
TRIES = 50
"""Faces that are looked at in a row before it is said that none is good enough."""


@dataclass(frozen=True, slots=True)
class FrontalConfig:
    """Which faces' textures are known well enough to be learnt from.

    Attributes:
        max_yaw: radians.
        max_pitch: radians.
        min_face_px: width of the face in the picture.
        min_seen: fraction of the chart from brows to chin that has to be trusted by half.
        max_faces: of each folder, at most, spread evenly; 0 takes all.
        gain: largest change of a texture's brightness and of each channel, of one.
    """

    max_yaw: float = 0.3
    max_pitch: float = 0.3
    min_face_px: float = 60.0
    min_seen: float = 0.68
    max_faces: int = 0
    gain: float = 0.12


@dataclass(frozen=True, slots=True)
class Known:
    """A face's texture.

    Attributes:
        colors_rgb: (S, S, 3) uint8 as the photograph shows them.
        whole_rgb: (S, S, 3) uint8 the same, and what the photograph hides completed by the other side.
        trust: (S, S) float32 in 0..1.
    """

    colors_rgb: NDArray[np.uint8]
    whole_rgb: NDArray[np.uint8]
    trust: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pair:
    """A texture with a part hidden, and the whole.

    Attributes:
        texture: (S, S, 5) uint8 as :func:`network_input` makes it.
        whole: (S, S, 3) uint8, the whole texture; what the photograph hides itself is completed by the other
            side.
        hidden: (S, S) uint8, 0 to 255, how far a texel is known and hidden.
    """

    texture: NDArray[np.uint8]
    whole: NDArray[np.uint8]
    hidden: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, repr=False)
class FrontalTextures:
    """Textures of the frontal faces of some folders of samples; each is taken from its photograph once.

    Attributes:
        stores: samples, a store a folder.
        model: of their coefficients.
        texturer: of its mesh.
        config: which faces.
        places: of each store, the numbers of samples that are frontal and large.
        kept: folder where textures that were taken are kept for other processes and runs; None for none.
    """

    stores: tuple[SampleStore, ...]
    model: MorphableModel
    texturer: FaceTexturer
    config: FrontalConfig
    places: tuple[NDArray[np.int64], ...]
    kept: Path | None = None
    _taken: dict[tuple[int, int], Known | None] = field(default_factory=dict)

    @classmethod
    def opened(
        cls,
        folders: Sequence[str | Path],
        model: MorphableModel,
        config: FrontalConfig,
        *,
        size: int,
        validation: bool,
        kept: Path | None = None,
    ) -> FrontalTextures:
        """Those of one side of the split by person.

        Raises:
            DataError: a folder cannot be read, or no face in them is frontal and large enough.
        """
        stores = tuple(SampleStore(Path(folder), validation=validation) for folder in folders)
        places = tuple(_frontal(store, config) for store in stores)
        if not any(map(len, places)):
            raise DataError(
                f"No face in {', '.join(map(str, folders))} is frontal, {config.min_face_px:g} px wide and "
                f"fitted (validation={validation}): name other folders, or lower frontal.min_face_px."
            )
        return cls(stores, model, FaceTexturer(model.mesh, size=size), config, places, kept)

    def __repr__(self) -> str:
        """How many: the arrays would fill the screen."""
        return f"FrontalTextures({sum(map(len, self.places))} faces)"

    def known(self, store: int, number: int) -> Known | None:
        """The texture of one sample; None where too little of it can be trusted."""
        key = store, number
        if key not in self._taken:
            self._taken[key] = self._take(store, number)
        return self._taken[key]

    def draw(self, rng: np.random.Generator, weights: Array) -> Known:
        """The texture of a random face.

        Args:
            rng: to draw by.
            weights: of each store.

        Raises:
            DataError: so many faces in a row are not good enough.
        """
        shares = np.array([len(places) > 0 for places in self.places]) * weights
        for _ in range(TRIES):
            store = int(rng.choice(len(shares), p=shares / shares.sum()))
            found = self.known(store, int(rng.choice(self.places[store])))
            if found is not None:
                return found
        raise DataError(
            f"Of {TRIES} frontal faces in a row none shows {self.config.min_seen:.0%} of its chart: lower "
            f"frontal.min_seen, or name other folders."
        )

    def some(self, count: int) -> list[Known]:
        """Up to `count` textures, spread evenly over all faces, the same each time."""
        every = [(store, int(n)) for store, places in enumerate(self.places) for n in places]
        order = np.random.default_rng(3).permutation(len(every))
        found: list[Known] = []
        for at in order:
            one = self.known(*every[at])
            found += [] if one is None else [one]
            if len(found) == count:
                break
        return found

    def _take(self, store: int, number: int) -> Known | None:
        path = self._path(store, number)
        channels = None if path is None else read_kept(path)
        if channels is None:
            channels = self._unwrapped(store, number)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, channels)
        trust = channels[..., 6].astype(np.float32) / 255
        seen = np.minimum(trust, trust[:, ::-1])[core_of(len(trust))] > 0.5
        if seen.mean() < self.config.min_seen:
            return None
        return Known(channels[..., :3], channels[..., 3:6], trust)

    def _unwrapped(self, store: int, number: int) -> NDArray[np.uint8]:
        """(S, S, 7): what is seen, completed, trust."""
        sample = self.stores[store].sample(number, with_mask=False)
        labels = sample.labels
        assert labels.camera is not None
        assert labels.identity is not None
        assert labels.expression is not None
        face = placed(self.model, labels.camera, labels.identity, labels.expression)
        colors, trust = self.texturer.visible(sample.image, face)
        whole = from_other_side(colors.astype(np.float32), trust, mirrored=self.texturer.mirrored)
        return np.concatenate([colors, as_bytes(whole), as_bytes(255 * trust[..., None])], axis=-1)

    def _path(self, store: int, number: int) -> Path | None:
        """Where the texture of a sample is kept: the name follows from picture, pose, mesh and size."""
        if self.kept is None:
            return None
        one, camera = self.stores[store], self.stores[store].camera(number)
        content = hashlib.sha256(one.picture_file(number))
        content.update(np.asarray([camera.scale, *camera.rotation.ravel(), *camera.translation]).tobytes())
        return self.kept / f"{self.model.name}_{self.texturer.size}_{content.hexdigest()[:24]}.npy"


def read_kept(path: Path) -> NDArray[np.uint8] | None:
    """(S, S, 7) what :func:`write_whole` kept; None where there is none, or it is damaged and made again."""
    what, advice = f"{path} is no kept texture", "Delete it: it is made again."
    with suppress(DataError), foreign(DataError, what, advice):
        if path.exists():
            channels = np.load(path)
            if channels.dtype == np.uint8 and channels.ndim == 3 and channels.shape[2] == CHANNELS:
                return np.asarray(channels)
    return None


def write_whole(path: Path, array: NDArray[np.uint8]) -> None:
    """Write an array under a temporary name, then move it into place: others may read meanwhile."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    with temporary.open("wb") as file:
        np.save(file, array)
    temporary.replace(path)


def _frontal(store: SampleStore, config: FrontalConfig) -> NDArray[np.int64]:
    """Numbers of samples that are fitted, frontal, large, and have nothing drawn in front of them."""
    chosen = []
    for number in np.flatnonzero(store.has_coefficients() & ~store.is_occluded()):
        camera = store.camera(int(number))
        angles = camera.angles
        frontal = abs(angles.yaw) < config.max_yaw and abs(angles.pitch) < config.max_pitch
        if frontal and camera.scale * FACE_MM >= config.min_face_px:
            chosen.append(int(number))
    numbers = np.array(chosen, np.int64)
    if config.max_faces and len(numbers) > config.max_faces:
        numbers = numbers[np.linspace(0, len(numbers) - 1, config.max_faces).astype(int)]
    return numbers


def core_of(size: int) -> NDArray[np.bool_]:
    """(S, S) texels of the face from brows to chin."""
    at = (np.arange(size) + 0.5) / size
    u, v = (at[None] - CORE_CENTRE[0]) / CORE_RADIUS[0], (at[:, None] - CORE_CENTRE[1]) / CORE_RADIUS[1]
    return np.asarray(u * u + v * v < 1)


def disturbed(
    known: Known, config: FrontalConfig, rng: np.random.Generator, *, mirrored: bool = True
) -> Known:
    """The texture in another light, and, where the chart's halves are alike, mirrored half of the times."""
    gain = 1 + rng.uniform(-config.gain, config.gain) + rng.uniform(-config.gain, config.gain, 3) / 2
    flip = slice(None, None, -1 if rng.uniform() < 0.5 and mirrored else 1)
    colors, whole = (as_bytes(one[:, flip] * gain) for one in (known.colors_rgb, known.whole_rgb))
    return Known(colors, whole, known.trust[:, flip])


def as_bytes(colors: Array) -> NDArray[np.uint8]:
    """Colours of 0 to 255, rounded."""
    return np.rint(np.clip(colors, 0, 255)).astype(np.uint8)


def paired(known: Known, left: Array, *, mirrored: bool = True) -> Pair:
    """A texture of which only a part is left to see, and the whole.

    Args:
        known: the texture.
        left: (S, S) in 0..1, what is left.
        mirrored: whether the chart's halves mirror each other.
    """
    colors = known.colors_rgb.astype(np.float32)
    hidden = known.trust * (1 - left)
    return Pair(
        network_input(colors, known.trust * left, mirrored=mirrored), known.whole_rgb, as_bytes(255 * hidden)
    )
