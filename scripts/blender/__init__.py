"""Checks of GLB files and of the docs' scripts inside Blender."""
