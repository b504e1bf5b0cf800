"""What trained maps show of training crops, kept in files: the updates learn on that, spoilt anew each time.

Maps are made once for each crop, and a thousand crops are a file, so that who is broken off goes on. A row of
a batch is drawn from them, moved about in the plane and spoilt (:mod:`lineament.train.cprfa.corruption`), so
that few crops give many rows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lineament.crop import CropBox
from lineament.data.drawing.zbuffer import vertex_visibility
from lineament.errors import DataError
from lineament.files import replace_durably
from lineament.foreign import foreign
from lineament.geometry.camera import WeakPerspective
from lineament.geometry.morphable import MorphableModel
from lineament.methods.cprfa_landmarks import LandmarkDetector
from lineament.methods.cprfa_points import Observed, Retrieval, depths_at, retrieve
from lineament.methods.cprfa_pose import SCHEME, unit_from_crop
from lineament.models import load_model
from lineament.train.batches.samples import CropSource, batches_of, crops_as_input
from lineament.train.cprfa.corruption import CorruptionConfig, Face, corrupted
from lineament.train.engine.loop import ALONE, LoopConfig
from lineament.train.networks.cprfa.config import CprfaConfig
from lineament.train.networks.cprfa.network import CprfaNet
from lineament.train.networks.cprfa.rounds import Observations

log = logging.getLogger(__name__)

Array = NDArray[Any]
Arrays = dict[str, Array]

CODED = 2.0**15
"""Steps of a place in a crop side, as 16 bits keep it: a hundredth of a px and less."""
BATCH = 16
PART_BATCHES = 64
"""Of a file."""
CROP_SEED = 7919
"""Added to a run's seed: other crops than those of its training of maps."""
SEEN = 0.5
"""Of the visibility of a vertex: above, a crop shows it."""


@dataclass(frozen=True, slots=True)
class ObserveConfig:
    """Which crops are looked at.

    Attributes:
        crops: how many; each is disturbed as for the training of maps.
        landmarks: name of the weights whose landmarks are fused; empty takes the true ones with noise.
    """

    crops: int = 20000
    landmarks: str = "default"


@torch.no_grad()
def map_arrays(network: CprfaNet, crops: Tensor) -> tuple[Array, Array, Array | None]:
    """(B, 3, S, S) codes, (B, S, S) masks in 0..1, and depths or None, of (B, S, S, 3) uint8 crops."""
    finest = network.maps(crops_as_input(crops))[-1].enlarged(network.config.crop_size)
    depth = None if finest.depth is None else finest.depth.float().cpu().numpy()
    return finest.code.float().cpu().numpy(), torch.sigmoid(finest.face).float().cpu().numpy(), depth


def retrieval_of(config: CprfaConfig) -> Retrieval:
    """How vertices are found, in the terms of the inference core."""
    switches = config.retrieval
    return Retrieval(switches.radius_mm, switches.mode, switches.subpixel, switches.erode_px)


def seen_in(network: CprfaNet, crops: Tensor) -> tuple[list[Observed], Array | None]:
    """What crops show, and depths where the maps have them."""
    code, mask, depth = map_arrays(network, crops)
    how = retrieval_of(network.config)
    return [retrieve(c, m, network.codes, how) for c, m in zip(code, mask, strict=True)], depth


def true_pose(network: CprfaNet, arrays: Arrays, row: int) -> tuple[Array, Array]:
    """(6,) pose and (K,) whitened coefficients of the labels of a crop."""
    config, camera = network.config, _camera(arrays, row)
    both = [arrays["identity"][row][: config.identity], arrays["expression"][row][: config.expression]]
    return network.frame.pose(camera, config.crop_size), np.concatenate(both) / network.weights.cpu().numpy()


def true_landmarks(model: MorphableModel, arrays: Arrays, row: int) -> Array:
    """(68, 2) px of the crop."""
    points = model.landmark_points(SCHEME).vertices_model(arrays["identity"][row], arrays["expression"][row])
    return _camera(arrays, row).image_from_model(points)[:, :2]


def _camera(arrays: Arrays, row: int) -> WeakPerspective:
    """Of a row of labels, the crop's."""
    place = np.append(arrays["translation"][row].astype(np.float64), 0.0)
    return WeakPerspective(arrays["rotation"][row].astype(np.float64), float(arrays["scale"][row]), place)


def box_size(landmarks: Array) -> float:
    """Root of the area of the upright box of points."""
    return float(np.sqrt(np.prod(np.ptp(landmarks[:, :2], axis=0))))


