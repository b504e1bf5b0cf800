"""A plain .onnx file as weights: what former versions stored as metadata of the graph, as a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lineament.bundle.manifest import CropSpec, DetectorSpec, FaceModelSpec, Manifest, Member
from lineament.errors import WeightsError
from lineament.files import is_plain_name, sha256_of
from lineament.network import OnnxNetwork

FIELDS = ("method", "crop_size", "crop_margin", "face_model", "trained_on", "licence", "research")
NOT_STATED = "not stated"
UNCERTAINTY = "uncertainty"
DETECTOR = "face-detector"
EAGER = {"min_score": 0.35}
MAX_UNCERTAINTY_MM = 6.0
"""What former versions used with every graph that tells how certain it is; measured for the default weights,
see ``tools/update_weights_catalogue.py``."""


def manifest_of_graph(path: Path) -> tuple[Manifest, str]:
    """The manifest of a plain graph and the SHA-256 of its file.

    Raises:
        WeightsError: the file is no working ONNX graph.
    """
    network = OnnxNetwork(path, threads=1)
    sha256 = sha256_of(path)
    metadata = network.metadata
    is_detector = set(network.input_shapes) == {"image"} or metadata.get("method") == "detector"
    tells = UNCERTAINTY in network.output_names
    licence = metadata.get("licence") or NOT_STATED
    face_model = metadata.get("face_model")
    manifest = Manifest(
        name=path.stem if is_plain_name(path.stem) else "network",
        method=metadata.get("method") or ("detector" if is_detector else "morphable-regressor"),
        crop=_crop(metadata, path),
        face_model=FaceModelSpec(face_model) if face_model else None,
        detector=None if is_detector else DetectorSpec(DETECTOR, EAGER if tells else {}),
        max_uncertainty_mm=MAX_UNCERTAINTY_MM if tells else None,
        data=metadata.get("trained_on") or NOT_STATED,
        licence=licence,
        research="research" in metadata.get("research", licence),
        trained={key: value for key, value in sorted(metadata.items()) if key not in FIELDS},
        graphs={"network": Member(path.name, sha256)},
    )
    return manifest, sha256


def _crop(metadata: Mapping[str, str], path: Path) -> CropSpec | None:
    """The rule of the crop; None where the graph states none."""
    if "crop_size" not in metadata or "crop_margin" not in metadata:
        return None
    try:
        crop = CropSpec(int(metadata["crop_size"]), float(metadata["crop_margin"]))
    except ValueError as error:
        raise WeightsError(
            f"{path} states a crop that is no number ({error}). Export it again, or set its metadata "
            f"crop_size and crop_margin."
        ) from error
    if not 0 < crop.size < 10_000 or not 0 < crop.margin < 100:
        raise WeightsError(
            f"{path} states a crop of {crop.size} px and margin {crop.margin}. Export it again."
        )
    return crop
