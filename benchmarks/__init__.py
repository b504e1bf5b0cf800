"""Measurements: what the docs say of speed and accuracy, each made by one of these programs."""
