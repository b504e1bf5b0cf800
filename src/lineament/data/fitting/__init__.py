"""Fits of the face model to points on photographs."""
