"""Builds the texture models: the colours of faces on the built-in face model's chart."""
