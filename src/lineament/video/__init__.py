"""Faces through a video: frames in and out, who is who, smooth motion."""

from lineament.video.film import VideoWriter
from lineament.video.smoother import FaceSmoother, SmoothingConfig
from lineament.video.stream import Frame, VideoReader, read_video
from lineament.video.tracker import FaceTracker, TrackedFace, TrackingConfig

__all__ = [
    "FaceSmoother",
    "FaceTracker",
    "Frame",
    "SmoothingConfig",
    "TrackedFace",
    "TrackingConfig",
    "VideoReader",
    "VideoWriter",
    "read_video",
]
