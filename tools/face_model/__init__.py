"""Builds LFM, the face model in the package, from ICT-FaceKit (MIT): ``python -m tools.face_model``."""