def write_observations(
    folder: Path,
    network: CprfaNet,
    source: CropSource,
    config: ObserveConfig,
    *,
    seed: int,
    detector: LandmarkDetector | None,
    device: torch.device,
    workers: int = 0,
    until: float | None = None,
) -> bool:
    """Look at so many crops and keep what is seen; files that are there already stay.

    Args:
        folder: of the files, made where it is missing.
        network: with trained maps, on the device, in evaluation mode.
        source: of disturbed crops.
        config: how many.
        seed: of the crops.
        detector: of landmarks; None keeps the true ones.
        device: where the network is.
        workers: processes that make crops.
        until: of the monotonic clock; after that no second file is begun.

    Returns:
        Whether all are there.

    Raises:
        DataError: none of the samples has coefficients.
    """
    folder.mkdir(parents=True, exist_ok=True)
    steps = -(-config.crops // BATCH)
    paths = [folder / f"{number:04d}.npz" for number in range(-(-steps // PART_BATCHES))]
    model = load_model(source.face_model)
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    for number in missing:
        if number != missing[0] and until is not None and time.monotonic() > until:
            log.info("time is up: %d of %d files of observations are there", number, len(paths))
            return False
        first, last = number * PART_BATCHES, min((number + 1) * PART_BATCHES, steps)
        loop = LoopConfig(steps=last, batch=BATCH, seed=seed + CROP_SEED)
        lists: dict[str, list[Array]] = {}
        batches = batches_of(source, loop, first, processes=ALONE, workers=workers)
        for step, batch in enumerate(batches, first):
            arrays = {name: values[: config.crops - step * BATCH].numpy() for name, values in batch.items()}
            for kept in _looked_at(network, model, arrays, detector, device):
                for name, value in kept.items():
                    lists.setdefault(name, []).append(value)
        _write_part(paths[number], lists)
        log.info("looked at %d of %d crops", min(last * BATCH, config.crops), config.crops)
    return True


def _write_part(path: Path, lists: dict[str, list[Array]]) -> None:
    """A file of what was seen of some crops, whole or not at all."""
    if not lists:
        raise DataError(
            "None of the crops is of a sample with coefficients, so nothing can be learned of updates: name "
            "samples of fitted or rendered faces under data.samples."
        )
    ends = np.cumsum([len(each) for each in lists["vertex"]])
    ragged = {name: np.concatenate(lists.pop(name)) for name in ("vertex", "place", "depth") if name in lists}
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(file, ends=ends, **ragged, **{name: np.stack(values) for name, values in lists.items()})
    replace_durably(temporary, path)


def _looked_at(
    network: CprfaNet,
    model: MorphableModel,
    arrays: Arrays,
    detector: LandmarkDetector | None,
    device: torch.device,
) -> Iterator[Arrays]:
    """What is kept of each crop that has coefficients."""
    size = network.config.crop_size
    fitted = np.flatnonzero(arrays["has_coefficients"])
    if not len(fitted):
        return
    seen, depth = seen_in(network, torch.as_tensor(arrays["crop"][fitted]).to(device))
    found = None
    if detector is not None:
        box = CropBox((size / 2, size / 2), float(size), size)
        found = detector.landmarks(arrays["crop"][fitted], [box] * len(fitted))
    for number, (row, each) in enumerate(zip(fitted, seen, strict=True)):
        vertex = np.flatnonzero(each.detected)
        places = each.points_crop[vertex]
        pose, alpha = true_pose(network, arrays, row)
        truth = true_landmarks(model, arrays, row)
        landmarks = truth if found is None else found[number]
        kept = {
            "vertex": vertex.astype(np.uint16),
            "place": np.clip(places / size * CODED, 0, CODED).astype(np.uint16),
            "landmarks": unit_from_crop(landmarks, size).astype(np.float32),
            "pose": pose.astype(np.float32),
            "alpha": alpha.astype(np.float32),
            "box_size": np.float32(box_size(truth) / size),
        }
        if depth is not None:
            kept["depth"] = depths_at(depth[number : number + 1], places[None])[0].astype(np.float16)
        yield kept


@dataclass(frozen=True, slots=True)
class ObservationSource:
    """A :class:`lineament.train.batches.samples.SourceConfig` of spoilt observations.

    Attributes:
        path: folder of the files.
        chosen: vertices of the matrices.
        count: V, vertices with a code.
        path_count: vertices that the line search looks at.
        corruption: how they are spoilt.
        noisy_landmarks: whether the files' landmarks are the true ones, which get all of the noise.
        depth: whether points have a third number.
    """

    path: str
    chosen: tuple[int, ...]
    count: int
    path_count: int
    corruption: CorruptionConfig
    noisy_landmarks: bool
    depth: bool

    def open(self) -> ObservationRows:
        """The rows."""
        return ObservationRows(self)


class ObservationRows:
    """Rows of the files of observations.

    Raises:
        DataError: there is no file, or one cannot be read.
    """

    def __init__(self, source: ObservationSource) -> None:
        self._source = source
        self._arrays = _joined_parts(Path(source.path))
        self._chosen = np.array(source.chosen)

    def __len__(self) -> int:
        """How many crops."""
        return len(self._arrays["ends"])

    def face(self, number: int) -> Face:
        """What was seen of a crop."""
        ends, arrays = self._arrays["ends"], self._arrays
        part = slice(ends[number - 1] if number else 0, ends[number])
        points = np.full((self._source.count, 3 if self._source.depth else 2), np.nan)
        points[arrays["vertex"][part], :2] = (arrays["place"][part] / CODED - 0.5) * [1, -1]
        if self._source.depth:
            points[arrays["vertex"][part], 2] = arrays["depth"][part]
        landmarks = arrays["landmarks"][number].astype(np.float64)
        pose = arrays["pose"][number].astype(np.float64)
        return Face(points, landmarks, pose, float(arrays["box_size"][number]))

    def rows(self, rngs: Sequence[np.random.Generator]) -> Arrays:
        """A batch of a row a generator."""
        rows = [self._row(rng) for rng in rngs]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    def _row(self, rng: np.random.Generator) -> Arrays:
        source = self._source
        number = int(rng.integers(len(self)))
        face = corrupted(self.face(number), source.corruption, rng, noisy=source.noisy_landmarks)
        path = rng.permutation(source.count)[: source.path_count]
        points, on_path = face.points[self._chosen], face.points[path, :2]
        return {
            "points": np.nan_to_num(points).astype(np.float32),
            "valid": np.isfinite(points[:, 0]).astype(np.float32),
            "landmarks": np.nan_to_num(face.landmarks).astype(np.float32),
            "landmark_valid": np.isfinite(face.landmarks).all(axis=1).astype(np.float32),
            "path_points": np.nan_to_num(on_path).astype(np.float32),
            "path_valid": np.isfinite(on_path[:, 0]).astype(np.float32),
            "path_vertex": path,
            "pose": face.pose.astype(np.float32),
            "alpha": self._arrays["alpha"][number],
            "box_size": np.float32(face.box_size),
        }


def _joined_parts(folder: Path) -> Arrays:
    """All files of a folder as one."""
    parts: list[Arrays] = []
    for path in sorted(folder.glob("*.npz")):
        remedy = "Remove it: it is made again."
        with foreign(DataError, f"{path} cannot be read", remedy), np.load(path, allow_pickle=False) as data:
            parts.append({name: data[name] for name in data.files})
    if not parts:
        raise DataError(f"{folder} holds no observations: start the run again, which makes them.")
    before = np.cumsum([0, *(len(part["vertex"]) for part in parts[:-1])])
    for part, first in zip(parts, before, strict=True):
        part["ends"] = part["ends"] + first
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def observations_of(batch: dict[str, Tensor]) -> Observations:
    """The observations among a batch's tensors."""
    return Observations(**{name: batch[name] for name in Observations.__dataclass_fields__})


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """What a crop shows of a face, beside the truth.

    Attributes:
        seen: vertices that were detected, px.
        truth: (V, 2) px, where all are.
        visible: (V,) bool, which of them the crop shows.
        size: of the box of the true landmarks, px.
    """

    seen: Observed
    truth: Array
    visible: Array
    size: float


def seen_faces(
    network: CprfaNet, model: MorphableModel, batches: Iterable[dict[str, Tensor]]
) -> Iterator[SeenFace]:
    """What undisturbed crops with labels show.

    Args:
        network: with trained maps, in evaluation mode.
        model: the face model of the labels.
        batches: of crops.
    """
    size = network.config.crop_size
    for batch in batches:
        arrays = {name: tensor.cpu().numpy() for name, tensor in batch.items()}
        seen, _ = seen_in(network, batch["crop"])
        for row, each in enumerate(seen):
            camera = _camera(arrays, row)
            vertices = model.vertices_model(arrays["identity"][row], arrays["expression"][row])
            image = camera.image_from_model(vertices)
            visible = vertex_visibility(image, model.triangles) > SEEN
            visible &= ((image[:, :2] >= 0) & (image[:, :2] < size)).all(axis=1)
            box = box_size(true_landmarks(model, arrays, row))
            codes = network.codes.vertex
            yield SeenFace(each, image[codes, :2], visible[codes], box)
