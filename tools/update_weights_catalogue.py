"""Pack the networks of a folder into bundles, and write the index that lineament finds them by.

    python tools/update_weights_catalogue.py [FOLDER] [--restate]

FOLDER is src/lineament/assets when left out, or that of another package with weights, such as
papers/src/lineament_papers. Put a trained network there as NAME.onnx and run this: it becomes NAME.lineament,
the graph unchanged byte by byte, method, crop, licence and training data from the metadata of the graph,
detector, threads and limits from the table below. Then index.json is written anew from all bundles.
With --restate the bundles that are there take what the table says by now, graphs and all else unchanged.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from lineament.bundle import SUFFIX, Bundle, DetectorSpec, FaceModelSpec, Manifest
from lineament.files import sha256_of
from lineament.models.builtin import BUILTIN_PATH
from lineament.weights import ASSETS, INDEX, sha256_of_ends

ALIASES = {"default": "lfm-regressor", "fast": "lfm-regressor-fast", "open": "lfm-regressor-open"}
EAGER = DetectorSpec("face-detector", {"min_score": 0.35})
"""For methods that know how far off they may be: what the detector only suspects is aligned, and believed
if the alignment is certain."""
QUICK = DetectorSpec("face-detector", {"first_side": 224, "min_score": 0.35})
"""A first look of half the pixels; beside a large face, small ones of the same photo are missed sooner. What
it suspects below 0.5 is believed if a second look agrees (lineament.belief)."""
OPEN = DetectorSpec("face-detector-open", {"min_score": 0.35})
"""As EAGER, for a detector that has been trained on no photograph without a face."""
MAX_UNCERTAINTY_MM = 12.0
"""Of faces whose landmarks are off by less than 5 mm 99 in a hundred have less than 10, of what is no face
one in a hundred has less than 16, both kept from training (``python -m tools.calibrate_uncertainty``)."""
OPEN_METHODS = ("sadrnet-open", "dsfnet-open")
"""Weights of the package of published methods whose faces no research data may find either."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "lfm-regressor": {
        "detector": EAGER,
        "first_look": "lfm-regressor-fast",
        "max_uncertainty_mm": MAX_UNCERTAINTY_MM,
    },
    # Networks this small are done before a second thread is awake.
    "lfm-regressor-fast": {"detector": QUICK, "threads": 1, "max_uncertainty_mm": MAX_UNCERTAINTY_MM},
    "lfm-regressor-open": {"detector": OPEN, "max_uncertainty_mm": MAX_UNCERTAINTY_MM},
    **{name: {"detector": DetectorSpec(OPEN.weights)} for name in OPEN_METHODS},
}
"""What the metadata of graphs does not have; others keep what a plain graph is taken for."""


def main() -> None:
    """Pack, describe, warn of what is not stated, write the index."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=ASSETS)
    parser.add_argument("--restate", action="store_true", help="write the table into bundles that are there")
    given = parser.parse_args()
    update(given.folder, restated=given.restate)


def update(folder: Path, *, restated: bool = False) -> None:
    """The same for a folder.

    Args:
        folder: of weights.
        restated: whether bundles that are there take what SETTINGS say.
    """
    if restated:
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            restate(path)
    for path in sorted(folder.glob("*.onnx")):
        print(f"{path.name} -> {pack(path).name}")
        path.unlink()
    bundles = [Bundle.open(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    rows = {bundle.manifest.name: described(bundle) for bundle in bundles}
    aliases = {alias: name for alias, name in ALIASES.items() if name in rows}
    index = {"format": 1, "aliases": aliases, "weights": rows}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    print(f"{folder / INDEX}: {', '.join(rows) or 'no weights'}")


def pack(path: Path) -> Path:
    """The bundle of a plain graph, beside it; read back and compared."""
    plain = Bundle.open(path)
    name = path.stem.replace("_", "-")
    manifest = replace(plain.manifest, name=name, face_model=_with_checksum(plain.manifest))
    manifest = replace(manifest, **SETTINGS.get(name, {}))
    graph = path.read_bytes()
    target = Bundle.write(path.with_suffix(SUFFIX), manifest, graphs={"network": graph})
    if Bundle.open(target).graph() != graph:
        raise SystemExit(f"{target} does not hold the graph of {path}.")
    return target


def restate(path: Path) -> None:
    """Write what SETTINGS say of a bundle into it, where it says something else."""
    bundle = Bundle.open(path)
    manifest = replace(bundle.manifest, **SETTINGS.get(bundle.manifest.name, {}))
    if manifest == bundle.manifest:
        return
    bundle.rewritten(path, manifest)
    print(f"{path.name}: {manifest.detector}, up to {manifest.max_uncertainty_mm} mm")


def described(bundle: Bundle) -> dict[str, str | int | bool]:
    """The index's row of one bundle, once all that it holds is whole."""
    manifest, path = bundle.manifest, bundle.path
    bundle.verify()
    for field in ("licence", "data"):
        if getattr(manifest, field) == "not stated":
            print(f"{path.name}: its {field} is not stated", file=sys.stderr)
    return index_row(path, manifest)


def index_row(path: Path, manifest: Manifest) -> dict[str, str | int | bool]:
    """The index's row of a file of weights, and of what they say of themselves."""
    return {
        "file": path.name,
        "size_bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "sha256_ends": sha256_of_ends(path),
        "method": manifest.method,
        "licence": manifest.licence,
        "data": manifest.data,
        "research": manifest.research,
    }


def _with_checksum(manifest: Manifest) -> FaceModelSpec | None:
    """The face model with the checksum of its file."""
    if manifest.face_model is None:
        return None
    name = manifest.face_model.name
    path = BUILTIN_PATH if name == "lfm" else Path(name)
    return FaceModelSpec(name, sha256_of(path) if path.is_file() else None)


if __name__ == "__main__":
    main()
