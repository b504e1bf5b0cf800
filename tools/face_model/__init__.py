"""Builds LFM, the face model inside the package, from ICT-FaceKit (MIT). Run ``python -m tools.face_model``."""
