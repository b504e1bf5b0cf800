"""The whole flow: photo -> faces found -> crops -> network -> dense aligned faces."""

from lineament.aligner.aligner import FaceAligner
from lineament.aligner.retries import ON_ITS_HEAD

__all__ = ["ON_ITS_HEAD", "FaceAligner"]
