"""What lineament gives back: frozen values, all in the frames `image` (px) and `model` (mm)."""

from lineament.result.face import DEFAULT_SCHEME, LANDMARKS, AlignedPhoto, Detection, FaceResult, Pose
from lineament.result.morphable import FreeFormResult, MorphableResult, free_form_points

__all__ = [
    "DEFAULT_SCHEME",
    "LANDMARKS",
    "AlignedPhoto",
    "Detection",
    "FaceResult",
    "FreeFormResult",
    "MorphableResult",
    "Pose",
    "free_form_points",
]
