"""Weights of networks that nobody trained, as files."""

from dataclasses import dataclass

import numpy as np

from lineament.bundle import CropSpec, DetectorSpec, FaceModelSpec, Manifest
from lineament.crop import MARGIN
from lineament.train.onnx.exporter import ExportOptions, export


@dataclass
class Given:
    """Pictures for an export: those for the calibration, then those for the check."""

    first: np.ndarray
    second: np.ndarray

    def calibration(self, count):
        return self.first[:count]

    def check(self, count):
        return self.second[:count]


def manifest(size=None, *, face_model="lfm", margin=MARGIN):
    """What weights of a crop of `size` px say of themselves; those of a detector where there is none."""
    return Manifest(
        name="tiny",
        method="none",
        crop=None if size is None else CropSpec(size, margin),
        face_model=None if size is None else FaceModelSpec(face_model),
        detector=None if size is None else DetectorSpec("face-detector"),
        data="three photographs",
        licence="mine",
        research=False,
    )


def exported(exporter, network, path, *, pictures=None, face_model="lfm", margin=MARGIN, **options):
    """The path of a bundle of a network."""
    size = getattr(getattr(network, "config", None), "crop_size", None)
    about = manifest(size, face_model=face_model, margin=margin)
    return export(
        exporter, network, path, manifest=about, pictures=pictures, options=ExportOptions(**options)
    )
