"""Write src/lineament/assets/catalogue.json from the .onnx files that lie beside it.

    python tools/update_weights_catalogue.py

Run it whenever a network was replaced. Sizes and hashes come from the files, method, licence and training
data from the metadata stored in them (metadata_props: method, licence, trained_on).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from lineament.network import OnnxNetwork
from lineament.weights import ASSETS, CATALOGUE, sha256_of, sha256_of_ends

METHOD_WITHOUT_METADATA = {"face-detector": "detector", "lfm-regressor": "morphable-regressor"}


def main() -> None:
    """Describe each file, warn of missing metadata, write the catalogue."""
    rows = {path.stem.replace("_", "-"): described(path) for path in sorted(ASSETS.glob("*.onnx"))}
    CATALOGUE.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print(f"{CATALOGUE}: {', '.join(rows) or 'no networks'}")


def described(path: Path) -> dict[str, str | int]:
    """The catalogue's row of one file."""
    metadata = OnnxNetwork(path, threads=1).metadata
    missing = [key for key in ("licence", "trained_on") if not metadata.get(key)]
    if missing:
        print(f"{path.name}: no {' and '.join(missing)} in its metadata", file=sys.stderr)
    return {
        "file": path.name,
        "size_bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "sha256_ends": sha256_of_ends(path),
        "method": metadata.get("method", METHOD_WITHOUT_METADATA.get(path.stem.replace("_", "-"), "")),
        "licence": metadata.get("licence", ""),
        "trained_on": metadata.get("trained_on", ""),
    }


if __name__ == "__main__":
    main()
