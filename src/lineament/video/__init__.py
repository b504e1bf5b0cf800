"""Faces through a video: frames in and out, who is who, smooth motion."""

from lineament.video.ffmpeg import Encoder, find_encoder
from lineament.video.film import Sound, VideoWriter
from lineament.video.smoother import FaceSmoother, SmoothingConfig
from lineament.video.stream import Frame, Section, VideoReader, read_video
from lineament.video.tracker import FaceTracker, TrackedFace, TrackingConfig

__all__ = [
    "Encoder",
    "FaceSmoother",
    "FaceTracker",
    "Frame",
    "Section",
    "SmoothingConfig",
    "Sound",
    "TrackedFace",
    "TrackingConfig",
    "VideoReader",
    "VideoWriter",
    "find_encoder",
    "read_video",
]
