"""Weights as files that describe themselves."""

from lineament.bundle.bundle import SUFFIX, Bundle, same_bundle
from lineament.bundle.manifest import CropSpec, DetectorSpec, FaceModelSpec, Manifest, Member

__all__ = [
    "SUFFIX",
    "Bundle",
    "CropSpec",
    "DetectorSpec",
    "FaceModelSpec",
    "Manifest",
    "Member",
    "same_bundle",
]
