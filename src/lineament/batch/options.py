"""Which aligner to open, as a value that travels to other processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lineament import FaceAligner
from lineament.belief import check_limit
from lineament.bundle import Bundle
from lineament.detect import DetectorOptions
from lineament.result import LANDMARKS
from lineament.runtime import check_device_name


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignerOptions:
    """What :meth:`lineament.FaceAligner.from_pretrained` is asked for; its arguments, in its words."""

    weights: str = "default"
    threads: int | None = None
    passes: int = 2
    device: str = "cpu"
    min_face: float | None = None
    min_score: float | None = None
    max_uncertainty_mm: float | None = None
    landmarks: str | None = LANDMARKS

    def open(self) -> FaceAligner:
        """The aligner.

        Raises:
            WeightsError: the weights are missing or damaged.
            ConfigError: an option is out of its range.
        """
        options = asdict(self)
        return FaceAligner.from_pretrained(options.pop("weights"), **options)

    def check(self) -> None:
        """Refuse what no weights could be opened with, before anything is done.

        Raises:
            ConfigError: an option is out of its range, or the device is unknown.
        """
        DetectorOptions().changed(min_face=self.min_face, min_score=self.min_score)
        if self.max_uncertainty_mm is not None:
            check_limit(self.max_uncertainty_mm)
        check_device_name(self.device)

    def identity(self) -> dict[str, Any]:
        """What results depend on: the options without the threads, and checksums of networks and detector.

        Raises:
            WeightsError: the weights are missing or damaged.
        """
        bundle = Bundle.open(self.weights)
        detector = bundle.manifest.detector
        options = {name: value for name, value in asdict(self).items() if name != "threads"}
        return options | {
            "weights": bundle.sha256,
            "detector": None if detector is None else Bundle.open(detector.weights).sha256,
        }
