"""Make training canvases for the face detector, in shards that the training reads while more are being made.

    python tools/make_detector_canvases.py --out /tmp/canvases --shards 10 --seed 0

One core makes about 80 canvases a second. `--held-out` makes canvases for validation and calibration, from
the photographs of 4 % of the people, whom training never sees. Half of the backgrounds is never used at all:
the evaluation counts false faces on it.

    python -m tools.make_detector_canvases --config FILE --out FOLDER --shards 2 --canvases 256 --sheet PNG

writes canvases as the training of a configuration makes them for itself (such as detector_open.toml),
to look at and to quantise with.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lineament.data.mosaics.composites import LABEL_COLUMNS, MAX_FACES, Composer, CompositeConfig
from lineament.data.photographs.backgrounds import training_backgrounds
from lineament.data.photographs.face_sets import FaceSet, read_photo_sets
from lineament.data.views.rotated_views import read_turned_views
from lineament.train.detector.live_mosaics import LiveCanvases
from lineament.train.detector.training import DetectorTrainConfig
from lineament.train.engine.config_file import read_config

Array = NDArray[np.generic]


def main() -> None:
    """Write the shards asked for."""
    options = _parse()
    options.out.mkdir(parents=True, exist_ok=True)
    shared = Path(os.environ.get("LINEAMENT_SHARED", Path(__file__).parents[2] / "shared"))
    if options.config is not None:
        _write_live(options)
        return
    composer = _composer(shared, options.views, options.view_share, options.held_out, options.empty)
    for number in range(options.first, options.first + options.shards):
        rng = np.random.default_rng([options.seed, number])
        _write_shard(composer, rng, options.out / f"shard_{options.seed}_{number:03d}", options.canvases)


def _composer(shared: Path, views: Path | None, view_share: float, held_out: bool, empty: float) -> Composer:
    archive = shared / "backgrounds" / "bsds500_no_faces.zip"
    backgrounds = training_backgrounds(archive)
    face_sets: list[tuple[FaceSet, float]] = [(read_photo_sets(shared).part(held_out=held_out), 1.0)]
    if views is not None:
        turned = read_turned_views(views).part(held_out=held_out)
        face_sets = [(face_sets[0][0], 1 - view_share), (turned, view_share)]
    usual = CompositeConfig()
    rest = (1 - empty) / (usual.single + usual.mosaic + usual.crowd)
    config = replace(usual, single=rest * usual.single, mosaic=rest * usual.mosaic, crowd=rest * usual.crowd)
    return Composer(face_sets, backgrounds, config)


def _write_live(options: argparse.Namespace) -> None:
    """Shards of the canvases that a training makes for itself."""
    config = read_config(options.config, DetectorTrainConfig, changes=options.set)
    source = LiveCanvases(config.live, config.turned, held_out=options.held_out)
    for number in range(options.first, options.first + options.shards):
        rngs = [np.random.default_rng([options.seed, number, row]) for row in range(options.canvases)]
        batch = source.rows(rngs)
        path = options.out / f"live_{options.seed}_{number:03d}"
        np.save(path.with_suffix(".labels.npy"), batch["labels"])
        np.save(path.with_suffix(".npy"), batch["canvas"])
        if options.sheet is not None and number == options.first:
            draw_sheet(batch["canvas"], batch["labels"]).save(options.sheet)


def draw_sheet(canvases: Array, labels: Array, *, columns: int = 6, rows: int = 5) -> Image.Image:
    """Canvases (n, S, S, 3) side by side; faces (n, F, 8) in green, those that do not count in red."""
    size = canvases.shape[1]
    sheet = Image.new("RGB", (columns * size, rows * size))
    for place, (canvas, faces) in enumerate(zip(canvases[: columns * rows], labels)):
        image = Image.fromarray(canvas)
        draw = ImageDraw.Draw(image)
        for face in faces[faces[:, 7] != 0]:
            draw.rectangle(face[:4].tolist(), outline=(0, 255, 0) if face[7] > 0 else (255, 0, 0))
        sheet.paste(image, (place % columns * size, place // columns * size))
    return sheet


def _write_shard(composer: Composer, rng: np.random.Generator, path: Path, count: int) -> None:
    size = composer.config.size
    unfinished = path.with_suffix(".part")
    canvases = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
    labels = np.zeros((count, MAX_FACES, len(LABEL_COLUMNS)), np.float32)
    for row in range(count):
        composite = composer.compose(rng)
        canvases[row], labels[row] = composite.canvas, composite.labels
    canvases.flush()
    np.save(path.with_suffix(".labels.npy"), labels)
    unfinished.rename(path.with_suffix(".npy"))
    print(f"{path.name}: {count} canvases, {int((labels[..., -1] > 0).sum())} faces", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first shard")
    parser.add_argument("--canvases", type=int, default=2000, help="canvases a shard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--views",
        type=Path,
        help="samples of `lineament data build`, for large yaw",
    )
    parser.add_argument(
        "--view-share", type=float, default=0.45, help="share of the faces taken from the views"
    )
    parser.add_argument("--empty", type=float, default=0.1, help="share of canvases without a face")
    parser.add_argument("--held-out", action="store_true", help="validation canvases")
    parser.add_argument("--config", type=Path, help="of a training that makes canvases for itself")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change of --config")
    parser.add_argument("--sheet", type=Path, help="picture of the first canvases; with --config")
    return parser.parse_args()


if __name__ == "__main__":
    main()
