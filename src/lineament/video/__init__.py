"""Faces through a video: frames in and out, who is who, smooth motion."""

from lineament.video.smoother import FaceSmoother, SmoothingConfig
from lineament.video.stream import Frame, VideoWriter, read_video
from lineament.video.tracker import FaceTracker, TrackedFace, TrackingConfig

__all__ = [
    "FaceSmoother",
    "FaceTracker",
    "Frame",
    "SmoothingConfig",
    "TrackedFace",
    "TrackingConfig",
    "VideoWriter",
    "read_video",
]
